// HTTP proxies: which one a URL needs, and the tunnel that it makes.
#pragma once

#include <syncopate/http/detail/connection/socket.hpp>
#include <syncopate/http/detail/message/basic_auth.hpp>
#include <syncopate/http/detail/url/percent_encoding.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/headers.hpp>
#include <syncopate/http/url.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace syncopate::http::detail {

/// An HTTP proxy that is spoken to without TLS.
class Proxy {
public:
    /// text: "http://user:password@host:port"; the scheme may be left out, what follows is ignored.
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

template <class Network, class Address>
bool is_in_network(Network const& network, Address const& address) {
    return Network(address, network.prefix_length()).canonical() == network.canonical();
}

/// Whether the text is this address, or a block that it is in, such as 10.0.0.0/8.
inline bool covers(std::string text, asio::ip::address const& address) {
    if (text.find('/') == text.npos)
        text += address.is_v4() ? "/32" : "/128";
    boost::system::error_code error;
    if (address.is_v4()) {
        auto const network = asio::ip::make_network_v4(text, error);
        return !error && is_in_network(network, address.to_v4());
    }
    auto const network = asio::ip::make_network_v6(text, error);
    return !error && is_in_network(network, address.to_v6());
}

/// Whether an entry of no_proxy, in lower case, is about that URL.
inline bool exempts(std::string_view entry, Url const& url) {
    // In an IPv6 address without brackets, no colon is that of a port.
    auto const colon = entry.rfind(':');
    bool const has_port =
        colon != entry.npos && (entry.find(':') == colon || entry[colon - 1] == ']');
    if (has_port) {
        if (entry.substr(colon + 1) != std::to_string(url.port()))
            return false;
        entry = entry.substr(0, colon);
    }
    if (entry == "*")
        return true;
    if (entry.starts_with('[') && entry.ends_with(']'))
        entry = entry.substr(1, entry.size() - 2);
    if (url.is_ip_address())
        return covers(std::string(entry), asio::ip::make_address(url.host()));
    if (entry.starts_with('*'))
        entry.remove_prefix(1);
    if (entry.starts_with('.'))
        entry.remove_prefix(1);
    auto const host = url.server_name();
    return !entry.empty() && host.ends_with(entry) &&
           (host.size() == entry.size() || host[host.size() - entry.size() - 1] == '.');
}

/// The proxies that the environment names.
///
/// http_proxy (in lower case only: in a CGI program a client can set HTTP_PROXY), https_proxy and
/// HTTPS_PROXY; all_proxy and ALL_PROXY for the scheme that has none. no_proxy or NO_PROXY lists what they
/// are not for: names, with all that is below them, addresses and blocks of addresses, each with a port
/// where only that is meant; `*` is everything.
///
/// Semantics: curl; but a proxy's default port is 80.
class EnvironmentProxies {
public:
    /// Gives the value of a variable; nothing, or an empty text, if there is none.
    using Variable = std::function<std::optional<std::string>(std::string const&)>;

    /// Throws: Errc::invalid_url.
    explicit EnvironmentProxies(Variable const& variable = from_environment)
        : http_(first_of(variable, {"http_proxy", "all_proxy", "ALL_PROXY"})),
          https_(first_of(variable, {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"})),
          exempt_(value_of(variable, {"no_proxy", "NO_PROXY"})) {
        std::ranges::transform(exempt_, exempt_.begin(), to_lower);
    }

    /// The one for this URL, or null. It lasts as long as this object.
    Proxy const* find(Url const& url) const {
        auto const& proxy = url.is_secure() ? https_ : http_;
        return proxy && !is_exempt(url) ? &*proxy : nullptr;
    }

private:
    using Names = std::initializer_list<char const*>;

    static std::optional<std::string> from_environment(std::string const& name) {
        // NOLINTNEXTLINE(concurrency-mt-unsafe): whoever changes the environment has to know
        char const* const value = std::getenv(name.c_str());
        return value ? std::optional<std::string>(value) : std::nullopt;
    }

    static std::string value_of(Variable const& variable, Names names) {
        for (auto const* const name : names)
            if (auto value = variable(name); value && !value->empty())
                return *std::move(value);
        return {};
    }

    static std::optional<Proxy> first_of(Variable const& variable, Names names) {
        auto text = value_of(variable, names);
        return text.empty() ? std::nullopt : std::optional<Proxy>(std::move(text));
    }

    bool is_exempt(Url const& url) const {
        constexpr std::string_view separators = ", \t";
        std::string_view rest = exempt_;
        for (;;) {
            rest.remove_prefix(std::min(rest.find_first_not_of(separators), rest.size()));
            if (rest.empty())
                return false;
            auto const entry = rest.substr(0, rest.find_first_of(separators));
            if (exempts(entry, url))
                return true;
            rest.remove_prefix(entry.size());
        }
    }

    std::optional<Proxy> http_;
    std::optional<Proxy> https_;
    std::string exempt_;
};

/// How much a proxy may say before the tunnel is there.
inline constexpr std::size_t max_tunnel_header_size = std::size_t{32} * 1024;

/// Reads the header of a response, and not a byte of what follows: that is only looked at.
/// Returns: empty if what comes is no such header, or more than max_size.
inline asio::awaitable<std::string> read_tunnel_header(Socket& socket, std::size_t max_size) {
    constexpr std::string_view start = "HTTP/1.";
    std::array<char, 2048> chunk;
    std::string header;
    for (bool is_complete = false; !is_complete;) {
        auto const count = co_await socket.async_receive(
            asio::buffer(chunk), Socket::message_peek, asio::deferred);
        auto const known = header.size();
        header.append(chunk.data(), count);
        auto const end = header.find("\r\n\r\n", known - std::min<std::size_t>(known, 3));
        is_complete = end != header.npos;
        if (is_complete)
            header.resize(end + 4);
        if (header.size() > max_size || header.find("\n\n") != header.npos ||
            !start.starts_with(std::string_view(header).substr(0, start.size())))
            co_return std::string();
        socket.receive(asio::buffer(chunk, header.size() - known));
    }
    co_return header;
}

/// The status and its reason, "407 Proxy Authentication Required", of a header that begins with "HTTP/1.".
/// Empty if it has none.
inline std::string_view status_of(std::string_view header) noexcept {
    constexpr std::size_t begin = std::string_view("HTTP/1.1 ").size();
    constexpr std::size_t longest = 100;
    auto const is_digit = [](char c) { return c >= '0' && c <= '9'; };
    auto const line = header.substr(0, header.find("\r\n"));
    if (line.size() < begin + 3 || std::ranges::any_of(line, is_control))
        return {};
    auto const status = line.substr(begin, longest);
    if (!is_digit(line[begin - 2]) || line[begin - 1] != ' ' ||
        !std::ranges::all_of(status.substr(0, 3), is_digit) ||
        (status.size() > 3 && status[3] != ' '))
        return {};
    return status;
}

/// Whether another response follows. After "101 Switching Protocols" none would.
inline bool is_interim_status(std::string_view status) noexcept {
    return status.starts_with('1') && !status.starts_with("101");
}

/// Has the proxy at the other end connect to that "host:port". Afterwards the socket leads there.
///
/// Throws:    Errc::proxy_failed, naming the proxy, and its answer if it refuses.
inline asio::awaitable<void> open_tunnel(Socket& socket, std::string authority, Proxy proxy) {
    std::string request = "CONNECT " + authority + " HTTP/1.1\r\nHost: " + authority + "\r\n";
    if (!proxy.authorization().empty())
        request += "Proxy-Authorization: " + proxy.authorization() + "\r\n";
    request += "\r\n";
    std::string status;
    try {
        co_await asio::async_write(socket, asio::buffer(request), asio::deferred);
        std::size_t left = max_tunnel_header_size;
        do {
            auto const header = co_await read_tunnel_header(socket, left);
            left -= header.size();
            status = status_of(header);
        } while (is_interim_status(status));
    } catch (boost::system::system_error const& error) {
        if (error.code() == asio::error::operation_aborted)
            throw;
        throw_error(Errc::proxy_failed, proxy.origin() + ": " + error.code().message());
    }
    if (status.empty())
        throw_error(Errc::proxy_failed, proxy.origin() + ": not an HTTP response");
    if (!status.starts_with('2'))
        throw_error(Errc::proxy_failed, proxy.origin() + ": " + status);
}

}  // namespace syncopate::http::detail
