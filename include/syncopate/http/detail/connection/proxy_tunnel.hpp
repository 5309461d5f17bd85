// open_tunnel(): a connection to a server by way of an HTTP proxy.
#pragma once

#include <syncopate/http/detail/connection/proxy.hpp>
#include <syncopate/http/detail/connection/socket.hpp>
#include <syncopate/http/detail/url/percent_encoding.hpp>
#include <syncopate/http/error.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace syncopate::inline v0_1::http::detail {

/// The most bytes that a proxy may answer before the tunnel is there.
inline constexpr std::size_t max_tunnel_header_size = std::size_t{32} * 1024;

/// Reads the header of a response. The bytes behind it belong to the tunnel: they are peeked at, and stay in
/// the socket.
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
        auto const end = header.find("\r\n\r\n", known - (std::min<std::size_t>)(known, 3));
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

/// The status with its reason, such as "407 Proxy Authentication Required", from a header that begins with
/// "HTTP/1.". Empty if the header has none.
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

/// Whether another response follows. None follows "101 Switching Protocols".
inline bool is_interim_status(std::string_view status) noexcept {
    return status.starts_with('1') && !status.starts_with("101");
}

/// Has the proxy connect to a server, by the method CONNECT. Afterwards the socket leads to that server.
///
/// socket:    connected to the proxy.
/// authority: of the server, "host:port".
/// Throws:    Errc::proxy_failed, naming the proxy, and its answer if it refuses; operation_aborted.
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

}  // namespace syncopate::inline v0_1::http::detail
