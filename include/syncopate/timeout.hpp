// fail_after(), move_on_after(): run a task with a time limit, after which it is cancelled.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/concepts.hpp>
#include <syncopate/detail/group/supervised_task.hpp>
#include <syncopate/detail/task/owned_or_ref.hpp>
#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/error.hpp>

#include SYNCOPATE_ASIO(awaitable.hpp)
#include SYNCOPATE_ASIO(this_coro.hpp)

#include <chrono>
#include <optional>
#include <system_error>
#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1 {

/// The result of move_on_after(): an optional of the task's result; for void, whether it completed.
template <Task T>
using move_on_result_t = typename std::conditional_t<
    std::is_void_v<task_result_t<T>>,
    std::type_identity<bool>,
    std::type_identity<std::optional<task_result_t<T>>>>::type;

namespace detail {

/// The deadline of a TimedTask: zero or less is no time at all.
template <class Duration>
Deadline task_deadline(Duration delay) {
    return delay > Duration::zero() ? deadline_after(delay) : (Deadline::min)();
}

template <class Duration, Task T>
asio::awaitable<task_result_t<T>> fail_after(Duration delay, OwnedOrRef<T> task) {
    auto const deadline = task_deadline(delay);
    TimedTask<T> timed(co_await asio::this_coro::executor, std::move(task), deadline);
    co_await timed.run();
    if (!timed.check_completed())
        throw std::system_error(make_error_code(Errc::timed_out), "fail_after");
    co_return timed.outcome().take();
}

template <class Duration, Task T>
asio::awaitable<move_on_result_t<T>> move_on_after(Duration delay, OwnedOrRef<T> task) {
    using Result = task_result_t<T>;
    auto const deadline = task_deadline(delay);
    TimedTask<T> timed(co_await asio::this_coro::executor, std::move(task), deadline);
    co_await timed.run();
    bool const is_completed = timed.check_completed();
    if constexpr (std::is_void_v<Result>) {
        co_return is_completed;
    } else {
        if (!is_completed)
            co_return std::nullopt;
        co_return std::optional<Result>(std::in_place, timed.outcome().take());
    }
}

}  // namespace detail

/// Runs a task with a time limit: when the time is up, the task is cancelled, and its end awaited.
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
asio::awaitable<task_result_t<T>> fail_after(std::chrono::duration<Rep, Period> delay, T&& task) {
    return detail::fail_after(delay, detail::OwnedOrRef<T>(std::forward<T>(task)));
}

/// Runs a task with a time limit, as fail_after() does, but gives an empty optional where that throws.
///
/// Returns:   what the task gives; std::nullopt if the time is up and the task has ended by being
///            cancelled. For a task that gives void: whether it completed.
/// Throws:    what the task throws.
/// Cancel:    as for fail_after().
/// Threads:   as for fail_after().
/// Semantics: anyio.move_on_after, whose scope tells by `cancelled_caught`.
template <class Rep, class Period, Task T>
asio::awaitable<move_on_result_t<T>> move_on_after(
    std::chrono::duration<Rep, Period> delay, T&& task) {
    return detail::move_on_after(delay, detail::OwnedOrRef<T>(std::forward<T>(task)));
}

}  // namespace syncopate::inline v0_1
