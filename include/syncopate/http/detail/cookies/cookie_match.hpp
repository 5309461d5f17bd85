// domain_matches(), path_matches(), site_of(): which hosts and paths a cookie belongs to.
#pragma once

#include <syncopate/http/headers.hpp>

#include <algorithm>
#include <string>
#include <string_view>

#ifdef SYNCOPATE_HTTP_WITH_LIBPSL
#include <libpsl.h>
#endif

namespace syncopate::inline v0_1::http::detail {

inline std::string lowered(std::string_view text) {
    std::string result(text);
    std::ranges::transform(result, result.begin(), to_lower);
    return result;
}

/// Whether hosts below that domain belong to different owners, as those below "co.uk" do. The list of such domains
/// is libpsl's. Without it, only a name without a dot counts as one.
inline bool is_public_suffix(std::string const& domain) {
#ifdef SYNCOPATE_HTTP_WITH_LIBPSL
    if (auto const* const list = ::psl_builtin())
        return ::psl_is_public_suffix(list, domain.c_str()) != 0;
#endif
    return domain.find('.') == domain.npos;
}

/// The domain that has the same owner as the host, and whose parent has another: "example.co.uk". Without libpsl, the
/// last two labels.
inline std::string site_of(std::string const& host, bool is_ip_address) {
    if (is_ip_address)
        return host;
#ifdef SYNCOPATE_HTTP_WITH_LIBPSL
    if (auto const* const list = ::psl_builtin()) {
        auto const* const site = ::psl_registrable_domain(list, host.c_str());
        return site ? site : host;
    }
#endif
    auto const dot = host.rfind('.');
    auto const before = dot == host.npos || dot == 0 ? host.npos : host.rfind('.', dot - 1);
    return before == host.npos ? host : host.substr(before + 1);
}

/// Whether the host is the domain or below it: RFC 6265, 5.1.3. The host is no address, and both are in lower
/// case.
inline bool domain_matches(std::string_view host, std::string_view domain) noexcept {
    if (!host.ends_with(domain))
        return false;
    host.remove_suffix(domain.size());
    return host.empty() || host.ends_with('.');
}

/// Whether the path is the prefix or below it: RFC 6265, 5.1.4.
inline bool path_matches(std::string_view path, std::string_view prefix) noexcept {
    if (!path.starts_with(prefix))
        return false;
    path.remove_prefix(prefix.size());
    return path.empty() || path.starts_with('/') || prefix.ends_with('/');
}

/// The path without its last segment: RFC 6265, 5.1.4.
inline std::string_view default_cookie_path(std::string_view path) noexcept {
    auto const end = path.rfind('/');
    return path.starts_with('/') && end > 0 ? path.substr(0, end) : "/";
}

}  // namespace syncopate::inline v0_1::http::detail
