// A small HTTPS session, as a library for asynchronous programs would offer it. To the bridge it is
// two AsyncContexts, the session and a response, and an AsyncIterable, the lines of a response.
#pragma once

#include "connection.hpp"
#include "url.hpp"
#include <syncopate/async_generator.hpp>

#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/write.hpp>

#include <chrono>
#include <cstddef>
#include <exception>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

namespace demo {

namespace http = boost::beast::http;

/// The connections that carry no request at the moment, by the server they lead to.
struct IdleConnections {
    std::multimap<std::string, std::unique_ptr<Connection>> by_origin;
    bool closed = false;
};

/// A response whose head has arrived, and whose body is read as it is asked for. An AsyncContext:
/// leaving it ends the exchange, with the rest of the body unread.
class Response {
public:
    using Parser = http::response_parser<http::buffer_body>;

    Response(
        std::string origin,
        std::unique_ptr<Connection> connection,
        std::unique_ptr<Parser> parser,
        std::shared_ptr<IdleConnections> idle)
        : origin_(std::move(origin)), connection_(std::move(connection)),
          parser_(std::move(parser)), idle_(std::move(idle)) {}

    int status() const { return static_cast<int>(parser_->get().result_int()); }

    asio::awaitable<void> aenter() { co_return; }

    asio::awaitable<void> aexit(std::exception_ptr) {
        end_exchange();
        co_return;
    }

    /// The next piece of the body, as soon as there is one; an empty one at the end.
    asio::awaitable<std::string> read_some() {
        std::string piece;
        while (piece.empty() && !parser_->is_done()) {
            require_open();
            piece.resize(16 * 1024);
            auto& body = parser_->get().body();
            body.data = piece.data();
            body.size = piece.size();
            connection_->expire_later();
            auto const [error, size] = co_await http::async_read_some(
                connection_->stream(), connection_->buffer(), *parser_, with_error);
            piece.resize(piece.size() - body.size);
            if (error != http::error::need_buffer) {
                check(error, "the response of " + origin_ + " broke off");
            }
        }
        if (parser_->is_done()) {
            end_exchange();
        }
        co_return piece;
    }

    /// Reads the body to its end, so that the connection can be used again.
    asio::awaitable<void> drain() {
        std::string piece;
        do {
            piece = co_await read_some();
        } while (!piece.empty());
    }

    /// The lines of the body, without their ends; the response must outlive them.
    syncopate::AsyncGenerator<std::string> lines() {
        std::string received;
        for (;;) {
            std::string const piece = co_await read_some();
            if (piece.empty()) {
                break;
            }
            received += piece;
            std::size_t begin = 0;
            for (std::size_t end; (end = received.find('\n', begin)) != received.npos;
                 begin = end + 1) {
                std::string line = received.substr(begin, end - begin);
                if (line.ends_with('\r')) {
                    line.pop_back();
                }
                co_yield std::move(line);
            }
            received.erase(0, begin);
            if (received.size() > longest_line) {
                throw std::runtime_error("the response of " + origin_ + " holds an endless line");
            }
        }
        if (!received.empty()) {
            co_yield std::move(received);
        }
    }

private:
    static constexpr std::size_t longest_line = 512 * 1024;

    void require_open() const {
        if (!connection_) {
            throw std::logic_error("the response has been closed");
        }
    }

    /// Gives the connection back if the next request can use it, otherwise closes it.
    void end_exchange() {
        bool const reusable = connection_ && parser_->is_done() && parser_->keep_alive() &&
                              connection_->buffer().size() == 0 && !idle_->closed;
        if (reusable) {
            idle_->by_origin.emplace(origin_, std::move(connection_));
        }
        connection_.reset();
    }

    std::string origin_;
    std::unique_ptr<Connection> connection_;
    std::unique_ptr<Parser> parser_;
    std::shared_ptr<IdleConnections> idle_;
};

/// Fetches pages over connections that it keeps. An AsyncContext: leaving it closes them.
///
/// Threads: the loop's only. Any number of requests may be under way there; each has a connection
///          of its own.
class Session {
public:
    explicit Session(asio::ssl::context tls) : tls_(std::move(tls)) {}

    asio::awaitable<void> aenter() { co_return; }

    asio::awaitable<void> aexit(std::exception_ptr) {
        idle_->closed = true;
        auto const connections = std::exchange(idle_->by_origin, {});
        auto const deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(500);
        for (auto const& [origin, connection] : connections) {
            co_await connection->close(deadline);
        }
    }

    /// Sends a request and waits for the head of the response.
    asio::awaitable<Response> get(std::string address) {
        Url const url{address};
        std::unique_ptr<Connection> connection = take_idle(url.origin());
        if (!connection) {
            connection = std::make_unique<Connection>(co_await asio::this_coro::executor, tls_);
            co_await connection->open(url);
        }

        http::request<http::empty_body> request{http::verb::get, url.target(), 11};
        request.set(http::field::host, url.authority());
        request.set(http::field::user_agent, "syncopate-demo");
        connection->expire_later();
        auto const [unsent, sent] =
            co_await http::async_write(connection->stream(), request, with_error);
        check(unsent, "cannot send to " + url.origin());

        std::unique_ptr<Response::Parser> parser;
        do {
            parser = std::make_unique<Response::Parser>();
            parser->header_limit(32 * 1024);
            parser->body_limit(boost::none);
            auto const [unread, size] = co_await http::async_read_header(
                connection->stream(), connection->buffer(), *parser, with_error);
            check(unread, "no response from " + url.origin());
        } while (http::to_status_class(parser->get().result()) ==
                 http::status_class::informational);

        co_return Response{url.origin(), std::move(connection), std::move(parser), idle_};
    }

private:
    std::unique_ptr<Connection> take_idle(std::string const& origin) {
        while (auto node = idle_->by_origin.extract(origin)) {
            if (node.mapped()->is_usable()) {
                return std::move(node.mapped());
            }
        }
        return nullptr;
    }

    asio::ssl::context tls_;
    std::shared_ptr<IdleConnections> idle_ = std::make_shared<IdleConnections>();
};

}  // namespace demo
