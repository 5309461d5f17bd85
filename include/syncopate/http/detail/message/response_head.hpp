// ResponseHead: the status line and the fields of a response. ResponseLimits: what bounds their parser.
#pragma once

#include <syncopate/http/headers.hpp>

#include <cstddef>
#include <string>

namespace syncopate::inline v0_1::http::detail {

/// The limits of a parser, in bytes and fields, and how closely a response must follow RFC 9112.
struct ResponseLimits {
    std::size_t header_size;
    std::size_t header_fields;
    bool is_strict = false;  // SessionOptions::strict()
};

/// The status line and the fields of a response.
struct ResponseHead {
    int status = 0;
    bool is_http_1_0 = false;
    std::string reason;
    Headers headers;
    /// Behind a chunked body. They are kept apart: a Set-Cookie or a Location means nothing there.
    Headers trailers;
};

/// Whether another response follows this one.
inline bool is_interim(ResponseHead const& head) noexcept {
    return head.status >= 100 && head.status < 200;
}

}  // namespace syncopate::inline v0_1::http::detail
