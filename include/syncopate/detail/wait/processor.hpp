// cpu_pause, has_one_processor: the parts of spinning that depend on the machine.
#pragma once

#include <sched.h>

namespace syncopate::inline v0_1::detail {

/// Tells the processor that this is a spinning loop. Costs 5 to 60 ns, depending on its kind.
inline void cpu_pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

/// Whether the calling thread may run on one processor only: whoever is waited for cannot run while it
/// spins.
inline bool has_one_processor() noexcept {
    cpu_set_t set;
    CPU_ZERO(&set);
    return ::sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) == 1;
}

}  // namespace syncopate::inline v0_1::detail
