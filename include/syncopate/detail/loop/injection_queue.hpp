// InjectionQueue: takes operations from any thread to the loop. Lock-free; many producers, one consumer.
#pragma once

#include <syncopate/detail/loop/operation.hpp>
#include <syncopate/detail/wait/platform.hpp>

#include <atomic>
#include <cstddef>
#include <mutex>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// Producers push onto a stack with one compare-exchange. The consumer takes all of it with one exchange, turns
/// it round, and runs it in the order in which it was pushed.
///
/// What has been pushed and not run yet can be withdrawn, by any thread. So the list of what was taken is under
/// a mutex, which the consumer holds while it takes one operation out, and never while it runs one.
///
/// Memory order. A push releases what the operation carries, and the exchange that takes it acquires it; the
/// mutex hands it on. push() and the loads of empty() are sequentially consistent besides, because sleeping
/// depends on it: see ParkingSpot. A withdrawal that takes what was pushed does not hide it from empty(), which
/// looks under the mutex: the consumer has parked only if nothing was pushed or taken before.
template <Platform P = LinuxPlatform>
class BasicInjectionQueue {
public:
    enum class Pushed { first, behind_others, refused };

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

    /// Takes back what was pushed before, as far as this thread knows. Returns false if it has been run, is
    /// running, or was not pushed.
    bool withdraw(Operation& operation) noexcept {
        std::lock_guard const lock(mutex_);
        take();
        return taken_.remove(operation);
    }

    // The consumer's side.

    /// Whether something was pushed and not taken yet: a hint for a consumer that looks often.
    bool has_pushed() const noexcept { return is_pushed(head_.load(std::memory_order_relaxed)); }

    bool empty() const noexcept {
        std::lock_guard const lock(mutex_);
        return taken_.empty() && !is_pushed(head_.load(std::memory_order_seq_cst));
    }

    /// Runs up to `limit` operations, oldest first. Returns whether there were any.
    bool run_some(std::size_t limit) noexcept {
        std::size_t count = 0;
        while (count < limit && run_next())
            ++count;
        return count != 0;
    }

    /// Refuses every later push, and runs what came before.
    void close() noexcept {
        {
            std::lock_guard const lock(mutex_);
            take(closed());
        }
        while (run_next()) {
        }
    }

private:
    // The mark of a closed queue: an address that no operation has.
    Operation* closed() const noexcept {
        return reinterpret_cast<Operation*>(const_cast<BasicInjectionQueue*>(this));
    }

    bool is_pushed(Operation const* head) const noexcept { return head && head != closed(); }

    /// Only under the mutex is anything taken, and the queue closed. So what is seen here is there until then.
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

    bool run_next() noexcept {
        if (Operation* const operation = next()) {
            operation->run();
            return true;
        }
        return false;
    }

    Operation* next() noexcept {
        std::lock_guard const lock(mutex_);
        if (taken_.empty())
            take();
        return taken_.pop_front();
    }

    alignas(cache_line) Atomic<P, Operation*> head_{nullptr};
    alignas(cache_line) mutable typename P::Mutex mutex_;
    OperationList taken_;
};

using InjectionQueue = BasicInjectionQueue<>;

}  // namespace syncopate::inline v0_1::detail
