// Tasks that are started inside a scope, and have all ended when it is left.
#pragma once

#include <syncopate/concepts.hpp>
#include <syncopate/detail/group/child.hpp>
#include <syncopate/detail/group/nursery.hpp>
#include <syncopate/detail/group/started_child.hpp>
#include <syncopate/detail/task/outcome.hpp>
#include <syncopate/detail/task/owned_or_ref.hpp>
#include <syncopate/error.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/this_coro.hpp>

#include <concepts>
#include <exception>
#include <functional>
#include <memory>
#include <system_error>
#include <type_traits>
#include <utility>
#include <variant>

namespace syncopate {

class TaskGroup;

/// What a child that is started with `TaskGroup::start<V>()` calls when it is ready, with the value
/// that start() then gives. Only the first call counts, and none once start() was given up. May be
/// copied, and may outlive the child and the group.
///
/// Threads:   on the group's loop.
template <class V>
class Ready {
public:
    void operator()() const
        requires std::is_void_v<V>
    {
        state_->ready();
    }

    void operator()(std::conditional_t<std::is_void_v<V>, std::monostate, V> value) const
        requires(!std::is_void_v<V>)
    {
        state_->ready(std::move(value));
    }

private:
    template <class, class>
    friend class detail::StartedChild;

    explicit Ready(std::shared_ptr<detail::ReadyState<V>> state) noexcept
        : state_(std::move(state)) {}

    std::shared_ptr<detail::ReadyState<V>> state_;
};

/// A function of a group: the body of with_task_group().
template <class F>
concept TaskGroupBody = std::invocable<std::remove_reference_t<F>&, TaskGroup&> &&
                        Awaitable<std::invoke_result_t<std::remove_reference_t<F>&, TaskGroup&>>;

/// What the body of with_task_group() gives.
template <TaskGroupBody F>
using task_group_result_t =
    awaitable_result_t<std::invoke_result_t<std::remove_reference_t<F>&, TaskGroup&>>;

/// A function that runs as a task, and reports that it is ready: the argument of `start<V>()`.
template <class F, class V>
concept StartFunction =
    std::is_invocable_r_v<boost::asio::awaitable<void>, std::remove_reference_t<F>&, Ready<V>>;

namespace detail {

/// A task that is started in a group, and whose value nobody takes.
template <Task T>
class GroupChild final : public TaskChild<T> {
public:
    GroupChild(Nursery& nursery, OwnedOrRef<T> task) : TaskChild<T>(nursery, std::move(task)) {}

    boost::asio::awaitable<void> begin() { return this->run_task(nullptr); }
    void complete(std::exception_ptr error) noexcept {
        if (this->is_failure(error))
            this->nursery().fail(std::move(error));
    }
};

template <TaskGroupBody F>
boost::asio::awaitable<task_group_result_t<F>> run_task_group(OwnedOrRef<F> body);

}  // namespace detail

/// Tasks that run side by side, and end together: the first that fails has the others cancelled.
///
/// with_task_group() makes one for a function. It is also a context, of which `ThreadRunner::with_context`
/// and `wrap_context` make a scope in synchronous code; a context of one's own may hold a group, enter it
/// in its aenter() and leave it in its aexit().
///
/// ```cpp
/// co_await with_task_group([&](TaskGroup& group) -> asio::awaitable<void> {
///     group.start_soon(fetch("/a"));
///     group.start_soon([&] { return fetch("/b"); });
///     co_return;
/// });  // both have ended
/// ```
///
/// Every child ends before its group does, whatever happens. One that is cancelled may take its time for
/// that; ending by operation_aborted is then no failure. Once cancelled, a group stays so: what is started
/// in it still runs up to its first suspension, where it is cancelled.
///
/// Cancel:    with the coroutine that waits for the group's end the children are cancelled. When they
///            have ended, that coroutine gets operation_aborted, or TaskGroupError.
/// Threads:   all of it on the loop (or strand) on which the group was entered. Synchronous code starts
///            children by way of `runner.call()`. A group has no locks.
/// Semantics: anyio's TaskGroup. But children start at once, as those of co_spawn do, and not in a later
///            turn of the loop.
class TaskGroup {
public:
    TaskGroup() = default;
    /// Of a group that has not been entered: there is nothing to be moved.
    TaskGroup(TaskGroup&&) noexcept {}
    TaskGroup& operator=(TaskGroup&&) = delete;
    ~TaskGroup() = default;

    /// Starts a task, which runs beside its starter as soon as it is first suspended. What it gives is
    /// dropped; what it throws is a failure of the group.
    ///
    /// task:      an awaitable, a factory or a deferred operation. A factory that is an lvalue has to
    ///            outlive the task that it makes, if that refers to it, as a lambda's coroutine does.
    /// Throws:    if the group has ended, or was not entered -> Errc::runner_closed; what is thrown for
    ///            lack of memory. Then the task has not been started.
    /// Semantics: anyio's start_soon, asyncio's create_task.
    template <Task T>
    void start_soon(T&& task) {
        nursery_.start<detail::GroupChild<T>>(detail::OwnedOrRef<T>(std::forward<T>(task)));
    }

    /// Starts a task, and waits until it says that it is ready.
    ///
    /// function:  called once with a Ready<V>; its coroutine is a child of the group, also after it was
    ///            ready. An lvalue has to outlive that: rather move it in.
    /// Returns:   the value that it was ready with.
    /// Throws:    what the task throws before it is ready, which is then no failure of the group;
    ///            Errc::never_ready if it just ends; as start_soon().
    /// Cancel:    cancels the task, and waits until it has ended.
    /// Semantics: anyio's start, with a Ready in place of its task_status.
    template <class V, StartFunction<V> F>
    boost::asio::awaitable<V> start(F&& function) {
        return detail::start_child<V, F>(
            nursery_, detail::OwnedOrRef<F>(std::forward<F>(function)));
    }

    /// Cancels all that runs in the group, and what will be started in it. The body of with_task_group()
    /// is a part of that; the group then ends without an error.
    void cancel() noexcept { nursery_.cancel(); }

    /// Enters the group.
    boost::asio::awaitable<void> aenter() {
        nursery_.open(co_await boost::asio::this_coro::executor);
    }

    /// Leaves it: waits until all children have ended, having cancelled them if there is an error.
    /// Throws: TaskGroupError if children failed.
    boost::asio::awaitable<void> aexit(std::exception_ptr error) {
        auto const begin = [&]() noexcept {
            if (error)
                cancel();
        };
        co_await nursery_.supervise(begin);
        end(nullptr);
    }

private:
    template <TaskGroupBody F>
    friend boost::asio::awaitable<task_group_result_t<F>> detail::run_task_group(
        detail::OwnedOrRef<F> body);

    /// All have ended. Throws what the group ends with, if that is an error.
    void end(std::exception_ptr body_error) {
        nursery_.close();
        auto failures = nursery_.take_failures();
        if (body_error)
            failures.insert(failures.begin(), std::move(body_error));
        if (!failures.empty())
            throw TaskGroupError(std::move(failures));
        if (nursery_.is_cancelled_by_parent())
            detail::throw_cancellation();
    }

    detail::Nursery nursery_;
};

namespace detail {

/// The body of a group, which is a task of it.
template <TaskGroupBody F>
class BodyChild final : public Child {
    using Result = task_group_result_t<F>;

public:
    BodyChild(Nursery& nursery, TaskGroup& group, OwnedOrRef<F>& body, Outcome<Result>& outcome)
        : Child(nursery), group_(group), body_(body), outcome_(outcome) {}

    boost::asio::awaitable<void> begin() {
        if constexpr (std::is_void_v<Result>)
            return std::invoke(body_.get(), group_);
        else
            return begin_with_result();
    }

    void complete(std::exception_ptr error) noexcept {
        if (is_failure(error)) {
            outcome_.fail(std::move(error));
            nursery().cancel();
        }
    }

private:
    boost::asio::awaitable<void> begin_with_result() {
        outcome_.emplace(co_await std::invoke(body_.get(), group_));
    }

    TaskGroup& group_;
    OwnedOrRef<F>&
        body_;  // lives as long as the group: children may refer to what a lambda has captured
    Outcome<Result>& outcome_;
};

template <TaskGroupBody F>
boost::asio::awaitable<task_group_result_t<F>> run_task_group(OwnedOrRef<F> body) {
    using Result = task_group_result_t<F>;
    TaskGroup group;
    group.nursery_.open(co_await boost::asio::this_coro::executor);
    Outcome<Result> outcome;
    auto const begin = [&]() noexcept {
        group.nursery_.template start_or_fail<BodyChild<F>>(group, body, outcome);
    };
    co_await group.nursery_.supervise(begin);
    group.end(outcome.error());
    if constexpr (!std::is_void_v<Result>) {
        if (outcome.empty())
            throw std::system_error(make_error_code(Errc::cancelled), "TaskGroup");
        co_return outcome.take();
    }
}

}  // namespace detail

/// Calls a function that starts tasks in a group, and returns when it and all of them have ended.
///
/// ```cpp
/// int const first = co_await with_task_group([&](TaskGroup& group) -> asio::awaitable<int> {
///     group.start_soon(watch(connection));
///     int const answer = co_await ask(connection);
///     group.cancel();  // enough of watching
///     co_return answer;
/// });
/// ```
///
/// body:      called once, on the loop. An rvalue is owned, and lives as long as the group.
/// Returns:   what the body gives.
/// Throws:    TaskGroupError if the body or tasks have failed; the body's own exception is the first in
///            it. Errc::cancelled if the group's cancel() kept the body from giving its value.
/// Cancel:    cancels the body and the tasks, waits until all have ended, and ends by operation_aborted.
/// Threads:   on a coroutine's own executor, which must not run it on two threads at a time.
/// Semantics: anyio's `async with create_task_group()`, in which the body is a task like the others.
template <TaskGroupBody F>
boost::asio::awaitable<task_group_result_t<F>> with_task_group(F&& body) {
    return detail::run_task_group<F>(detail::OwnedOrRef<F>(std::forward<F>(body)));
}

}  // namespace syncopate
