// Proxy: an HTTP or SOCKS proxy, as its URL names it.
#pragma once

#include <syncopate/http/detail/message/basic_auth.hpp>
#include <syncopate/http/detail/message/list_syntax.hpp>
#include <syncopate/http/detail/url/refuse_url.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/headers.hpp>
#include <syncopate/http/url.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace syncopate::inline v0_1::http::detail {

enum class ProxyKind {
    http,
    /// An HTTP proxy to which the connection is one over TLS.
    https,
    /// SOCKS5, asked for addresses that were looked up here.
    socks5,
    /// SOCKS5, asked for names.
    socks5h,
};

/// The kind, the address and the credentials of a proxy.
class Proxy {
public:
    /// text: "http://user:password@host:port"; the scheme may be left out, and a path is ignored. The other
    ///       schemes are https, socks5 and socks5h; socks, which desktops write, is socks5h.
    /// Throws: Errc::invalid_url.
    explicit Proxy(std::string const& text) : Proxy(parsed(text)) {}

    ProxyKind kind() const noexcept { return kind_; }
    bool is_socks() const noexcept {
        return kind_ == ProxyKind::socks5 || kind_ == ProxyKind::socks5h;
    }
    bool is_secure() const noexcept { return kind_ == ProxyKind::https; }
    /// In lower case; an IPv6 address without its brackets.
    std::string const& host() const noexcept { return host_; }
    std::uint16_t port() const noexcept { return port_; }
    /// For messages: without user and password.
    std::string const& origin() const noexcept { return origin_; }
    /// The value of Proxy-Authorization, or empty.
    std::string const& authorization() const noexcept { return authorization_; }
    std::string const& user() const noexcept { return user_; }
    std::string const& password() const noexcept { return password_; }

    friend bool operator==(Proxy const&, Proxy const&) = default;

private:
    struct Parsed {
        ProxyKind kind;
        std::string scheme;
        Url url;
        std::uint16_t port;
    };

    struct Scheme {
        std::string_view name;
        ProxyKind kind;
        std::string_view written;
        std::uint16_t default_port;
    };
    static constexpr std::array<Scheme, 5> schemes = {
        {{"http", ProxyKind::http, "http", 80},
         {"https", ProxyKind::https, "https", 443},
         {"socks5", ProxyKind::socks5, "socks5", 1080},
         {"socks5h", ProxyKind::socks5h, "socks5h", 1080},
         {"socks", ProxyKind::socks5h, "socks5h", 1080}}};

    explicit Proxy(Parsed const& parsed)
        : kind_(parsed.kind), host_(parsed.url.host()), port_(parsed.port),
          origin_(
              parsed.scheme + std::string(parsed.url.origin()).substr(parsed.url.scheme().size())),
          user_(parsed.url.user()), password_(parsed.url.password()) {
        if (!is_socks() && parsed.url.has_user())
            authorization_ = basic_credentials(user_, password_);
    }

    static Parsed parsed(std::string_view text) {
        text = trimmed(text);
        auto const end = text.find("://");
        auto const name = end == text.npos ? "http" : text.substr(0, end);
        auto const behind =
            end == text.npos ? std::string(text) : std::string(text.substr(end + 3));
        for (auto const& scheme : schemes)
            if (equals_ignoring_case(name, scheme.name))
                return parsed_as(scheme, behind);
        throw_error(
            Errc::invalid_url,
            '"' + redacted_url(text) +
                "\": the URL of a proxy starts with http://, https://, socks5:// or socks5h://");
    }

    /// The parser knows no URL of SOCKS. A port that is not written is the default one of either scheme.
    static Parsed parsed_as(Scheme const& scheme, std::string const& behind) {
        Url url("http://" + behind);
        Url const secure("https://" + behind);
        bool const has_port = url.port() == secure.port();
        auto const port = has_port ? url.port() : scheme.default_port;
        return {scheme.kind, std::string(scheme.written), std::move(url), port};
    }

    ProxyKind kind_;
    std::string host_;
    std::uint16_t port_;
    std::string origin_;
    std::string user_;
    std::string password_;
    std::string authorization_;
};

/// Whether a proxy is asked for a tunnel to the server, and not for the URL itself.
inline bool needs_tunnel(Url const& url, Proxy const& proxy) noexcept {
    return proxy.is_socks() || url.scheme() != "http";
}

}  // namespace syncopate::inline v0_1::http::detail
