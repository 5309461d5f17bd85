// Call: one task's way through a loop, from its submission to its release, which comes exactly once.
#pragma once

#include <syncopate/detail/call/cancel_handshake.hpp>
#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/loop/operation.hpp>
#include <syncopate/detail/loop/task_record.hpp>
#include <syncopate/detail/task/cancellation.hpp>
#include <syncopate/detail/task/pooled_coroutine.hpp>
#include <syncopate/detail/values/task_values.hpp>
#include <syncopate/error.hpp>
#include <syncopate/event.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <concepts>
#include <exception>
#include <source_location>
#include <string>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// Lies where its user puts it, in the frame of a blocked caller or on the heap, and must stay there until
/// the loop calls released(), its last use of the call.
///
/// The end. On the loop, start() and the coroutine that runs the task hold the call. When the last Hold goes,
/// nothing on the loop refers to the task, its captures or its exception any more. The same happens when the
/// coroutine's frame is destroyed, because the io_context went away: then there is no outcome, and the user
/// reports Errc::loop_failed.
///
/// Cancellation from another thread is an operation of its own, which refers to the call until it has run.
/// So two may be the last to use the call, and the CancelHandshake tells which of them calls released().
class Call : public TaskRecord, protected SpawnedTask {
public:
    /// values: nothing, or as for SpawnedTask.
    template <std::same_as<TaskValuesPointer>... Values>
    Call(Loop& loop, std::source_location where, Values const&... values)
        : TaskRecord(where), SpawnedTask(values...), loop_(loop) {
        loop.keep_callers_library();
    }
    Call(Call const&) = delete;
    Call& operator=(Call const&) = delete;

    /// Submits the call to its loop. If that fails, the call ends at once with that error.
    void submit() noexcept {
        try {
            loop_.submit(start_);
        } catch (...) {
            fail(std::current_exception());
            release();
        }
    }

    /// Submits a call that nothing else refers to yet. If that fails, it throws, and the call has not begun.
    void submit_or_throw() { loop_.submit(start_); }

    /// Ends the call at once, on this thread, if the loop has not begun with it; otherwise asks the task to stop.
    /// From any thread, before or after submit(), also after the task's end; but the caller must know that the
    /// call has not been destroyed.
    void withdraw_or_cancel(Errc reason) noexcept {
        if (loop_.was_forked())
            return;  // asked in the child of a fork, by a token that it has a copy of
        if (!withdraw(reason))
            request_cancel(reason);
    }

    /// Whether the loop has begun with it. From any thread.
    bool has_begun() const noexcept { return loop_.has_begun(*this); }

    /// Asks the task to stop, once it has begun. From where withdraw_or_cancel() may be called.
    void request_cancel(Errc reason) noexcept {
        if (loop_.was_forked())
            return;
        if (!handshake_.request())
            return;
        requested_ = reason;
        try {
            loop_.submit(cancel_);
        } catch (...) {
            // Either the loop has ended, and the task with it; or there is no memory, and the task goes on.
            if (!loop_.is_closed())
                loop_.report(std::current_exception());
            release_cancel();
        }
    }

    /// Returns whether the loop had not begun. Then the call may be gone.
    bool withdraw(Errc reason) noexcept {
        if (!may_be_refused() || !loop_.withdraw(start_))
            return false;
        auto const loop =
            loop_.shared_from_this();  // the call ends here, and with it maybe the runner
        refuse(reason);
        loop->wake_caller();
        return true;
    }

    bool may_be_refused() const noexcept final { return !is_clean_up(); }

    void refuse(Errc reason) noexcept final {
        set_reason(reason);
        fail(cancellation_error());
        release();
    }

    void lose() noexcept final { release_without_end(); }

    void cancel(Errc reason) noexcept final {
        if (is_clean_up())
            return;
        // The task may have dealt with an earlier request, or was not to be cancelled then: this is another.
        if (this->reason() == Errc{})
            set_reason(reason);
        stop(reason);
    }

    /// Why the task was asked to stop, or Errc{}. On the loop, or after the release.
    Errc reason() const noexcept { return reason_.load(std::memory_order_relaxed); }

protected:
    ~Call() = default;

    Loop& loop() const noexcept { return loop_; }

    /// Whether the task has moved to another thread, as Asio lets it with bind_executor. Then body() has to
    /// return: the call's state belongs to the loop.
    bool has_left_loop() const noexcept { return !loop_.running_in_this_thread(); }

    /// Posts the coroutine back to the loop. It may end there at once, and the loop with it, before the post
    /// has returned on this thread, for which nobody waits. So this thread keeps the loop until then.
    boost::asio::awaitable<void> return_to_loop() {
        return boost::asio::async_initiate<boost::asio::use_awaitable_t<> const, void()>(
            [&loop = loop_](auto handler) {
                auto const keep = loop.shared_from_this();
                boost::asio::post(keep->executor(), std::move(handler));
            },
            boost::asio::use_awaitable);
    }

    /// Cancels the task. On the loop.
    virtual void stop(Errc) noexcept { emit_cancellation(); }

    void emit_cancellation() noexcept {
        if (loop_.is_lost())
            return;
        Loop::TaskOnThread const on_thread(loop_, id());
        try {
            SpawnedTask::emit_cancellation();
        } catch (...) {
            loop_.report(std::current_exception());
        }
    }

private:
    /// Whether the task is clean-up. That is started also while the loop is closing, and is not cancelled.
    virtual bool is_clean_up() const noexcept { return false; }
    /// On the loop, just before the task starts. What it throws is the task's end.
    virtual void starting() {}
    /// Nothing refers to the call any more. It may be destroyed from now on.
    virtual void released() noexcept = 0;

    void start() noexcept {
        Hold const hold(*this);
        if (reason() == Errc{} && (!is_clean_up() || loop_.has_unwound()))
            set_reason(loop_.refusal());
        if (reason() != Errc{})
            return fail(cancellation_error());  // the task does not start
        Loop::TaskOnThread const on_thread(loop_, id());
        if (loop_.events()) [[unlikely]]
            tell_begin();
        try {
            starting();
            PooledCoroutine::run(loop_.executor(), loop_.coroutine_pool(), *this);
        } catch (...) {
            fail(std::current_exception());
        }
    }

    void tell_begin() noexcept {
        is_told_of_ = true;
        loop_.events()->tell(Event::Phase::begin, event_source());
    }

    bool is_running() const noexcept final { return has_step(); }
    std::string waits_for() const override {
        return has_children() ? "tasks that it has started" : "";
    }

    bool is_cancelling() const noexcept final {
        return reason() != Errc{} || handshake_.is_requested();
    }

    void set_reason(Errc reason) noexcept { reason_.store(reason, std::memory_order_relaxed); }

    void released_by_loop() noexcept final {
        Loop& loop = loop_;
        loop.task_completed(*this);
        if (is_told_of_) [[unlikely]]
            loop.events()->tell(Event::Phase::end, event_source());
        release();
        loop.task_released();
    }

    void release() noexcept {
        if (handshake_.release_call())
            released();
    }

    void run_cancel() noexcept {
        if (!handshake_.is_call_released())
            cancel(requested_);
        release_cancel();
    }

    void release_cancel() noexcept {
        if (handshake_.release_cancel())
            released();
    }

    Loop& loop_;
    MemberOperation<Call, &Call::start> start_{*this, this};
    MemberOperation<Call, &Call::run_cancel> cancel_{*this};
    CancelHandshake handshake_;
    std::atomic<Errc> reason_{
        Errc{}};               // changed on the loop, or by who has withdrawn it; others look
    Errc requested_{};         // written before cancel_ is submitted
    bool is_told_of_ = false;  // the loop's
};

}  // namespace syncopate::inline v0_1::detail
