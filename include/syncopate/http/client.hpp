// Client: sends requests from synchronous programs, and waits for the responses.
#pragma once

#include <syncopate/blocking_range.hpp>
#include <syncopate/detail/asio_names.hpp>
#include <syncopate/error.hpp>
#include <syncopate/http/client_call.hpp>
#include <syncopate/http/client_cookies.hpp>
#include <syncopate/http/client_response.hpp>
#include <syncopate/http/client_stream.hpp>
#include <syncopate/http/client_websocket.hpp>
#include <syncopate/http/detail/openssl_start.hpp>
#include <syncopate/http/download_options.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/options.hpp>
#include <syncopate/http/progress.hpp>
#include <syncopate/http/request.hpp>
#include <syncopate/http/server_sent_event.hpp>
#include <syncopate/http/status_error.hpp>
#include <syncopate/http/websocket_request.hpp>

#include <concepts>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <source_location>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1 {
class RunnerBase;
}

namespace syncopate::inline v0_1::http {

class ClientSession;
class Response;

namespace detail {
class ClientCore;
}

/// Sends requests, waits for the responses, and keeps the connections in between. One client serves a whole
/// program; each new one would begin without connections.
///
/// ```cpp
/// http::Client client;
/// std::string const page = client.get("https://example.org/").raise_for_status().text();
/// client.download("https://example.org/large", "large.bin");
/// ```
///
/// A response comes as a whole, by one hop to the loop. SessionOptions::max_body_size is its limit; stream() and
/// download() take larger ones. A request is given up after its Request::timeout(), or
/// SessionOptions::total_timeout.
///
/// The last parameter of the members, `where`, is a std::stop_token if a call may be ended early: a request to stop cancels
/// what it waits for. Left to its default, it is the call site, for messages.
///
/// Throws:    all requests: std::system_error with http::Errc and a message that names the server. After a request to
///            stop: syncopate::Errc::cancelled. The status of
///            a response is no error: see raise_for_status(). After close(), or of a client that was moved from
///            -> syncopate::Errc::runner_closed. On the thread of the client's loop, where the callbacks of
///            requests run -> DeadlockError. All members in the child of a fork, if the client was used before
///            it -> syncopate::Errc::forked; its connections are the parent's, and are left alone.
/// Threads:   all members from any thread, any number at once; but only one may move or destroy it. It may
///            have static storage: its thread starts with the first request, and ends with the object. With a
///            Runner, that runner's rule holds: one at a time.
/// Semantics: requests.Session.
class Client {
public:
    /// Where a call is made, for messages, and the stop token that may end it.
    using Where = ClientCall;

    /// Makes a client with the default options, and with a loop and a thread of its own.
    explicit Client();
    /// Makes a client with a loop and a thread of its own.
    ///
    /// Throws:    options that cannot work: as ClientSession.
    explicit Client(SessionOptions options);

    /// Makes a client with the default options on the loop of a ThreadRunner, a Runner or a BlockingPortal.
    ///
    /// runner:    must outlive the client and its streams. It is not closed with them.
    explicit Client(RunnerBase& runner);
    /// Makes a client on the loop of a runner. All else as of Client(RunnerBase&).
    ///
    /// Throws:    options that cannot work: as ClientSession.
    explicit Client(RunnerBase& runner, SessionOptions options);

    /// Takes over the other client, with its streams. That one is like one that was closed.
    Client(Client&&) noexcept = default;
    /// Closes this client, as the destructor does, and takes the other over.
    Client& operator=(Client&& other) noexcept;

    /// Closes the client, as close() does. What that throws is dropped.
    ///
    /// Blocks:    as close(), but however long it takes.
    ~Client();

    /// Sends a request, and waits for the whole response.
    ///
    /// Blocks:    until the body has come, or the request has failed.
    /// Throws:    as said of the class; a body beyond SessionOptions::max_body_size -> Errc::body_too_large.
    ClientResponse request(Request request, Where where = Where::current());

    /// Sends a GET request. Blocks and throws as request().
    ClientResponse get(std::string url, Where where = Where::current());
    /// Sends a HEAD request: the response has no body. Blocks and throws as request().
    ClientResponse head(std::string url, Where where = Where::current());
    /// Sends an OPTIONS request. Blocks and throws as request().
    ClientResponse options(std::string url, Where where = Where::current());
    /// Sends a DELETE request. Blocks and throws as request().
    ClientResponse del(std::string url, Where where = Where::current());
    /// Sends a POST request. Blocks and throws as request().
    ///
    /// body:      any bytes, without a Content-Type: for that, see Request.
    ClientResponse post(std::string url, std::string body, Where where = Where::current());
    /// Sends a PUT request. All else as post().
    ClientResponse put(std::string url, std::string body, Where where = Where::current());
    /// Sends a PATCH request. All else as post().
    ClientResponse patch(std::string url, std::string body, Where where = Where::current());

    /// Sends many requests, several at a time, in one hop to the loop. The first failure ends all.
    ///
    /// max_concurrency: how many are under way at most, 1 or more. SessionOptions::max_connections is a limit, too.
    /// Returns:   the responses, whole, in the order of the requests.
    /// Blocks:    until all have come, or one has failed.
    /// Throws:    what the first request to fail throws. The others are given up. An error status is no failure.
    /// Semantics: asyncio.gather. See send_each() for a failure that does not concern the others.
    std::vector<ClientResponse> send_all(
        std::vector<Request> requests,
        std::size_t max_concurrency = 16,
        Where where = Where::current());

    /// Sends many requests as send_all(), and goes on after failures.
    ///
    /// max_concurrency: as of send_all().
    /// Returns:   for each request, in that order, its response or its error.
    /// Blocks:    until all requests have ended.
    /// Semantics: Promise.allSettled; asyncio.gather with return_exceptions.
    std::vector<ClientOutcome> send_each(
        std::vector<Request> requests,
        std::size_t max_concurrency = 16,
        Where where = Where::current());

    /// Sends GET requests to many URLs, all or nothing: as send_all().
    std::vector<ClientResponse> get_all(
        std::vector<std::string> urls,
        std::size_t max_concurrency = 16,
        Where where = Where::current());

    /// Sends GET requests to many URLs, each with an outcome of its own: as send_each().
    std::vector<ClientOutcome> get_each(
        std::vector<std::string> urls,
        std::size_t max_concurrency = 16,
        Where where = Where::current());

    /// Does the same as get_each(), under another name.
    std::vector<ClientOutcome> get_all_settled(
        std::vector<std::string> urls,
        std::size_t max_concurrency = 16,
        Where where = Where::current());

    /// Sends a request, and gives the response as soon as its header is there. The body is read from the stream.
    /// SessionOptions::total_timeout holds only if it was set: see there.
    ///
    /// Blocks:    until the header has come.
    [[nodiscard]] ClientStream stream(Request request, Where where = Where::current());
    /// Sends a GET request for a stream. All else as of stream(Request).
    [[nodiscard]] ClientStream stream(std::string url, Where where = Where::current());

    /// Reads a stream of server-sent events, which is asked for again when it ends: see ClientSession::events().
    ///
    /// Returns:   a range, which has to end before the client does. Leaving a loop over it ends the stream.
    /// Blocks:    nothing; the range until there is an event. Its next_for() limits that.
    BlockingRange<ServerSentEvent> events(Request request, Where where = Where::current());
    /// The same, of a URL.
    BlockingRange<ServerSentEvent> events(std::string url, Where where = Where::current());

    /// Opens a WebSocket. Needs <syncopate/http/websocket.hpp>.
    ///
    /// request:   a URL, ws or wss, or a WebSocketRequest with more in it.
    /// Returns:   a ClientWebSocket, which has to end before the client does.
    /// Blocks:    until it is open.
    /// Throws:    as ClientSession::websocket().
    template <class Socket = WebSocket>
    BasicClientWebSocket<Socket> websocket(
        WebSocketRequest request, Where where = Where::current());

    /// Writes the body of a response to a file, in memory that does not grow with it.
    ///
    /// path:      of a regular file, or of nothing yet. The file appears, or is replaced, when all has been
    ///            written and is on the disk; a download that fails changes nothing, but for what
    ///            DownloadOptions::resume() keeps. The rights of a file that is replaced stay. To a device or a pipe,
    ///            such as /dev/null, the bytes go as they come.
    /// options:   its progress function is called on the calling thread after each piece, where it may block. `received`
    ///            are the bytes that the file has so far, `receive_total` all of them, if that is known. An exception that
    ///            it throws ends the download.
    /// Blocks:    until the file is complete. The calling thread writes it.
    /// Throws:    StatusError for a status of 400 or above; std::system_error with the path for what
    ///            the system refuses; what the progress function throws; beyond DownloadOptions::max_size() ->
    ///            Errc::body_too_large.
    void download(
        Request request,
        std::filesystem::path path,
        DownloadOptions options,
        Where where = Where::current());
    /// Writes what is at a URL to a file. All else as of download(Request, ...).
    void download(
        std::string url,
        std::filesystem::path path,
        DownloadOptions options,
        Where where = Where::current());
    /// Writes the body of a response to a file. All else as of download(Request, ...) with options.
    void download(
        Request request,
        std::filesystem::path path,
        ProgressFunction progress = {},
        Where where = Where::current());
    /// Writes what is at a URL to a file. All else as of download(Request, ...).
    void download(
        std::string url,
        std::filesystem::path path,
        ProgressFunction progress = {},
        Where where = Where::current());

    /// Does the same as get_all() with a stop token, 16 requests at a time.
    std::vector<ClientResponse> get_all(
        std::vector<std::string> urls,
        std::stop_token stop,
        std::source_location place = std::source_location::current());
    /// Does the same as get_all_settled() with a stop token, 16 requests at a time.
    std::vector<ClientOutcome> get_all_settled(
        std::vector<std::string> urls,
        std::stop_token stop,
        std::source_location place = std::source_location::current());
    /// Does the same as get_each() with a stop token, 16 requests at a time.
    std::vector<ClientOutcome> get_each(
        std::vector<std::string> urls,
        std::stop_token stop,
        std::source_location place = std::source_location::current());
    /// Does the same as download() with a stop token, and without options.
    template <std::same_as<std::stop_token> Stop>
    void download(
        Request request,
        std::filesystem::path path,
        Stop stop,
        std::source_location place = std::source_location::current()) {
        download(std::move(request), std::move(path), ProgressFunction(), {std::move(stop), place});
    }
    /// Does the same as download() with a stop token, and without options.
    template <std::same_as<std::stop_token> Stop>
    void download(
        std::string url,
        std::filesystem::path path,
        Stop stop,
        std::source_location place = std::source_location::current()) {
        download(Request(Verb::get, std::move(url)), std::move(path), std::move(stop), place);
    }

    /// Gives the cookies that the client keeps: to be read, set, saved and loaded.
    ///
    /// Throws:    as said of ClientCookies.
    ClientCookies cookies();

    /// Ends what is under way, with Errc::session_closed, and closes the connections; then the runner, if it is
    /// the client's own. A second time: nothing.
    ///
    /// Blocks:    until the connections are closed: half a second at most, for the TLS shutdown.
    /// Throws:    DeadlockError on the thread of its loop; as ThreadRunner::close().
    void close();

private:
    static constexpr std::size_t default_concurrency = 16;

    detail::ClientCore& open();

    /// The functions of the session by which a request may be sent: see ClientSession::send().
    using Way = ::syncopate::detail::AwaitableOf<Response> (ClientSession::*)(Request request);

    ClientResponse fetch(Request request, Way way, Where where);
    ClientResponse send(Request request, Where where);
    ClientResponse send(Verb method, std::string url, std::string body, Where where);

    static std::vector<Request> requests_for(std::vector<std::string> urls);

    std::shared_ptr<detail::ClientCore> core_;
};

}  // namespace syncopate::inline v0_1::http

#ifndef SYNCOPATE_SEPARATE_COMPILATION
#include <syncopate/http/impl/client.ipp>
#endif
