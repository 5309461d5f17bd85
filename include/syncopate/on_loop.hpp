// OnLoop: an asynchronous object for synchronous code: it is made, used and destroyed on a runner's loop.
#pragma once

#include <syncopate/concepts.hpp>
#include <syncopate/context_guard.hpp>
#include <syncopate/detail/call/blocking_call.hpp>
#include <syncopate/detail/call/function_call.hpp>
#include <syncopate/detail/call/loop_object.hpp>
#include <syncopate/detail/call/task_call.hpp>
#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/task/inheriting_function.hpp>
#include <syncopate/detail/task/owned_or_ref.hpp>
#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/error.hpp>
#include <syncopate/runner_base.hpp>

#include <chrono>
#include <concepts>
#include <functional>
#include <future>
#include <memory>
#include <source_location>
#include <stop_token>
#include <tuple>
#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1 {

/// Owns an object that belongs to a loop, such as a socket or a client of an asynchronous library.
///
/// ```cpp
/// OnLoop<asio::ip::tcp::socket> socket{runner};
/// socket.run([&](auto& s) { return s.async_connect(endpoint, asio::deferred); });
/// ```
///
/// The object is made on the loop, used there, and destroyed there: with this, or by the runner's close(), in the order
/// of the runner's contexts. Tasks that still use it keep it until they have ended. After the runner has been closed,
/// or destroyed, every use throws Errc::runner_closed.
///
/// T:         need not be movable.
/// Blocks:    the constructor and the destructor, until the object has been made or destroyed; the latter not on the
///            loop's own thread.
/// Threads:   every member from any thread but the loop's own, several at once; what they do happens on the loop, one
///            after another up to where tasks suspend.
/// Semantics: Python's synchronicity, for one object.
template <class T>
class OnLoop {
public:
    /// Where a call is made: the file and the line, for messages.
    using Where = std::source_location;

    /// Makes the object.
    ///
    /// runner:    may be closed, and destroyed, before this.
    /// args:      of a constructor of T. If there is no such constructor, or none are given and T has an executor_type,
    ///            the loop's executor comes first.
    /// Throws:    what the constructor throws; as the runner's wrap_context().
    template <class... Args>
        requires detail::MadeOnLoop<T, Args...>
    explicit OnLoop(RunnerBase& runner, Args&&... args)
        : loop_(detail::LoopAccess::loop_of(runner)),
          slot_(std::make_shared<detail::LoopSlot<T>>()),
          guard_(runner.wrap_context(
              detail::LoopObject<T, Args...>(*loop_, slot_, std::forward<Args>(args)...))) {}

    /// Runs a task that uses the object, and gives what it returns.
    ///
    /// function:  called with the object on the loop; returns an awaitable or a deferred operation.
    /// Blocks:    as RunnerBase::run().
    /// Throws:    as RunnerBase::run().
    template <detail::LoopObjectFunction<T> F>
    detail::object_result_t<F, T> run(F&& function, Where where = Where::current()) {
        return run_until_deadline(std::forward<F>(function), detail::no_deadline, where);
    }
    /// The same; a stop request cancels the task.
    template <detail::LoopObjectFunction<T> F>
    detail::object_result_t<F, T> run(
        F&& function, std::stop_token stop, Where where = Where::current()) {
        using Use = detail::ObjectTask<T, F>;
        return detail::BlockingCall<Use>(*loop_, Use(slot_, std::forward<F>(function)), where)
            .run(std::move(stop));
    }

    /// The same; the task is cancelled when the time is up, as RunnerBase::run_for() does it.
    template <class Rep, class Period, detail::LoopObjectFunction<T> F>
    detail::object_result_t<F, T> run_for(
        std::chrono::duration<Rep, Period> timeout, F&& function, Where where = Where::current()) {
        return run_until_deadline(
            std::forward<F>(function), detail::deadline_after(timeout), where);
    }

    /// Starts such a task, and gives a future of its result, as RunnerBase::run_as_future() does it.
    template <detail::LoopObjectFunction<T> F>
    [[nodiscard]] std::future<detail::object_result_t<F, T>> run_as_future(
        F&& function, std::stop_token stop = {}, Where where = Where::current()) {
        using Use = detail::ObjectTask<T, std::decay_t<F>>;
        loop_->prepare();
        if (stop.stop_requested())
            loop_->throw_error(Errc::cancelled);
        return detail::FutureCall<Use>::start(
            *loop_, Use(slot_, detail::owned(std::forward<F>(function))), std::move(stop), where);
    }

    /// Starts a task that nobody waits for, such as the one that keeps a client connected. It lasts no longer than the
    /// object: before that is destroyed, the task is cancelled and awaited.
    ///
    /// function:  as for run(). It, and what it holds, lives as long as the task; an lvalue is copied.
    /// Blocks:    until the task is suspended for the first time.
    /// Throws:    nothing of the task's: its failure goes to Options::on_error, unless it is operation_aborted, by
    ///            whomever it was cancelled. Otherwise as RunnerBase::call().
    template <detail::LoopObjectFunction<T> F>
    void start_soon(F&& function, Where where = Where::current()) {
        using Use = detail::ObjectTask<T, std::decay_t<F>>;
        auto start = [&] {
            slot_->start_child(*loop_, Use(slot_, detail::owned(std::forward<F>(function))));
        };
        using Start = detail::InheritingFunction<decltype(start)&>;
        detail::FunctionCall<Start>(*loop_, Start(start), where).run();
    }

    /// Calls a plain function with the object on the loop, and gives what it returns.
    ///
    /// Blocks:    as RunnerBase::call().
    /// Throws:    as RunnerBase::call().
    template <std::invocable<T&> F>
    std::invoke_result_t<F, T&> call(F&& function, Where where = Where::current()) {
        auto const use = [&]() -> std::invoke_result_t<F, T&> {
            auto const object = slot_->get();
            return std::invoke(std::forward<F>(function), *object);
        };
        return detail::FunctionCall<decltype(use)&>(*loop_, use, where).run();
    }

    /// Destroys the object now. Does nothing the second time, or after the runner has been closed.
    void close() { guard_.close(); }

private:
    template <class F>
    detail::object_result_t<F, T> run_until_deadline(
        F&& function, detail::Deadline deadline, Where where) {
        using Use = detail::ObjectTask<T, F>;
        return detail::BlockingCall<Use>(*loop_, Use(slot_, std::forward<F>(function)), where)
            .run(deadline);
    }

    std::shared_ptr<detail::Loop> loop_;
    std::shared_ptr<detail::LoopSlot<T>> slot_;
    ContextGuard<detail::LoopSlot<T>&> guard_;
};

}  // namespace syncopate::inline v0_1
