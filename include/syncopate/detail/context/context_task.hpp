// ContextTask: the task of one asynchronous context, which enters it, stays parked while its scope lasts, and
// leaves it.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/call/call.hpp>
#include <syncopate/detail/cancellation/cancellation.hpp>
#include <syncopate/detail/context/context_park.hpp>
#include <syncopate/detail/intrusive_pointer.hpp>
#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/loop/operation.hpp>
#include <syncopate/detail/loop/task_record.hpp>
#include <syncopate/detail/loop/work_executor.hpp>
#include <syncopate/detail/task/caller_link.hpp>
#include <syncopate/detail/task/outcome.hpp>
#include <syncopate/detail/wait/one_shot_event.hpp>
#include <syncopate/detail/work/calling_thread.hpp>
#include <syncopate/detail/work/closing_threads.hpp>
#include <syncopate/error.hpp>

#include SYNCOPATE_ASIO(awaitable.hpp)
#include SYNCOPATE_ASIO(cancellation_state.hpp)
#include SYNCOPATE_ASIO(this_coro.hpp)

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
    void enter(std::stop_token stop) {
        Loop::Blocking blocking(loop(), entered_);
        loop().require_open();
        if (stop.stop_requested())
            loop().throw_error(Errc::cancelled);
        CallingThread thread(entered_);
        thread.blocks_in(blocking);
        is_served_by(&thread);
        blocked_.task = &id();
        blocked_.takes_none_because =
            "to_calling_thread() in a context that is open: a thread waits for it only while it is entered or "
            "left";
        set_blocked_thread(blocked_);
        auto cancel = [this]() noexcept { withdraw_or_cancel(Errc::cancelled); };
        FiberScope::Stoppable const stoppable(blocking.fiber(), cancel);
        keep_self_ = shared_from_this();
        {
            submit();  // first, so that there is something to withdraw
            std::stop_callback const on_stop(std::move(stop), cancel);
            thread.wait(blocking);
        }
        loop().require_here();
        if (entry_.error() && reason() != Errc{} && is_cancellation(entry_.error())) {
            stoppable.set_delivered();
            loop().throw_error(reason());
        }
        entry_.take();
    }

    /// Leaves the context with this exception, or null. Blocks until aexit has ended. Once.
    ///
    /// Returns: whether the exception was suppressed, or what aexit threw. Empty if close() has left the
    ///          context: then close() reports what aexit threw.
    /// Throws:  DeadlockError if the wait could never end, std::bad_alloc; nothing has been done then.
    Outcome<bool> exit(std::exception_ptr error, BlockingWait::Refuse refused) {
        Loop::Blocking blocking(loop(), left_, refused);
        CallingThread thread(left_);
        thread.blocks_in(blocking);
        request_exit(std::move(error), &thread);
        thread.wait(blocking);
        loop().require_here();
        return std::move(exit_outcome_);
    }

    /// Has the loop leave the context later. What aexit throws goes to on_error.
    void exit_without_waiting(std::exception_ptr error) noexcept {
        if (loop().was_forked())
            return;
        try {
            request_exit(std::move(error), nullptr);
        } catch (...) {
            loop().report(std::current_exception());  // it stays open until the loop is closed
        }
    }

    bool has_been_left() const noexcept { return left_.is_set(); }

protected:
    /// What aexit is given. On the loop.
    std::exception_ptr const& exit_error() const noexcept { return exit_error_; }

private:
    /// thread: waits for the exit, and takes what aexit throws. If null, that is reported.
    void request_exit(std::exception_ptr error, CallingThread* thread) {
        requested_error_ = std::move(error);
        leaving_thread_ = thread;
        keep_self_for_exit_ = shared_from_this();
        try {
            loop().submit(exit_);
        } catch (...) {
            keep_self_for_exit_.reset();
            if (!has_been_left())  // close() may have left it since
                throw;
        }
    }

    /// Makes the context, and enters it.
    virtual asio::awaitable<void> do_enter() = 0;
    /// Leaves the context, once exit_error() is set. Returns whether the exception is suppressed.
    virtual asio::awaitable<bool> do_exit() = 0;
    /// Destroys what do_enter() has made.
    virtual void destroy_context() noexcept = 0;

    asio::awaitable<void> body() final {
        namespace this_coro = asio::this_coro;
        // What is needed to leave the context is made before that is entered.
        asio::awaitable<bool> exiting;
        try {
            park_ = new ContextPark(loop().executor());
            exiting = do_exit();
            co_await do_enter();
            entry_.emplace();
        } catch (...) {
            fail(std::current_exception());
        }
        is_entering_ = false;
        co_await this_coro::throw_if_cancelled(false);
        if (has_left_loop())
            co_await return_to_loop();
        if (!entry_.error()) {
            loop().context_entered(*this);
            if (tell_entered())
                co_await park_->wait_uncancelled();
            // From here on nothing cancels the task: an exit must be able to wait.
            co_await this_coro::reset_cancellation_state(asio::disable_cancellation());
            try {
                exit_outcome_.emplace(co_await std::move(exiting));
            } catch (...) {
                exit_outcome_.fail(std::current_exception());
            }
            hand_out_exit_error();
            if (has_left_loop())
                co_await return_to_loop();
        }
        destroy_context();
    }

    /// Wakes the caller of enter(). Returns false if the context is to be left at once.
    bool tell_entered() noexcept {
        if (Errc const refusal = loop().refusal(); refusal != Errc{}) {
            // close() began while the context was being entered: enter() throws.
            leave_for_close(refusal);
            entry_.fail(loop().error(refusal));
            return false;
        }
        is_served_by(nullptr);
        entered_.set();
        return true;
    }

    void hand_out_exit_error() noexcept {
        exit_error_ = nullptr;
        if (exit_taker_ == Taker::guard)
            return;
        if (auto error = std::exchange(exit_outcome_, {}).error())
            exit_taker_ == Taker::close ? loop().exit_failed(error) : loop().report(error);
    }

    void run_exit() noexcept {
        auto const keep = std::move(keep_self_for_exit_);
        auto error = std::move(requested_error_);
        if (has_been_left())
            return;  // and the guard's thread has gone on, if it waited
        if (leaving_thread_)
            is_served_by(leaving_thread_);
        unpark(std::move(error), leaving_thread_ ? Taker::guard : Taker::on_error);
    }

    /// A thread waits for the task from now on; null: nobody does.
    void is_served_by(CallingThread* thread) noexcept {
        if (serving_thread_)
            serving_thread_->close();
        serving_thread_ = thread;
        blocked_.call = thread ? thread->call : CallId(0);
        blocked_.caller_queue = thread;
        blocked_.worker = thread ? thread->worker : nullptr;
    }

    void leave_for_close(Errc reason) noexcept final {
        if (exit_taker_ == Taker::nobody_yet)
            blocked_.caller_queue = &closing_threads_;
        unpark(
            at_close_ == AtClose::leaves_normally ? nullptr : loop().error(reason), Taker::close);
    }

    /// Who takes what aexit throws.
    enum class Taker { nobody_yet, guard, close, on_error };

    /// Resumes the parked task, to leave the context with this error. Only the first call counts.
    void unpark(std::exception_ptr error, Taker taker) noexcept {
        if (exit_taker_ != Taker::nobody_yet)
            return;
        exit_taker_ = taker;
        exit_error_ = std::move(error);
        if (!loop().is_lost())
            park_->unpark();
    }

    void stop(Errc reason) noexcept final {
        if (OpenContext::is_linked() && reason != Errc::cancelled)
            leave_for_close(reason);
        else if (is_entering_ || reason != Errc::cancelled)
            emit_cancellation();
        // else a stop request has come when the context had been entered
    }

    void fail(std::exception_ptr error) noexcept final { entry_.fail(std::move(error)); }

    void released() noexcept final {
        auto const keep = std::move(keep_self_);
        if (entry_.empty())
            entry_.fail(loop().error(Errc::loop_failed));
        if (OpenContext::is_linked())
            loop().context_left(*this);
        is_served_by(nullptr);
        entered_.set();
        left_.set();
    }

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
