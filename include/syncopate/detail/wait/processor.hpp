// cpu_pause, has_one_processor: the parts of spinning that depend on the machine.
#pragma once

#include <syncopate/detail/system/system.hpp>

#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
#endif

namespace syncopate::inline v0_1::detail {

/// Tells the processor that this is a spinning loop. Costs 5 to 60 ns, depending on its kind.
inline void cpu_pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#elif defined(_M_X64) || defined(_M_IX86)
    _mm_pause();
#elif defined(_M_ARM64)
    __yield();
#endif
}

/// Whether the calling thread may run on one processor only: whoever is waited for cannot run while it
/// spins.
inline bool has_one_processor() noexcept {
    return system::has_one_processor();
}

}  // namespace syncopate::inline v0_1::detail
