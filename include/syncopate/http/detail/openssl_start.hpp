// start_openssl(): has OpenSSL outlive the static objects of whoever includes this.
#pragma once

#include <syncopate/detail/separate.hpp>

namespace syncopate::inline v0_1::http::detail {

SYNCOPATE_DECL int start_openssl() noexcept;

/// OpenSSL frees itself by atexit(). Initialised here, before other static objects, it outlives them: a static
/// runner may have sessions until its destructor ends.
inline int const openssl_is_up = start_openssl();

}  // namespace syncopate::inline v0_1::http::detail

#ifndef SYNCOPATE_SEPARATE_COMPILATION
#include <syncopate/http/impl/openssl_start.ipp>
#endif
