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
#include <utility>
#include <vector>

namespace example {

using Request = boost::beast::http::request<boost::beast::http::string_body>;

/// A body alone is a response, too: 200, or 404 if it is empty.
struct Response {
    using Fields = std::vector<std::pair<std::string, std::string>>;

    Response(std::string text) : status(text.empty() ? 404 : 200), body(std::move(text)) {}
    Response(unsigned its_status, Fields its_fields, std::string text = "")
        : status(its_status), fields(std::move(its_fields)), body(std::move(text)) {}

    unsigned status;
    Fields fields;
    std::string body;
};

class HttpServer {
public:
    /// Called on the server's thread.
    using Answer = std::function<Response(Request const&)>;

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
