// macOS: waiting on an address from macOS 14.4 on; before that, the table.
#pragma once

#if defined(__APPLE__)

#include <syncopate/detail/system/posix.hpp>
#include <syncopate/detail/wait/deadline.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include <Availability.h>
#include <pthread.h>

#if defined(__MAC_OS_X_VERSION_MIN_REQUIRED) && __has_include(<os/os_sync_wait_on_address.h>)
#if __MAC_OS_X_VERSION_MIN_REQUIRED >= 140400
#include <os/os_sync_wait_on_address.h>
#define SYNCOPATE_DETAIL_HAS_OS_SYNC 1
#endif
#endif

namespace syncopate::inline v0_1::detail::system {

#if defined(SYNCOPATE_DETAIL_HAS_OS_SYNC)
#undef SYNCOPATE_DETAIL_HAS_OS_SYNC

/// Of a program that needs macOS 14.4: there is no other name for it before.
struct AddressWait {
    using Word = std::atomic<std::uint32_t>;

    static constexpr bool is_signal_safe = true;

    static void wait(Word& word, std::uint32_t expected, Deadline deadline) noexcept {
        if (deadline == no_deadline) {
            ::os_sync_wait_on_address(
                &word, expected, sizeof expected, OS_SYNC_WAIT_ON_ADDRESS_NONE);
            return;
        }
        auto const left =
            std::chrono::ceil<std::chrono::nanoseconds>(deadline - Deadline::clock::now());
        if (left.count() > 0)  // zero is refused
            ::os_sync_wait_on_address_with_timeout(
                &word, expected, sizeof expected, OS_SYNC_WAIT_ON_ADDRESS_NONE,
                OS_CLOCK_MACH_ABSOLUTE_TIME, static_cast<std::uint64_t>(left.count()));
    }

    static void wake_all(Word const* word) noexcept {
        ::os_sync_wake_by_address_all(
            const_cast<Word*>(word), sizeof(std::uint32_t), OS_SYNC_WAKE_BY_ADDRESS_NONE);
    }
};
#else
using AddressWait = void;
#endif

using Joining = void;

using EventDescriptor = PipeDescriptor;

inline bool has_one_processor() noexcept {
    return is_only_processor();
}

/// A new thread has the priority of its kind, whoever starts it, and no affinity.
inline void schedule_as_main_thread() noexcept {}

inline long thread_id() noexcept {
    std::uint64_t id = 0;
    static_cast<void>(::pthread_threadid_np(nullptr, &id));
    return static_cast<long>(id);
}

inline std::string thread_name() {
    char name[64] = {};
    static_cast<void>(::pthread_getname_np(::pthread_self(), name, sizeof name));
    return name;
}

/// macOS keeps the first 63 bytes of a name, and refuses a longer one.
inline void name_this_thread(std::string const& name) noexcept {
    constexpr std::size_t most = 63;
    char kept[most + 1] = {};
    name.copy(kept, most);
    ::pthread_setname_np(kept);
}

}  // namespace syncopate::inline v0_1::detail::system

#endif
