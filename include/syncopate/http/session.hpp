// A client's session: its connections, its settings, and what it remembers from one request to the next.
#pragma once

#include <syncopate/http/detail/connection/connection.hpp>
#include <syncopate/http/detail/connection/pool.hpp>
#include <syncopate/http/detail/session/request_flow.hpp>
#include <syncopate/http/detail/session/session_core.hpp>
#include <syncopate/http/detail/session/tls_shutdown.hpp>
#include <syncopate/http/options.hpp>
#include <syncopate/http/request.hpp>
#include <syncopate/http/response.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/this_coro.hpp>

#include <cstddef>
#include <exception>
#include <memory>
#include <string>
#include <utility>

namespace syncopate::http {

// Only what includes websocket.hpp needs Beast's WebSocket.
class WebSocket;
class WebSocketRequest;

/// Sends requests, and keeps the connections between them. An AsyncContext, and nothing of a runner's: any
/// coroutine can use it.
///
/// ```cpp
/// ClientSession session;
/// Response response = co_await session.get("https://example.org/");
/// std::string const page = co_await response.text();
/// co_await session.aexit(nullptr);
/// ```
///
/// Any number of requests may be under way; each has a connection of its own for that time.
///
/// Threads:   on one loop, that of its first use: what returns an awaitable is awaited there. It may be made,
///            moved and destroyed on any thread. Destroyed without aexit(), it ends what is under way, soon.
/// Semantics: aiohttp.ClientSession.
class ClientSession {
public:
    /// Makes a session. It has no loop yet.
    ///
    /// Throws:    Errc::invalid_request, Errc::invalid_url, std::system_error for options that cannot work.
    explicit ClientSession(SessionOptions options = {})
        : core_(std::make_shared<detail::SessionCore>(std::move(options))) {}
    ClientSession(ClientSession&&) noexcept = default;
    ClientSession& operator=(ClientSession&& other) noexcept {
        ClientSession taken(std::move(other));
        core_.swap(taken.core_);
        return *this;
    }
    ~ClientSession() {
        if (core_)
            core_->post([core = core_] {
                auto const loop = core->loop();  // outlives the connections
                static_cast<void>(core->close());
            });
    }

    /// Makes the loop that awaits it the session's.
    ///
    /// Throws:    Errc::session_closed after aexit(); std::logic_error on another loop than that of the
    ///            session's first use.
    boost::asio::awaitable<void> aenter() {
        auto const executor = co_await boost::asio::this_coro::executor;
        core_->enter(executor);
    }

    /// Ends the session: requests and WebSockets under way fail with Errc::session_closed, the connections are
    /// closed, those with TLS after a close_notify to the server, whose answer is awaited for half a second at
    /// most. A second time: nothing.
    boost::asio::awaitable<void> aexit(std::exception_ptr) {
        auto const loop = core_->loop();
        auto idle = core_->close();
        if (!idle.empty())
            co_await detail::shut_down_tls(std::move(idle), loop);
    }

    /// Sends a request, follows where it is redirected, and waits for the header of the response.
    ///
    /// Throws:    std::system_error with http::Errc, and a message that names the server; std::logic_error on
    ///            another loop than that of the session's first use.
    /// Cancel:    closes the connection that it uses.
    boost::asio::awaitable<Response> request(Request request) {
        return detail::RequestFlow::run(core_, std::move(request));
    }

    /// GETs a URL: request(), without more than the URL.
    boost::asio::awaitable<Response> get(std::string url) {
        return send(Verb::get, std::move(url));
    }
    /// The same, by HEAD.
    boost::asio::awaitable<Response> head(std::string url) {
        return send(Verb::head, std::move(url));
    }
    /// The same, by OPTIONS.
    boost::asio::awaitable<Response> options(std::string url) {
        return send(Verb::options, std::move(url));
    }
    /// The same, by DELETE.
    boost::asio::awaitable<Response> del(std::string url) {
        return send(Verb::delete_, std::move(url));
    }
    /// POSTs a body to a URL.
    boost::asio::awaitable<Response> post(std::string url, std::string body) {
        return send(Verb::post, std::move(url), std::move(body));
    }
    /// The same, by PUT.
    boost::asio::awaitable<Response> put(std::string url, std::string body) {
        return send(Verb::put, std::move(url), std::move(body));
    }
    /// The same, by PATCH.
    boost::asio::awaitable<Response> patch(std::string url, std::string body) {
        return send(Verb::patch, std::move(url), std::move(body));
    }

    /// Opens a WebSocket. Needs <syncopate/http/websocket.hpp>.
    ///
    /// request:   a URL, ws or wss, or a WebSocketRequest with more in it.
    /// Throws:    Errc::websocket_refused if the server does not agree: a status other than 101, also a redirect;
    ///            and as request().
    /// Cancel:    closes the connection.
    boost::asio::awaitable<WebSocket> websocket(WebSocketRequest request);

    /// The cookies that it keeps; null unless SessionOptions::cookies is set. On the loop.
    CookieJar* cookies() noexcept { return core_->cookies(); }

    /// What there is of connections at the moment. On the loop.
    struct Connections {
        /// Those that are open or being made.
        std::size_t all;
        /// Those of them that wait for a request.
        std::size_t idle;
        /// Requests that wait for a connection, because there are as many as may be.
        std::size_t requests_waiting;
    };
    /// Counts them. On the loop.
    Connections connections() const noexcept {
        auto const loop = core_->loop();
        if (!loop)
            return {0, 0, 0};
        return {loop->pool.connections(), loop->pool.idle(), loop->pool.waiting()};
    }

private:
    boost::asio::awaitable<Response> send(Verb verb, std::string url) {
        return detail::RequestFlow::run(core_, Request(verb, std::move(url)));
    }
    boost::asio::awaitable<Response> send(Verb verb, std::string url, std::string body) {
        Request made(verb, std::move(url));
        made.body(std::move(body));
        return request(std::move(made));
    }

    std::shared_ptr<detail::SessionCore> core_;
};

}  // namespace syncopate::http
