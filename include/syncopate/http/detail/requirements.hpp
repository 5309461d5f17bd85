// Refuses to go on without the libraries that syncopate::http stands on: one #error each, which names the package.
#pragma once

// Where Boost is not there at all, detail/error/requirements.hpp says so.
#if __has_include(<boost/version.hpp>) &&                                                          \
    !(__has_include(<boost/beast/version.hpp>) && __has_include(<boost/json/value.hpp>))
#error                                                                                             \
    "syncopate::http needs Boost.Beast and Boost.JSON: install them (Debian: libboost-json-dev), or add their folder with -I."
#include <the-error-above-says-what-is-missing>
#endif

// Its version is not asked for, which would take an include: openssl/core.h came with OpenSSL 3.0.
#if !__has_include(<openssl/ssl.h>)
#error                                                                                             \
    "syncopate::http needs the headers of OpenSSL: install them (Debian: libssl-dev), or add their folder with -I."
#include <the-error-above-says-what-is-missing>
#elif !__has_include(<openssl/core.h>)
#error "syncopate::http needs OpenSSL 3.0 or newer: the headers that are found are not of it."
#include <the-error-above-says-what-is-missing>
#endif

#if !__has_include(<zlib.h>)
#error                                                                                             \
    "syncopate::http needs the headers of zlib: install them (Debian: zlib1g-dev), or add their folder with -I."
#include <the-error-above-says-what-is-missing>
#endif
