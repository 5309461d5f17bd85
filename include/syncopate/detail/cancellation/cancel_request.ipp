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
        if (coroutine.awaits_cancellable()) {
            has_awaited_cancellable_ = true;
            in_vain_ = 0;
        }
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
        timer_.cancel();
    }

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
        if (!throws_ || !coroutine.has_suspended())
            return;
        if (coroutine.awaits_cancellable())
            return deliver_again();
        coroutine.forget_suspension();
        // A coroutine that awaits by turns what can be cancelled and what cannot is found at either by chance.
        if (++in_vain_ >= (has_awaited_cancellable_ ? many_in_vain : quick_repetitions))
            throw_in(coroutine);
    }

    /// One that throws at each co_await would spin if it caught that and awaited again. So a post throws once,
    /// and is awaited.
    static void throw_in(CoroutineState coroutine) noexcept {
        try {
            if (coroutine.awaits_post())
                return coroutine.throw_from_post(cancellation_error());
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
        if (throws_)
            CoroutineState(*bottom_).set_throws(true);
    }

    static constexpr int quick_repetitions = 8;
    static constexpr int many_in_vain = 64;

    CoroutineBottom* bottom_;  // null once the coroutine has ended
    asio::cancellation_signal& signal_;
    asio::steady_timer timer_;
    bool has_reached_ = false;
    bool is_waiting_ = false;
    bool is_armed_ = false;   // the timer is set
    bool is_paused_ = false;  // the coroutine waits for others, which have been told
    bool throws_ = true;
    bool has_awaited_cancellable_ = false;
    int count_ = 0;
    int missed_ = 0;  // how often, at last, the coroutine ran on another thread
    int in_vain_ = 0;
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

SYNCOPATE_DECL void CancelRequest::go_on(Repetition& repetition) noexcept {
    repetition.go_on();
}

}  // namespace syncopate::inline v0_1::detail
