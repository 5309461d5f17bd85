// WaitTable: sleeping on an address where the system has nothing for it, by mutexes and condition variables.
#pragma once

#include <syncopate/detail/system/forks.hpp>
#include <syncopate/detail/wait/deadline.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <thread>

namespace syncopate::inline v0_1::detail {

/// Each address has one of the places of a table. Those who sleep at one place are woken together, and look again: that
/// is allowed. Of an address nothing but its value is used to wake, so what lay there may be gone.
///
/// No wake-up is lost. A sleeper compares the word under the lock of its place, and sleeps by giving up the lock. A
/// waker has changed the word before it takes that lock: so either the sleeper has seen the new word, or it sleeps by
/// the time that the waker has the lock, and is notified.
///
/// The first sleeper of a process makes the table, which is never destroyed: threads may outlive main(). The child of
/// a fork makes its own, because a lock of the parent's may be held. A waker makes none. If it finds none, there is
/// nobody to wake: its exchange of the pointer for the same pointer is either before the sleeper's, which then reads
/// what the waker's has released, and with it the new word; or it is after, and finds the table. Without memory for
/// the table a sleeper sleeps for a moment and looks again.
class [[gnu::visibility("default")]] WaitTable {
public:
    using Word = std::atomic<std::uint32_t>;

    /// A handler of signals may interrupt a thread that has the lock of a place.
    static constexpr bool is_signal_safe = false;

    static void wait(Word& word, std::uint32_t expected, Deadline deadline) noexcept {
        auto* const table = get();
        if (!table)
            return std::this_thread::sleep_for(std::chrono::milliseconds(1));
        auto& place = table->place_of(&word);
        std::unique_lock lock(place.mutex);
        if (word.load(std::memory_order_relaxed) != expected)
            return;
        if (deadline == no_deadline)
            place.changed.wait(lock);
        else
            place.changed.wait_until(lock, deadline);
    }

    static void wake_all(Word const* word) noexcept {
        auto* const table = find();
        if (!table)
            return;
        auto& place = table->place_of(word);
        {
            std::lock_guard const lock(place.mutex);
        }
        place.changed.notify_all();
    }

private:
    struct alignas(128) Place {
        std::mutex mutex;
        std::condition_variable changed;
    };

    Place& place_of(void const* address) noexcept {
        // Words lie 4 bytes apart at least, and in frames and objects of like sizes.
        std::uint64_t const number = reinterpret_cast<std::uintptr_t>(address) >> 2;
        auto const mixed = static_cast<std::uint32_t>(number * 0x9E3779B97F4A7C15U >> 32);
        return places_[mixed % places_.size()];
    }

    bool is_of_this_process() const noexcept { return process_ == this_process(); }

    /// Null: nobody sleeps.
    static WaitTable* find() noexcept {
        auto* found = current_.load(std::memory_order_acquire);
        while (!found || !found->is_of_this_process())
            if (current_.compare_exchange_weak(
                    found, found, std::memory_order_acq_rel, std::memory_order_acquire))
                return nullptr;
        return found;
    }

    /// Null: no memory.
    static WaitTable* get() noexcept {
        auto* found = current_.load(std::memory_order_acquire);
        if (found && found->is_of_this_process())
            return found;
        std::unique_ptr<WaitTable> fresh(new (std::nothrow) WaitTable);
        while (fresh) {
            if (found && found->is_of_this_process())
                return found;
            fresh->before_fork_ = found;
            if (current_.compare_exchange_weak(
                    found, fresh.get(), std::memory_order_acq_rel, std::memory_order_acquire))
                return fresh.release();
        }
        return nullptr;
    }

    inline static constinit std::atomic<WaitTable*> current_{nullptr};

    std::array<Place, 64> places_;
    unsigned const process_ = this_process();
    WaitTable* before_fork_ = nullptr;  // where a leak detector finds it
};

}  // namespace syncopate::inline v0_1::detail
