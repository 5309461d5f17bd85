// TaskGroup, with_task_group(): tasks that are started inside a scope, and have all ended when it is
// left.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/concepts.hpp>
#include <syncopate/detail/cancellation/cancellation.hpp>
#include <syncopate/detail/group/child.hpp>
#include <syncopate/detail/group/nursery.hpp>
#include <syncopate/detail/group/started_child.hpp>
#include <syncopate/detail/task/awaitable_of.hpp>
#include <syncopate/detail/task/outcome.hpp>
#include <syncopate/detail/task/owned_or_ref.hpp>
#include <syncopate/error.hpp>
#include <syncopate/ready.hpp>

#include SYNCOPATE_ASIO(awaitable.hpp)
#include SYNCOPATE_ASIO(this_coro.hpp)

#include <concepts>
#include <exception>
#include <system_error>
#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1 {

class TaskGroup;

/// The body of with_task_group(): a callable that takes a TaskGroup& and returns an awaitable.
template <class F>
concept TaskGroupBody = std::invocable<std::remove_reference_t<F>&, TaskGroup&> &&
                        Awaitable<std::invoke_result_t<std::remove_reference_t<F>&, TaskGroup&>>;

/// The result of a TaskGroupBody, and so of with_task_group().
template <TaskGroupBody F>
using task_group_result_t =
    awaitable_result_t<std::invoke_result_t<std::remove_reference_t<F>&, TaskGroup&>>;

namespace detail {

/// A task of start_soon(): its value is dropped.
template <Task T>
class GroupChild final : public TaskChild<T> {
public:
    GroupChild(Nursery& nursery, OwnedOrRef<T> task) : TaskChild<T>(nursery, std::move(task)) {}

    asio::awaitable<void> begin() { return this->run_task(nullptr); }
    void complete(std::exception_ptr error) noexcept {
        if (this->is_failure(error))
            this->nursery().fail(std::move(error));
    }
};

template <TaskGroupBody F>
asio::awaitable<task_group_result_t<F>> run_task_group(OwnedOrRef<F> body);

}  // namespace detail

/// Tasks that run side by side, and end together: the first failure cancels the others.
///
/// with_task_group() makes a group for a function. A group is also a context, from which
/// `ThreadRunner::with_context` and `wrap_context` make a scope in synchronous code. A context of one's own
/// may hold a group, enter it in its aenter() and leave it in its aexit().
///
/// ```cpp
/// co_await with_task_group([&](TaskGroup& group) -> asio::awaitable<void> {
///     group.start_soon(fetch("/a"));
///     group.start_soon([&] { return fetch("/b"); });
///     co_return;
/// });  // both have ended
/// ```
///
/// Every child ends before its group does. A child that is cancelled may take its time to end; if it ends by
/// operation_aborted, that is no failure. A group that has been cancelled stays so: a task that is started in
/// it runs up to its first suspension, and is cancelled there.
///
/// Cancel:    cancelling the coroutine that waits for the group's end cancels the children. When they have
///            ended, that coroutine gets operation_aborted, or TaskGroupError.
/// Threads:   every member on the loop (or strand) on which the group was entered. Synchronous code starts
///            children by way of `runner.call()`. A group has no locks.
/// Semantics: anyio's TaskGroup. But children start at once, as those of co_spawn do, and not in a later
///            turn of the loop.
class TaskGroup {
public:
    /// Makes a group that has not been entered.
    TaskGroup() = default;
    /// Makes a group that has not been entered, whatever the other is. It is there so that a function may
    /// return a group, and a guard own one.
    ///
    /// other:     not changed. If it has been entered, its children stay with it, and with its address: it
    ///            must still be left.
    TaskGroup([[maybe_unused]] TaskGroup&& other) noexcept {}
    TaskGroup& operator=(TaskGroup&&) = delete;
    ~TaskGroup() = default;

    /// Starts a task, and returns at its first suspension. Its result is dropped; an exception of it is a
    /// failure of the group.
    ///
    /// task:      an awaitable, a factory or a deferred operation. An lvalue factory is copied,
    ///            since the group may outlive it; std::ref(factory) has it used in place.
    /// Throws:    the group has ended, or has not been entered -> Errc::runner_closed. No memory ->
    ///            std::bad_alloc. Then the task has not been started.
    /// Cancel:    the task is cancelled with the group.
    /// Semantics: anyio's start_soon, asyncio's create_task.
    template <Task T>
    void start_soon(T&& task) {
        using Owned = std::decay_t<T>;
        nursery_.start<detail::GroupChild<Owned>>(
            detail::OwnedOrRef<Owned>(detail::owned(std::forward<T>(task))));
    }

    /// Starts a task, and waits until it calls the Ready that it is given.
    ///
    /// function:  called once with a Ready<V>. Its coroutine is a child of the group, also after it was
    ///            ready. It is owned until the child has ended, and an lvalue copied for that.
    /// Returns:   the value that the task was ready with.
    /// Throws:    what the task throws before it is ready, which is then no failure of the group. It ends
    ///            without being ready -> Errc::never_ready. Otherwise as start_soon().
    /// Cancel:    cancels the task, waits until it has ended, and ends by operation_aborted or by what the
    ///            task then throws.
    /// Semantics: anyio's start, with a Ready in place of its task_status.
    template <class V, StartFunction<V> F>
    asio::awaitable<V> start(F&& function) {
        using Owned = std::decay_t<F>;
        return detail::start_child<V, Owned>(
            nursery_, detail::OwnedOrRef<Owned>(detail::owned(std::forward<F>(function))));
    }

    /// Cancels all tasks of the group, those to come, and the body of with_task_group(). That is no error:
    /// the group ends without one. May be called again: each time is a request of its own, also for tasks that
    /// have dealt with an earlier one.
    ///
    /// Semantics: anyio's `task_group.cancel_scope.cancel()`.
    void cancel() noexcept { nursery_.cancel_once_more(); }

    /// Enters the group, as a context does: tasks can be started from now on. A group that has been left may
    /// be entered again.
    asio::awaitable<void> aenter() { nursery_.open(co_await asio::this_coro::executor); }

    /// Leaves the group, as a context does: waits until all children have ended.
    ///
    /// error:     if there is one, the children are cancelled first.
    /// Throws:    children have failed -> TaskGroupError.
    /// Cancel:    cancels the children, waits until all have ended, and ends by operation_aborted.
    asio::awaitable<void> aexit(std::exception_ptr error) {
        auto const begin = [&]() noexcept {
            if (error)
                nursery_.cancel();
        };
        co_await nursery_.supervise(begin);
        end(nullptr);
    }

private:
    template <TaskGroupBody F>
    friend asio::awaitable<task_group_result_t<F>> detail::run_task_group(
        detail::OwnedOrRef<F> body);

    /// Closes the group after the last child has ended, and throws what the group ends with, if anything.
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

/// The body of with_task_group(), which runs as a child of the group.
template <TaskGroupBody F>
class BodyChild final : public Child {
    using Result = task_group_result_t<F>;

public:
    BodyChild(Nursery& nursery, TaskGroup& group, OwnedOrRef<F>& body, Outcome<Result>& outcome)
        : Child(nursery), group_(group), body_(body), outcome_(outcome) {}

    asio::awaitable<void> begin() {
        if constexpr (std::is_void_v<Result>)
            return awaitable_from(body_.get(), group_);
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
    asio::awaitable<void> begin_with_result() {
        outcome_.emplace(co_await awaitable_from(body_.get(), group_));
    }

    TaskGroup& group_;
    // Lives as long as the group: children may refer to what a lambda has captured.
    OwnedOrRef<F>& body_;
    Outcome<Result>& outcome_;
};

template <TaskGroupBody F>
asio::awaitable<task_group_result_t<F>> run_task_group(OwnedOrRef<F> body) {
    using Result = task_group_result_t<F>;
    TaskGroup group;
    group.nursery_.open(co_await asio::this_coro::executor);
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

/// Calls a function with a new group, and returns when it and all tasks that were started in the group have
/// ended.
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
/// Throws:    the body or tasks have failed -> TaskGroupError, with the body's exception as the first. The
///            group's cancel() has kept the body from giving its value -> Errc::cancelled.
/// Cancel:    cancels the body and the tasks, waits until all have ended, and ends by operation_aborted.
/// Threads:   on a coroutine's own executor, which must not run it on two threads at a time.
/// Semantics: anyio's `async with create_task_group()`, in which the body is a task like the others.
template <TaskGroupBody F>
asio::awaitable<task_group_result_t<F>> with_task_group(F&& body) {
    return detail::run_task_group<F>(detail::OwnedOrRef<F>(std::forward<F>(body)));
}

}  // namespace syncopate::inline v0_1
