// What macOS has beside POSIX. Its pthread_t is a pointer, and its pthread_setname_np takes a name only.
#pragma once

#include <cstddef>
#include <cstdint>

#define pthread_setname_np pthread_setname_np_of_glibc
#include_next <pthread.h>
#undef pthread_setname_np

extern "C" {
int pthread_cond_timedwait_relative_np(
    pthread_cond_t* condition, pthread_mutex_t* mutex, timespec const* time);
int pthread_setname_np(char const* name);
int pthread_threadid_np(std::nullptr_t thread, std::uint64_t* id);
}
