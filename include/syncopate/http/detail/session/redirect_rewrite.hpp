// RedirectRewrite: what redirects change of a request. is_idempotent(): whether it may be sent twice.
#pragma once

#include <syncopate/http/verb.hpp>

namespace syncopate::inline v0_1::http::detail {

/// RFC 9110, 9.2.2.
inline bool is_idempotent(Verb method) noexcept {
    switch (method) {
    case Verb::get:
    case Verb::head:
    case Verb::put:
    case Verb::delete_:
    case Verb::options:
    case Verb::trace: return true;
    default: return false;
    }
}

/// The method that is sent in the end, and the parts of the request that are not left out.
struct RedirectRewrite {
    Verb method;
    /// False after a redirect to another origin: the credentials are for the first one only.
    bool keeps_credentials = true;
    bool keeps_body = true;
    /// False after a 417: the server does not know the expectation.
    bool keeps_expect = true;
};

}  // namespace syncopate::inline v0_1::http::detail
