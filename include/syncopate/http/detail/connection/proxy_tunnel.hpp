// ask_for_tunnel(), TunnelAnswer: a connection to a server by way of an HTTP proxy.
#pragma once

#include <syncopate/http/detail/connection/proxy.hpp>
#include <syncopate/http/detail/connection/relay_failure.hpp>
#include <syncopate/http/detail/connection/socket.hpp>
#include <syncopate/http/detail/connection/tls_stream.hpp>
#include <syncopate/http/detail/message/field_syntax.hpp>
#include <syncopate/http/detail/message/list_syntax.hpp>
#include <syncopate/http/detail/url/number.hpp>
#include <syncopate/http/detail/url/percent_encoding.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/headers.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/read.hpp>
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

/// What a proxy has answered to CONNECT.
struct TunnelAnswer {
    std::string header;
    /// See status_of(). Not empty.
    std::string status;

    /// Whether the connection leads to the server from now on.
    bool is_open() const noexcept { return status.starts_with('2'); }
    /// Whether the proxy wants to know who asks.
    bool asks_who() const noexcept { return status.starts_with("407"); }

    /// The fields of the header. What is none is passed over.
    Headers fields() const {
        Headers fields;
        std::string_view left = header;
        while (!left.empty()) {
            auto const end = (std::min)(left.find("\r\n"), left.size());
            auto const line = left.substr(0, end);
            left.remove_prefix((std::min)(end + 2, left.size()));
            auto const colon = (std::min)(line.find(':'), line.size());
            auto const name = line.substr(0, colon);
            auto const value = trimmed(line.substr(colon));
            if (is_token(name) && is_field_value(value))
                fields.add(name, value.empty() ? value : trimmed(value.substr(1)));
        }
        return fields;
    }
};

/// Asks a proxy to connect to a server, by the method CONNECT.
///
/// socket:    connected to the proxy.
/// authority: of the server, "host:port".
/// authorization: the value of Proxy-Authorization, or empty.
/// failure:   of the TLS under the socket, if there is any.
/// Throws:    no HTTP response -> Errc::proxy_failed, naming the proxy; operation_aborted.
inline asio::awaitable<TunnelAnswer> ask_for_tunnel(
    Socket& socket,
    std::string authority,
    Proxy const& proxy,
    std::string authorization,
    RelayFailure failure = nullptr) {
    std::string request = "CONNECT " + authority + " HTTP/1.1\r\nHost: " + authority + "\r\n";
    if (!authorization.empty())
        request += "Proxy-Authorization: " + authorization + "\r\n";
    request += "\r\n";
    TunnelAnswer answer;
    try {
        co_await asio::async_write(socket, asio::buffer(request), asio::deferred);
        std::size_t left = max_tunnel_header_size;
        do {
            answer.header = co_await read_tunnel_header(socket, left);
            left -= answer.header.size();
            answer.status = status_of(answer.header);
        } while (is_interim_status(answer.status));
    } catch (boost::system::system_error const& error) {
        if (error.code() == asio::error::operation_aborted)
            throw;
        throw_error(
            Errc::proxy_failed,
            proxy.origin() + ": " + tls_error_text(cause_of(error.code(), failure)));
    }
    if (answer.status.empty())
        throw_error(Errc::proxy_failed, proxy.origin() + ": not an HTTP response");
    co_return answer;
}

/// Throws:    the proxy has refused -> Errc::proxy_failed, naming the proxy and its answer.
inline void require_open(TunnelAnswer const& answer, Proxy const& proxy) {
    if (!answer.is_open())
        throw_error(Errc::proxy_failed, proxy.origin() + ": " + answer.status);
}

/// Reads the rest of a refusal.
///
/// Returns:   false if the proxy cannot be asked again on this connection.
/// Throws:    operation_aborted.
inline asio::awaitable<bool> skip_refusal(Socket& socket, TunnelAnswer const& answer) {
    constexpr std::size_t most = std::size_t{64} * 1024;
    auto const fields = answer.fields();
    for (std::string_view const name : {"Connection", "Proxy-Connection"})
        for (std::string_view list : fields.get_all(name))
            while (!list.empty())
                if (equals_ignoring_case(take_element(list, ','), "close"))
                    co_return false;
    auto const lengths = fields.get_all("Content-Length");
    auto const length = whole_number<std::size_t>(lengths.empty() ? "" : lengths.front());
    if (!answer.header.starts_with("HTTP/1.1") || fields.contains("Transfer-Encoding") ||
        lengths.size() > 1 || !length || *length > most)
        co_return false;
    std::string body(*length, '\0');
    try {
        co_await asio::async_read(socket, asio::buffer(body), asio::deferred);
    } catch (boost::system::system_error const& error) {
        if (error.code() == asio::error::operation_aborted)
            throw;
        co_return false;
    }
    co_return true;
}

}  // namespace syncopate::inline v0_1::http::detail
