// Who is the last to have to do with a call: its end, or the cancellation that is still on its way.
#pragma once

#include <syncopate/detail/wait/platform.hpp>

#include <atomic>

namespace syncopate::detail {

/// A call ends once; its cancellation is requested by any number of threads, is submitted once, and
/// is then over once, on the loop or because it could not be submitted. Whoever is told `true` by
/// ended() or release_cancel() is the last of the two, and the only one; the other does not touch the
/// call any more.
///
/// Memory order. The marks are set by read-modify-writes of one variable, so that one comes first and
/// is seen by the other. `call_released` before `cancel_requested`: nothing is submitted. After it: the
/// end is the last only if it sees `cancel_released`, whose read-modify-write otherwise sees `call_released`.
/// These two are acquire-release: the last one comes after everything that the other has done. A
/// request hands nothing over; its submission does.
template <Platform P = LinuxPlatform>
class BasicCancelHandshake {
public:
    /// Whether the caller must submit the cancellation, of which release_cancel() is the end. False if
    /// somebody has done so, or the call has ended.
    bool request() noexcept {
        auto const before = marks_.fetch_or(cancel_requested, std::memory_order_relaxed);
        return !(before & (cancel_requested | call_released));
    }

    /// For the cancellation: whether nothing is left to cancel. Only a hint.
    bool is_call_released() const noexcept {
        return marks_.load(std::memory_order_relaxed) & call_released;
    }

    bool release_call() noexcept {
        auto const before = marks_.fetch_or(call_released, std::memory_order_acq_rel);
        return !(before & cancel_requested) || (before & cancel_released);
    }

    bool release_cancel() noexcept {
        return marks_.fetch_or(cancel_released, std::memory_order_acq_rel) & call_released;
    }

private:
    static constexpr unsigned cancel_requested = 1;
    static constexpr unsigned cancel_released = 2;
    static constexpr unsigned call_released = 4;

    Atomic<P, unsigned> marks_{0};
};

using CancelHandshake = BasicCancelHandshake<>;

}  // namespace syncopate::detail
