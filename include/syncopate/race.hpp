// race(): runs several tasks side by side until the first has ended, and cancels the others.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/concepts.hpp>
#include <syncopate/detail/cancellation/cancellation.hpp>
#include <syncopate/detail/group/nursery.hpp>
#include <syncopate/detail/group/racer.hpp>
#include <syncopate/detail/task/outcome.hpp>
#include <syncopate/detail/task/owned_or_ref.hpp>

#include SYNCOPATE_ASIO(awaitable.hpp)
#include SYNCOPATE_ASIO(this_coro.hpp)

#include <concepts>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace syncopate::inline v0_1 {

namespace detail {

template <class T>
using VoidAsMonostate = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

template <class First, class... Others>
struct RaceResult {
    using type = std::variant<VoidAsMonostate<First>, VoidAsMonostate<Others>...>;
};
template <class First, class... Others>
    requires(std::same_as<First, Others> && ...)
struct RaceResult<First, Others...> {
    using type = First;
};

}  // namespace detail

/// The result of a race: that of its tasks if they have the same; otherwise a std::variant of theirs, in their
/// order, with std::monostate for void. Its index tells which task has won.
template <Task... Ts>
using race_result_t = typename detail::RaceResult<task_result_t<Ts>...>::type;

namespace detail {

/// Ends a race in which nobody has won: all were cancelled, or none could be started.
inline void require_winner(Nursery& nursery, Finish const& finish) {
    nursery.throw_failure();
    if (!finish.is_decided())
        throw_cancellation();
}

/// Gives the result of the racer with this index.
template <class Result, std::size_t... Is, class Outcomes>
Result take_won(std::size_t winner, std::index_sequence<Is...>, Outcomes& outcomes) {
    if constexpr (std::is_void_v<Result>) {
        ((winner == Is ? std::get<Is>(outcomes).take() : void()), ...);
    } else {
        std::optional<Result> result;
        auto const take = [&]<std::size_t I>(std::integral_constant<std::size_t, I>) {
            auto& outcome = std::get<I>(outcomes);
            if constexpr (std::same_as<
                              Outcome<Result>, std::remove_reference_t<decltype(outcome)>>) {
                result.emplace(outcome.take());
            } else if constexpr (std::same_as<
                                     Outcome<void>, std::remove_reference_t<decltype(outcome)>>) {
                outcome.take();
                result.emplace(std::in_place_index<I>);
            } else {
                result.emplace(std::in_place_index<I>, outcome.take());
            }
        };
        ((winner == Is ? take(std::integral_constant<std::size_t, Is>()) : void()), ...);
        return std::move(*result);
    }
}

template <Task... Ts>
asio::awaitable<race_result_t<Ts...>> run_race(OwnedOrRef<Ts>... tasks) {
    Nursery nursery(co_await asio::this_coro::executor);
    std::tuple<Outcome<task_result_t<Ts>>...> outcomes;
    Finish finish;
    auto const begin = [&]() noexcept {
        std::size_t index = 0;
        // What has not been started cannot have taken anything that would be lost.
        auto const start = [&]<class T>(OwnedOrRef<T>& task, auto& outcome) {
            if (!nursery.is_cancelled())
                nursery.start_or_fail<Racer<T>>(std::move(task), outcome, finish, index);
            ++index;
        };
        std::apply([&](auto&... outcome) { (start(tasks, outcome), ...); }, outcomes);
    };
    co_await nursery.supervise(begin);
    require_winner(nursery, finish);
    co_return take_won<race_result_t<Ts...>>(
        finish.winner, std::index_sequence_for<Ts...>(), outcomes);
}

template <class T>
asio::awaitable<T> run_race_of(std::vector<asio::awaitable<T>> tasks) {
    if (tasks.empty())
        throw std::invalid_argument("race: of no tasks none is ever the first to end");
    Nursery nursery(co_await asio::this_coro::executor);
    std::vector<Outcome<T>> outcomes(tasks.size());
    Finish finish;
    auto const begin = [&]() noexcept {
        for (std::size_t i = 0; i < tasks.size() && !nursery.is_cancelled(); ++i)
            nursery.start_or_fail<Racer<asio::awaitable<T>>>(
                OwnedOrRef<asio::awaitable<T>>(std::move(tasks[i])), outcomes[i], finish, i);
    };
    co_await nursery.supervise(begin);
    require_winner(nursery, finish);
    co_return outcomes[finish.winner].take();
}

}  // namespace detail

/// Runs tasks side by side until the first has ended, cancels the others, and waits for them.
///
/// ```cpp
/// std::string const answer = co_await race(ask("mirror-1"), ask("mirror-2"));
/// ```
///
/// tasks:     each an awaitable, a factory or a deferred operation. They are started in this order, each up to its
///            first suspension. If one has ended by then, it has won, and those after it are not started at all.
/// Returns:   what the winner gives: a T, or a std::variant where the tasks differ. The results of others that
///            complete although they were cancelled are destroyed.
/// Throws:    what the first task to end throws. Later failures are reported to the runner's on_error.
/// Cancel:    cancels the tasks, waits until all have ended, and ends by operation_aborted; but if one completes
///            all the same, it has won.
/// Threads:   on a coroutine's own executor, which must not run it on two threads at a time.
/// Semantics: Boost.Cobalt's race, but the first task is preferred to the others. `asyncio.wait` with
///            FIRST_COMPLETED leaves the other tasks running.
template <Task T, Task... Ts>
asio::awaitable<race_result_t<T, Ts...>> race(T&& task, Ts&&... tasks) {
    return detail::run_race<T, Ts...>(
        detail::OwnedOrRef<T>(std::forward<T>(task)),
        detail::OwnedOrRef<Ts>(std::forward<Ts>(tasks))...);
}

/// The same for any number of tasks of one type.
///
/// Throws:    std::invalid_argument if there are none; otherwise as with a list of tasks.
template <class T>
asio::awaitable<T> race(std::vector<asio::awaitable<T>> tasks) {
    return detail::run_race_of(std::move(tasks));
}

}  // namespace syncopate::inline v0_1
