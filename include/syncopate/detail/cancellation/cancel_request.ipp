// The functions of CancelRequest, and what repeats the request.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/cancellation/cancellation.hpp>
#include <syncopate/detail/cancellation/coroutine_state.hpp>
#include <syncopate/detail/cancellation/emit_cancellation.hpp>
#include <syncopate/detail/cancellation/moved_coroutine.hpp>
#include <syncopate/detail/separate.hpp>

#include SYNCOPATE_ASIO(cancellation_signal.hpp)
#include SYNCOPATE_ASIO(steady_timer.hpp)

#include <algorithm>
#include <chrono>
#include <exception>
#include <memory>
#include <utility>

namespace syncopate::inline v0_1::detail {

class CancelRequest::Repetition : public std::enable_shared_from_this<Repetition> {
public:
    Repetition(CoroutineBottom& bottom, asio::cancellation_signal& signal)
        : bottom_(&bottom), signal_(signal), timer_(CoroutineState(bottom).executor()) {}

    void prepare() {
        has_reached_ = false;
        count_ = 0;
        missed_ = 0;
        if (!is_armed_)
            wait();  // first, because it may fail
        is_paused_ = false;
    }

    /// While the coroutine is held still. It may end inside this call, and its CancelRequest with it.
    void deliver() {
        auto const self = shared_from_this();
        CoroutineState coroutine(*bottom_);
        if (!std::exchange(is_waiting_, true))
            throws_ = coroutine.throws();
        if (throws_)
            coroutine.set_throws(false);
        coroutine.forget_suspension();
        if (coroutine.awaits_cancellable())
            has_awaited_cancellable_ = true;
        is_trusted_ = false;
        struct Delivering {
            explicit Delivering(Repetition& self) noexcept
                : outer(std::exchange(*delivering(), &self)) {}
            ~Delivering() { *delivering() = outer; }
            Repetition* outer;
        } const mark(*this);
        emit_cancellation(signal_);
        if (bottom_)
            has_reached_ = coroutine.is_cancelled();
    }

    bool take_over(CoroutineBottom const& bottom) noexcept {
        if (bottom_ != &bottom)
            return false;
        throws_ = true;
        is_paused_ = true;
        return true;
    }

    void go_on() noexcept {
        if (!std::exchange(is_paused_, false) || is_armed_ || !is_waiting_)
            return;
        try {
            wait();
        } catch (...) {
            stop();  // without memory it is as Asio does it
        }
    }

    void end() noexcept {
        bottom_ = nullptr;
        thrown_ = nullptr;  // the caller's; the timer may still refer to this object
        timer_.cancel();
    }

    void be_trusted() noexcept { is_trusted_ = true; }

private:
    using milliseconds = std::chrono::milliseconds;

    void wait() {
        // At the next turns first, then seldom.
        auto const count = (std::max)(count_, missed_);
        auto const delay = count < quick_repetitions
                               ? milliseconds(0)
                               : milliseconds((std::min)(count - quick_repetitions + 1, 16));
        timer_.expires_after(delay);
        timer_.async_wait([self = shared_from_this()](AsioErrorCode) {
            self->is_armed_ = false;
            if (self->bottom_ && !self->is_paused_)
                self->repeat();
        });
        is_armed_ = true;
    }

    void repeat() {
        auto const self = shared_from_this();
        HeldStill const still(bottom_);
        CoroutineState coroutine(*bottom_);
        if (still && has_reached_ && !coroutine.is_cancelled())
            return stop();
        missed_ = still ? 0 : missed_ + 1;
        count_ += still ? 1 : 0;
        try {
            wait();
        } catch (...) {
            if (still)
                stop();  // without memory it is as Asio does it
            return;
        }
        if (!still)
            return;
        if (!has_reached_)
            return deliver_again();
        if (!throws_)
            return;
        if (!coroutine.has_suspended())
            return has_waited(coroutine);
        if (coroutine.take_back(std::exchange(thrown_, nullptr)))
            could_not_throw(coroutine);
        if (coroutine.awaits_cancellable())
            return has_begun_another_wait(coroutine);
        watched_ = 0;
        coroutine.forget_suspension();
        // A coroutine that awaits by turns what can be cancelled and what cannot is found at either by chance.
        if (++in_vain_ >= (has_awaited_cancellable_ ? many_in_vain : quick_repetitions))
            throw_in(coroutine);
    }

    // What completes at once, such as a read of what has already come, cannot be cancelled any more when a turn has
    // passed. So every other wait is left alone for some turns: does it end by itself?

    void has_begun_another_wait(CoroutineState coroutine) noexcept {
        if (count_ >= quick_repetitions && watched_ == 0) {
            coroutine.forget_suspension();
            return watch();
        }
        if (watched_ > 1)
            throws_failed_ = 0;  // a timer, for instance
        watched_ = 0;
        deliver_again();
        if (is_trusted_)
            in_vain_ = throws_failed_ = 0;
        else if (++in_vain_ >= some_in_vain && bottom_ && !coroutine.has_suspended())
            throw_when_done(coroutine);
    }

    void has_waited(CoroutineState coroutine) noexcept {
        if (watched_ == 0)
            return;
        if (watched_ < turns_to_watch)
            return watch();
        watched_ = in_vain_ = throws_failed_ = 0;
        if (coroutine.awaits_cancellable())
            deliver_again();
    }

    void watch() noexcept {
        ++watched_;
        timer_.cancel();  // which calls repeat() at the next turn
    }

    /// The operation completes, but the innermost coroutine around it ends with this error.
    void throw_when_done(CoroutineState coroutine) noexcept {
        in_vain_ = 0;
        thrown_ = cancellation_error();
        if (!thrown_)
            return;  // without memory: at another turn
        coroutine.throw_at_end(thrown_);
        timer_.cancel();
    }

    /// The innermost coroutine was the task's own, which goes on. If it has been so for some seconds, each later co_await
    /// throws: one that catches that, too, spins from now on.
    void could_not_throw(CoroutineState coroutine) noexcept {
        if (++throws_failed_ >= many_failed)
            coroutine.set_throws(true);
    }

    /// One that throws at each co_await would spin if it caught that and awaited again. So a post throws once,
    /// and is awaited.
    static void throw_in(CoroutineState coroutine) noexcept {
        try {
            if (coroutine.awaits_post())
                return coroutine.throw_at_end(cancellation_error());
        } catch (...) {
            return;  // without memory: at another turn
        }
        coroutine.set_throws(true);
    }

    void deliver_again() noexcept {
        try {
            deliver();
        } catch (...) {
            // It will be repeated.
        }
    }

    /// The coroutine has dealt with the request.
    void stop() noexcept {
        is_waiting_ = false;
        CoroutineState coroutine(*bottom_);
        coroutine.take_back(std::exchange(thrown_, nullptr));
        if (throws_)
            coroutine.set_throws(true);
    }

    static constexpr int quick_repetitions = 8;
    static constexpr int some_in_vain = 16;
    static constexpr int many_in_vain = 64;
    static constexpr int turns_to_watch = 4;
    static constexpr int many_failed = 8;

    CoroutineBottom* bottom_;  // null once the coroutine has ended
    asio::cancellation_signal& signal_;
    asio::steady_timer timer_;
    bool has_reached_ = false;
    bool is_waiting_ = false;
    bool is_armed_ = false;   // the timer is set
    bool is_paused_ = false;  // the coroutine waits for others, which have been told
    bool throws_ = true;
    bool has_awaited_cancellable_ = false;
    bool is_trusted_ =
        false;  // the wait was one of the library's, which end when they are cancelled
    std::exception_ptr thrown_;  // by throw_when_done(), if that is not known to have come out
    int count_ = 0;
    int missed_ = 0;  // how often, at last, the coroutine ran on another thread
    int in_vain_ = 0;
    int watched_ = 0;  // for so many turns the wait has been left alone
    int throws_failed_ = 0;
};

SYNCOPATE_DECL void CancelRequest::request(
    CoroutineBottom* bottom, asio::cancellation_signal& signal) {
    if (!bottom)
        return emit_cancellation(signal);
    try {
        if (!repetition_)
            repetition_ = std::make_shared<Repetition>(*bottom, signal);
        repetition_->prepare();
    } catch (...) {
        return emit_cancellation(signal);  // without memory it is not repeated
    }
    if (HeldStill const still(bottom); still)
        repetition_->deliver();
}

SYNCOPATE_DECL void CancelRequest::end_repetition() noexcept {
    auto const repetition = std::exchange(repetition_, nullptr);
    repetition->end();
}

SYNCOPATE_DECL CancelRequest::Repetition* CancelRequest::stay_without_throwing(
    CoroutineBottom const* bottom) noexcept {
    auto* const repetition = *delivering();
    return repetition && bottom && repetition->take_over(*bottom) ? repetition : nullptr;
}

SYNCOPATE_DECL void CancelRequest::be_trusted() noexcept {
    if (auto* const repetition = *delivering())
        repetition->be_trusted();
}

SYNCOPATE_DECL void CancelRequest::go_on(Repetition& repetition) noexcept {
    repetition.go_on();
}

}  // namespace syncopate::inline v0_1::detail
