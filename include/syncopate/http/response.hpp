// Response: the answer to a request, for coroutines; its body is read as it is asked for.
#pragma once

#include <syncopate/detail/asio_names.hpp>
#include <syncopate/http/headers.hpp>
#include <syncopate/http/links.hpp>

#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Only what includes json.hpp needs Boost.JSON.
namespace boost::json {
class value;  // NOLINT(readability-identifier-naming)
}

namespace syncopate::inline v0_1::http {

class ClientResponse;
class Content;
namespace detail {
class RequestFlow;
}

/// A response whose header has come, and whose body is read as it is asked for. An AsyncContext: leaving it
/// ends the exchange, whether the body has been read or not.
///
/// Throws:    all members but aexit(), of a response that was moved from: Errc::response_closed.
/// Threads:   members that return an awaitable, and content(): on the session's loop. The others, the moves and
///            the destructor: on any thread, one at a time, also after the session and its loop have ended.
class [[nodiscard]] Response {
public:
    /// Gives the status, 100 or above.
    int status() const;
    /// Gives the words behind the status, as the server put them. May be empty.
    std::string_view reason() const;
    /// Gives the fields of the header.
    Headers const& headers() const;

    /// Gives the URL of the request that was answered, after redirects, without a user's name and password.
    std::string const& url() const;

    /// Gives the fields that came behind the body. There are none before the body has been read to its end. They are never
    /// among the headers().
    Headers const& trailers() const;

    /// Gives the links to other resources, of the fields Link.
    Links links() const;

    /// Gives the address and the port that the request was sent to: the server's, or those of its proxy. `0.0.0.0:0` where
    /// it went by SessionOptions::unix_socket().
    ::syncopate::detail::TcpEndpoint const& peer() const;

    /// Gives the time that the server asks to wait before the request is sent again, by the field Retry-After; nothing
    /// if it does not say.
    std::optional<std::chrono::seconds> retry_after() const;

    /// Gives the redirects that led here, oldest first. They have no body.
    std::vector<Response> const& history() const;

    /// Returns whether the status is below 400.
    bool is_ok() const;

    /// Refuses a status of 400 or above.
    ///
    /// Returns:   the response itself.
    /// Throws:    such a status -> StatusError, with Errc::error_status and a message that names it and the server.
    Response const& raise_for_status() const;
    /// The same.
    Response& raise_for_status();

    /// Gives the body, to be read piece by piece: from then on, SessionOptions::total_timeout holds only if it was set.
    ///
    /// Throws:    the session was used before the fork that has made this process -> syncopate::Errc::forked.
    Content& content();

    /// Reads the rest of the body, and decodes its Content-Encoding. The character set stays as it is.
    ///
    /// Throws:    more than SessionOptions::max_body_size -> Errc::body_too_large; as Content.
    /// Cancel:    closes the connection.
    ::syncopate::detail::AwaitableOf<std::string> text();

    /// Reads the rest of the body as bytes. Throws and can be cancelled as text().
    ::syncopate::detail::AwaitableOf<std::vector<std::byte>> read();

    /// Reads the rest of the body as JSON. Needs <syncopate/http/json.hpp>.
    ///
    /// Throws:    Errc::malformed_json; more than SessionOptions::max_json_memory -> Errc::body_too_large; as text().
    /// Cancel:    closes the connection.
    ::syncopate::detail::AwaitableOf<boost::json::value> json();

    /// Does nothing: the response is open from the start.
    ::syncopate::detail::AwaitableOf<void> aenter();

    /// Ends the exchange. A short rest of the body, 64 KiB that come within 50 ms, is read, so that the
    /// connection can be used again; otherwise it is closed. Reading the body fails from then on.
    ///
    /// Cancel:    closes the connection.
    ::syncopate::detail::AwaitableOf<void> aexit(std::exception_ptr);

private:
    friend class detail::RequestFlow;
    friend class ClientResponse;

    /// The body, to be read as a whole.
    Content& whole_content();

    std::size_t max_json_memory() const;

    struct State;

    /// Ends the exchange on its loop, as long as it is attached to it, and destroys the state.
    struct Leave {
        void operator()(State* state) const noexcept;
    };

    explicit Response(std::unique_ptr<State, Leave> state) noexcept;

    State& state() const;

    std::unique_ptr<State, Leave> state_;
};

}  // namespace syncopate::inline v0_1::http

#ifndef SYNCOPATE_SEPARATE_COMPILATION
#include <syncopate/http/impl/response.ipp>
#endif
