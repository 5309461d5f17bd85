// A WebSocket server on the loopback interface, on a thread of its own, that sends each message back. It
// knows nothing of the library.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>

#include <string>
#include <thread>
#include <utility>

namespace example {

namespace asio = boost::asio;
namespace beast = boost::beast;

class EchoWebSocket {
public:
    EchoWebSocket() {
        asio::co_spawn(io_, accept_connections(), asio::detached);
        thread_ = std::thread([this] { io_.run(); });
    }
    EchoWebSocket(EchoWebSocket const&) = delete;
    EchoWebSocket& operator=(EchoWebSocket const&) = delete;
    ~EchoWebSocket() {
        io_.stop();
        thread_.join();
    }

    std::string url() const {
        return "ws://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()) + "/echo";
    }

private:
    using Socket = asio::ip::tcp::socket;

    asio::awaitable<void> accept_connections() {
        for (;;) {
            Socket socket = co_await acceptor_.async_accept(asio::use_awaitable);
            asio::co_spawn(io_, echo(std::move(socket)), asio::detached);
        }
    }

    // Ends by an exception when the client has closed, which `detached` swallows.
    asio::awaitable<void> echo(Socket socket) {
        beast::websocket::stream<Socket> stream{std::move(socket)};
        co_await stream.async_accept(asio::use_awaitable);
        for (;;) {
            beast::flat_buffer message;
            co_await stream.async_read(message, asio::use_awaitable);
            stream.text(stream.got_text());
            co_await stream.async_write(message.data(), asio::use_awaitable);
        }
    }

    asio::io_context io_{1};
    asio::ip::tcp::acceptor acceptor_{io_, {asio::ip::address_v4::loopback(), 0}};
    std::thread thread_;
};

}  // namespace example
