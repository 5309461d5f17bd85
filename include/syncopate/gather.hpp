// gather(): runs several tasks side by side, and gives all their results.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/concepts.hpp>
#include <syncopate/detail/cancellation/cancellation.hpp>
#include <syncopate/detail/group/nursery.hpp>
#include <syncopate/detail/group/result_child.hpp>
#include <syncopate/detail/task/outcome.hpp>
#include <syncopate/detail/task/owned_or_ref.hpp>

#include SYNCOPATE_ASIO(awaitable.hpp)
#include SYNCOPATE_ASIO(this_coro.hpp)

#include <algorithm>
#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace syncopate::inline v0_1 {

/// The result of a task as gather() gives it: std::monostate for void.
template <Task T>
using gather_result_t =
    std::conditional_t<std::is_void_v<task_result_t<T>>, std::monostate, task_result_t<T>>;

namespace detail {

template <class T>
auto take_gathered(Outcome<T>& outcome) {
    if constexpr (std::is_void_v<T>)
        return std::monostate();
    else
        return outcome.take();
}

template <Task... Ts>
asio::awaitable<std::tuple<gather_result_t<Ts>...>> gather_tuple(OwnedOrRef<Ts>... tasks) {
    Nursery nursery(co_await asio::this_coro::executor);
    std::tuple<Outcome<task_result_t<Ts>>...> outcomes;
    auto const begin = [&]() noexcept {
        std::apply(
            [&](auto&... outcome) {
                (nursery.start_or_fail<ResultChild<Ts>>(std::move(tasks), outcome), ...);
            },
            outcomes);
    };
    co_await nursery.supervise(begin);
    nursery.throw_failure();
    bool const have_all =
        std::apply([](auto&... outcome) { return (!outcome.empty() && ...); }, outcomes);
    if (!have_all)
        throw_cancellation();
    co_return std::apply(
        [](auto&... outcome) {
            return std::tuple<gather_result_t<Ts>...>{take_gathered(outcome)...};
        },
        outcomes);
}

template <class T>
asio::awaitable<std::conditional_t<std::is_void_v<T>, void, std::vector<T>>> gather_vector(
    std::vector<asio::awaitable<T>> tasks) {
    Nursery nursery(co_await asio::this_coro::executor);
    std::vector<Outcome<T>> outcomes(tasks.size());
    auto const begin = [&]() noexcept {
        for (std::size_t i = 0; i < tasks.size(); ++i)
            start_task(nursery, std::move(tasks[i]), outcomes[i]);
    };
    co_await nursery.supervise(begin);
    nursery.throw_failure();
    if (std::ranges::any_of(outcomes, &Outcome<T>::empty))
        throw_cancellation();
    if constexpr (!std::is_void_v<T>) {
        std::vector<T> results;
        results.reserve(outcomes.size());
        for (auto& outcome : outcomes)
            results.push_back(outcome.take());
        co_return results;
    }
}

}  // namespace detail

/// Runs tasks side by side, and gives all their results. The first failure cancels the other tasks.
///
/// ```cpp
/// auto const [user, orders] = co_await gather(find_user(id), find_orders(id));
/// ```
///
/// tasks:     each an awaitable, a factory or a deferred operation. They are started at once in this order,
///            each up to its first suspension.
/// Returns:   the results in the order of the tasks; std::monostate for void.
/// Throws:    the first exception of a task, as the same object, when all tasks have ended. Later ones are
///            reported to the runner's on_error.
/// Cancel:    cancels the tasks, waits until all have ended, and ends by operation_aborted; but if all have
///            completed all the same, it gives their results.
/// Threads:   on a coroutine's own executor, which must not run it on two threads at a time.
/// Semantics: asyncio.gather without return_exceptions, which however leaves the other tasks running
///            when one has failed.
template <Task... Ts>
asio::awaitable<std::tuple<gather_result_t<Ts>...>> gather(Ts&&... tasks) {
    return detail::gather_tuple<Ts...>(detail::OwnedOrRef<Ts>(std::forward<Ts>(tasks))...);
}

/// Runs any number of tasks of one type side by side, and gives all their results. The first failure cancels
/// the other tasks.
///
/// tasks:     are started at once in this order. An empty vector ends at once.
/// Returns:   a vector in the order of the tasks; nothing for void.
/// Throws:    as with a list of tasks.
/// Cancel:    as with a list of tasks.
/// Threads:   as with a list of tasks.
/// Semantics: `asyncio.gather(*tasks)`.
template <class T>
asio::awaitable<std::conditional_t<std::is_void_v<T>, void, std::vector<T>>> gather(
    std::vector<asio::awaitable<T>> tasks) {
    return detail::gather_vector(std::move(tasks));
}

}  // namespace syncopate::inline v0_1
