// Refuses a compiler, a Boost or a setting that the library cannot work with: one #error each, which says what to do.
#pragma once

#include <boost/version.hpp>

#if __cplusplus < 202002L
#error "syncopate needs C++20: compile with -std=c++20 or newer."
#elif !defined(__cpp_impl_coroutine) && !defined(__cpp_coroutines)
#error "syncopate needs coroutines: take GCC 12.2, Clang 16, or newer."
#elif BOOST_VERSION < 108100
#error "syncopate needs Boost 1.81 or newer."
#elif defined(BOOST_ASIO_DISABLE_THREADS)
// Asio would take no locks, and calls of other threads would be lost without a word.
#error "syncopate calls the loop from other threads: do not define BOOST_ASIO_DISABLE_THREADS."
#endif
