// ClientSession: sends requests from coroutines, and keeps connections, cookies and settings between them.
#pragma once

#include <syncopate/async_generator.hpp>
#include <syncopate/http/detail/connection/connection.hpp>
#include <syncopate/http/detail/connection/pool.hpp>
#include <syncopate/http/detail/session/event_flow.hpp>
#include <syncopate/http/detail/session/request_flow.hpp>
#include <syncopate/http/detail/session/retry_flow.hpp>
#include <syncopate/http/detail/session/session_core.hpp>
#include <syncopate/http/detail/session/tls_shutdown.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/options.hpp>
#include <syncopate/http/request.hpp>
#include <syncopate/http/response.hpp>
#include <syncopate/http/server_sent_event.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/this_coro.hpp>

#include <cstddef>
#include <exception>
#include <memory>
#include <string>
#include <utility>

namespace syncopate::inline v0_1::http {

// Only what includes websocket.hpp needs Beast's WebSocket.
class WebSocket;
class WebSocketRequest;

/// Sends requests, and keeps the connections between them. An AsyncContext that depends on no runner: any
/// coroutine can use it.
///
/// ```cpp
/// ClientSession session;
/// Response response = co_await session.get("https://example.org/");
/// std::string const page = co_await response.text();
/// co_await session.aexit(nullptr);
/// ```
///
/// Any number of requests may be under way; each has a connection of its own for that time. A session that was
/// moved from can be destroyed and assigned to, and is otherwise like one that has been closed.
///
/// Threads:   on one loop, that of its first use: what returns an awaitable is awaited there. It may be made,
///            moved and destroyed on any thread. If it is destroyed without aexit(), its loop soon ends what is
///            under way.
/// Semantics: aiohttp.ClientSession.
class ClientSession {
public:
    /// Makes a session without connections, which has no loop yet.
    ///
    /// Throws:    options that cannot work: a header that must not be sent -> Errc::invalid_request, the URL of a
    ///            proxy -> Errc::invalid_url, files of certificates -> std::system_error.
    explicit ClientSession(SessionOptions options = {})
        : core_(std::make_shared<detail::SessionCore>(std::move(options))) {}
    /// Takes over the other session, also while requests are under way.
    ClientSession(ClientSession&&) noexcept = default;
    /// Takes over the other session; this one ends, as if it were destroyed.
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
    /// Throws:    Errc::session_closed; std::logic_error on another loop than that of the first use.
    boost::asio::awaitable<void> aenter() {
        auto const executor = co_await boost::asio::this_coro::executor;
        require_core();
        core_->enter(executor);
    }

    /// Ends the session: requests and WebSockets under way fail with Errc::session_closed, the connections are
    /// closed, those with TLS after a close_notify to the server, whose answer is awaited for half a second at
    /// most. A second time: nothing.
    ///
    /// Cancel:    ends the wait for the servers; the connections are closed all the same.
    boost::asio::awaitable<void> aexit(std::exception_ptr) {
        if (!core_)
            co_return;
        core_->require_here();
        auto const loop = core_->loop();
        auto idle = core_->close();
        if (!idle.empty())
            co_await detail::shut_down_tls(std::move(idle), loop);
    }

    /// Sends a request, follows redirects, and waits for the header of the final response.
    ///
    /// Throws:    std::system_error with http::Errc, and a message that names the server. The status of the
    ///            response is no error: see Response::raise_for_status(). Errc::session_closed after the end of
    ///            the session. std::logic_error on another loop than that of the session's first use.
    /// Cancel:    closes the connection that it uses, and ends by operation_aborted.
    boost::asio::awaitable<Response> request(Request request) {
        require_core();
        return detail::send_request(core_, std::move(request));
    }

    /// Sends a GET request. Throws and can be cancelled as request().
    boost::asio::awaitable<Response> get(std::string url) {
        return send(Verb::get, std::move(url));
    }
    /// Sends a HEAD request: the response has no body. Throws and can be cancelled as request().
    boost::asio::awaitable<Response> head(std::string url) {
        return send(Verb::head, std::move(url));
    }
    /// Sends an OPTIONS request. Throws and can be cancelled as request().
    boost::asio::awaitable<Response> options(std::string url) {
        return send(Verb::options, std::move(url));
    }
    /// Sends a DELETE request. Throws and can be cancelled as request().
    boost::asio::awaitable<Response> del(std::string url) {
        return send(Verb::delete_, std::move(url));
    }
    /// Sends a POST request.
    ///
    /// body:      any bytes, without a Content-Type: for that, see Request.
    /// Throws:    as request(), as does its cancellation.
    boost::asio::awaitable<Response> post(std::string url, std::string body) {
        return send(Verb::post, std::move(url), std::move(body));
    }
    /// Sends a PUT request. All else as post().
    boost::asio::awaitable<Response> put(std::string url, std::string body) {
        return send(Verb::put, std::move(url), std::move(body));
    }
    /// Sends a PATCH request. All else as post().
    boost::asio::awaitable<Response> patch(std::string url, std::string body) {
        return send(Verb::patch, std::move(url), std::move(body));
    }

    /// Reads a stream of server-sent events, an AsyncIterable of ServerSentEvent, and asks for it again when it ends.
    ///
    /// request:   mostly of a URL alone. A field Last-Event-ID says after which event to begin.
    /// Throws:    the reads: a response other than 200, or 204 as the end -> StatusError; another Content-Type than
    ///            text/event-stream -> Errc::malformed_response; as request() before the first response. Once there has
    ///            been one, a stream that ends or breaks is asked for again after a wait: three seconds, or what the server
    ///            says by `retry`, and up to half a minute while nothing comes. That goes on for ever, or ends after as many
    ///            failures in a row as the session's RetryPolicy has attempts. A request that must not be repeated, such
    ///            as POST, is not sent again: its stream ends.
    /// Semantics: EventSource of the HTML standard.
    AsyncGenerator<ServerSentEvent> events(Request request) {
        require_core();
        return detail::read_events(core_, std::move(request));
    }
    /// The same, of a URL.
    AsyncGenerator<ServerSentEvent> events(std::string url) {
        return events(Request(Verb::get, std::move(url)));
    }

    /// Opens a WebSocket. Needs <syncopate/http/websocket.hpp>.
    ///
    /// request:   a URL, ws or wss, or a WebSocketRequest with more in it.
    /// Throws:    Errc::websocket_refused if the server does not agree: a status other than 101, also a redirect;
    ///            and as request().
    /// Cancel:    closes the connection.
    boost::asio::awaitable<WebSocket> websocket(WebSocketRequest request);

    /// Gives the cookies that the session keeps; null unless SessionOptions::cookies is set.
    ///
    /// Threads:   on the session's loop.
    CookieJar* cookies() noexcept { return core_ ? core_->cookies() : nullptr; }

    /// Counts of a session's connections, at one moment.
    struct Connections {
        /// All of them, the idle ones included.
        std::size_t all;
        /// Those that are kept for requests to come.
        std::size_t idle;
        /// The requests that wait for a connection, since the limits allow no more.
        std::size_t requests_waiting;
    };
    /// Counts the connections that there are at the moment.
    ///
    /// Threads:   on the session's loop.
    Connections connections() const noexcept {
        auto const loop = core_ ? core_->loop() : nullptr;
        if (!loop)
            return {0, 0, 0};
        return {loop->pool.connections(), loop->pool.idle(), loop->pool.waiting()};
    }

private:
    void require_core() const {
        if (!core_)
            detail::throw_error(Errc::session_closed, "it has been moved from");
        core_->require_here();
    }

    boost::asio::awaitable<Response> send(Verb verb, std::string url) {
        require_core();
        if (core_->options().retries().attempts() > 1)
            return request(Request(verb, std::move(url)));
        return detail::RequestFlow::run(core_, Request(verb, std::move(url)));  // spares a move
    }
    boost::asio::awaitable<Response> send(Verb verb, std::string url, std::string body) {
        Request made(verb, std::move(url));
        made.body(std::move(body));
        return request(std::move(made));
    }

    std::shared_ptr<detail::SessionCore> core_;
};

}  // namespace syncopate::inline v0_1::http
