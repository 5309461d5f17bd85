// Stats, Percentiles: what a runner has done so far, as RunnerBase::stats() tells it.
#pragma once

#include <chrono>
#include <cstdint>

namespace syncopate::inline v0_1 {

/// How a duration was distributed. Each is at most an eighth too long, and the longest is exact. All are zero where
/// nothing was measured.
struct Percentiles {
    std::chrono::nanoseconds p50{};  ///< half of all were not longer
    std::chrono::nanoseconds p90{};  ///< nine of ten were not longer
    std::chrono::nanoseconds p99{};  ///< 99 of 100 were not longer
    std::chrono::nanoseconds max{};  ///< the longest
};

/// What a runner has done since it was made. A call is whatever was handed to it: a task, a function of call(), the
/// way into and out of a context, a step of a range.
struct Stats {
    std::uint64_t calls = 0;           ///< that were handed to it and not withdrawn
    std::uint64_t in_flight = 0;       ///< of these, what has not ended
    std::uint64_t wake_ups = 0;        ///< how often the loop slept, and something woke it
    std::uint64_t wake_ups_saved = 0;  ///< how many more there would be if each call woke it
    Percentiles queue_time;            ///< from being handed over until the loop began with it
    Percentiles run_time;              ///< from there until it ended, with all that it waited for
};

}  // namespace syncopate::inline v0_1
