// A limit on the threads that the process may have, for programs of their own: it cannot be taken back.
#pragma once

#include "support/errors.hpp"
#include "support/stress.hpp"
#include "support/thread_sanitizer.hpp"

#include <iostream>
#include <system_error>
#include <thread>

#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#ifdef SYNCOPATE_UNDER_THREAD_SANITIZER
#include <sanitizer/common_interface_defs.h>
#endif

namespace support {

/// The exit status of a test that was skipped.
inline constexpr int skipped = 77;

inline void limit_threads(rlim_t limit) {
    rlimit limits{};
    require(::getrlimit(RLIMIT_NPROC, &limits) == 0, "the limit can be read");
    limits.rlim_cur = limit;
    require(::setrlimit(RLIMIT_NPROC, &limits) == 0, "the limit can be set");
}

inline rlim_t hard_limit() {
    rlimit limits{};
    require(::getrlimit(RLIMIT_NPROC, &limits) == 0, "the limit can be read");
    return limits.rlim_max;
}

inline bool threads_can_be_started() {
    return code_of([] { std::thread([] {}).join(); }) == std::error_code();
}

/// Becomes a user to whom the limit applies, as it does not to root. Returns whether it does.
inline bool become_limited() {
#ifdef SYNCOPATE_UNDER_THREAD_SANITIZER
    // Starts the process that tells the names of functions, as long as that may be. Without them no suppression applies.
    char name[256];
    __sanitizer_symbolize_pc(__builtin_return_address(0), "%f", name, sizeof name);
#endif
    if (::geteuid() == 0) {
        auto const nobody_in_particular = static_cast<uid_t>(60'000 + ::getpid() % 1'000);
        require(::setuid(nobody_in_particular) == 0, "root can become another user");
        // For the leak check at the end, which traces the process.
        ::prctl(PR_SET_DUMPABLE, 1);
    }
    limit_threads(1);
    bool const is_limited = !threads_can_be_started();
    limit_threads(hard_limit());
    if (!is_limited)
        std::cerr << "skipped: this system does not limit the threads of a user\n";
    return is_limited;
}

}  // namespace support
