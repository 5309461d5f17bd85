#include "http_server.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/none.hpp>

#include <utility>

namespace example {

namespace asio = boost::asio;
namespace beast = boost::beast;

using Socket = asio::ip::tcp::socket;

HttpServer::HttpServer(Answer answer) : answer_(std::move(answer)) {
    asio::co_spawn(io_, accept_connections(), asio::detached);
    thread_ = std::thread([this] { io_.run(); });
}

HttpServer::~HttpServer() {
    io_.stop();
    thread_.join();
}

std::string HttpServer::url(std::string const& target) const {
    return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()) + target;
}

asio::awaitable<void> HttpServer::accept_connections() {
    for (;;) {
        Socket socket = co_await acceptor_.async_accept(asio::use_awaitable);
        asio::co_spawn(io_, serve(std::move(socket)), asio::detached);
    }
}

asio::awaitable<void> HttpServer::serve(Socket socket) {
    beast::flat_buffer buffer;
    for (;;) {
        beast::http::request_parser<beast::http::string_body> parser;
        parser.body_limit(boost::none);
        auto const [error, size] = co_await beast::http::async_read(
            socket, buffer, parser, asio::as_tuple(asio::use_awaitable));
        if (error)
            break;
        auto answer = answer_(parser.get());
        beast::http::response<beast::http::string_body> response;
        response.result(answer.status);
        for (auto const& [name, value] : answer.fields)
            response.set(name, value);
        response.body() = std::move(answer.body);
        response.prepare_payload();
        co_await beast::http::async_write(socket, response, asio::use_awaitable);
    }
}

}  // namespace example
