// FreeBSD's names for threads, as its manual pages declare them.
#pragma once

#include <cstddef>

#include <pthread.h>

extern "C" {
int pthread_getthreadid_np();
void pthread_get_name_np(pthread_t thread, char* name, std::size_t size);
void pthread_set_name_np(pthread_t thread, char const* name);
}
