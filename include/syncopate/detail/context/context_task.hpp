// ContextTask: the task of one asynchronous context, which enters it, stays parked while its scope lasts, and
// leaves it.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/call/call.hpp>
#include <syncopate/detail/context/context_park.hpp>
#include <syncopate/detail/intrusive_pointer.hpp>
#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/loop/operation.hpp>
#include <syncopate/detail/loop/task_record.hpp>
#include <syncopate/detail/loop/work_executor.hpp>
#include <syncopate/detail/separate.hpp>
#include <syncopate/detail/task/caller_link.hpp>
#include <syncopate/detail/task/outcome.hpp>
#include <syncopate/detail/wait/one_shot_event.hpp>
#include <syncopate/detail/work/calling_thread.hpp>
#include <syncopate/detail/work/closing_threads.hpp>
#include <syncopate/error.hpp>

#include SYNCOPATE_ASIO(awaitable.hpp)

#include <exception>
#include <memory>
#include <source_location>
#include <stop_token>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// aenter and aexit run in one task, because some contexts must not change tasks in between: a task group, a
/// timeout scope. The task owns itself until it has been released; its guard may own it for longer.
class ContextTask : public Call,
                    private OpenContext,
                    public std::enable_shared_from_this<ContextTask> {
public:
    /// Whether aexit is given an error, Errc::runner_closed, when close() leaves the context.
    enum class AtClose { leaves_normally, leaves_with_error };
    ContextTask(Loop& loop, AtClose at_close, std::source_location where)
        : Call(loop, where), at_close_(at_close), keep_loop_(loop.shared_from_this()),
          closing_threads_(ClosingThreads::of(loop)) {}
    virtual ~ContextTask() = default;

    using Call::loop;

    /// Enters the context. Blocks until aenter has ended.
    /// Throws: what aenter throws; the context has not been entered then.
    ///         Errc::cancelled after a stop request.
    SYNCOPATE_DECL void enter(std::stop_token stop);

    /// Leaves the context with this exception, or null. Blocks until aexit has ended. Once.
    ///
    /// Returns: whether the exception was suppressed, or what aexit threw. Empty if close() has left the
    ///          context: then close() reports what aexit threw.
    /// Throws:  DeadlockError if the wait could never end, std::bad_alloc; nothing has been done then.
    SYNCOPATE_DECL Outcome<bool> exit(std::exception_ptr error, BlockingWait::Refuse refused);

    /// Has the loop leave the context later. What aexit throws goes to on_error.
    SYNCOPATE_DECL void exit_without_waiting(std::exception_ptr error) noexcept;

    bool has_been_left() const noexcept { return left_.is_set(); }

protected:
    /// What aexit is given. On the loop.
    std::exception_ptr const& exit_error() const noexcept { return exit_error_; }

private:
    /// thread: waits for the exit, and takes what aexit throws. If null, that is reported.
    SYNCOPATE_DECL void request_exit(std::exception_ptr error, CallingThread* thread);

    /// Makes the context, and enters it.
    virtual asio::awaitable<void> do_enter() = 0;
    /// Leaves the context, once exit_error() is set. Returns whether the exception is suppressed.
    virtual asio::awaitable<bool> do_exit() = 0;
    /// Destroys what do_enter() has made.
    virtual void destroy_context() noexcept = 0;

    SYNCOPATE_DECL asio::awaitable<void> body() final;

    /// Wakes the caller of enter(). Returns false if the context is to be left at once.
    SYNCOPATE_DECL bool tell_entered() noexcept;
    SYNCOPATE_DECL void hand_out_exit_error() noexcept;
    SYNCOPATE_DECL void run_exit() noexcept;

    /// A thread waits for the task from now on; null: nobody does.
    SYNCOPATE_DECL void is_served_by(CallingThread* thread) noexcept;
    SYNCOPATE_DECL void leave_for_close(Errc reason) noexcept final;

    /// Who takes what aexit throws.
    enum class Taker { nobody_yet, guard, close, on_error };

    /// Resumes the parked task, to leave the context with this error. Only the first call counts.
    SYNCOPATE_DECL void unpark(std::exception_ptr error, Taker taker) noexcept;

    SYNCOPATE_DECL void stop(Errc reason) noexcept final;
    SYNCOPATE_DECL void fail(std::exception_ptr error) noexcept final;
    SYNCOPATE_DECL void released() noexcept final;

    AtClose const at_close_;
    std::shared_ptr<Loop> const keep_loop_;
    WorkExecutor& closing_threads_;
    std::shared_ptr<ContextTask> keep_self_;
    Outcome<void> entry_;
    OneShotEvent entered_;
    OneShotEvent left_;

    // For exit_: written before it is submitted.
    MemberOperation<ContextTask, &ContextTask::run_exit> exit_{*this};
    std::shared_ptr<ContextTask> keep_self_for_exit_;
    std::exception_ptr requested_error_;
    CallingThread* leaving_thread_ = nullptr;

    // Written before the task is submitted; then used on the loop only.
    CallingThread* serving_thread_ = nullptr;
    BlockedThread blocked_;

    // Used on the loop only, until left_ is set.
    bool is_entering_ = true;
    IntrusivePointer<ContextPark> park_;
    Taker exit_taker_ = Taker::nobody_yet;
    std::exception_ptr exit_error_;
    Outcome<bool> exit_outcome_;
};

}  // namespace syncopate::inline v0_1::detail

#ifndef SYNCOPATE_SEPARATE_COMPILATION
#include <syncopate/detail/context/context_task.ipp>
#endif
