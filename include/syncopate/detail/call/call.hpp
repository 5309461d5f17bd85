// One task's way through a loop: submission, start, cancellation, and an end that comes exactly once.
#pragma once

#include <syncopate/detail/call/cancel_handshake.hpp>
#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/loop/operation.hpp>
#include <syncopate/detail/loop/task_record.hpp>
#include <syncopate/detail/task/pooled_coroutine.hpp>
#include <syncopate/error.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <exception>
#include <source_location>
#include <utility>

namespace syncopate::detail {

/// The state of a call. It lies where its user puts it (in the frame of a blocked caller, or on the
/// heap) and stays there until released(), which is the last that the loop has to do with it.
///
/// The end. On the loop, the call is held by start() and by the coroutine that carries it. When the last
/// Hold goes, nothing on the loop refers to the task, its captures or its exception any more. This
/// also covers a frame that is destroyed instead of resumed, because the io_context went away: then
/// there is no outcome, and the user reports Errc::loop_failed.
///
/// Cancellation from other threads is an operation of its own, which must have run before the call
/// may go: the last of the two calls released(), and knows it from the CancelHandshake.
class Call : public TaskRecord, protected SpawnedTask {
public:
    Call(Loop& loop, std::source_location where) noexcept : TaskRecord(where), loop_(loop) {}
    Call(Call const&) = delete;
    Call& operator=(Call const&) = delete;

    /// Sends the call on its way. What cannot be submitted ends at once, with that error.
    void submit() noexcept {
        try {
            loop_.submit(start_);
        } catch (...) {
            fail(std::current_exception());
            release();
        }
    }

    /// The same, for a call that nothing else refers to yet: what cannot be submitted throws.
    void submit_or_throw() { loop_.submit(start_); }

    /// Asks the task to stop, from any thread, before or after submit(). The caller knows that the
    /// call's memory is still there; the task may have ended.
    void request_cancel(Errc reason) noexcept {
        if (!handshake_.request())
            return;
        requested_ = reason;
        try {
            loop_.submit(cancel_);
        } catch (...) {
            // The loop has ended, and the task with it; or there is no memory, and the task goes on.
            if (!loop_.is_closed())
                loop_.report(std::current_exception());
            release_cancel();
        }
    }

    void cancel(Errc reason) noexcept final {
        if (reason_ != Errc{} || is_clean_up())
            return;
        reason_ = reason;
        stop(reason);
    }

    /// Why the task was asked to stop, or Errc{}. After the end, or on the loop.
    Errc reason() const noexcept { return reason_; }

protected:
    ~Call() = default;

    Loop& loop() const noexcept { return loop_; }

    /// Whether the task has moved to another thread, as Asio lets it with bind_executor. The state of
    /// the call is the loop's: body() has to return to it.
    bool has_left_loop() const noexcept { return !loop_.running_in_this_thread(); }

    /// Posts the coroutine back. As soon as the loop has it, all may end there, and the thread that
    /// posts is not one that anybody waits for: it keeps the io_context until its post has returned.
    boost::asio::awaitable<void> return_to_loop() {
        return boost::asio::async_initiate<boost::asio::use_awaitable_t<> const, void()>(
            [&loop = loop_](auto handler) {
                auto const keep = loop.shared_from_this();
                boost::asio::post(keep->executor(), std::move(handler));
            },
            boost::asio::use_awaitable);
    }

    /// Delivers the cancellation to the task.
    virtual void stop(Errc) noexcept { emit_cancellation(); }

    void emit_cancellation() noexcept {
        if (loop_.is_lost())
            return;
        try {
            SpawnedTask::emit_cancellation();
        } catch (...) {
            loop_.report(std::current_exception());
        }
    }

private:
    /// Whether this is what close() must let happen: then it also starts while the loop is closing, and
    /// nothing cancels it.
    virtual bool is_clean_up() const noexcept { return false; }
    /// The loop, or whoever ends the call, is done with it: it may be destroyed from now on.
    virtual void released() noexcept = 0;

    static std::exception_ptr cancellation() noexcept {
        return std::make_exception_ptr(
            boost::system::system_error(boost::asio::error::operation_aborted));
    }

    void start() noexcept {
        Hold const hold(*this);
        loop_.task_started(*this);
        if (reason_ == Errc{} && (!is_clean_up() || loop_.has_drained()))
            reason_ = loop_.refusal();
        if (reason_ != Errc{})
            return fail(cancellation());  // before it began
        try {
            PooledCoroutine::run(loop_.executor(), loop_.coroutine_pool(), *this);
        } catch (...) {
            fail(std::current_exception());
        }
    }

    void end() noexcept final {
        Loop& loop = loop_;
        loop.task_ended(*this);
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
    MemberOperation<Call, &Call::start> start_{*this};
    MemberOperation<Call, &Call::run_cancel> cancel_{*this};
    CancelHandshake handshake_;
    Errc reason_{};     // the loop's
    Errc requested_{};  // carried by cancel_
};

}  // namespace syncopate::detail
