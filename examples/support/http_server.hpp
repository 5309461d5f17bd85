// A small HTTP server on the loopback interface, on a thread of its own, for examples to talk to. It knows
// nothing of the library.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>

#include <functional>
#include <string>
#include <thread>

namespace example {

using Request = boost::beast::http::request<boost::beast::http::string_body>;

class HttpServer {
public:
    /// Gives the body of the response; an empty one becomes 404. Called on the server's thread.
    using Answer = std::function<std::string(Request const&)>;

    explicit HttpServer(Answer answer);
    HttpServer(HttpServer const&) = delete;
    HttpServer& operator=(HttpServer const&) = delete;
    ~HttpServer();

    std::string url(std::string const& target) const;

private:
    boost::asio::awaitable<void> accept_connections();
    boost::asio::awaitable<void> serve(boost::asio::ip::tcp::socket socket);

    Answer answer_;
    boost::asio::io_context io_{1};
    boost::asio::ip::tcp::acceptor acceptor_{io_, {boost::asio::ip::address_v4::loopback(), 0}};
    std::thread thread_;
};

}  // namespace example
