// Yielding: sched_yield, which the whole process gives up for a while when it has cost too much.
#pragma once

#include <syncopate/detail/system/system.hpp>

#include <atomic>
#include <chrono>

namespace syncopate::inline v0_1::detail {

/// sched_yield gives the core to the thread that is awaited, which soon gives it back. But where other
/// threads compute on all cores, each of them first uses up its time slice, which takes milliseconds. A
/// thread that sleeps and is woken goes before them.
class Yielding {
    using Clock = std::chrono::steady_clock;

public:
    /// Yields. False if that is too expensive, and the caller should sleep.
    static bool yield() noexcept {
        auto const before = Clock::now();
        if (before.time_since_epoch().count() < barred_until_.load(std::memory_order_relaxed))
            return false;
        system::yield();
        auto const after = Clock::now();
        if (after - before < long_time)
            return true;
        auto const wanted = rest * (after - before);
        auto const until = after + (wanted < longest_rest ? wanted : longest_rest);
        barred_until_.store(until.time_since_epoch().count(), std::memory_order_relaxed);
        return false;
    }

private:
    /// Longer than a yield takes among many waiting threads, and shorter than a time slice.
    static constexpr std::chrono::microseconds long_time{500};
    /// After an expensive yield, nobody in the process yields for so many times as long. This bounds the
    /// loss.
    static constexpr int rest = 32;
    /// A long yield may also mean that the whole process was stopped, which says nothing.
    static constexpr Clock::duration longest_rest = std::chrono::milliseconds(250);

    // Shared by all threads: what one has learnt about the machine holds for all.
    inline static std::atomic<Clock::rep> barred_until_{0};
};

}  // namespace syncopate::inline v0_1::detail
