// What a server answered, as a whole: for synchronous code.
#pragma once

#include <syncopate/http/headers.hpp>
#include <syncopate/http/response.hpp>
#include <syncopate/http/text_lines.hpp>

#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace syncopate::http {

/// A response with its body, which has been read to its end. It needs no loop, and outlives its client.
///
/// ```cpp
/// std::string page = client.get(url).raise_for_status().text();
/// ```
///
/// Semantics: requests.Response. The text is not transcoded.
class [[nodiscard]] ClientResponse {
public:
    /// Puts both together.
    ///
    /// response:  whose body has been read.
    ClientResponse(Response response, std::string body) noexcept
        : response_(std::move(response)), body_(std::move(body)) {}

    /// The number that the server answered with, such as 200.
    int status() const noexcept { return response_.status(); }
    /// The words beside it, such as "OK"; they may be empty.
    std::string_view reason() const noexcept { return response_.reason(); }
    /// The fields of the response's header.
    Headers const& headers() const noexcept { return response_.headers(); }

    /// Where the response came from, after redirects; without a user's name and password.
    std::string const& url() const noexcept { return response_.url(); }

    /// The redirects that led here, oldest first. They have no body.
    std::vector<Response> const& history() const noexcept { return response_.history(); }

    /// Whether the status is below 400.
    bool is_ok() const noexcept { return response_.is_ok(); }

    /// Gives the response itself, unless its status is an error.
    ///
    /// Throws:    Errc::error_status for a status of 400 or above, naming it and the URL's server.
    ClientResponse const& raise_for_status() const& {
        response_.raise_for_status();
        return *this;
    }
    ClientResponse& raise_for_status() & {
        response_.raise_for_status();
        return *this;
    }
    ClientResponse&& raise_for_status() && {
        response_.raise_for_status();
        return std::move(*this);
    }

    /// The body, decoded, in whichever character set it is.
    std::string const& text() const& noexcept { return body_; }
    std::string text() && noexcept { return std::move(body_); }

    /// The body, as JSON. Needs <syncopate/http/json.hpp>.
    ///
    /// Throws:    Errc::malformed_json.
    boost::json::value json() const;

    /// The lines of the body: a range of std::string_view, valid as long as this response. Those of a
    /// temporary response keep the text themselves.
    TextLines lines() const& noexcept { return TextLines(body_); }
    OwnedTextLines lines() && noexcept { return OwnedTextLines(std::move(body_)); }

private:
    Response response_;
    std::string body_;
};

/// What became of one request of many: a response, or the error in its place.
class ClientOutcome {
public:
    /// A response.
    explicit ClientOutcome(ClientResponse response) noexcept : response_(std::move(response)) {}
    /// The error in its place.
    // NOLINTNEXTLINE(bugprone-throw-keyword-missing): it is kept
    explicit ClientOutcome(std::exception_ptr error) noexcept : error_(std::move(error)) {}

    /// Whether it is a response.
    bool has_response() const noexcept { return response_.has_value(); }
    /// Null if there is a response.
    std::exception_ptr const& error() const noexcept { return error_; }

    /// The response.
    ///
    /// Throws:    the error, if there is no response.
    ClientResponse const& response() const& {
        require_response();
        return *response_;
    }
    ClientResponse response() && {
        require_response();
        return std::move(*response_);
    }

private:
    void require_response() const {
        if (!response_)
            std::rethrow_exception(error_);
    }

    std::optional<ClientResponse> response_;
    std::exception_ptr error_;
};

}  // namespace syncopate::http
