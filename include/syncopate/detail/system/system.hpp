// Namespace system: the operating system, in one file for each, of which this header chooses one. Only these files, and
// those beside them that are named after a system, know which one it is.
//
// Each file has the same names:
//
// - AddressWait: wait() and wake_all() as the system has them for an address; void where it has none. See futex.hpp.
// - Joining: how a thread's end is awaited with a deadline; void where the system cannot. See thread.hpp.
// - yield(), has_one_processor(), schedule_as_main_thread(): for threads and processors.
// - thread_id(), thread_name(), name_this_thread(), process_id(): for those who read traces and debuggers.
// - SignalBlocker: keeps the program's signals away from the thread. call_in_forked_child(): for forks.
// - keep_loaded(), load_library(), find_function(): for shared libraries.
#pragma once

#if defined(_WIN32)
#include <syncopate/detail/system/system_windows.hpp>
#elif defined(__linux__)
#include <syncopate/detail/system/system_linux.hpp>
#elif defined(__APPLE__)
#include <syncopate/detail/system/system_apple.hpp>
#elif defined(__FreeBSD__)
#include <syncopate/detail/system/system_freebsd.hpp>
#elif __has_include(<pthread.h>) && __has_include(<sched.h>)
#include <syncopate/detail/system/system_posix.hpp>
#else
#error                                                                                             \
    "syncopate needs Windows or a POSIX system with threads: neither <pthread.h> nor Windows is here"
#endif
