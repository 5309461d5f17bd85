// RunnerBase: the operations that synchronous code has on a loop, the same for every kind of loop.
#pragma once

#include <syncopate/blocking_range.hpp>
#include <syncopate/concepts.hpp>
#include <syncopate/context_guard.hpp>
#include <syncopate/detail/call/blocking_call.hpp>
#include <syncopate/detail/call/function_call.hpp>
#include <syncopate/detail/call/interruptible_call.hpp>
#include <syncopate/detail/call/started_call.hpp>
#include <syncopate/detail/call/task_call.hpp>
#include <syncopate/detail/context/context_holder.hpp>
#include <syncopate/detail/context/with_context.hpp>
#include <syncopate/detail/error/wrong_calls.hpp>
#include <syncopate/detail/iteration/foreign_iterable.hpp>
#include <syncopate/detail/iteration/read_ahead.hpp>
#include <syncopate/detail/iteration/step_source.hpp>
#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/task/inheriting_function.hpp>
#include <syncopate/detail/values/current_values.hpp>
#include <syncopate/detail/wait/kept_for_ever.hpp>
#include <syncopate/detail/watch/stall_watch.hpp>
#include <syncopate/error.hpp>
#include <syncopate/ready.hpp>
#include <syncopate/stats.hpp>
#include <syncopate/task_info.hpp>

#include <chrono>
#include <concepts>
#include <exception>
#include <future>
#include <memory>
#include <optional>
#include <ostream>
#include <source_location>
#include <stop_token>
#include <type_traits>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1 {

namespace detail {
struct LoopAccess;
}

/// The base of ThreadRunner, Runner, BlockingPortal and GuestRunner. Code that works with each of them
/// takes a RunnerBase&.
///
/// Its operations may be called from any thread but the loop's own, where those that block throw
/// DeadlockError at once; so they do wherever the wait could never end. The exceptions of a task, a
/// context or an iterable come out unchanged. A task given as an rvalue, or the callable that makes
/// it, is owned by the call and destroyed on the loop before the caller goes on; a callable given as
/// an lvalue is used in place where the caller blocks, and copied where nobody waits for the task. A
/// call that is refused destroys its task unstarted. An awaitable that was awaited before, or is empty:
/// std::errc::invalid_argument.
///
/// `where` is the call site, for messages: leave it to its default.
///
/// Common errors, not repeated below: Errc::runner_closed after close(), and for what close() stopped;
/// Errc::loop_failed if the io_context was stopped or destroyed under the call; std::system_error
/// where the system has no thread to start the loop on, and then the next use tries again; Errc::forked in
/// the child of a fork, from all members of a runner that was used before it. The destructor does nothing there.
class RunnerBase : private detail::WrongCalls {
public:
    using WrongCalls::run;
    using WrongCalls::run_as_future;
    using WrongCalls::run_for;
    using WrongCalls::start_soon;

    /// Where a call is made: the file and the line, for messages.
    using Where = std::source_location;

    /// Runs a task on the loop and gives what it returns.
    ///
    /// task:      an `asio::awaitable<T>` rvalue, a deferred Asio operation, of which the result is what
    ///            `use_awaitable` gives, or another library's awaitable, as as_awaitable() takes it; or a callable
    ///            that returns one of these (called on the loop).
    /// Blocks:    until the task has ended.
    /// Throws:    what the task throws.
    /// Semantics: `asyncio.run_coroutine_threadsafe(coro, loop).result()`.
    template <Task T>
    task_result_t<T> run(T&& task, Where where = Where::current()) {
        return run_until_deadline(std::forward<T>(task), detail::no_deadline, where);
    }

    /// The same; a stop request cancels the task.
    ///
    /// stop:      if stopped already, the task never starts.
    /// Blocks:    until the task has ended, also after a stop request: it may refer to the caller's
    ///            frame, so it is never abandoned.
    /// Throws:    Errc::cancelled if the task ended by operation_aborted after the request. A task that
    ///            completes all the same returns its value; another exception passes.
    template <Task T>
    task_result_t<T> run(T&& task, std::stop_token stop, Where where = Where::current()) {
        detail::BlockingCall<T> call(*loop_, std::forward<T>(task), where);
        return call.run(std::move(stop));
    }

    /// The same; the task is cancelled when the time is up.
    ///
    /// timeout:   from now; zero or less gives the task no time, but starts it.
    /// Blocks:    until the task has ended, also after the timeout.
    /// Throws:    Errc::timed_out if the task ended by operation_aborted after the timeout. A task that
    ///            completes all the same returns its value; another exception passes.
    template <class Rep, class Period, Task T>
    task_result_t<T> run_for(
        std::chrono::duration<Rep, Period> timeout, T&& task, Where where = Where::current()) {
        return run_until_deadline(std::forward<T>(task), detail::deadline_after(timeout), where);
    }

    /// The same, with a point in time.
    template <Task T>
    task_result_t<T> run_until(
        std::chrono::steady_clock::time_point deadline, T&& task, Where where = Where::current()) {
        return run_until_deadline(std::forward<T>(task), deadline, where);
    }

    /// The same; Ctrl-C (SIGINT) cancels the task.
    ///
    /// Blocks:    until the task has ended, also after the signal.
    /// Throws:    Errc::interrupted if the task ended by operation_aborted after the signal. A task that
    ///            completes all the same returns its value; another exception passes. std::system_error
    ///            where the system has no descriptor for the call: the task never starts.
    /// Cancel:    the first signal cancels the task, or withdraws it if the loop has not begun it, and does nothing
    ///            else. The next one does what the program has arranged, or ends the process by default: also
    ///            during the task's clean-up. So does a signal that came when the task could not be cancelled any
    ///            more.
    /// Threads:   several at once: a signal cancels the tasks of all. It may be delivered to any thread that
    ///            does not block it. When the last has ended, what the program has arranged is back.
    /// Semantics: `asyncio.Runner.run` with its handling of SIGINT, and Errc::interrupted for
    ///            KeyboardInterrupt; on any thread.
    template <Task T>
    task_result_t<T> run_interruptible(T&& task, Where where = Where::current()) {
        detail::InterruptibleCall<T> call(*loop_, std::forward<T>(task), where);
        return call.run();
    }

    /// Starts a task and gives a future of its result, without blocking.
    ///
    /// task:      as for run(); an lvalue callable is copied. std::ref(callable) has it used in place.
    /// stop:      a stop request cancels the task; the future then holds Errc::cancelled as for run().
    /// Throws:    Errc::cancelled if a stop has been requested already: the task never starts.
    /// Threads:   may also be called on the loop's own thread; waiting for the future there would hang.
    /// Semantics: `asyncio.run_coroutine_threadsafe`, `co_spawn` with `use_future`. The destructor of
    ///            the future does not block.
    template <Task T>
    [[nodiscard]] std::future<task_result_t<T>> run_as_future(
        T&& task, std::stop_token stop = {}, Where where = Where::current()) {
        loop_->prepare();
        if (stop.stop_requested())
            loop_->throw_error(Errc::cancelled);
        return detail::FutureCall<std::decay_t<T>>::start(
            *loop_, detail::owned(std::forward<T>(task)), std::move(stop), where);
    }

    /// Starts a task that nobody waits for.
    ///
    /// task:      as for run(); an lvalue callable is copied. std::ref(callable) has it used in place.
    /// Throws:    nothing of the task's: its failure goes to Options::on_error, exactly once, unless it
    ///            is that close() cancelled it.
    /// Threads:   may also be called on the loop's own thread.
    /// Semantics: `TaskGroup.start_soon` of anyio, with the runner as the group.
    template <Task T>
    void start_soon(T&& task, Where where = Where::current()) {
        loop_->prepare();
        detail::BackgroundCall<std::decay_t<T>>::start(
            *loop_, detail::owned(std::forward<T>(task)), where);
    }

    /// Starts a task, waits until it calls the Ready that it is given, and lets it go on without anybody who waits.
    ///
    /// function:  called on the loop with a Ready<V>. Owned until its task has ended; an lvalue is copied.
    /// Returns:   the value that the task was ready with.
    /// Blocks:    until the task is ready, or has ended.
    /// Throws:    what the task throws before it is ready. It ends without being ready -> Errc::never_ready. What it
    ///            throws later goes to Options::on_error, as with start_soon().
    /// Semantics: anyio's `BlockingPortal.start_task`, without the future.
    template <class V, StartFunction<V> F>
    V start(F&& function, Where where = Where::current()) {
        return detail::StartedCall<V, std::decay_t<F>>::start(
            *loop_, std::decay_t<F>(detail::owned(std::forward<F>(function))), where);
    }

    /// Calls a plain function on the loop's thread and gives what it returns.
    ///
    /// Blocks:    until the function has returned.
    /// Throws:    what the function throws.
    /// Semantics: `run(call_async(f))` of the article: for objects that must be made on the loop.
    template <std::invocable F>
    std::invoke_result_t<F> call(F&& function, Where where = Where::current()) {
        if (detail::CurrentValues::are_used())
            return call_inheriting(std::forward<F>(function), where);
        detail::FunctionCall<F> call(*loop_, std::forward<F>(function), where);
        return call.run();
    }

    /// Enters an asynchronous context, and gives a guard that leaves it at the end of the scope.
    ///
    /// source:    a context (an rvalue is owned by the guard, an lvalue used in place), a callable that
    ///            returns one (called on the loop), or an awaitable of one.
    /// Blocks:    until aenter has ended; the guard's destructor until aexit has.
    /// Throws:    what making and entering the context throws; then there is no scope to leave.
    template <ContextSource S>
    [[nodiscard]] ContextGuard<context_value_t<context_t<S>>> wrap_context(
        S&& source, Where where = Where::current()) {
        return wrap_context(std::forward<S>(source), std::stop_token(), where);
    }
    /// The same; a stop request cancels the making and the entering of the context.
    ///
    /// stop:      has no effect on a context that has been entered.
    /// Throws:    Errc::cancelled if the entering ended by operation_aborted after the request, or if that was
    ///            made before: then nothing begins.
    template <ContextSource S>
    [[nodiscard]] ContextGuard<context_value_t<context_t<S>>> wrap_context(
        S&& source, std::stop_token stop, Where where = Where::current()) {
        using Exit = detail::ContextTask::AtClose;
        auto holder =
            entered(std::forward<S>(source), Exit::leaves_with_error, std::move(stop), where);
        auto& value = holder->value();
        return {std::move(holder), value};
    }

    /// Runs a function inside an asynchronous context, as `async with` does: aexit is given the very
    /// exception that leaves the body, and may suppress it.
    ///
    /// source:    as for wrap_context().
    /// body:      called with the context's value, on the calling thread.
    /// Returns:   what the body returns; std::optional of that where aexit returns bool, empty after a
    ///            suppressed exception; void stays void.
    /// Blocks:    until aenter has ended, and after the body until aexit has.
    /// Throws:    what making and entering the context throws; what the body throws, unless
    ///            suppressed; what aexit throws. If both do, aexit's comes out with the body's nested
    ///            in it (std::throw_with_nested), where its type is a standard one, Boost's system_error
    ///            or TaskGroupError; another type comes out as it is, and the body's goes to on_error.
    template <ContextSource S, std::invocable<context_value_t<context_t<S>>&> Body>
    with_context_result_t<context_t<S>, Body> with_context(
        S&& source, Body&& body, Where where = Where::current()) {
        using Exit = detail::ContextTask::AtClose;
        auto const holder =
            entered(std::forward<S>(source), Exit::leaves_with_error, std::stop_token(), where);
        return detail::call_in_context(*loop_, *holder, std::forward<Body>(body));
    }

    /// Enters an asynchronous context that lasts until the runner is closed.
    ///
    /// source:    as for wrap_context(). An lvalue must live until then.
    /// Returns:   the context's value, which lives as long as the context.
    /// Blocks:    until aenter has ended.
    /// Throws:    what making and entering the context throws; it has not been entered then.
    /// Semantics: `contextlib.ExitStack.enter_context`: close() leaves the contexts newest first, each
    ///            with no exception; one that fails does not stop the rest.
    template <ContextSource S>
    std::remove_reference_t<context_value_t<context_t<S>>>& enter_context(
        S&& source, Where where = Where::current()) {
        return enter_context(std::forward<S>(source), std::stop_token(), where);
    }
    /// The same, with a stop token as for wrap_context().
    template <ContextSource S>
    std::remove_reference_t<context_value_t<context_t<S>>>& enter_context(
        S&& source, std::stop_token stop, Where where = Where::current()) {
        using Exit = detail::ContextTask::AtClose;
        return entered(std::forward<S>(source), Exit::leaves_normally, std::move(stop), where)
            ->value();
    }

    /// Gives the items of an asynchronous iterable as a range: one hop to the loop for each.
    ///
    /// source:    an iterable (an rvalue is owned by the range, an lvalue used in place), a callable that
    ///            returns one (called on the loop when the first item is asked for), or an awaitable of one. An
    ///            lvalue must live as long as the range.
    /// Threads:   may also be called on the loop's own thread; the range must be used on another.
    template <IterableSource S>
    BlockingRange<iterable_value_t<iterable_t<S>>> wrap_iter(
        S&& source, Where where = Where::current()) {
        return wrap_iter(std::forward<S>(source), std::stop_token(), where);
    }
    /// The same; a stop request ends the range.
    ///
    /// stop:      cancels what makes the next item. `++` then throws Errc::cancelled, and the range is at its end.
    template <IterableSource S>
    BlockingRange<iterable_value_t<iterable_t<S>>> wrap_iter(
        S&& source, std::stop_token stop, Where where = Where::current()) {
        loop_->require_use();
        return BlockingRange<iterable_value_t<iterable_t<S>>>(
            std::make_unique<detail::StepSource<S>>(
                loop_, std::forward<S>(source), std::move(stop), where));
    }

    /// The same, with items produced ahead of the consumer, beginning now.
    ///
    /// read_ahead: how many finished items may wait; 0 is the same as without.
    template <IterableSource S>
    BlockingRange<iterable_value_t<iterable_t<S>>> wrap_iter(
        S&& source, ReadAhead read_ahead, Where where = Where::current()) {
        return wrap_iter(std::forward<S>(source), read_ahead, std::stop_token(), where);
    }
    /// The same, with a stop token. What has been read ahead is not given any more after a request.
    template <IterableSource S>
    BlockingRange<iterable_value_t<iterable_t<S>>> wrap_iter(
        S&& source, ReadAhead read_ahead, std::stop_token stop, Where where = Where::current()) {
        if (read_ahead.count == 0)
            return wrap_iter(std::forward<S>(source), std::move(stop), where);
        loop_->require_use();
        return BlockingRange<iterable_value_t<iterable_t<S>>>(
            std::make_unique<detail::ReadAheadSource<S>>(
                *loop_, std::forward<S>(source), read_ahead.count, std::move(stop), where));
    }

    /// The same for what another library iterates over: a generator whose begin() and ++ are awaited, as cppcoro's; an
    /// `asio::experimental::coro` that yields; an `asio::experimental::channel`, up to its close(); anything with an
    /// anext() that returns a foreign awaitable of an optional. Or a callable that returns one of them, or a task.
    ///
    /// source:    as above. A range of an lvalue can be left, and another one goes on behind the last item.
    template <detail::ForeignIterableSource S>
    auto wrap_iter(S&& source, Where where = Where::current()) {
        return wrap_iter(detail::as_iterable(std::forward<S>(source)), where);
    }
    /// The same, with a stop token.
    template <detail::ForeignIterableSource S>
    auto wrap_iter(S&& source, std::stop_token stop, Where where = Where::current()) {
        return wrap_iter(detail::as_iterable(std::forward<S>(source)), std::move(stop), where);
    }
    /// The same, with items produced ahead of the consumer.
    template <detail::ForeignIterableSource S>
    auto wrap_iter(S&& source, ReadAhead read_ahead, Where where = Where::current()) {
        return wrap_iter(detail::as_iterable(std::forward<S>(source)), read_ahead, where);
    }
    /// The same, with both.
    template <detail::ForeignIterableSource S>
    auto wrap_iter(
        S&& source, ReadAhead read_ahead, std::stop_token stop, Where where = Where::current()) {
        return wrap_iter(
            detail::as_iterable(std::forward<S>(source)), read_ahead, std::move(stop), where);
    }

    /// Leaves all contexts, newest first, cancels what still runs, and ends the loop. Calls in flight
    /// end with Errc::runner_closed, and so does every later one. Does nothing
    /// if all has ended before.
    ///
    /// Blocks:    until everything has unwound.
    /// Throws:    what the aexit of a context threw (the first; the others go to Options::on_error).
    ///            Errc::timed_out after Options::close_timeout, naming what still runs; closing goes on,
    ///            and close() may be called again, which cancels again what has dealt with the first request.
    /// Threads:   any but the loop's own; several at once.
    void close();

    /// The same, with its own limit. Returns false if something still ran when the time was up.
    template <class Rep, class Period>
    bool close_for(std::chrono::duration<Rep, Period> timeout) {
        if (!loop_->close_until(detail::deadline_after(timeout)))
            return false;
        rethrow_exit_error();
        return true;
    }

    /// Tells what runs, and what each task waits for: everything that was handed to this runner and has not ended,
    /// the tasks of run() and start_soon(), the functions of call(), the contexts, the ranges with read-ahead. Not
    /// the tasks that they start: the children of a group belong to the task that waits for them.
    ///
    /// Throws:    std::bad_alloc.
    /// Threads:   any, the loop's own as well, also while a handler blocks the loop, and after close(). The loop
    ///            does not begin or end a task meanwhile: 10,000 tasks hold it up for one or two milliseconds.
    /// Semantics: `asyncio.all_tasks`.
    std::vector<TaskInfo> tasks() const;

    /// Writes the same in words, a line for each task, and the functions that the pool of the loop's to_thread()
    /// is at. For people: what it looks like changes.
    ///
    /// Threads:   as for tasks(). Nothing is locked while it writes.
    void dump(std::ostream& out) const;

    /// Tells what the runner has done so far, in numbers.
    ///
    /// Throws:    std::bad_alloc.
    /// Threads:   as for tasks().
    Stats stats() const;

protected:
    explicit RunnerBase(std::shared_ptr<detail::Loop> loop);

    /// Goes on with another loop. The one from before the fork is left alone.
    void replace_forked(std::shared_ptr<detail::Loop> loop);
    RunnerBase(RunnerBase const&) = delete;
    RunnerBase& operator=(RunnerBase const&) = delete;

    /// Closes however long it takes, and reports each close_timeout that passes: a coroutine cannot be
    /// abandoned, because it may refer to frames that would be gone. On the loop's own thread it does
    /// not wait. In the child of a fork it does nothing.
    ~RunnerBase();

private:
    friend struct detail::LoopAccess;

    // Not inlined: nothing of it is to burden a call() in a process without context variables.
    template <class F>
    [[gnu::noinline]] std::invoke_result_t<F> call_inheriting(F&& function, Where where) {
        using Inheriting = detail::InheritingFunction<F>;
        detail::FunctionCall<Inheriting> call(*loop_, Inheriting(std::forward<F>(function)), where);
        return call.run();
    }

    template <class T>
    task_result_t<T> run_until_deadline(T&& task, detail::Deadline deadline, Where where) {
        detail::BlockingCall<T> call(*loop_, std::forward<T>(task), where);
        return call.run(deadline);
    }

    template <class S>
    std::shared_ptr<detail::ContextHolder<S>> entered(
        S&& source, detail::ContextTask::AtClose at_close, std::stop_token stop, Where where) {
        auto holder = std::make_shared<detail::ContextHolder<S>>(
            *loop_, std::forward<S>(source), at_close, where);
        holder->enter(std::move(stop));
        return holder;
    }

    void rethrow_exit_error();

    std::shared_ptr<detail::Loop> loop_;
    std::optional<detail::StallWatch> watch_;
};

namespace detail {

/// For parts that go on with a runner's loop when the runner may be gone.
struct LoopAccess {
    static std::shared_ptr<Loop> const& loop_of(RunnerBase const& runner) noexcept {
        return runner.loop_;
    }
};

}  // namespace detail

}  // namespace syncopate::inline v0_1

#ifndef SYNCOPATE_SEPARATE_COMPILATION
#include <syncopate/impl/runner_base.ipp>
#endif
