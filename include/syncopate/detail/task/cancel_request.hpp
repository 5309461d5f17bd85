// CancelRequest: asks a coroutine to stop, and asks again where it could not hear, or has not stopped.
#pragma once

#include <syncopate/detail/task/cancellation.hpp>
#include <syncopate/detail/task/coroutine_state.hpp>
#include <syncopate/detail/task/emit_cancellation.hpp>

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// Asio delivers a cancellation once: it is lost in a section where cancellation is disabled. And from then on
/// each co_await of the cancelled coroutine throws at once: one that catches everything and tries again would
/// spin, and its loop with it. So the request is repeated until the coroutine has ended, or has dealt with it:
///
/// - In a section with disabled cancellation it is repeated until the section has ended.
/// - A coroutine that goes on after it was cancelled begins what it awaits, which is cancelled a turn of the
///   loop later. So everybody else on the loop goes on, too.
/// - Where it awaits nothing but posts, which cannot be cancelled, a later one throws, and then others.
/// - Where it awaits only other things that cannot be cancelled, each later co_await throws.
/// - A coroutine that has reset its cancellation state has dealt with the request.
///
/// Everything happens on the coroutine's loop.
class [[gnu::visibility("default")]] CancelRequest {
public:
    CancelRequest() = default;
    CancelRequest(CancelRequest const&) = delete;
    CancelRequest& operator=(CancelRequest const&) = delete;
    ~CancelRequest() { end(); }

    /// Cancels the coroutine. May be called again, which is a request of its own. The coroutine may end inside
    /// this call, and destroy this object.
    ///
    /// bottom: the coroutine's. If null, the request is not repeated.
    /// signal: is there as long as the coroutine is.
    /// Throws: std::bad_alloc, and what a user's cancellation handler throws.
    void request(CoroutineBottom* bottom, boost::asio::cancellation_signal& signal) {
        if (!bottom)
            return emit_cancellation(signal);
        try {
            if (!repetition_)
                repetition_ = std::make_shared<Repetition>(*bottom, signal);
            repetition_->prepare();
        } catch (...) {
            return emit_cancellation(signal);  // without memory it is not repeated
        }
        repetition_->deliver();
    }

    /// The coroutine is about to end.
    void end() noexcept {
        if (auto const repetition = std::exchange(repetition_, nullptr))
            repetition->end();
    }

    class Repetition;

    /// In the handler of a cancellation: the coroutine has been kept from throwing, for as long as it waits. Returns
    /// what will repeat the request, if it is to stay so for that; or null. Until go_on(), which must follow when the
    /// wait is over, nothing is repeated: of many tasks that wait for one another, only the innermost has to hear.
    static Repetition* stay_without_throwing(CoroutineBottom const* bottom) noexcept {
        auto* const repetition = *delivering();
        return repetition && bottom && repetition->take_over(*bottom) ? repetition : nullptr;
    }

    class Repetition : public std::enable_shared_from_this<Repetition> {
    public:
        Repetition(CoroutineBottom& bottom, boost::asio::cancellation_signal& signal)
            : bottom_(&bottom), signal_(signal), timer_(CoroutineState(bottom).executor()) {}

        void prepare() {
            has_reached_ = false;
            count_ = 0;
            if (!is_waiting_)
                throws_ = CoroutineState(*bottom_).throws();
            if (!is_armed_)
                wait();  // first, because it may fail
            is_waiting_ = true;
            is_paused_ = false;
        }

        /// The coroutine may end inside this call, and its CancelRequest with it.
        void deliver() {
            auto const self = shared_from_this();
            CoroutineState coroutine(*bottom_);
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
            auto const delay = count_ < quick_repetitions
                                   ? milliseconds(0)
                                   : milliseconds((std::min)(count_ - quick_repetitions + 1, 16));
            timer_.expires_after(delay);
            timer_.async_wait([self = shared_from_this()](boost::system::error_code) {
                self->is_armed_ = false;
                if (self->bottom_ && !self->is_paused_)
                    self->repeat();
            });
            is_armed_ = true;
        }

        void repeat() {
            auto const self = shared_from_this();
            CoroutineState coroutine(*bottom_);
            if (has_reached_ && !coroutine.is_cancelled())
                return stop();
            ++count_;
            try {
                wait();
            } catch (...) {
                return stop();  // without memory it is as Asio does it
            }
            if (!has_reached_)
                return deliver_again();
            if (!throws_ || !coroutine.has_suspended())
                return;
            if (coroutine.awaits_cancellable())
                return deliver_again();
            coroutine.forget_suspension();
            // One that awaits this and that is found at the one or the other by chance.
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
        boost::asio::cancellation_signal& signal_;
        boost::asio::steady_timer timer_;
        bool has_reached_ = false;
        bool is_waiting_ = false;
        bool is_armed_ = false;   // the timer is set
        bool is_paused_ = false;  // the coroutine waits for others, which have been told
        bool throws_ = true;
        bool has_awaited_cancellable_ = false;
        int count_ = 0;
        int in_vain_ = 0;
    };

private:
    [[gnu::noinline]] static Repetition** delivering() noexcept {
        static thread_local Repetition* repetition = nullptr;
        return &repetition;
    }

    std::shared_ptr<Repetition> repetition_;
};

}  // namespace syncopate::inline v0_1::detail
