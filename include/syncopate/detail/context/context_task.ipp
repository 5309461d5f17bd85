// The functions of ContextTask.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/call/call.hpp>
#include <syncopate/detail/cancellation/cancellation.hpp>
#include <syncopate/detail/context/context_park.hpp>
#include <syncopate/detail/deadlock/fiber_scope.hpp>
#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/separate.hpp>
#include <syncopate/detail/task/outcome.hpp>
#include <syncopate/detail/work/calling_thread.hpp>
#include <syncopate/error.hpp>

#include SYNCOPATE_ASIO(awaitable.hpp)
#include SYNCOPATE_ASIO(cancellation_state.hpp)
#include SYNCOPATE_ASIO(this_coro.hpp)

#include <exception>
#include <stop_token>
#include <utility>

namespace syncopate::inline v0_1::detail {

SYNCOPATE_DECL void ContextTask::enter(std::stop_token stop) {
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

SYNCOPATE_DECL Outcome<bool> ContextTask::exit(
    std::exception_ptr error, BlockingWait::Refuse refused) {
    Loop::Blocking blocking(loop(), left_, refused);
    CallingThread thread(left_);
    thread.blocks_in(blocking);
    request_exit(std::move(error), &thread);
    thread.wait(blocking);
    loop().require_here();
    return std::move(exit_outcome_);
}

SYNCOPATE_DECL void ContextTask::exit_without_waiting(std::exception_ptr error) noexcept {
    if (loop().was_forked())
        return;
    try {
        request_exit(std::move(error), nullptr);
    } catch (...) {
        loop().report(std::current_exception());  // it stays open until the loop is closed
    }
}

SYNCOPATE_DECL void ContextTask::request_exit(std::exception_ptr error, CallingThread* thread) {
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

SYNCOPATE_DECL asio::awaitable<void> ContextTask::body() {
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

SYNCOPATE_DECL bool ContextTask::tell_entered() noexcept {
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

SYNCOPATE_DECL void ContextTask::hand_out_exit_error() noexcept {
    exit_error_ = nullptr;
    if (exit_taker_ == Taker::guard)
        return;
    if (auto error = std::exchange(exit_outcome_, {}).error())
        exit_taker_ == Taker::close ? loop().exit_failed(error) : loop().report(error);
}

SYNCOPATE_DECL void ContextTask::run_exit() noexcept {
    auto const keep = std::move(keep_self_for_exit_);
    auto error = std::move(requested_error_);
    if (has_been_left())
        return;  // and the guard's thread has gone on, if it waited
    if (leaving_thread_)
        is_served_by(leaving_thread_);
    unpark(std::move(error), leaving_thread_ ? Taker::guard : Taker::on_error);
}

SYNCOPATE_DECL void ContextTask::is_served_by(CallingThread* thread) noexcept {
    if (serving_thread_)
        serving_thread_->close();
    serving_thread_ = thread;
    blocked_.call = thread ? thread->call : CallId(0);
    blocked_.caller_queue = thread;
    blocked_.worker = thread ? thread->worker : nullptr;
}

SYNCOPATE_DECL void ContextTask::leave_for_close(Errc reason) noexcept {
    if (exit_taker_ == Taker::nobody_yet)
        blocked_.caller_queue = &closing_threads_;
    unpark(at_close_ == AtClose::leaves_normally ? nullptr : loop().error(reason), Taker::close);
}

SYNCOPATE_DECL void ContextTask::unpark(std::exception_ptr error, Taker taker) noexcept {
    if (exit_taker_ != Taker::nobody_yet)
        return;
    exit_taker_ = taker;
    exit_error_ = std::move(error);
    if (!loop().is_lost())
        park_->unpark();
}

SYNCOPATE_DECL void ContextTask::stop(Errc reason) noexcept {
    if (OpenContext::is_linked() && reason != Errc::cancelled)
        leave_for_close(reason);
    else if (is_entering_ || reason != Errc::cancelled)
        emit_cancellation();
    // else a stop request has come when the context had been entered
}

SYNCOPATE_DECL void ContextTask::fail(std::exception_ptr error) noexcept {
    entry_.fail(std::move(error));
}

SYNCOPATE_DECL void ContextTask::released() noexcept {
    auto const keep = std::move(keep_self_);
    if (entry_.empty())
        entry_.fail(loop().error(Errc::loop_failed));
    if (OpenContext::is_linked())
        loop().context_left(*this);
    is_served_by(nullptr);
    entered_.set();
    left_.set();
}

}  // namespace syncopate::inline v0_1::detail
