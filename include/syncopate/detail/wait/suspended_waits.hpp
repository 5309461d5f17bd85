// SuspendedWait: a stack that waits for a word without a thread. SuspendedWaits: finds it by the word's address.
#pragma once

#include <syncopate/detail/intrusive_list.hpp>
#include <syncopate/detail/system/forks.hpp>

#include <array>
#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>

namespace syncopate::inline v0_1::detail {

/// Listed while it waits. Whoever takes it out of the list has it go on, once.
class SuspendedWait : public ListHook<SuspendedWait> {
public:
    enum class Others { none, may_sleep };

    /// address: of the word for which it waits.
    /// others:  whether threads may sleep on the word, too.
    SuspendedWait(void const* address, Others others) noexcept
        : address_(address), others_(others) {}
    SuspendedWait(SuspendedWait const&) = delete;
    SuspendedWait& operator=(SuspendedWait const&) = delete;

protected:
    ~SuspendedWait() = default;

private:
    friend class SuspendedWaits;

    /// Keeps the object alive until go_on() has returned, although its wait may be over before that. Under a lock.
    virtual void keep() noexcept = 0;
    /// Ends the wait, and what keep() began.
    virtual void go_on() noexcept = 0;

    void const* const address_;
    Others const others_;
    // When it goes on. Together with the lock these say who has it do so.
    bool is_listed_ = false;
};

/// Does for suspended stacks what the kernel does for threads that sleep on an address. A wait is listed first, and
/// only then is the word marked as one on which somebody sleeps.
///
/// Memory order. Who changes a word that was marked looks here afterwards. If it had the lock before the wait was
/// listed, its change happened before the marking, which therefore fails, and the wait does not begin. Otherwise it
/// finds the wait. The mark that there ever were such waits is set before anything is handed over for which one waits.
class [[gnu::visibility("default")]] SuspendedWaits {
public:
    /// Before the first wait. Throws: std::bad_alloc.
    static void prepare() {
        tables_.get();
        are_used_.store(true, std::memory_order_seq_cst);
    }

    static void add(SuspendedWait& wait) noexcept {
        auto& bucket = bucket_of(wait.address_);
        std::lock_guard const lock(bucket.mutex);
        bucket.waits.push_back(wait);
        wait.is_listed_ = true;
    }

    /// Returns whether it was listed: then it is the caller's to have it go on.
    static bool remove(SuspendedWait& wait) noexcept {
        auto& bucket = bucket_of(wait.address_);
        std::lock_guard const lock(bucket.mutex);
        if (!wait.is_listed_)
            return false;
        wait.unlink();
        wait.is_listed_ = false;
        return true;
    }

    enum class Woken { all, not_the_threads };

    /// Has those go on that wait for the word, which has been changed.
    static Woken wake(void const* address) noexcept {
        if (!are_used_.load(std::memory_order_acquire)) [[likely]]
            return Woken::not_the_threads;
        return wake_listed(address);
    }

private:
    struct Bucket {
        std::mutex mutex;
        IntrusiveList<SuspendedWait> waits;
    };
    using Table = std::array<Bucket, 64>;

    static Bucket& bucket_of(void const* address) {
        auto const number = reinterpret_cast<std::uintptr_t>(address);
        auto& table = tables_.get();
        return table[(number >> 6U ^ number >> 13U) % table.size()];
    }

    static Woken wake_listed(void const* address) noexcept;

    // Never destroyed: a static object may wake a thread when all others are gone.
    static inline constinit PerProcess<Table> tables_{};
    static inline std::atomic<bool> are_used_{false};
};

}  // namespace syncopate::inline v0_1::detail

#ifndef SYNCOPATE_SEPARATE_COMPILATION
#include <syncopate/detail/wait/suspended_waits.ipp>
#endif
