#include "server.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ssl/stream_base.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/stream_traits.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/chunk_encode.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

namespace demo {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

namespace {

using Socket = asio::ip::tcp::socket;
using Stream = beast::ssl_stream<beast::tcp_stream>;
using Request = http::request<http::empty_body>;

constexpr int lines = 624;

void expire_later(Stream& stream) {
    beast::get_lowest_layer(stream).expires_after(std::chrono::seconds(30));
}

/// Sends the page up to a line, as chunks of a hundred lines: the client has to read it in pieces.
asio::awaitable<void> send_page(Stream& stream, bool keep_alive, int end) {
    http::response<http::empty_body> head{http::status::ok, 11};
    head.set(http::field::content_type, "text/plain; charset=utf-8");
    head.keep_alive(keep_alive);
    head.chunked(true);
    http::response_serializer<http::empty_body> serializer{head};
    co_await http::async_write_header(stream, serializer, asio::use_awaitable);

    for (int begin = 1; begin <= end; begin += 100) {
        std::string piece;
        for (int line = begin; line <= std::min(begin + 99, end); ++line) {
            piece += "line " + std::to_string(line) + " of " + std::to_string(lines) +
                     ": synchronous code reads what asynchronous code received\n";
        }
        co_await asio::async_write(
            stream, http::make_chunk(asio::buffer(piece)), asio::use_awaitable);
    }
}

asio::awaitable<void> send_not_found(Stream& stream, bool keep_alive) {
    http::response<http::string_body> response{http::status::not_found, 11};
    response.keep_alive(keep_alive);
    response.body() = "there is nothing here\n";
    response.prepare_payload();
    co_await http::async_write(stream, response, asio::use_awaitable);
}

}  // namespace

HttpsServer::HttpsServer(Certificate const& certificate) {
    tls_.use_private_key(asio::buffer(certificate.key_pem), asio::ssl::context::pem);
    tls_.use_certificate(asio::buffer(certificate.certificate_pem), asio::ssl::context::pem);
    asio::co_spawn(io_, accept_connections(), asio::detached);
    thread_ = std::thread([this] { io_.run(); });
}

HttpsServer::~HttpsServer() {
    io_.stop();
    thread_.join();
}

asio::awaitable<void> HttpsServer::accept_connections() {
    for (;;) {
        Socket socket = co_await acceptor_.async_accept(asio::use_awaitable);
        socket.set_option(asio::ip::tcp::no_delay(true));
        ++connections_;
        // A client that breaks off, or does not trust us, ends its own connection only.
        asio::co_spawn(io_, serve(std::move(socket)), asio::detached);
    }
}

asio::awaitable<void> HttpsServer::serve(Socket socket) {
    Stream stream{std::move(socket), tls_};
    expire_later(stream);
    co_await stream.async_handshake(asio::ssl::stream_base::server, asio::use_awaitable);

    beast::flat_buffer buffer{16 * 1024};
    for (bool keep_alive = true; keep_alive;) {
        Request request;
        expire_later(stream);
        auto const [error, size] =
            co_await http::async_read(stream, buffer, request, asio::as_tuple(asio::use_awaitable));
        if (error) {
            break;
        }
        ++requests_;
        keep_alive = request.keep_alive();
        if (request.target() == "/") {
            co_await send_page(stream, keep_alive, lines);
            co_await asio::async_write(stream, http::make_chunk_last(), asio::use_awaitable);
        } else if (request.target() == "/broken") {
            co_await send_page(stream, keep_alive, lines / 2);
            co_return;
        } else {
            co_await send_not_found(stream, keep_alive);
        }
    }
    expire_later(stream);
    co_await stream.async_shutdown(asio::as_tuple(asio::use_awaitable));
}

}  // namespace demo
