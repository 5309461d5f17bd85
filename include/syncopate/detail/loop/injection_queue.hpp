// InjectionQueue: takes operations from any thread to the loop. Lock-free; many producers, one consumer.
#pragma once

#include <syncopate/detail/loop/operation.hpp>
#include <syncopate/detail/wait/platform.hpp>

#include <atomic>
#include <cstddef>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// Producers push onto a stack with one compare-exchange; the consumer takes all of it with one
/// exchange and turns it round, so that operations run in the order in which they were pushed.
///
/// Memory order. A push releases what the operation carries, and the consumer's exchange acquires it.
/// push() and empty() are sequentially consistent besides, because sleeping depends on it: see
/// ParkingSpot.
template <Platform P = LinuxPlatform>
class BasicInjectionQueue {
public:
    enum class Pushed { first, behind_others, refused };

    /// `first` if the queue was empty: the caller must see to it that the consumer turns. A push behind
    /// others need not: the first of them does.
    Pushed push(Operation& operation) noexcept {
        Operation* head = head_.load(std::memory_order_relaxed);
        do {
            if (head == closed())
                return Pushed::refused;
            operation.next = head;
        } while (!head_.compare_exchange_weak(
            head, &operation, std::memory_order_seq_cst, std::memory_order_relaxed));
        return head ? Pushed::behind_others : Pushed::first;
    }

    // The consumer's side.

    bool empty() const noexcept { return !taken_ && !head_.load(std::memory_order_seq_cst); }

    /// Runs up to `limit` operations, oldest first. Returns whether there were any.
    bool run_some(std::size_t limit) noexcept {
        if (!taken_ && has_pushed())
            take(head_.exchange(nullptr, std::memory_order_acquire));
        bool const any = taken_ != nullptr;
        for (; taken_ && limit > 0; --limit)
            run_next();
        return any;
    }

    /// Refuses every later push, and runs what came before.
    void close() noexcept {
        while (taken_)
            run_next();
        if (Operation* const newest = head_.exchange(closed(), std::memory_order_acquire);
            newest != closed())
            take(newest);
        while (taken_)
            run_next();
    }

private:
    // The mark of a closed queue: an address that no operation has.
    Operation* closed() const noexcept {
        return reinterpret_cast<Operation*>(const_cast<BasicInjectionQueue*>(this));
    }

    /// Only the consumer takes and closes. So what is seen here is there until the consumer takes it.
    bool has_pushed() const noexcept {
        Operation const* const head = head_.load(std::memory_order_relaxed);
        return head && head != closed();
    }

    void take(Operation* newest) noexcept {
        while (newest)
            taken_ = std::exchange(newest, std::exchange(newest->next, taken_));
    }

    void run_next() noexcept { std::exchange(taken_, taken_->next)->run(); }

    alignas(cache_line) Atomic<P, Operation*> head_{nullptr};
    alignas(cache_line) Operation* taken_ = nullptr;  // the consumer's, oldest first
};

using InjectionQueue = BasicInjectionQueue<>;

}  // namespace syncopate::inline v0_1::detail
