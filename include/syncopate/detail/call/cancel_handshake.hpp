// CancelHandshake: decides which is the last to use a call, its end or a cancellation on its way.
#pragma once

#include <syncopate/detail/wait/platform.hpp>

#include <atomic>

namespace syncopate::inline v0_1::detail {

/// A call ends once. Any number of threads may request its cancellation, which is submitted once, and then
/// runs once on the loop, or fails to be submitted. Each of the two, the end and the submitted cancellation,
/// releases the call: release_call(), release_cancel(). Exactly one of these returns true, the last; after
/// false the call must not be touched any more.
///
/// Memory order. The marks are set by read-modify-writes of one variable, so one of them comes first, and the
/// other sees it. If `call_released` comes before `cancel_requested`, nothing is submitted. If it comes after,
/// the end is the last only if it sees `cancel_released`; otherwise the read-modify-write that sets
/// `cancel_released` sees `call_released`. These two are acquire-release: the last one comes after everything
/// that the other has done. A request hands nothing over; its submission does.
template <Platform P = SystemPlatform>
class BasicCancelHandshake {
public:
    /// Returns true if the caller must submit the cancellation, after which release_cancel() must follow.
    /// Returns false if another thread has done so, or the call has ended.
    bool request() noexcept {
        auto const before = marks_.fetch_or(cancel_requested, std::memory_order_relaxed);
        return !(before & (cancel_requested | call_released));
    }

    /// Whether a cancellation was requested. Only a hint: it may be requested at any time.
    bool is_requested() const noexcept {
        return marks_.load(std::memory_order_relaxed) & cancel_requested;
    }

    /// Whether nothing is left to be cancelled. Only a hint: the call may end at any time.
    bool is_call_released() const noexcept {
        return marks_.load(std::memory_order_relaxed) & call_released;
    }

    /// The call has ended. Returns whether this was the last.
    bool release_call() noexcept {
        auto const before = marks_.fetch_or(call_released, std::memory_order_acq_rel);
        return !(before & cancel_requested) || (before & cancel_released);
    }

    /// The cancellation has run, or could not be submitted. Returns whether this was the last.
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

}  // namespace syncopate::inline v0_1::detail
