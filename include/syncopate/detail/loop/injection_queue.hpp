// InjectionQueue: takes operations from any thread to the loop. Lock-free; many producers, one consumer.
#pragma once

#include <syncopate/detail/loop/operation.hpp>
#include <syncopate/detail/wait/platform.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1::detail {

/// Producers push onto a stack with one compare-exchange. The consumer takes all of it with one exchange, turns
/// it round, and runs it in the order in which it was pushed.
///
/// Other threads may look at what waits, and may withdraw it, under a lock that the consumer holds for each step
/// that takes operations out: an operation that is still here has not run, and so it is still there. Producers
/// do not need the lock. The user has it: run_some() and close() give each such step to `locked`.
///
/// Memory order. A push releases what the operation carries, and the exchange that takes it acquires it; the lock
/// hands it on. push() and the load of empty() are sequentially consistent besides, because sleeping depends on
/// it: see ParkingSpot. A withdrawal that takes what was pushed does not hide it from empty(), which looks under
/// the lock. Who looks acquires the newest operation, and with it those that were pushed before, since each push
/// is a read-modify-write of what the one before has written.
template <Platform P = SystemPlatform>
class BasicInjectionQueue {
public:
    enum class Pushed { first, behind_others, refused };

    /// Where there is no other thread that looks or withdraws.
    struct Unlocked {
        template <class Take>
        Operation* operator()(Take take) const noexcept {
            return take();
        }
    };

    /// `first` if nothing was pushed that is not taken yet: the caller must see to it that the consumer turns. A
    /// push behind others need not: the first of them does.
    Pushed push(Operation& operation) noexcept {
        Operation* head = head_.load(std::memory_order_relaxed);
        do {
            if (head == closed())
                return Pushed::refused;
            operation.next_ = head;
        } while (!head_.compare_exchange_weak(
            head, &operation, std::memory_order_seq_cst, std::memory_order_relaxed));
        return head ? Pushed::behind_others : Pushed::first;
    }

    // The consumer's side.

    /// Whether something was pushed and not taken yet: a hint for a consumer that looks often.
    bool has_pushed() const noexcept { return is_pushed(head_.load(std::memory_order_relaxed)); }

    /// Runs up to `limit` operations, oldest first. Returns whether there were any.
    ///
    /// locked: returns what it gets of the function that it is given, an operation or null.
    template <class Locked = Unlocked>
    bool run_some(std::size_t limit, Locked locked = {}) noexcept {
        bool any = false;
        bool more =
            true;  // as far as is seen without the lock: a withdrawal may take what was pushed
        for (; limit > 0 && (more || has_pushed()); --limit) {
            Operation* const next = locked([&]() noexcept {
                Operation* const oldest = pop();
                more = !taken_.empty();
                return oldest;
            });
            if (!next)
                break;
            next->run();
            any = true;
        }
        return any;
    }

    /// Refuses every later push, and runs what came before.
    template <class Locked = Unlocked>
    void close(Locked locked = {}) noexcept {
        Operation* next = locked([this]() noexcept {
            take(closed());
            return pop();
        });
        for (; next; next = locked([this]() noexcept { return pop(); }))
            next->run();
    }

    // From any thread, under the lock.

    bool empty() const noexcept {
        return taken_.empty() && !is_pushed(head_.load(std::memory_order_seq_cst));
    }

    /// Takes back what was pushed before, as far as this thread knows. Returns false if it has been run, is
    /// running, or was not pushed.
    bool withdraw(Operation& operation) noexcept {
        take();
        return taken_.remove(operation);
    }

    /// Takes back those that the filter lets through.
    void withdraw_if(OperationList::Filter filter, OperationList& withdrawn) noexcept {
        take();
        taken_.move_if(filter, withdrawn);
    }

    /// Adds the operations that have not run yet, oldest first.
    void add_waiting_to(std::vector<Operation*>& waiting) const {
        taken_.for_each([&](Operation& operation) { waiting.push_back(&operation); });
        auto const taken = static_cast<std::ptrdiff_t>(waiting.size());
        Operation* operation = head_.load(std::memory_order_acquire);
        for (; is_pushed(operation); operation = operation->next_)
            waiting.push_back(operation);
        std::reverse(waiting.begin() + taken, waiting.end());
    }

private:
    // The mark of a closed queue: an address that no operation has.
    Operation* closed() const noexcept {
        return reinterpret_cast<Operation*>(const_cast<BasicInjectionQueue*>(this));
    }

    bool is_pushed(Operation const* head) const noexcept { return head && head != closed(); }

    // Under the lock.

    /// Only under the lock is anything taken, and the queue closed. So what is seen here is there until then.
    void take() noexcept {
        if (has_pushed())
            take(nullptr);
    }

    void take(Operation* left) noexcept {
        Operation* newest = head_.exchange(left, std::memory_order_acquire);
        Operation* oldest = nullptr;
        while (is_pushed(newest))
            oldest = std::exchange(newest, std::exchange(newest->next_, oldest));
        while (oldest)
            taken_.push_back(*std::exchange(oldest, oldest->next_));
    }

    /// The oldest, or null.
    Operation* pop() noexcept {
        if (taken_.empty())
            take();
        return taken_.pop_front();
    }

    alignas(cache_line) Atomic<P, Operation*> head_{nullptr};
    alignas(cache_line) OperationList taken_;  // oldest first
};

using InjectionQueue = BasicInjectionQueue<>;

}  // namespace syncopate::inline v0_1::detail
