// Refuses a compiler, a library or a setting that the library cannot work with: one #error each, which says what to do,
// and an #include of what nobody has, at which every compiler stops: it would complain without end otherwise.
#pragma once

#if defined(_MSVC_LANG)
#define SYNCOPATE_DETAIL_CPLUSPLUS _MSVC_LANG
#else
#define SYNCOPATE_DETAIL_CPLUSPLUS __cplusplus
#endif

// Compilers that are too old are told so first: of the rest they would complain without end.
#if defined(__clang__) && !defined(__apple_build_version__) && __clang_major__ < 16
#error "syncopate needs Clang 16 or newer: this one is too old."
#include <the-error-above-says-what-is-missing>
#elif defined(__clang__) && defined(__apple_build_version__) && __clang_major__ < 15
#error "syncopate needs Apple's Clang 15 (Xcode 15) or newer: this one is too old."
#include <the-error-above-says-what-is-missing>
#elif !defined(__clang__) && defined(__GNUC__) && __GNUC__ < 12
#error "syncopate needs GCC 12 or newer: this one is too old."
#include <the-error-above-says-what-is-missing>
#elif SYNCOPATE_DETAIL_CPLUSPLUS < 202002L
#error "syncopate needs C++20: compile with -std=c++20 (MSVC: /std:c++20) or newer."
#include <the-error-above-says-what-is-missing>
#elif !defined(__cpp_impl_coroutine) && !defined(__cpp_coroutines)
#error "syncopate needs coroutines: take GCC 12.2, Clang 16, or newer, and do not switch them off."
#include <the-error-above-says-what-is-missing>
#elif !defined(__cpp_exceptions) && !defined(_CPPUNWIND)
#error "syncopate needs exceptions: do not compile with -fno-exceptions."
#include <the-error-above-says-what-is-missing>
#endif
#undef SYNCOPATE_DETAIL_CPLUSPLUS

#include <version>

#if defined(_GLIBCXX_RELEASE) && _GLIBCXX_RELEASE < 12
#error                                                                                             \
    "syncopate needs libstdc++ 12 or newer: install the g++ of that version (Clang takes its library)."
#include <the-error-above-says-what-is-missing>
#elif defined(_LIBCPP_VERSION) && _LIBCPP_VERSION < 180000
#error "syncopate needs libc++ 18 or newer: take that, or libstdc++ (-stdlib=libstdc++)."
#include <the-error-above-says-what-is-missing>
#elif defined(_LIBCPP_VERSION) && _LIBCPP_VERSION < 200000 &&                                      \
    defined(_LIBCPP_HAS_NO_EXPERIMENTAL_STOP_TOKEN)
#error                                                                                             \
    "syncopate needs std::stop_token, which libc++ 18 and 19 have with -fexperimental-library: compile and link with it."
#include <the-error-above-says-what-is-missing>
#endif

#if defined(SYNCOPATE_ASIO_STANDALONE)

#if !__has_include(<asio/version.hpp>)
#error                                                                                             \
    "syncopate with SYNCOPATE_ASIO_STANDALONE needs the headers of Asio: install libasio-dev, or add their folder with -I."
#include <the-error-above-says-what-is-missing>
#else
#include <asio/version.hpp>
#if ASIO_VERSION < 102600
#error "syncopate needs Asio 1.26 or newer."
#include <the-error-above-says-what-is-missing>
#elif defined(ASIO_ENABLE_BOOST)
#error                                                                                             \
    "syncopate with SYNCOPATE_ASIO_STANDALONE is for Asio without Boost: do not define ASIO_ENABLE_BOOST."
#include <the-error-above-says-what-is-missing>
#elif defined(ASIO_DISABLE_THREADS)
// Asio would take no locks, and calls of other threads would be lost without a word.
#error "syncopate calls the loop from other threads: do not define ASIO_DISABLE_THREADS."
#include <the-error-above-says-what-is-missing>
#endif
#endif

#elif !__has_include(<boost/version.hpp>)
#error                                                                                             \
    "syncopate needs Boost's headers: install them (Debian: libboost1.81-dev or newer), or add their folder with -I."
#include <the-error-above-says-what-is-missing>
#else
#include <boost/version.hpp>
#if BOOST_VERSION < 108100
#error "syncopate needs Boost 1.81 or newer."
#include <the-error-above-says-what-is-missing>
#elif defined(BOOST_ASIO_DISABLE_THREADS)
// Asio would take no locks, and calls of other threads would be lost without a word.
#error "syncopate calls the loop from other threads: do not define BOOST_ASIO_DISABLE_THREADS."
#include <the-error-above-says-what-is-missing>
#endif
#endif
