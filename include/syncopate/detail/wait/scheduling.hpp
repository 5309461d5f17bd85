// schedule_as_main_thread(): gives the calling thread the affinity and the policy of the process's main thread.
#pragma once

#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace syncopate::inline v0_1::detail {

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

}  // namespace syncopate::inline v0_1::detail
