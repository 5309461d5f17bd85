// What the tests of HTTP/2 have in common on the client's side.
#pragma once

#include "support/catch.hpp"
#include "support/certificates.hpp"
#include <syncopate/async_generator.hpp>
#include <syncopate/http/detail/http2/nghttp2.hpp>
#include <syncopate/http/options.hpp>

#include <cstddef>
#include <string>

namespace support::http2 {

/// CTest knows a test that was skipped by what is printed.
inline bool is_library_missing() {
    if (syncopate::http::detail::Libnghttp2::get())
        return false;
    WARN("skipped: there is no libnghttp2");
    return true;
}

/// Of all servers here.
inline CertificateAuthority const& authority() {
    static CertificateAuthority const instance;
    return instance;
}

inline syncopate::http::SessionOptions by_http2() {
    return syncopate::http::SessionOptions().ca_certificates(authority().certificate()).http2(true);
}

/// A body that is a stream.
inline syncopate::AsyncGenerator<std::string> in_pieces(std::string text, std::size_t size) {
    for (std::size_t at = 0; at < text.size(); at += size)
        co_yield text.substr(at, size);
}

}  // namespace support::http2
