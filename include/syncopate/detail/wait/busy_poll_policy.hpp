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

namespace syncopate::inline v0_1::detail {

/// A loop that polls takes one turn after another; between the turns the io_context runs its other
/// handlers. It polls while calls come in quick succession, and for a short time after the last.
class BusyPollPolicy {
    using Clock = std::chrono::steady_clock;

public:
    /// limit: Options::spin.
    explicit BusyPollPolicy(std::optional<std::chrono::nanoseconds> limit) noexcept
        : limit_(has_one_processor() ? std::chrono::nanoseconds::zero() : limit) {}

    /// During a turn: pauses for a moment, and returns whether a call has come. The pause holds up the other
    /// handlers of the io_context, so it is made only while calls do come.
    template <class Found>
    bool more_comes(Found found) noexcept {
        return is_awake() && spin_wait_.pause(found);
    }

    /// After a turn that leaves no call: whether to take another. worked: whether this turn ran any call.
    bool should_poll_again(bool worked) noexcept {
        if (is_awake() && !is_enough(worked) && (Yielding::yield() || limit_))
            return true;
        asleep_since_ = Clock::now();
        is_asleep_ = true;
        is_idle_ = false;
        return false;
    }

private:
    /// After a sleep that was shorter than this, calls count as dense: polling would have cost less. It is
    /// longer than a wake-up takes.
    static constexpr std::chrono::microseconds short_sleep{250};
    /// Enough for a caller that spins for its result and calls again.
    static constexpr std::chrono::microseconds short_poll{10};
    /// Enough for a caller that sleeps, is woken on another core, and calls again.
    static constexpr std::chrono::microseconds long_poll{150};

    bool is_awake() noexcept {
        if (std::exchange(is_asleep_, false))
            calls_are_dense_ = Clock::now() - asleep_since_ < short_sleep;
        return limit_ ? *limit_ > limit_->zero() : calls_are_dense_;
    }

    bool is_enough(bool worked) noexcept {
        auto const now = Clock::now();
        if (worked || !std::exchange(is_idle_, true)) {
            if (worked && std::exchange(is_idle_, false))
                long_polls_.record(true);
            end_ = deadline_after(
                limit_                      ? *limit_
                : long_polls_.is_worth_it() ? long_poll
                                            : short_poll);
        }
        if (now < end_)
            return false;
        long_polls_.record(false);
        return true;
    }

    std::optional<std::chrono::nanoseconds> const limit_;
    SpinWait spin_wait_;
    AdaptiveGate long_polls_;
    bool is_idle_ = false;
    bool is_asleep_ = true;
    bool calls_are_dense_ = false;
    Deadline end_;
    Clock::time_point asleep_since_;
};

}  // namespace syncopate::inline v0_1::detail
