// Deadline, no_deadline, deadline_after, deadline_from: the time until which something is waited for.
#pragma once

#include <chrono>

namespace syncopate::inline v0_1::detail {

using Deadline = std::chrono::steady_clock::time_point;

/// Never. In brackets, as everywhere: <windows.h> has macros of the names min and max.
inline constexpr Deadline no_deadline = (Deadline::max)();

/// Now plus a duration, or the end of time where the sum would pass it.
template <class Rep, class Period>
Deadline deadline_after(std::chrono::duration<Rep, Period> delay) {
    auto const now = std::chrono::steady_clock::now();
    // Compared in floating point: duration::max() of a coarse unit overflows every integer.
    using Seconds = std::chrono::duration<long double>;
    if (Seconds(delay) >= Seconds(no_deadline - now))
        return no_deadline;
    if (Seconds(delay) <= Seconds::zero())
        return now;
    return now + std::chrono::ceil<Deadline::duration>(delay);
}

/// A known time plus a duration, or the end of time where the sum would pass it.
inline Deadline deadline_from(Deadline begin, std::chrono::nanoseconds delay) noexcept {
    return delay < no_deadline - begin ? begin + delay : no_deadline;
}

}  // namespace syncopate::inline v0_1::detail
