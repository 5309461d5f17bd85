// SpinWait: how one thread waits for another before it sleeps, and what it has learnt about that.
#pragma once

#include <syncopate/detail/wait/adaptive_gate.hpp>
#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/detail/wait/processor.hpp>
#include <syncopate/detail/wait/yielding.hpp>

#include <chrono>
#include <utility>

namespace syncopate::detail {

/// One thread's way of waiting for another, in steps, and what it has learnt about them.
///
/// A few pauses catch what another core is about to do; they are in vain if the other thread waits for
/// this core. Some turns of sched_yield give it the core; they are in vain if what is awaited takes
/// longer. Then the thread had better sleep. Each of the two steps is given up while it keeps failing,
/// but for a try now and then.
class SpinWait {
    using Clock = std::chrono::steady_clock;

public:
    /// Of the calling thread, as a caller.
    [[gnu::noinline]] static SpinWait& of_this_thread() noexcept {
        static thread_local SpinWait instance;
        return instance;
    }

    /// The thread has just woken the loop, which may need this very core: the next wait gives it away.
    void has_woken_loop() noexcept { has_woken_loop_ = true; }

    /// What a caller does: looks, and if that does not help, sleeps. Returns what `sleep` does, or true.
    /// It does not look beyond the deadline.
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

    /// Looks for a moment, in quick succession.
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

    /// Looks until a time that somebody has set, whatever was learnt.
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
    /// What the other side needs for a short task, and the cache lines for their way: a part of what a
    /// wake-up costs on either side.
    static constexpr std::chrono::nanoseconds moment{2000};
    static constexpr int yields = 32;
    /// A result that comes so soon was worth looking for, even if this time it came to a sleeper: the
    /// wake-up alone takes a good part of that.
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

}  // namespace syncopate::detail
