// A small HTTP server on the loopback interface, on a thread of its own, for examples to talk to. It knows
// nothing of the library.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include <functional>
#include <string>
#include <thread>
#include <utility>

namespace example {

namespace asio = boost::asio;
namespace beast = boost::beast;

using Request = beast::http::request<beast::http::string_body>;

class HttpServer {
public:
    /// Gives the body of the response; an empty one becomes 404. Called on the server's thread.
    using Answer = std::function<std::string(Request const&)>;

    explicit HttpServer(Answer answer) : answer_(std::move(answer)) {
        asio::co_spawn(io_, accept_connections(), asio::detached);
        thread_ = std::thread([this] { io_.run(); });
    }
    HttpServer(HttpServer const&) = delete;
    HttpServer& operator=(HttpServer const&) = delete;
    ~HttpServer() {
        io_.stop();
        thread_.join();
    }

    std::string url(std::string const& target) const {
        return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()) + target;
    }

private:
    using Socket = asio::ip::tcp::socket;

    asio::awaitable<void> accept_connections() {
        for (;;) {
            Socket socket = co_await acceptor_.async_accept(asio::use_awaitable);
            asio::co_spawn(io_, serve(std::move(socket)), asio::detached);
        }
    }

    asio::awaitable<void> serve(Socket socket) {
        beast::flat_buffer buffer;
        for (;;) {
            Request request;
            auto const [error, size] = co_await beast::http::async_read(
                socket, buffer, request, asio::as_tuple(asio::use_awaitable));
            if (error)
                break;
            beast::http::response<beast::http::string_body> response{
                beast::http::status::ok, request.version()};
            response.body() = answer_(request);
            if (response.body().empty())
                response.result(beast::http::status::not_found);
            response.prepare_payload();
            co_await beast::http::async_write(socket, response, asio::use_awaitable);
        }
    }

    Answer answer_;
    asio::io_context io_{1};
    asio::ip::tcp::acceptor acceptor_{io_, {asio::ip::address_v4::loopback(), 0}};
    std::thread thread_;
};

}  // namespace example
