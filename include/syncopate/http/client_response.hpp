// ClientResponse: a response with its whole body, for synchronous code. ClientOutcome: that, or an error.
#pragma once

#include <syncopate/detail/asio_names.hpp>
#include <syncopate/http/headers.hpp>
#include <syncopate/http/links.hpp>
#include <syncopate/http/response.hpp>
#include <syncopate/http/text_lines.hpp>

#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1::http {

class OwnedJson;  // json.hpp

/// A response with its body, which has been read to its end. It needs no loop, and outlives its client. Copies have the
/// body themselves, and share the rest.
///
/// ```cpp
/// std::string page = client.get(url).raise_for_status().text();
/// ```
///
/// Throws:    all members but text() and lines(), of a response that was moved from: Errc::response_closed.
/// Threads:   any; const members also on several at a time.
/// Semantics: requests.Response, but the character set of the text stays as it is.
class [[nodiscard]] ClientResponse {
public:
    /// Puts a response and its body together.
    ///
    /// response:  one whose body has been read to its end.
    ClientResponse(Response response, std::string body);

    /// Gives the status, 100 or above.
    int status() const;
    /// Gives the words behind the status, as the server put them. May be empty.
    std::string_view reason() const;
    /// Gives the fields of the header.
    Headers const& headers() const;

    /// Gives the URL of the request that was answered, after redirects, without a user's name and password.
    std::string const& url() const;

    /// Gives the fields that came behind the body. They are never among the headers().
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
    ClientResponse const& raise_for_status() const&;
    ClientResponse& raise_for_status() &;
    ClientResponse&& raise_for_status() &&;

    /// Gives the body, decoded, in the character set in which it came. A temporary response gives it away.
    std::string const& text() const& noexcept { return body_; }
    std::string text() && noexcept { return std::move(body_); }

    /// Parses the body as JSON, once. Needs <syncopate/http/json.hpp>.
    ///
    /// Returns:   a reference that is valid as long as this response or a copy of it; so a loop may go over
    ///            `response.json().as_array()`. A temporary response gives the value away, and a temporary value what is
    ///            taken out of it: OwnedJson.
    /// Throws:    Errc::malformed_json; more than SessionOptions::max_json_memory -> Errc::body_too_large.
    boost::json::value const& json() const&;
    OwnedJson json() &&;

    /// The lines of the body: a range of std::string_view, valid as long as this response. Those of a
    /// temporary response keep the text themselves.
    TextLines lines() const& noexcept { return TextLines(body_); }
    OwnedTextLines lines() && noexcept { return OwnedTextLines(std::move(body_)); }

private:
    struct Shared;

    /// The body as json.hpp has parsed it: that is done once.
    std::shared_ptr<void> const& value(
        std::shared_ptr<void> (*parse)(ClientResponse const& response)) const;
    std::size_t max_json_memory() const;

    Response const& response() const;

    std::shared_ptr<Shared> shared_;
    std::string body_;
};

/// The end of one request of many: a response, or the error in its place.
///
/// Throws:    response(), of an outcome that was moved from: Errc::response_closed.
class ClientOutcome {
public:
    /// Makes the outcome of a request that succeeded.
    explicit ClientOutcome(ClientResponse response) noexcept : response_(std::move(response)) {}
    /// Makes the outcome of a request that failed.
    // NOLINTNEXTLINE(bugprone-throw-keyword-missing): it is kept
    explicit ClientOutcome(std::exception_ptr error) noexcept : error_(std::move(error)) {}

    ClientOutcome(ClientOutcome const&) = default;
    ClientOutcome& operator=(ClientOutcome const&) = default;
    ClientOutcome(ClientOutcome&& other) noexcept
        : response_(std::exchange(other.response_, std::nullopt)), error_(std::move(other.error_)) {
    }
    ClientOutcome& operator=(ClientOutcome&& other) noexcept {
        response_ = std::exchange(other.response_, std::nullopt);
        error_ = std::move(other.error_);
        return *this;
    }
    ~ClientOutcome() = default;

    /// Returns whether the request succeeded.
    bool has_response() const noexcept { return response_.has_value(); }
    /// Gives the exception with which the request failed; null if there is a response.
    std::exception_ptr const& error() const noexcept { return error_; }

    /// Gives the response.
    ///
    /// Throws:    error(), if there is no response.
    ClientResponse const& response() const& {
        require_response();
        return *response_;
    }
    ClientResponse response() && {
        require_response();
        return std::move(*response_);
    }

private:
    void require_response() const;

    std::optional<ClientResponse> response_;
    std::exception_ptr error_;
};

}  // namespace syncopate::inline v0_1::http

#ifndef SYNCOPATE_SEPARATE_COMPILATION
#include <syncopate/http/impl/client_response.ipp>
#endif
