// ticks_now(): the processor's own count of time, which costs a fraction of what a clock costs. TickScale: how long
// a tick takes.
#pragma once

#include <syncopate/detail/wait/deadline.hpp>

#include <chrono>
#include <cstdint>

namespace syncopate::inline v0_1::detail {

using Ticks = std::uint64_t;

/// Reads the processor's counter. On every processor of today it goes on at one pace, whatever the processor's own
/// clock does. Where there is no such counter, reads the clock.
inline Ticks ticks_now() noexcept {
#if defined(__x86_64__) || defined(__i386__)
    return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
    Ticks now = 0;
    asm volatile("mrs %0, cntvct_el0" : "=r"(now));
    return now;
#else
    return static_cast<Ticks>(Deadline::clock::now().time_since_epoch().count());
#endif
}

/// Not negative: another processor's counter may be a little behind.
inline Ticks ticks_between(Ticks begin, Ticks end) noexcept {
    return end > begin ? end - begin : 0;
}

/// Finds how long a tick takes, by comparing the counter with the clock over the time since the process first asked.
/// The longer that time, the more exact the result.
class [[gnu::visibility("default")]] TickScale {
public:
    /// Has the comparison begin, if it has not.
    static void begin() noexcept { beginning(); }

    TickScale() noexcept {
        Reading const now;
        auto const ticks = ticks_between(beginning().ticks, now.ticks);
        if (ticks != 0)
            nanoseconds_per_tick_ = static_cast<double>((now.time - beginning().time).count()) /
                                    static_cast<double>(ticks);
    }

    std::chrono::nanoseconds operator()(Ticks ticks) const noexcept {
        return std::chrono::nanoseconds(
            static_cast<std::int64_t>(nanoseconds_per_tick_ * static_cast<double>(ticks)));
    }

private:
    /// The counter and the clock at one moment: as near to each other as a few attempts bring them, for the thread
    /// may be interrupted in between.
    struct Reading {
        Reading() noexcept {
            Ticks narrowest = ~Ticks{0};
            for (int attempt = 0; attempt < 5; ++attempt) {
                Ticks const before = ticks_now();
                auto const at = Deadline::clock::now();
                if (Ticks const width = ticks_between(before, ticks_now()); width < narrowest) {
                    narrowest = width;
                    ticks = before + width / 2;
                    time = std::chrono::time_point_cast<std::chrono::nanoseconds>(at);
                }
            }
        }

        Ticks ticks = 0;
        std::chrono::time_point<Deadline::clock, std::chrono::nanoseconds> time;
    };

    static Reading const& beginning() noexcept {
        static Reading const reading;
        return reading;
    }

    double nanoseconds_per_tick_ = 1;
};

}  // namespace syncopate::inline v0_1::detail
