// SmallMutex: a lock that hardly ever has to wait, and costs little then.
#pragma once

#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/detail/wait/platform.hpp>

#include <atomic>
#include <cstdint>

namespace syncopate::inline v0_1::detail {

/// To take and to release a free one is two atomic operations and nothing else; a std::mutex adds fifty
/// instructions, which count where a call takes a thousand. No spinning, and no fairness. A signal handler may take
/// it, where whoever else does blocks the signal first.
///
/// Memory order. The exchange in unlock() releases what was done under the lock, and whoever takes the lock next
/// acquires it. No wake-up is lost: whoever has to wait marks the lock `contended` by an exchange, which either
/// finds it free, and has it then, or comes before the exchange in unlock(), which then wakes. The kernel
/// compares the word once more before it sleeps. Who was woken marks it again, because others may sleep.
template <Platform P = SystemPlatform>
class BasicSmallMutex {
public:
    BasicSmallMutex() = default;
    BasicSmallMutex(BasicSmallMutex const&) = delete;
    BasicSmallMutex& operator=(BasicSmallMutex const&) = delete;

    void lock() noexcept {
        if (!try_lock())
            wait();
    }
    bool try_lock() noexcept {
        auto seen = unlocked;
        return state_.compare_exchange_strong(
            seen, held, std::memory_order_acquire, std::memory_order_relaxed);
    }

    void unlock() noexcept {
        if (state_.exchange(unlocked, std::memory_order_release) == contended)
            wake(&state_);
    }

private:
    static constexpr std::uint32_t unlocked = 0;
    static constexpr std::uint32_t held = 1;
    static constexpr std::uint32_t contended = 2;

    [[gnu::noinline]] void wait() noexcept {
        while (state_.exchange(contended, std::memory_order_acquire) != unlocked)
            P::futex_wait(state_, contended, no_deadline);
    }

    // Of the lock only the address is used: it may be gone by now.
    [[gnu::noinline]] static void wake(Atomic<P, std::uint32_t> const* state) noexcept {
        P::futex_wake_all(state);
    }

    Atomic<P, std::uint32_t> state_{unlocked};
};

using SmallMutex = BasicSmallMutex<>;

}  // namespace syncopate::inline v0_1::detail
