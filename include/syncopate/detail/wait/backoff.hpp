// Backoff: pauses of growing length for a consumer whose producer is about to deliver more.
#pragma once

#include <syncopate/detail/wait/processor.hpp>

namespace syncopate::inline v0_1::detail {

/// A consumer that takes each item as it comes shares every cache line with the producer, and both wait for
/// the lines. So the consumer pauses, and finds several items. The pause grows while it finds some, and is
/// short again after it has found none: a single item is not kept waiting.
class Backoff {
public:
    /// Pauses. Returns what found() says afterwards.
    template <class Found>
    bool snooze(Found found) noexcept {
        for (int step = 0; step < pauses_; ++step)
            cpu_pause();
        bool const hit = found();
        pauses_ = !hit ? 1 : pauses_ < most ? 2 * pauses_ : most;
        return hit;
    }

private:
    static constexpr int most = 64;  // 1 to 4 us, in which a producer makes a hundred short items

    int pauses_ = 1;
};

}  // namespace syncopate::inline v0_1::detail
