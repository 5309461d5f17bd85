// open_socks_tunnel(): a connection to a server by way of a SOCKS5 proxy.
#pragma once

#include <syncopate/http/detail/connection/proxy.hpp>
#include <syncopate/http/detail/connection/socket.hpp>
#include <syncopate/http/error.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace syncopate::inline v0_1::http::detail {

namespace asio = boost::asio;

/// RFC 1928, 6.
constexpr std::string_view socks_failure(unsigned char reply) noexcept {
    constexpr std::array<std::string_view, 9> texts = {
        "",
        "general failure",
        "not allowed by its rules",
        "network unreachable",
        "host unreachable",
        "connection refused",
        "time to live expired",
        "it does not know the command",
        "it does not know the type of address"};
    return reply < texts.size() ? texts[reply] : "a failure that it does not explain";
}

/// The conversation by which the proxy connects to the server. Lies in the frame of open_socks_tunnel().
class SocksHandshake {
public:
    SocksHandshake(Socket& socket, Proxy const& proxy, std::string const& host, std::uint16_t port)
        : socket_(socket), proxy_(proxy), host_(host), port_(port) {}
    SocksHandshake(SocksHandshake const&) = delete;
    SocksHandshake& operator=(SocksHandshake const&) = delete;

    /// Throws: boost::system::system_error if the connection ends; Errc::proxy_failed.
    asio::awaitable<void> run() {
        bool const has_user = !proxy_.user().empty() || !proxy_.password().empty();
        // It has a name, because GCC 12 destroys twice what a conditional has made in the call that is awaited.
        std::string greeting = has_user ? std::string("\5\2\0\2", 4) : std::string("\5\1\0", 3);
        co_await send(std::move(greeting));
        auto const choice = co_await receive(2);
        if (choice[0] != version)
            fail("no SOCKS5 proxy");
        if (choice[1] == with_password && has_user)
            co_await authenticate();
        else if (choice[1] != without_password)
            fail(has_user ? "it knows no way to authenticate" : "it wants a user and a password");
        co_await connect();
    }

private:
    static constexpr char version = 5;
    static constexpr char without_password = 0;
    static constexpr char with_password = 2;
    static constexpr std::size_t longest = 255;

    /// RFC 1929.
    asio::awaitable<void> authenticate() {
        if (proxy_.user().size() > longest || proxy_.password().size() > longest)
            fail("a user or a password of more than 255 bytes");
        std::string request = "\1";
        append_text(request, proxy_.user());
        append_text(request, proxy_.password());
        co_await send(std::move(request));
        auto const answer = co_await receive(2);
        if (answer[1] != 0)
            fail("it refuses the user or the password");
    }

    /// RFC 1928, 4 to 6.
    asio::awaitable<void> connect() {
        std::string request("\5\1\0", 3);
        append_address(request);
        request += static_cast<char>(port_ >> 8);
        request += static_cast<char>(port_ & 0xff);
        co_await send(std::move(request));

        auto const reply = co_await receive(4);
        if (reply[0] != version)
            fail("no SOCKS5 proxy");
        if (reply[1] != 0)
            fail(
                std::string(socks_failure(static_cast<unsigned char>(reply[1]))) + ": " + host_ +
                ':' + std::to_string(port_));
        // The proxy's own address follows. It is of no use.
        std::size_t size = 4;
        if (reply[3] == of_name) {
            auto const length = co_await receive(1);
            size = static_cast<unsigned char>(length[0]);
        } else if (reply[3] == of_ipv6) {
            size = 16;
        } else if (reply[3] != of_ipv4) {
            fail("no SOCKS5 proxy");
        }
        co_await receive(size + 2);
    }

    static constexpr char of_ipv4 = 1;
    static constexpr char of_name = 3;
    static constexpr char of_ipv6 = 4;

    void append_address(std::string& request) const {
        boost::system::error_code is_name;
        auto const address = asio::ip::make_address(host_, is_name);
        if (is_name) {
            if (host_.size() > longest)
                fail("a host's name of more than 255 bytes");
            request += of_name;
            append_text(request, host_);
        } else if (address.is_v4()) {
            request += of_ipv4;
            append_bytes(request, address.to_v4().to_bytes());
        } else {
            request += of_ipv6;
            append_bytes(request, address.to_v6().to_bytes());
        }
    }

    static void append_text(std::string& request, std::string_view text) {
        request += static_cast<char>(text.size());
        request += text;
    }
    template <class Bytes>
    static void append_bytes(std::string& request, Bytes const& bytes) {
        for (auto const byte : bytes)
            request += static_cast<char>(byte);
    }

    asio::awaitable<void> send(std::string bytes) {
        co_await asio::async_write(socket_, asio::buffer(bytes), asio::deferred);
    }
    /// Just so many: what follows belongs to the tunnel.
    asio::awaitable<std::string> receive(std::size_t size) {
        std::string bytes(size, '\0');
        co_await asio::async_read(socket_, asio::buffer(bytes), asio::deferred);
        co_return bytes;
    }

    [[noreturn]] void fail(std::string const& why) const {
        throw_error(Errc::proxy_failed, proxy_.origin() + ": " + why);
    }

    Socket& socket_;
    Proxy const& proxy_;
    std::string const& host_;
    std::uint16_t const port_;
};

/// Has the proxy connect to a server, by SOCKS5. Afterwards the socket leads to that server.
///
/// socket:    connected to the proxy.
/// host:      a name, or an address without brackets.
/// Throws:    Errc::proxy_failed, naming the proxy and its reason; operation_aborted.
inline asio::awaitable<void> open_socks_tunnel(
    Socket& socket, Proxy proxy, std::string host, std::uint16_t port) {
    SocksHandshake handshake(socket, proxy, host, port);
    try {
        co_await handshake.run();
    } catch (boost::system::system_error const& error) {
        if (error.code() == asio::error::operation_aborted)
            throw;
        throw_error(Errc::proxy_failed, proxy.origin() + ": " + error.code().message());
    }
}

}  // namespace syncopate::inline v0_1::http::detail
