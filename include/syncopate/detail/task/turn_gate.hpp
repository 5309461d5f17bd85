// TurnGate: closes for good the way to coroutines whose callers have gone. GatedHandler: comes through one.
#pragma once

#include <syncopate/detail/intrusive_pointer.hpp>
#include <syncopate/detail/wait/kept_for_ever.hpp>

#include <atomic>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// An execution context that somebody has stopped, and that nobody runs, keeps the coroutines of its tasks. Their
/// callers do not wait for ever; but the coroutines may refer to the callers' frames, and somebody may run the
/// context again, or destroy it. So what leads to the coroutines is kept from then on, and neither called nor
/// destroyed: it is not lost in the sense of a leak checker, and is never used again.
///
/// Memory order. enter() and shut() are read-modify-writes of one variable, so one comes first. If a handler enters
/// first, shut() sees it, and fails while it is there; shut() acquires what the last one has released by leave(). A
/// handler that comes later sees the mark, and touches nothing.
class TurnGate : public ReferenceCounted<TurnGate> {
public:
    /// Before a handler runs. After true, leave() must follow.
    bool enter() noexcept {
        auto seen = state_.load(std::memory_order_relaxed);
        do {
            if (seen & is_shut_mark)
                return false;
        } while (!state_.compare_exchange_weak(
            seen, seen + one_inside, std::memory_order_acquire, std::memory_order_relaxed));
        return true;
    }
    void leave() noexcept { state_.fetch_sub(one_inside, std::memory_order_release); }

    /// Returns false if a handler runs.
    bool shut() noexcept {
        unsigned nobody = 0;
        return state_.compare_exchange_strong(
            nobody, is_shut_mark, std::memory_order_acq_rel, std::memory_order_relaxed);
    }
    /// By the thread that has shut it, and has left everything as it was.
    void open_again() noexcept { state_.store(0, std::memory_order_release); }

    bool is_shut() const noexcept { return state_.load(std::memory_order_acquire) & is_shut_mark; }

private:
    static constexpr unsigned is_shut_mark = 1;
    static constexpr unsigned one_inside = 2;

    std::atomic<unsigned> state_{0};
};

using TurnGatePointer = IntrusivePointer<TurnGate>;

/// A handler that runs only while the gate is open. Afterwards it is kept, also where it would be destroyed.
/// Without a gate it runs.
template <class F>
class GatedHandler {
public:
    GatedHandler(TurnGatePointer gate, F&& function)
        : gate_(std::move(gate)), function_(std::move(function)) {}
    GatedHandler(GatedHandler&&) = default;
    GatedHandler& operator=(GatedHandler&&) = delete;
    ~GatedHandler() {
        if (gate_ && gate_->is_shut())
            keep_for_ever(std::move(function_));
    }

    void operator()() {
        auto const gate = gate_;
        if (gate && !gate->enter())
            return;  // kept by the destructor
        struct Inside {
            TurnGate* gate;
            ~Inside() {
                if (gate)
                    gate->leave();
            }
        } const inside{gate.get()};
        F function = std::move(function_);
        gate_ = nullptr;
        std::move(function)();
    }

private:
    TurnGatePointer gate_;
    F function_;
};

}  // namespace syncopate::inline v0_1::detail
