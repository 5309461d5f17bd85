// How operations get from any thread to the loop: a lock-free queue, many producers, one consumer.
#pragma once

#include <syncopate/detail/operation.hpp>

#include <atomic>
#include <utility>

namespace syncopate::detail {

/// Producers push onto a stack with one compare-exchange; the consumer takes all of it with one
/// exchange and turns it round, so that operations run in the order in which they were pushed.
///
/// Memory order. A push releases what the operation carries; take_all() acquires it. A push is also
/// an acquire, so that the producer that finds the queue empty comes after the take_all() that
/// emptied it, and after everything that the consumer did before that: it may reuse what belongs to
/// one consumer turn (see OwnLoop::wake).
class InjectionQueue {
public:
    enum class Pushed { first, behind_others, refused };

    /// `first` if the queue was empty: the caller must see to it that the consumer turns.
    Pushed push(Operation& operation) noexcept {
        Operation* head = head_.load(std::memory_order_relaxed);
        do {
            if (head == closed())
                return Pushed::refused;
            operation.next = head;
        } while (!head_.compare_exchange_weak(
            head, &operation, std::memory_order_acq_rel, std::memory_order_relaxed));
        return head ? Pushed::behind_others : Pushed::first;
    }

    bool empty() const noexcept { return head_.load(std::memory_order_relaxed) == nullptr; }

    /// Runs what is there now, oldest first. What comes meanwhile waits for the next turn.
    void run_all() noexcept {
        if (head_.load(std::memory_order_relaxed) != closed())  // only the consumer closes
            run_chain(head_.exchange(nullptr, std::memory_order_acq_rel));
    }

    /// Refuses every later push, and runs what came before.
    void close() noexcept { run_chain(head_.exchange(closed(), std::memory_order_acq_rel)); }

private:
    // The mark of a closed queue: an address that no operation has.
    Operation* closed() const noexcept {
        return reinterpret_cast<Operation*>(const_cast<InjectionQueue*>(this));
    }

    void run_chain(Operation* newest) noexcept {
        if (newest == closed())
            return;
        Operation* oldest = nullptr;
        while (newest)
            oldest = std::exchange(newest, std::exchange(newest->next, oldest));
        while (oldest)
            std::exchange(oldest, oldest->next)->run();
    }

    std::atomic<Operation*> head_{nullptr};
};

}  // namespace syncopate::detail
