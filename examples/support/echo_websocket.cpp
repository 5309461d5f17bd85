#include "echo_websocket.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>

#include <utility>

namespace example {

namespace asio = boost::asio;
namespace beast = boost::beast;

namespace {

using Socket = asio::ip::tcp::socket;

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

}  // namespace

EchoWebSocket::EchoWebSocket() {
    asio::co_spawn(io_, accept_connections(), asio::detached);
    thread_ = std::thread([this] { io_.run(); });
}

EchoWebSocket::~EchoWebSocket() {
    io_.stop();
    thread_.join();
}

std::string EchoWebSocket::url() const {
    return "ws://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()) + "/echo";
}

asio::awaitable<void> EchoWebSocket::accept_connections() {
    for (;;) {
        Socket socket = co_await acceptor_.async_accept(asio::use_awaitable);
        asio::co_spawn(io_, echo(std::move(socket)), asio::detached);
    }
}

}  // namespace example
