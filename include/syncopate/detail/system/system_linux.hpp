// Linux: the futex, sched_yield, gettid and the scheduling of threads.
#pragma once

#if defined(__linux__)

#include <syncopate/detail/system/posix.hpp>
#include <syncopate/detail/wait/deadline.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <new>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

namespace syncopate::inline v0_1::detail::system {

/// The futex.
struct AddressWait {
    using Word = std::atomic<std::uint32_t>;

    /// A handler of signals may call these.
    static constexpr bool is_signal_safe = true;

    static void wait(Word& word, std::uint32_t expected, Deadline deadline) noexcept {
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
            number, &word, FUTEX_WAIT_BITSET_PRIVATE, expected, limit, nullptr,
            FUTEX_BITSET_MATCH_ANY);
    }

    static void wake_all(Word const* word) noexcept {
        ::syscall(number, word, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
    }

private:
    /// The call that reads a timespec as this program lays it out: where time_t is wider than long, as in 32-bit
    /// programs that know the years after 2037, SYS_futex would take the halves of the seconds for the whole.
#if !defined(SYS_futex_time64)
    static constexpr long number = SYS_futex;
#elif !defined(SYS_futex)
    static constexpr long number = SYS_futex_time64;
#else
    static constexpr long number = sizeof(std::time_t) > sizeof(long) ? SYS_futex_time64
                                                                      : SYS_futex;
#endif
};

/// Whether the calling thread may run on one processor only.
inline bool has_one_processor() noexcept {
    cpu_set_t set;
    CPU_ZERO(&set);
    return ::sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) == 1;
}

/// Gives the calling thread the affinity and the policy of the process's main thread.
///
/// A thread inherits all that from the one that starts it. But who happens to use a runner first says nothing
/// of how that is to be scheduled for everybody: it may be a thread with real-time priority, or one that keeps
/// to one processor. What was asked for the whole process, by taskset, chrt, nice or at the beginning of
/// main(), its main thread has. Where the system refuses any of it, that stays as it was inherited.
inline void schedule_as_main_thread() noexcept {
    pid_t const main_thread = ::getpid();

    cpu_set_t wanted;
    cpu_set_t inherited;
    if (::sched_getaffinity(main_thread, sizeof wanted, &wanted) == 0 &&
        ::sched_getaffinity(0, sizeof inherited, &inherited) == 0 &&
        !CPU_EQUAL(&wanted, &inherited))
        static_cast<void>(::sched_setaffinity(0, sizeof wanted, &wanted));

    sched_param parameters{};
    int const policy = ::sched_getscheduler(main_thread);
    sched_param inherited_parameters{};
    if (policy >= 0 && ::sched_getparam(main_thread, &parameters) == 0 &&
        ::sched_getparam(0, &inherited_parameters) == 0 &&
        (policy != ::sched_getscheduler(0) ||
         parameters.sched_priority != inherited_parameters.sched_priority))
        static_cast<void>(::sched_setscheduler(0, policy, &parameters));

    auto const id = static_cast<id_t>(::syscall(SYS_gettid));
    int const nice = ::getpriority(PRIO_PROCESS, static_cast<id_t>(main_thread));
    if (nice != ::getpriority(PRIO_PROCESS, id))
        static_cast<void>(::setpriority(PRIO_PROCESS, id, nice));
}

inline long thread_id() noexcept {
    return ::syscall(SYS_gettid);
}

/// As debuggers and ps show it.
inline std::string thread_name() {
    char name[16] = {};
    static_cast<void>(::pthread_getname_np(::pthread_self(), name, sizeof name));
    return name;
}

/// Linux keeps the first 15 bytes of a name.
inline void name_this_thread(std::string const& name) noexcept {
    constexpr std::size_t most = 15;
    char kept[most + 1] = {};
    name.copy(kept, most);
    ::pthread_setname_np(::pthread_self(), kept);
}

/// An event as a descriptor that becomes readable.
class EventDescriptor {
public:
    /// Throws: std::system_error if no descriptor is left.
    EventDescriptor() : descriptor_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
        if (descriptor_ < 0)
            throw std::system_error(errno, std::system_category(), "eventfd");
    }
    EventDescriptor(EventDescriptor const&) = delete;
    EventDescriptor& operator=(EventDescriptor const&) = delete;
    ~EventDescriptor() { ::close(descriptor_); }

    int descriptor() const noexcept { return descriptor_; }

    /// A handler of signals may call it.
    void set() noexcept {
        std::uint64_t const one = 1;
        [[maybe_unused]] auto const written = ::write(descriptor_, &one, sizeof one);
    }

private:
    int const descriptor_;
};

struct Joining {
    /// Held by who starts a thread, while it does.
    struct Start {
        void note(std::thread const&) noexcept {}
    };
    /// Made by a thread that begins.
    static void mark_thread() noexcept {}

    /// Joins a thread that has ended. Returns false if it has not.
    static bool try_join(std::thread& thread) noexcept {
        // Not pthread_clockjoin_np(), which is younger than what the sanitizers know.
        if (::pthread_tryjoin_np(thread.native_handle(), nullptr) != 0)
            return false;
        // It must not be joined again: what names it is moved to where no destructor follows.
        alignas(std::thread) std::byte joined[sizeof(std::thread)];
        new (joined) std::thread(std::move(thread));
        return true;
    }
};

}  // namespace syncopate::inline v0_1::detail::system

#endif
