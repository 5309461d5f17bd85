// OneShotEvent: set once by one thread, awaited by others. A waiter can also be notified, to do something
// else before the event is set.
#pragma once

#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/detail/wait/futex.hpp>
#include <syncopate/detail/wait/platform.hpp>

#include <atomic>
#include <cstdint>

namespace syncopate::inline v0_1::detail {

/// Set once, by one thread; awaited by any number. It may lie in the frame of a waiting function, which
/// returns, and destroys the event, as soon as it sees the event set.
///
/// Memory order. set() publishes with release; a waiter that reads `set_` with acquire sees all that
/// was written before. The exchange is the setter's last access: from then on it holds the address,
/// not the object, so a waiter that returns at once invalidates nothing that is still in use. No
/// wake-up is lost: a waiter sleeps only after its own compare-exchange from `pending` to `sleeping`
/// (or after it saw another's `sleeping`), and the modification order of one variable puts that
/// either before the setter's exchange, which then returns `sleeping` and wakes, or after it, when
/// the compare-exchange fails with `set_`. The kernel compares the word once more before it sleeps.
///
/// notify() is for one waiter, and is called by the thread that will set the event, before it does: so the
/// event exists while notify() runs. For its wake-up the same argument holds. What the waiter is to do is
/// handed over under a lock, and not by the event: a waiter that sees the notification cannot have taken
/// the lock before the notifier did.
template <Platform P = SystemPlatform>
class BasicOneShotEvent {
public:
    BasicOneShotEvent() = default;
    BasicOneShotEvent(BasicOneShotEvent const&) = delete;
    BasicOneShotEvent& operator=(BasicOneShotEvent const&) = delete;

    bool is_set() const noexcept { return state_.load(std::memory_order_acquire) == set_; }

    /// Whether the event is set, or the waiter has been notified.
    bool is_signalled() const noexcept {
        return state_.load(std::memory_order_acquire) >= notified;
    }

    void set() noexcept {
        auto const* const address = &state_;
        if (state_.exchange(set_, std::memory_order_release) == sleeping)
            P::futex_wake_all(address);
    }

    /// Has the waiter return from its wait, to take the notification. Nothing if the event is set.
    void notify() noexcept {
        auto seen = state_.load(std::memory_order_relaxed);
        while (seen != set_ &&
               !state_.compare_exchange_weak(
                   seen, notified, std::memory_order_relaxed, std::memory_order_relaxed)) {
        }
        if (seen == sleeping)
            P::futex_wake_all(&state_);
    }

    /// By the waiter, after is_signalled(): whether it was notified. If not, the event is set.
    bool take_notification() noexcept {
        auto seen = notified;
        return state_.compare_exchange_strong(seen, pending, std::memory_order_acquire);
    }

    /// Returns whether the event was signalled before the deadline.
    bool wait_until(Deadline deadline) noexcept {
        for (;;) {
            std::uint32_t seen = pending;
            state_.compare_exchange_strong(seen, sleeping, std::memory_order_acquire);
            if (seen >= notified)
                return true;
            if (deadline != no_deadline && P::now() >= deadline)
                return false;
            P::futex_wait(state_, sleeping, deadline);
        }
    }

    void wait() noexcept { wait_until(no_deadline); }

    /// By a stack that is about to be suspended, and is in the list of SuspendedWaits: has whoever signals the event
    /// look there. Returns false if it is signalled.
    bool mark_suspended() noexcept {
        std::uint32_t seen = pending;
        state_.compare_exchange_strong(seen, sleeping, std::memory_order_acq_rel);
        return seen < notified;
    }
    void const* address() const noexcept { return &state_; }

private:
    static constexpr std::uint32_t pending = 0;
    static constexpr std::uint32_t sleeping = 1;
    static constexpr std::uint32_t notified = 2;
    static constexpr std::uint32_t set_ = 3;

    Atomic<P, std::uint32_t> state_{pending};
};

using OneShotEvent = BasicOneShotEvent<>;

}  // namespace syncopate::inline v0_1::detail
