// spin_then_sleep(): the calling thread waits for an event, first spinning and then asleep.
#pragma once

#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/detail/wait/one_shot_event.hpp>
#include <syncopate/detail/wait/spin_wait.hpp>

#include <algorithm>
#include <chrono>
#include <optional>

namespace syncopate::inline v0_1::detail {

/// limit:   how long to spin, as Options::spin has it. Empty: adaptive. Zero or less: not at all.
/// Returns: whether the event was signalled before the deadline.
inline bool spin_then_sleep(
    OneShotEvent& event,
    Deadline deadline,
    std::optional<std::chrono::nanoseconds> limit) noexcept {
    auto const found = [&event] { return event.is_signalled(); };
    auto const sleep = [&event, deadline] { return event.wait_until(deadline); };
    if (!limit)
        return SpinWait::of_this_thread().wait(deadline, found, sleep);
    return SpinWait::spin_until((std::min)(deadline_after(*limit), deadline), found) || sleep();
}

}  // namespace syncopate::inline v0_1::detail
