// Backoff: pauses of growing length, for the consumer of a dense stream.
#pragma once

#include <syncopate/detail/wait/processor.hpp>

namespace syncopate::detail {

/// How the consumer of a dense stream looks for more. Whoever takes each item as it comes shares every
/// cache line with the producer, item by item, and both wait for the lines. So it leaves the producer
/// alone for a moment, which grows as long as that helps; an item that comes alone is not kept waiting.
class Backoff {
public:
    /// Returns whether there is something after a while.
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

}  // namespace syncopate::detail
