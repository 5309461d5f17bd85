// cookie_origin_of(): the parts of a URL that decide which cookies are kept and sent.
#pragma once

#include <syncopate/http/cookies.hpp>
#include <syncopate/http/url.hpp>

#include <string_view>

namespace syncopate::inline v0_1::http::detail {

/// Whether the URL leads to this very machine, where nobody listens on the way.
inline bool is_loopback(Url const& url) noexcept {
    auto const host = url.server_name();
    if (url.is_ip_address())
        return host == "::1" || (host.starts_with("127.") && host.find(':') == host.npos);
    return domain_matches(host, "localhost");
}

/// Views into the URL.
inline CookieOrigin cookie_origin_of(Url const& url) noexcept {
    return {url.is_secure() || is_loopback(url), url.host(), url.is_ip_address(), url.path()};
}

}  // namespace syncopate::inline v0_1::http::detail
