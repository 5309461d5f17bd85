// BusyPollPolicy: decides whether a loop polls for calls once more or sleeps until it is woken.
#pragma once

#include <syncopate/detail/wait/adaptive_gate.hpp>
#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/detail/wait/processor.hpp>
#include <syncopate/detail/wait/spin_wait.hpp>
#include <syncopate/detail/wait/yielding.hpp>

#include <chrono>
#include <optional>
#include <utility>

namespace syncopate::detail {

/// Whether a loop goes on looking for calls, turn by turn, instead of waiting to be woken. Between the
/// turns the io_context does what else there is to do.
class BusyPollPolicy {
    using Clock = std::chrono::steady_clock;

public:
    /// limit: Options::spin.
    explicit BusyPollPolicy(std::optional<std::chrono::nanoseconds> limit) noexcept
        : limit_(has_one_processor() ? std::chrono::nanoseconds::zero() : limit) {}

    /// In a turn: whether another call comes at once. Pausing holds up what the io_context may have to
    /// do, for a moment, and only while calls do come.
    template <class Found>
    bool more_comes(Found found) noexcept {
        return is_awake() && spin_wait_.pause(found);
    }

    /// After a turn: whether to take another, although there is no call now. `worked`: it found some.
    bool should_poll_again(bool worked) noexcept {
        if (is_awake() && !is_enough(worked) && (Yielding::yield() || limit_))
            return true;
        asleep_since_ = Clock::now();
        is_asleep_ = true;
        is_idle_ = false;
        return false;
    }

private:
    /// A sleep this short would better have been no sleep. It is longer than a wake-up takes, and
    /// shorter than what counts as a pause between calls.
    static constexpr std::chrono::microseconds short_sleep{250};
    /// For a caller that looks for its result and calls again.
    static constexpr std::chrono::microseconds short_look{10};
    /// For a caller that sleeps, is woken on another core, and calls again.
    static constexpr std::chrono::microseconds long_look{150};

    bool is_awake() noexcept {
        if (std::exchange(is_asleep_, false))
            calls_are_dense_ = Clock::now() - asleep_since_ < short_sleep;
        return limit_ ? *limit_ > limit_->zero() : calls_are_dense_;
    }

    bool is_enough(bool worked) noexcept {
        auto const now = Clock::now();
        if (worked || !std::exchange(is_idle_, true)) {
            if (worked && std::exchange(is_idle_, false))
                looking_.record(true);
            end_ = deadline_after(
                limit_                   ? *limit_
                : looking_.is_worth_it() ? long_look
                                         : short_look);
        }
        if (now < end_)
            return false;
        looking_.record(false);
        return true;
    }

    std::optional<std::chrono::nanoseconds> const limit_;
    SpinWait spin_wait_;
    AdaptiveGate looking_;
    bool is_idle_ = false;
    bool is_asleep_ = true;
    bool calls_are_dense_ = false;
    Deadline end_;
    Clock::time_point asleep_since_;
};

}  // namespace syncopate::detail
