// Tasks for which there is only so much time.
#pragma once

#include <syncopate/concepts.hpp>
#include <syncopate/detail/group/child.hpp>
#include <syncopate/detail/group/nursery.hpp>
#include <syncopate/detail/task/outcome.hpp>
#include <syncopate/detail/task/owned_or_ref.hpp>
#include <syncopate/detail/wait/alarm.hpp>
#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/error.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/this_coro.hpp>

#include <chrono>
#include <optional>
#include <system_error>
#include <type_traits>
#include <utility>

namespace syncopate {

/// What move_on_after() gives: an optional of what the task gives; for void, whether it completed.
template <Task T>
using move_on_result_t = typename std::conditional_t<
    std::is_void_v<task_result_t<T>>,
    std::type_identity<bool>,
    std::type_identity<std::optional<task_result_t<T>>>>::type;

namespace detail {

/// Runs a task for so long. The outcome stays empty if the time ran out, and the task ended by being
/// cancelled.
/// Throws: what the task throws, and operation_aborted if it was cancelled from outside.
template <class Duration, Task T>
boost::asio::awaitable<void> run_for(
    Duration delay, OwnedOrRef<T>& task, Outcome<task_result_t<T>>& outcome) {
    auto const deadline = deadline_after(delay);
    auto const executor = co_await boost::asio::this_coro::executor;
    Nursery nursery(executor);
    auto const expire = [&]() noexcept { nursery.cancel(); };
    std::optional<Alarm<decltype(expire)>> alarm;
    if (delay > Duration::zero() && deadline != Deadline::max())
        alarm.emplace(executor, deadline, expire);
    auto const begin = [&]() noexcept {
        nursery.start_or_fail<ResultChild<T>>(std::move(task), outcome);
        if (delay <= Duration::zero())
            expire();
    };
    co_await nursery.supervise(begin);
    nursery.throw_failure();
    if (outcome.empty() && nursery.is_cancelled_from_outside())
        throw_cancellation();
}

template <class Duration, Task T>
boost::asio::awaitable<task_result_t<T>> fail_after(Duration delay, OwnedOrRef<T> task) {
    Outcome<task_result_t<T>> outcome;
    co_await run_for(delay, task, outcome);
    if (outcome.empty())
        throw std::system_error(make_error_code(Errc::timed_out), "fail_after");
    co_return outcome.take();
}

template <class Duration, Task T>
boost::asio::awaitable<move_on_result_t<T>> move_on_after(Duration delay, OwnedOrRef<T> task) {
    using Result = task_result_t<T>;
    Outcome<Result> outcome;
    co_await run_for(delay, task, outcome);
    if constexpr (std::is_void_v<Result>) {
        co_return !outcome.empty();
    } else {
        if (outcome.empty())
            co_return std::nullopt;
        co_return std::optional<Result>(std::in_place, outcome.take());
    }
}

}  // namespace detail

/// Runs a task for so long at most. When the time is up first, the task is cancelled, and its end
/// awaited.
///
/// ```cpp
/// auto const reply = co_await fail_after(2s, ask(connection));
/// ```
///
/// delay:     from the start of the task; zero or less: it is cancelled at its first suspension;
///            duration::max(): never.
/// task:      an awaitable, a factory or a deferred operation. Started at once.
/// Returns:   what the task gives, also if it completes although its time is up.
/// Throws:    Errc::timed_out when the time is up and the task has ended by being cancelled; what the
///            task throws, and so also what time-outs inside it throw.
/// Cancel:    cancels the task, waits until it has ended, and ends by operation_aborted, also if the
///            time is up by then.
/// Threads:   on a coroutine's own executor, which must not run it on two threads at a time.
/// Semantics: anyio.fail_after, asyncio.timeout. The task is not a part of the awaiting one: this_coro's
///            cancellation state is its own.
template <class Rep, class Period, Task T>
boost::asio::awaitable<task_result_t<T>> fail_after(
    std::chrono::duration<Rep, Period> delay, T&& task) {
    return detail::fail_after(delay, detail::OwnedOrRef<T>(std::forward<T>(task)));
}

/// The same, where being late is no error.
///
/// Returns:   what the task gives; nothing if the time is up and the task has ended by being cancelled.
///            For a task that gives void: whether it completed.
/// Throws:    what the task throws.
/// Semantics: anyio.move_on_after.
template <class Rep, class Period, Task T>
boost::asio::awaitable<move_on_result_t<T>> move_on_after(
    std::chrono::duration<Rep, Period> delay, T&& task) {
    return detail::move_on_after(delay, detail::OwnedOrRef<T>(std::forward<T>(task)));
}

}  // namespace syncopate
