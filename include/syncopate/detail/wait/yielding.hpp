// Yielding: sched_yield for the whole process, given up for a while where it costs too much.
#pragma once

#include <atomic>
#include <chrono>

#include <sched.h>

namespace syncopate::detail {

/// sched_yield, as long as it costs little. It gives the core to whoever is awaited, and that one will
/// soon give it back; but where others compute on all cores, each of them first uses up its time
/// slice, milliseconds, while a thread that sleeps and is woken goes before them.
class Yielding {
    using Clock = std::chrono::steady_clock;

public:
    /// Yields, unless that has turned out to be dear. False: it is, and one had better sleep.
    static bool yield() noexcept {
        auto const before = Clock::now();
        if (before.time_since_epoch().count() < barred_until_.load(std::memory_order_relaxed))
            return false;
        ::sched_yield();
        auto const after = Clock::now();
        if (after - before < long_time)
            return true;
        auto const wanted = rest * (after - before);
        auto const until = after + (wanted < longest_rest ? wanted : longest_rest);
        barred_until_.store(until.time_since_epoch().count(), std::memory_order_relaxed);
        return false;
    }

private:
    /// More than many threads that take turns in waiting cost each other, and less than a time slice.
    static constexpr std::chrono::microseconds long_time{500};
    /// After a loss nobody here yields for so many times as long, which bounds what can be lost.
    static constexpr int rest = 32;
    /// If it was the whole process that stood still, that says nothing about others.
    static constexpr Clock::duration longest_rest = std::chrono::milliseconds(250);

    // Of the process: what one thread has learnt about the machine holds for all.
    inline static std::atomic<Clock::rep> barred_until_{0};
};

}  // namespace syncopate::detail
