// Platform, SystemPlatform: the atomics and the wait-on-address that the lock-free classes use, as their template
// parameter. Tests use a model in its place.
#pragma once

#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/detail/wait/futex.hpp>
#include <syncopate/detail/wait/suspended_waits.hpp>

#include <atomic>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>

namespace syncopate::inline v0_1::detail {

/// The distance between members that different threads write. A constant, because
/// std::hardware_destructive_interference_size changes with the compiler's flags, and the layout must not.
inline constexpr std::size_t cache_line = 128;

struct SystemPlatform {
    template <class T>
    using Atomic = std::atomic<T>;

    static Deadline now() noexcept { return Deadline::clock::now(); }

    static void futex_wait(FutexWord& word, std::uint32_t expected, Deadline deadline) noexcept {
        detail::futex_wait(word, expected, deadline);
    }
    /// Also stacks that are suspended until the word changes.
    static void futex_wake_all(FutexWord const* word) noexcept {
        if (SuspendedWaits::wake(word) != SuspendedWaits::Woken::all)
            detail::futex_wake_all(word);
    }
};

template <class P, class T>
using Atomic = typename P::template Atomic<T>;

/// Atomics, and a wait-on-address for them.
template <class P>
concept Platform =
    requires(Atomic<P, std::uint32_t>& word, std::uint32_t expected, Deadline deadline) {
        { P::now() } noexcept -> std::same_as<Deadline>;
        { P::futex_wait(word, expected, deadline) } noexcept;
        { P::futex_wake_all(&word) } noexcept;
    };

}  // namespace syncopate::inline v0_1::detail
