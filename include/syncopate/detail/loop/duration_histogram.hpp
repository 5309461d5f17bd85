// DurationHistogram: how long something took, each time, in little memory.
#pragma once

#include <syncopate/detail/wait/ticks.hpp>
#include <syncopate/stats.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace syncopate::inline v0_1::detail {

/// Counts durations in buckets, eight for each doubling.
///
/// One thread at a time adds; any may look, and sees each count as it was a moment ago. So nothing has to be one
/// atomic step.
class DurationHistogram {
public:
    void add(Ticks duration) noexcept {
        auto& count = counts_[bucket_of(duration)];
        count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        if (duration > longest_.load(std::memory_order_relaxed))
            longest_.store(duration, std::memory_order_relaxed);
    }

    Percentiles percentiles(TickScale const& scale) const noexcept {
        std::array<std::uint64_t, bucket_count> counts;
        std::uint64_t sum = 0;
        for (std::size_t i = 0; i < bucket_count; ++i)
            sum += counts[i] = counts_[i].load(std::memory_order_relaxed);
        Ticks const longest = longest_.load(std::memory_order_relaxed);
        auto const percentile = [&](std::uint64_t percent) {
            auto const rank = (sum * percent + 99) / 100;  // rounded up
            std::size_t bucket = 0;
            for (std::uint64_t seen = counts[0]; seen < rank; seen += counts[bucket])
                ++bucket;
            return scale(sum == 0 ? 0 : (std::min)(end_of(bucket), longest));
        };
        return {percentile(50), percentile(90), percentile(99), scale(longest)};
    }

private:
    static constexpr int bits_of_step = 3;
    static constexpr std::size_t steps = std::size_t{1} << bits_of_step;
    static constexpr std::size_t bucket_count = (64 - bits_of_step + 1) * steps;

    /// Up to `steps` each has its own; from there on, the leading bits tell the bucket.
    static std::size_t bucket_of(Ticks duration) noexcept {
        if (duration < steps)
            return static_cast<std::size_t>(duration);
        auto const shift = std::bit_width(duration) - bits_of_step - 1;
        return static_cast<std::size_t>(shift) * steps +
               static_cast<std::size_t>(duration >> shift);
    }
    /// The longest duration of a bucket.
    static Ticks end_of(std::size_t bucket) noexcept {
        if (bucket < 2 * steps)
            return bucket;
        auto const shift = bucket / steps - 1;
        return ((bucket % steps + steps + 1) << shift) - 1;
    }

    std::array<std::atomic<std::uint64_t>, bucket_count> counts_{};
    std::atomic<Ticks> longest_{0};
};

}  // namespace syncopate::inline v0_1::detail
