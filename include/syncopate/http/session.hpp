// ClientSession: sends requests from coroutines, and keeps connections, cookies and settings between them.
#pragma once

#include <syncopate/async_generator.hpp>
#include <syncopate/http/content.hpp>
#include <syncopate/http/detail/openssl_start.hpp>
#include <syncopate/http/options.hpp>
#include <syncopate/http/request.hpp>
#include <syncopate/http/response.hpp>
#include <syncopate/http/server_sent_event.hpp>

#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <exception>
#include <memory>
#include <string>
#include <utility>

namespace syncopate::inline v0_1::http {

class CookieJar;
// Only what includes websocket.hpp needs Beast's WebSocket.
class WebSocket;
class WebSocketRequest;

namespace detail {
class SessionCore;
}

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
    /// Makes a session with the default options, and without connections, which has no loop yet.
    explicit ClientSession();
    /// Makes a session without connections, which has no loop yet.
    ///
    /// Throws:    options that cannot work: a header that must not be sent -> Errc::invalid_request, the URL of a
    ///            proxy -> Errc::invalid_url, files of certificates -> std::system_error.
    explicit ClientSession(SessionOptions options);
    /// Takes over the other session, also while requests are under way.
    ClientSession(ClientSession&&) noexcept = default;
    /// Takes over the other session; this one ends, as if it were destroyed.
    ClientSession& operator=(ClientSession&& other) noexcept {
        ClientSession taken(std::move(other));
        core_.swap(taken.core_);
        return *this;
    }
    ~ClientSession();

    /// Makes the loop that awaits it the session's.
    ///
    /// Throws:    Errc::session_closed; std::logic_error on another loop than that of the first use.
    boost::asio::awaitable<void> aenter();

    /// Ends the session: requests and WebSockets under way fail with Errc::session_closed, the connections are
    /// closed, those with TLS after a close_notify to the server, whose answer is awaited for half a second at
    /// most. A second time: nothing.
    ///
    /// Cancel:    ends the wait for the servers; the connections are closed all the same.
    boost::asio::awaitable<void> aexit(std::exception_ptr);

    /// Sends a request, follows redirects, and waits for the header of the final response.
    ///
    /// Throws:    std::system_error with http::Errc, and a message that names the server. The status of the
    ///            response is no error: see Response::raise_for_status(). Errc::session_closed after the end of
    ///            the session. std::logic_error on another loop than that of the session's first use.
    /// Cancel:    closes the connection that it uses, and ends by operation_aborted.
    boost::asio::awaitable<Response> request(Request request);

    /// Sends a GET request. Throws and can be cancelled as request().
    boost::asio::awaitable<Response> get(std::string url);
    /// Sends a HEAD request: the response has no body. Throws and can be cancelled as request().
    boost::asio::awaitable<Response> head(std::string url);
    /// Sends an OPTIONS request. Throws and can be cancelled as request().
    boost::asio::awaitable<Response> options(std::string url);
    /// Sends a DELETE request. Throws and can be cancelled as request().
    boost::asio::awaitable<Response> del(std::string url);
    /// Sends a POST request.
    ///
    /// body:      any bytes, without a Content-Type: for that, see Request.
    /// Throws:    as request(), as does its cancellation.
    boost::asio::awaitable<Response> post(std::string url, std::string body);
    /// Sends a PUT request. All else as post().
    boost::asio::awaitable<Response> put(std::string url, std::string body);
    /// Sends a PATCH request. All else as post().
    boost::asio::awaitable<Response> patch(std::string url, std::string body);

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
    AsyncGenerator<ServerSentEvent> events(Request request);
    /// The same, of a URL.
    AsyncGenerator<ServerSentEvent> events(std::string url);

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
    CookieJar* cookies() noexcept;

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
    Connections connections() const noexcept;

private:
    friend class Client;

    void require_core() const;
    /// Has the session know also what only some requests need: see detail::Features.
    void require_all();

    /// Sends a request in which its user has set nothing but the method, the URL, and a body in memory.
    boost::asio::awaitable<Response> send(Request request);

    boost::asio::awaitable<Response> send(Verb method, std::string url);
    boost::asio::awaitable<Response> send(Verb method, std::string url, std::string body);

    std::shared_ptr<detail::SessionCore> core_;
};

}  // namespace syncopate::inline v0_1::http

#ifndef SYNCOPATE_SEPARATE_COMPILATION
#include <syncopate/http/impl/session.ipp>
#endif
