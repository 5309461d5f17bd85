// Call: one task's way through a loop, from its submission to its release, which comes exactly once.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/call/cancel_handshake.hpp>
#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/loop/operation.hpp>
#include <syncopate/detail/loop/task_record.hpp>
#include <syncopate/detail/separate.hpp>
#include <syncopate/detail/task/pooled_coroutine.hpp>
#include <syncopate/detail/values/task_values.hpp>
#include <syncopate/error.hpp>

#include SYNCOPATE_ASIO(awaitable.hpp)

#include <atomic>
#include <concepts>
#include <exception>
#include <source_location>
#include <string>

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
    void submit() noexcept;

    /// Submits a call that nothing else refers to yet. If that fails, it throws, and the call has not begun.
    void submit_or_throw() { loop_.submit(start_); }

    /// Ends the call at once, on this thread, if the loop has not begun with it; otherwise asks the task to stop.
    /// From any thread, before or after submit(), also after the task's end; but the caller must know that the
    /// call has not been destroyed.
    void withdraw_or_cancel(Errc reason) noexcept;

    /// Whether the loop has begun with it. From any thread.
    bool has_begun() const noexcept { return loop_.has_begun(*this); }

    /// Asks the task to stop, once it has begun. From where withdraw_or_cancel() may be called.
    void request_cancel(Errc reason) noexcept;

    /// Returns whether the loop had not begun. Then the call may be gone.
    bool withdraw(Errc reason) noexcept;

    bool may_be_refused() const noexcept final { return !is_clean_up(); }

    SYNCOPATE_DECL void refuse(Errc reason) noexcept final;

    SYNCOPATE_DECL void lose() noexcept final;

    SYNCOPATE_DECL void cancel(Errc reason) noexcept final;

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
    asio::awaitable<void> return_to_loop();

    /// Cancels the task. On the loop.
    virtual void stop(Errc) noexcept { emit_cancellation(); }

    void emit_cancellation() noexcept;

private:
    /// Whether the task is clean-up. That is started also while the loop is closing, and is not cancelled.
    virtual bool is_clean_up() const noexcept { return false; }
    /// On the loop, just before the task starts. What it throws is the task's end.
    virtual void starting() {}
    /// Nothing refers to the call any more. It may be destroyed from now on.
    virtual void released() noexcept = 0;

    void start() noexcept;

    void tell_begin() noexcept;

    bool is_running() const noexcept final { return has_step(); }
    SYNCOPATE_DECL std::string waits_for() const override;

    bool is_cancelling() const noexcept final {
        return reason() != Errc{} || handshake_.is_requested();
    }

    void set_reason(Errc reason) noexcept { reason_.store(reason, std::memory_order_relaxed); }

    SYNCOPATE_DECL void released_by_loop() noexcept final;

    void release() noexcept {
        if (handshake_.release_call())
            released();
    }

    void run_cancel() noexcept;

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

#ifndef SYNCOPATE_SEPARATE_COMPILATION
#include <syncopate/detail/call/call.ipp>
#endif
