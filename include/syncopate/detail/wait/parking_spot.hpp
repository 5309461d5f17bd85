// ParkingSpot: tells the producers of a queue whether its consumer sleeps and must be woken.
#pragma once

#include <syncopate/detail/wait/platform.hpp>

#include <atomic>

namespace syncopate::inline v0_1::detail {

/// The consumer is awake, or parked: then it does not look at the queue until a producer wakes it.
///
/// No wake-up is lost. The consumer parks by a store to parked_ and then looks at the queue once more;
/// a producer pushes to the queue and then looks at parked_. All four are sequentially consistent, so
/// in their single order one of the two stores comes first, and the load after the other store sees
/// it: the consumer sees the item, or the producer sees it parked. If both see, the exchange decides
/// who takes the mark back, and so there is exactly one wake-up for each parking.
///
/// What the consumer did before it parked happens before the producer's wake-up: the exchange that
/// takes the mark reads the store that set it.
template <Platform P = SystemPlatform>
class BasicParkingSpot {
public:
    /// Parks the consumer. False if the queue is not empty after all: then the consumer is awake, and nobody
    /// wakes it.
    template <class IsIdle>
    bool park(IsIdle is_idle) noexcept {
        parked_.store(true, std::memory_order_seq_cst);
        return is_idle() || !unpark();
    }

    /// After a push: whether the caller must wake the consumer. True for one caller each time it parks.
    bool unpark() noexcept {
        return parked_.load(std::memory_order_seq_cst) &&
               parked_.exchange(false, std::memory_order_acquire);
    }

private:
    Atomic<P, bool> parked_{true};
};

using ParkingSpot = BasicParkingSpot<>;

}  // namespace syncopate::inline v0_1::detail
