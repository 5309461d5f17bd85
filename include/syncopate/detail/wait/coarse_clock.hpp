// coarse_now(): the time of the kernel's last tick, which costs a fraction of what the exact time costs.
#pragma once

#include <syncopate/detail/wait/deadline.hpp>

#include <chrono>
#include <ctime>

namespace syncopate::inline v0_1::detail {

/// Up to a few milliseconds old: 1 to 10, as the kernel was built. Never goes back.
inline std::chrono::nanoseconds coarse_now() noexcept {
#ifdef CLOCK_MONOTONIC_COARSE
    timespec now;  // the clock is there, and so it is set
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
#else
    return Deadline::clock::now().time_since_epoch();
#endif
}

}  // namespace syncopate::inline v0_1::detail
