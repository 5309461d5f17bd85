// HostAndPort, HostPattern: a host as people write it in a setting, with a port or without.
#pragma once

#include <syncopate/http/detail/url/refuse_url.hpp>
#include <syncopate/http/detail/url/url_parser.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace syncopate::inline v0_1::http::detail {

/// The name without the dot at its end that may stand there.
inline std::string_view without_final_dot(std::string_view name) noexcept {
    return name.ends_with('.') ? name.substr(0, name.size() - 1) : name;
}

/// A name or an address, in the form of a URL's host, and the port if there is one.
struct HostAndPort {
    /// text:      an IPv6 address may stand in brackets, and must do so before a port.
    /// Throws:    Errc::invalid_url.
    explicit HostAndPort(std::string_view text) {
        bool const is_bare_ipv6 = std::ranges::count(text, ':') > 1 && !text.starts_with('[');
        auto const behind = is_bare_ipv6 ? '[' + std::string(text) + ']' : std::string(text);
        auto const url = parse_url("http://" + behind);
        bool const is_only_host = url.text.size() == url.authority_end + 1 && url.user.empty() &&
                                  behind.find_first_of("/?#@") == behind.npos;
        if (!is_only_host)
            refuse_url(text, "not just a host");
        host = url.part(url.authority_begin, url.host_end);
        if (host.starts_with('['))
            host = host.substr(1, host.size() - 2);
        // A port that is not written is the default one of either scheme.
        if (url.port == parse_url("https://" + behind).port)
            port = url.port;
    }

    std::string host;
    std::optional<std::uint16_t> port;
};

/// A host, or all names below one: "*.example.org".
class HostPattern {
public:
    /// Throws:    Errc::invalid_url.
    explicit HostPattern(std::string_view text)
        : is_wildcard_(text.starts_with("*.")), named_(text.substr(is_wildcard_ ? 2 : 0)) {}

    /// host:      of a URL: in lower case.
    bool matches(std::string_view host, std::uint16_t port) const noexcept {
        if (named_.port && *named_.port != port)
            return false;
        auto name = without_final_dot(host);
        auto const own = without_final_dot(named_.host);
        if (!is_wildcard_)
            return name == own;
        bool const is_below = name.size() > own.size() + 1 && name.ends_with(own);
        return is_below && name[name.size() - own.size() - 1] == '.';
    }

private:
    bool is_wildcard_;
    HostAndPort named_;
};

}  // namespace syncopate::inline v0_1::http::detail
