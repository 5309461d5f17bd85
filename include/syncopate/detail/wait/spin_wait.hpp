// SpinWait: waits for another thread by spinning before it sleeps, and learns when that is worth it.
#pragma once

#include <syncopate/detail/wait/adaptive_gate.hpp>
#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/detail/wait/processor.hpp>
#include <syncopate/detail/wait/yielding.hpp>

#include <chrono>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// Belongs to one thread. A wait has three steps:
///
/// 1. Some pauses. They suffice if another core is about to finish, and fail if the other thread waits for
///    this core.
/// 2. Some calls of sched_yield, which give the core away. They fail if the other thread needs longer.
/// 3. Sleep.
///
/// The first two steps are left out while they keep failing, but for an attempt now and then.
class SpinWait {
    using Clock = std::chrono::steady_clock;

public:
    /// The calling thread's own.
    [[gnu::noinline]] static SpinWait& of_this_thread() noexcept {
        static thread_local SpinWait instance;
        return instance;
    }

    /// The thread has just woken the loop, which may need this very core: the next wait sleeps at once.
    void has_woken_loop() noexcept { has_woken_loop_ = true; }

    /// Spins until found(), not beyond the deadline, and otherwise sleeps. Returns true, or what sleep()
    /// returns.
    template <class Found, class Sleep>
    bool wait(Deadline deadline, Found found, Sleep sleep) noexcept {
        if (found())
            return true;
        auto const start = Clock::now();
        if (std::exchange(has_woken_loop_, false) || deadline <= start + short_wait)
            return sleep();
        if (results_are_near_.is_worth_it() && (pause(found) || yield(start + short_wait, found)))
            return true;
        bool const result = sleep();
        results_are_near_.record(Clock::now() - start < short_wait);
        return result;
    }

    /// Spins for a moment. Returns whether found().
    template <class Found>
    bool pause(Found found) noexcept {
        if (found())
            return true;
        if (!pausing_.is_worth_it())
            return false;
        bool hit = false;
        for (auto const end = Clock::now() + moment; !hit && Clock::now() < end;) {
            cpu_pause();
            hit = found();
        }
        pausing_.record(hit);
        return hit;
    }

    /// Spins until a given time, whatever was learnt. Returns whether found().
    template <class Found>
    static bool spin_until(Deadline end, Found found) noexcept {
        while (Clock::now() < end) {
            for (int step = 0; step < pauses_between_yields; ++step, cpu_pause())
                if (found())
                    return true;
            Yielding::yield();
        }
        return found();
    }

private:
    /// Enough for a short task of the other side and for the cache lines to move; less than a wake-up costs.
    static constexpr std::chrono::nanoseconds moment{2000};
    static constexpr int yields = 32;
    /// For a result that comes so soon, spinning would have been worth it, even if this time the thread
    /// slept: a good part of that time is the wake-up.
    static constexpr std::chrono::microseconds short_wait{250};
    static constexpr int pauses_between_yields = 20;

    template <class Found>
    static bool yield(Deadline end, Found found) noexcept {
        for (int step = 0; step < yields && Clock::now() < end; ++step) {
            bool const was_cheap = Yielding::yield();
            if (found())
                return true;
            if (!was_cheap)
                return false;
        }
        return false;
    }

    AdaptiveGate pausing_;
    AdaptiveGate results_are_near_;
    bool has_woken_loop_ = false;
};

}  // namespace syncopate::inline v0_1::detail
