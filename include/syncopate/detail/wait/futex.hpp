// FutexWord, AddressWait, futex_wait(), futex_wake_all(): how a thread sleeps on an address. std::atomic::wait has no
// deadline.
#pragma once

#include <syncopate/detail/system/system.hpp>
#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/detail/wait/wait_table.hpp>

#include <atomic>
#include <cstdint>
#include <type_traits>

namespace syncopate::inline v0_1::detail {

using FutexWord = std::atomic<std::uint32_t>;
static_assert(sizeof(FutexWord) == sizeof(std::uint32_t) && FutexWord::is_always_lock_free);

/// The system's, or the table where it has none. SYNCOPATE_PORTABLE_WAIT asks for the table on every system; it must
/// be the same for all of a program.
#if defined(SYNCOPATE_PORTABLE_WAIT)
using AddressWait = WaitTable;
#else
using AddressWait =
    std::conditional_t<std::is_void_v<system::AddressWait>, WaitTable, system::AddressWait>;
#endif

/// Sleeps while the word holds `expected`, until it is woken or the deadline has passed
/// (`no_deadline`: never). May return early: the caller looks again.
inline void futex_wait(FutexWord& word, std::uint32_t expected, Deadline deadline) noexcept {
    AddressWait::wait(word, expected, deadline);
}

/// Wakes all that sleep on the word. Uses its address only: the word may be gone by now, and then a
/// sleeper on whatever came to lie there wakes early, and looks again.
inline void futex_wake_all(FutexWord const* word) noexcept {
    AddressWait::wake_all(word);
}

}  // namespace syncopate::inline v0_1::detail
