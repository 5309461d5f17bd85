// gather_outcomes(): runs several tasks side by side to their ends, and tells how each has ended. Outcome: how.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/concepts.hpp>
#include <syncopate/detail/cancellation/cancellation.hpp>
#include <syncopate/detail/group/child.hpp>
#include <syncopate/detail/group/nursery.hpp>
#include <syncopate/detail/loop/unhandled.hpp>
#include <syncopate/detail/task/outcome.hpp>
#include <syncopate/detail/task/owned_or_ref.hpp>

#include SYNCOPATE_ASIO(awaitable.hpp)
#include SYNCOPATE_ASIO(this_coro.hpp)

#include <concepts>
#include <cstddef>
#include <exception>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace syncopate::inline v0_1 {

/// How a task has ended: with a value, or with an exception.
///
/// T:         the task's result; may be void, move-only, and not default-constructible.
template <class T>
class [[nodiscard]] Outcome {
    using Value = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

public:
    /// Has a value.
    template <class... Args>
        requires std::constructible_from<Value, Args...>
    explicit Outcome(std::in_place_t, Args&&... args)
        : value_(std::in_place, std::forward<Args>(args)...) {}
    /// Has an exception.
    ///
    /// error:     not null.
    explicit Outcome(std::exception_ptr error) noexcept : error_(std::move(error)) {}

    /// Whether the task has completed with a value.
    bool has_value() const noexcept { return value_.has_value(); }
    /// The same.
    explicit operator bool() const noexcept { return has_value(); }

    /// Gives the value.
    ///
    /// Throws:    what the task has thrown, as the same object.
    void value() const&
        requires std::is_void_v<T>
    {
        require_value();
    }
    /// The same.
    Value& value() &
        requires(!std::is_void_v<T>) {
            require_value();
            return *value_;
        }
        /// The same.
        Value const& value() const&
            requires(!std::is_void_v<T>)
    {
        require_value();
        return *value_;
    }
    /// The same; moves it out.
    Value&& value() &&
        requires(!std::is_void_v<T>) {
            require_value();
            return std::move(*value_);
        }

        /// What the task has thrown; null if it has a value.
        std::exception_ptr error() const noexcept {
        return error_;
    }

private:
    void require_value() const {
        if (error_)
            std::rethrow_exception(error_);
    }

    std::optional<Value> value_;
    std::exception_ptr error_;
};

namespace detail {

/// A child that fails for itself alone.
template <Task T>
class OutcomeChild final : public TaskChild<T> {
public:
    using typename TaskChild<T>::Result;

    OutcomeChild(Nursery& nursery, OwnedOrRef<T> task, detail::Outcome<Result>& outcome)
        : TaskChild<T>(nursery, std::move(task)), outcome_(outcome) {}

    asio::awaitable<void> begin() { return this->run_task(&outcome_); }

    void complete(std::exception_ptr error) noexcept {
        if (error)
            outcome_.fail(std::move(error));
        else if constexpr (std::is_void_v<Result>)
            outcome_.emplace();
    }

    /// Starts it. If that fails, so has the task.
    static void start(
        Nursery& nursery, OwnedOrRef<T>&& task, detail::Outcome<Result>& outcome) noexcept {
        try {
            nursery.start<OutcomeChild>(std::move(task), outcome);
        } catch (...) {
            outcome.fail(std::current_exception());
        }
    }

private:
    detail::Outcome<Result>& outcome_;
};

template <class T>
syncopate::Outcome<T> take_outcome(detail::Outcome<T>& outcome) {
    if (auto const& error = outcome.error())
        return syncopate::Outcome<T>(error);
    if constexpr (std::is_void_v<T>)
        return syncopate::Outcome<T>(std::in_place);
    else
        return syncopate::Outcome<T>(std::in_place, outcome.take());
}

/// Whether the parent's cancellation has kept the task from ending by itself.
template <class T>
bool was_cut_short(detail::Outcome<T> const& outcome) noexcept {
    return outcome.empty() || (outcome.error() && is_cancellation(outcome.error()));
}

/// Nobody will be given the outcome.
template <class T>
void report_failure(detail::Outcome<T> const& outcome) noexcept {
    if (outcome.error() && !is_cancellation(outcome.error()))
        report_unhandled(outcome.error());
}

template <Task... Ts>
asio::awaitable<std::tuple<syncopate::Outcome<task_result_t<Ts>>...>> gather_outcome_tuple(
    OwnedOrRef<Ts>... tasks) {
    Nursery nursery(co_await asio::this_coro::executor);
    std::tuple<detail::Outcome<task_result_t<Ts>>...> outcomes;
    auto const begin = [&]() noexcept {
        std::apply(
            [&](auto&... outcome) {
                (OutcomeChild<Ts>::start(nursery, std::move(tasks), outcome), ...);
            },
            outcomes);
    };
    co_await nursery.supervise(begin);
    nursery.throw_failure();
    bool const is_cancelled =
        nursery.is_cancelled_by_parent() &&
        std::apply(
            [](auto const&... outcome) { return (was_cut_short(outcome) || ...); }, outcomes);
    if (is_cancelled) {
        std::apply([](auto const&... outcome) { (report_failure(outcome), ...); }, outcomes);
        throw_cancellation();
    }
    co_return std::apply(
        [](auto&... outcome) {
            return std::tuple<syncopate::Outcome<task_result_t<Ts>>...>{take_outcome(outcome)...};
        },
        outcomes);
}

template <class T>
asio::awaitable<std::vector<syncopate::Outcome<T>>> gather_outcome_vector(
    std::vector<asio::awaitable<T>> tasks) {
    using Started = OutcomeChild<asio::awaitable<T>>;
    Nursery nursery(co_await asio::this_coro::executor);
    std::vector<detail::Outcome<T>> outcomes(tasks.size());
    auto const begin = [&]() noexcept {
        for (std::size_t i = 0; i < tasks.size(); ++i)
            Started::start(
                nursery, OwnedOrRef<asio::awaitable<T>>(std::move(tasks[i])), outcomes[i]);
    };
    co_await nursery.supervise(begin);
    nursery.throw_failure();
    bool is_cut_short = false;
    for (auto const& outcome : outcomes)
        is_cut_short |= was_cut_short(outcome);
    if (nursery.is_cancelled_by_parent() && is_cut_short) {
        for (auto const& outcome : outcomes)
            report_failure(outcome);
        throw_cancellation();
    }
    std::vector<syncopate::Outcome<T>> results;
    results.reserve(outcomes.size());
    for (auto& outcome : outcomes)
        results.push_back(take_outcome(outcome));
    co_return results;
}

}  // namespace detail

/// Runs tasks side by side to their ends, and tells how each has ended. A failure cancels nobody.
///
/// ```cpp
/// auto [user, orders] = co_await gather_outcomes(find_user(id), find_orders(id));
/// if (!orders) log(orders.error());
/// greet(user.value());
/// ```
///
/// tasks:     each an awaitable, a factory or a deferred operation. They are started at once in this order,
///            each up to its first suspension.
/// Returns:   an Outcome for each task, in the order of the tasks.
/// Cancel:    cancels the tasks, waits until all have ended, and ends by operation_aborted, if one of them has
///            done so; the failures of others then go to the runner's on_error.
/// Threads:   on a coroutine's own executor, which must not run it on two threads at a time.
/// Semantics: asyncio.gather with return_exceptions.
template <Task... Ts>
asio::awaitable<std::tuple<Outcome<task_result_t<Ts>>...>> gather_outcomes(Ts&&... tasks) {
    return detail::gather_outcome_tuple<Ts...>(detail::OwnedOrRef<Ts>(std::forward<Ts>(tasks))...);
}

/// The same for any number of tasks of one type.
///
/// Returns:   a vector in the order of the tasks.
template <class T>
asio::awaitable<std::vector<Outcome<T>>> gather_outcomes(std::vector<asio::awaitable<T>> tasks) {
    return detail::gather_outcome_vector(std::move(tasks));
}

}  // namespace syncopate::inline v0_1
