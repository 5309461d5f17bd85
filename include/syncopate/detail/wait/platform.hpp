// What the lock-free parts stand on, as their parameter: tests put a model of it in its place.
#pragma once

#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/detail/wait/futex.hpp>

#include <atomic>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>

namespace syncopate::detail {

/// What two threads write alternately lies this far apart. std::hardware_destructive_interference_size
/// changes with the compiler's flags, and with it the layout, of which there must be one.
inline constexpr std::size_t cache_line = 128;

struct LinuxPlatform {
    template <class T>
    using Atomic = std::atomic<T>;

    static Deadline now() noexcept { return Deadline::clock::now(); }

    static void futex_wait(FutexWord& word, std::uint32_t expected, Deadline deadline) noexcept {
        detail::futex_wait(word, expected, deadline);
    }
    static void futex_wake_all(FutexWord const* word) noexcept { detail::futex_wake_all(word); }
};

template <class P, class T>
using Atomic = typename P::template Atomic<T>;

/// Atomics, and the kernel's wait-on-address for them.
template <class P>
concept Platform =
    requires(Atomic<P, std::uint32_t>& word, std::uint32_t expected, Deadline deadline) {
        { P::now() } noexcept -> std::same_as<Deadline>;
        { P::futex_wait(word, expected, deadline) } noexcept;
        { P::futex_wake_all(&word) } noexcept;
    };

}  // namespace syncopate::detail
