// FreeBSD: _umtx_op, which is its futex, and the numbers and names of threads.
#pragma once

#if defined(__FreeBSD__)

#include <syncopate/detail/system/posix.hpp>
#include <syncopate/detail/wait/deadline.hpp>

#include <atomic>
#include <chrono>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <string>

#include <pthread.h>
#include <pthread_np.h>
#include <sys/cpuset.h>
#include <sys/param.h>
#include <sys/types.h>
#include <sys/umtx.h>

namespace syncopate::inline v0_1::detail::system {

struct AddressWait {
    using Word = std::atomic<std::uint32_t>;

    static constexpr bool is_signal_safe = true;

    static void wait(Word& word, std::uint32_t expected, Deadline deadline) noexcept {
        if (deadline == no_deadline) {
            ::_umtx_op(&word, UMTX_OP_WAIT_UINT_PRIVATE, expected, nullptr, nullptr);
            return;
        }
        // steady_clock is CLOCK_MONOTONIC here.
        auto const since_boot = deadline.time_since_epoch();
        auto const seconds = std::chrono::floor<std::chrono::seconds>(since_boot);
        if (seconds.count() < 0)
            return;
        _umtx_time limit{};
        limit._timeout.tv_sec = static_cast<std::time_t>(seconds.count());
        limit._timeout.tv_nsec =
            static_cast<long>(std::chrono::nanoseconds(since_boot - seconds).count());
        limit._flags = UMTX_ABSTIME;
        limit._clockid = CLOCK_MONOTONIC;
        ::_umtx_op(
            &word, UMTX_OP_WAIT_UINT_PRIVATE, expected, reinterpret_cast<void*>(sizeof limit),
            &limit);
    }

    static void wake_all(Word const* word) noexcept {
        ::_umtx_op(const_cast<Word*>(word), UMTX_OP_WAKE_PRIVATE, INT_MAX, nullptr, nullptr);
    }
};

using Joining = void;

using EventDescriptor = PipeDescriptor;

/// Whether the calling thread may run on one processor only.
inline bool has_one_processor() noexcept {
    cpuset_t set;
    CPU_ZERO(&set);
    return ::cpuset_getaffinity(CPU_LEVEL_WHICH, CPU_WHICH_TID, -1, sizeof set, &set) == 0 &&
           CPU_COUNT(&set) == 1;
}

/// Threads are scheduled as the system does it.
inline void schedule_as_main_thread() noexcept {}

inline long thread_id() noexcept {
    return ::pthread_getthreadid_np();
}

/// FreeBSD keeps the first 19 bytes of a name.
inline std::string thread_name() {
    char name[20] = {};
    ::pthread_get_name_np(::pthread_self(), name, sizeof name);
    return name;
}

inline void name_this_thread(std::string const& name) noexcept {
    constexpr std::size_t most = 19;
    char kept[most + 1] = {};
    name.copy(kept, most);
    ::pthread_set_name_np(::pthread_self(), kept);
}

}  // namespace syncopate::inline v0_1::detail::system

#endif
