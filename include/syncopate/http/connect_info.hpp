// ConnectInfo: what SessionOptions::on_connect is told of a connection before it is made.
#pragma once

#include <syncopate/http/connect_policy.hpp>

#include <boost/asio/ip/address.hpp>

#include <cstddef>
#include <cstdint>
#include <string>

namespace syncopate::inline v0_1::http {

/// A connection that is about to be made, for a request, a redirect or a WebSocket. The address is the very one that is
/// connected to, and not looked up again.
struct ConnectInfo {
    /// The URL that is asked for, without a user's name and password. Of a redirect, it is where that leads.
    std::string url;
    /// The URL's host, in lower case; an IPv6 address without its brackets.
    std::string host;
    /// The URL's port, or the default of its scheme.
    std::uint16_t port = 0;
    /// The address. Unspecified, `0.0.0.0`, where the connection goes to SessionOptions::unix_socket().
    boost::asio::ip::address address;
    /// The redirects before: 0 for the request itself.
    std::size_t hop = 0;
    /// The proxy, without its password, such as "socks5://localhost:1080"; empty if there is none.
    std::string proxy;
    /// Whether the address is the proxy's. With `socks5://`, an address of the server is told as well, before it; other
    /// proxies look it up themselves.
    bool is_to_proxy = false;
};

}  // namespace syncopate::inline v0_1::http
