// The address of a page: takes an https:// URL apart, strictly.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

namespace demo {

/// `https://host[:port][/path][?query][#fragment]`, taken apart.
///
/// Throws: std::invalid_argument for anything else. The messages do not repeat the URL, which may
///         hold control characters.
class Url {
public:
    explicit Url(std::string_view text) {
        constexpr std::string_view scheme = "https://";
        require(std::ranges::all_of(text, is_plain), "it holds a character that must be escaped");
        require(text.starts_with(scheme), "it does not begin with https://");
        text.remove_prefix(scheme.size());
        text = text.substr(0, text.find('#'));

        std::string_view const authority = text.substr(0, text.find_first_of("/?"));
        parse_authority(authority);
        target_ = text.substr(authority.size());
        if (!target_.starts_with('/')) {
            target_.insert(0, "/");
        }
    }

    /// A name or an address; an IPv6 address without its brackets.
    std::string const& host() const { return host_; }

    std::string const& port() const { return port_; }

    /// What to ask the host for: the path and the query.
    std::string const& target() const { return target_; }

    /// Names the server, in messages and as the key of its idle connections.
    std::string origin() const { return bracketed_host() + ':' + port_; }

    /// The value of the Host header: the origin, without the port where it is the usual one.
    std::string authority() const { return port_ == "443" ? bracketed_host() : origin(); }

private:
    static void require(bool holds, char const* otherwise) {
        if (!holds) {
            throw std::invalid_argument(std::string{"not a usable URL: "} + otherwise);
        }
    }

    static bool is_plain(char c) { return c > ' ' && c < '\x7f' && c != '\\'; }

    void parse_authority(std::string_view authority) {
        constexpr std::string_view name_characters =
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
        constexpr std::string_view ipv6_characters = "0123456789abcdefABCDEF:.";

        bool const ipv6 = authority.starts_with('[');
        std::size_t const host_end = std::min(authority.find(ipv6 ? ']' : ':'), authority.size());
        std::string_view const host = authority.substr(0, host_end).substr(ipv6 ? 1 : 0);
        require(!host.empty(), "it names no host");
        require(
            host.find_first_not_of(ipv6 ? ipv6_characters : name_characters) == host.npos,
            "its host is not a name or an address");
        // To OpenSSL a leading dot means "and every host below".
        require(!host.starts_with('.'), "its host is not a name or an address");
        host_ = host;

        std::string_view rest = authority.substr(host_end);
        if (ipv6) {
            require(rest.starts_with(']'), "its host is not a name or an address");
            rest.remove_prefix(1);
        }
        if (!rest.empty()) {
            require(rest.starts_with(':'), "its host is not a name or an address");
            port_ = parse_port(rest.substr(1));
        }
    }

    static std::string parse_port(std::string_view digits) {
        unsigned port = 0;
        char const* const end = digits.data() + digits.size();
        auto const [stop, error] = std::from_chars(digits.data(), end, port);
        require(
            error == std::errc{} && stop == end && 1 <= port && port <= 65535,
            "its port is not a number from 1 to 65535");
        return std::to_string(port);
    }

    std::string bracketed_host() const {
        return host_.find(':') == host_.npos ? host_ : '[' + host_ + ']';
    }

    std::string host_;
    std::string port_ = "443";
    std::string target_;
};

}  // namespace demo
