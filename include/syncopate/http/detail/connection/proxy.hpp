// Proxy: an HTTP proxy, as its URL names it.
#pragma once

#include <syncopate/http/detail/message/basic_auth.hpp>
#include <syncopate/http/detail/url/url_parser.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/headers.hpp>
#include <syncopate/http/url.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace syncopate::inline v0_1::http::detail {

/// The address and the credentials of an HTTP proxy, to which the connection has no TLS of its own.
class Proxy {
public:
    /// text: "http://user:password@host:port"; the scheme may be left out, and a path is ignored.
    /// Throws: Errc::invalid_url.
    explicit Proxy(std::string text) : Proxy(parsed(std::move(text))) {}

    /// In lower case; an IPv6 address without its brackets.
    std::string const& host() const noexcept { return host_; }
    std::uint16_t port() const noexcept { return port_; }
    /// For messages: without user and password.
    std::string const& origin() const noexcept { return origin_; }
    /// The value of Proxy-Authorization, or empty.
    std::string const& authorization() const noexcept { return authorization_; }

    friend bool operator==(Proxy const&, Proxy const&) = default;

private:
    explicit Proxy(Url const& url)
        : host_(url.host()), port_(url.port()), origin_(url.origin()),
          authorization_(
              url.has_user() ? basic_credentials(url.user(), url.password()) : std::string()) {}

    static Url parsed(std::string text) {
        auto const end = text.find("://");
        if (end == text.npos)
            return Url("http://" + text);
        if (!equals_ignoring_case(std::string_view(text).substr(0, end), "http"))
            throw_error(
                Errc::invalid_url,
                '"' + redacted_url(text) + "\": the URL of a proxy must start with http://");
        return Url(std::move(text));
    }

    std::string host_;
    std::uint16_t port_;
    std::string origin_;
    std::string authorization_;
};

}  // namespace syncopate::inline v0_1::http::detail
