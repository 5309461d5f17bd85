// futex_wait, futex_wake_all: the kernel's wait-on-address. std::atomic::wait has no deadline.
#pragma once

#include <syncopate/detail/wait/deadline.hpp>

#include <atomic>
#include <chrono>
#include <climits>
#include <cstdint>
#include <ctime>

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace syncopate::inline v0_1::detail {

using FutexWord = std::atomic<std::uint32_t>;
static_assert(sizeof(FutexWord) == sizeof(std::uint32_t) && FutexWord::is_always_lock_free);

/// The call that reads a timespec as this program lays it out: where time_t is wider than long, as in 32-bit
/// programs that know the years after 2037, SYS_futex would take the halves of the seconds for the whole.
#if !defined(SYS_futex_time64)
inline constexpr long futex_call = SYS_futex;
#elif !defined(SYS_futex)
inline constexpr long futex_call = SYS_futex_time64;
#else
inline constexpr long futex_call = sizeof(std::time_t) > sizeof(long) ? SYS_futex_time64
                                                                      : SYS_futex;
#endif

/// Sleeps while the word holds `expected`, until it is woken or the deadline has passed
/// (`no_deadline`: never). May return early: the caller looks again.
inline void futex_wait(FutexWord& word, std::uint32_t expected, Deadline deadline) noexcept {
    timespec absolute{};
    timespec* limit = nullptr;
    if (deadline != no_deadline) {
        // FUTEX_WAIT_BITSET takes an absolute time of CLOCK_MONOTONIC, which steady_clock is here.
        auto const since_boot = deadline.time_since_epoch();
        auto const seconds = std::chrono::floor<std::chrono::seconds>(since_boot);
        if (seconds.count() < 0)
            return;
        absolute.tv_sec = static_cast<std::time_t>(seconds.count());
        absolute.tv_nsec =
            static_cast<long>(std::chrono::nanoseconds(since_boot - seconds).count());
        limit = &absolute;
    }
    ::syscall(
        futex_call, &word, FUTEX_WAIT_BITSET_PRIVATE, expected, limit, nullptr,
        FUTEX_BITSET_MATCH_ANY);
}

/// Wakes all that sleep on the word. Uses its address only: the word may be gone by now, and then a
/// sleeper on whatever came to lie there wakes early, and looks again.
inline void futex_wake_all(FutexWord const* word) noexcept {
    ::syscall(futex_call, word, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

}  // namespace syncopate::inline v0_1::detail
