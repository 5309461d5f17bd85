// What is asked of a server.
#pragma once

#include <syncopate/http/body_iterable.hpp>
#include <syncopate/http/detail/message/basic_auth.hpp>
#include <syncopate/http/detail/message/field_syntax.hpp>
#include <syncopate/http/detail/message/request_body.hpp>
#include <syncopate/http/detail/message/request_parts.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/form.hpp>
#include <syncopate/http/headers.hpp>
#include <syncopate/http/multipart.hpp>
#include <syncopate/http/progress.hpp>
#include <syncopate/http/url.hpp>

#include <boost/beast/http/verb.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Only what includes json.hpp needs Boost.JSON.
namespace boost::json {
class value;  // NOLINT(readability-identifier-naming)
}

namespace syncopate::http {

/// The methods, `Verb::get` and so on; `string_to_verb("GET")` makes one from a string.
using Verb = boost::beast::http::verb;
using boost::beast::http::string_to_verb;
using boost::beast::http::verb;

/// A request as a session takes it. The setters chain:
/// `Request(Verb::post, url).header("Accept", "text/plain").query("q", word).timeout(2s)`.
///
/// Copies are cheap: they share the body.
///
/// Throws:    Errc::invalid_request from the setters, for what must not be sent: a line break or another
///            control byte, a name that is no token. The URL is looked at when the request is made.
class Request {
public:
    /// Names and values, of a form or of a query.
    using Pairs = std::vector<std::pair<std::string, std::string>>;

    /// Asks for a URL, by that method.
    ///
    /// verb:      any but `unknown` and `connect`.
    /// url:       absolute, http or https.
    Request(Verb verb, std::string url) : parts_(verb, std::move(url)) {
        if (verb == Verb::unknown || verb == Verb::connect)
            detail::throw_error(Errc::invalid_request, "this method cannot be sent");
    }
    /// The same, with the method by its name, such as "GET".
    Request(std::string_view verb, std::string url)
        : Request(string_to_verb(verb), std::move(url)) {}

    /// Adds a field. It takes the place of the one that the session or the library would send.
    Request& header(std::string_view name, std::string_view value) {
        detail::require_field(name, value);
        parts_.headers.add(name, value);
        return *this;
    }

    /// Adds a parameter to the URL's query, encoded.
    Request& query(std::string name, std::string value) {
        parts_.query.emplace_back(std::move(name), std::move(value));
        return *this;
    }

    /// Sends these bytes as the body. The last body that is set counts, of whichever kind.
    Request& body(std::string bytes) { return body_as("", detail::RequestBody(std::move(bytes))); }

    /// Sends a JSON value. Needs <syncopate/http/json.hpp>.
    Request& json(boost::json::value const& value);

    /// Sends pairs as an HTML form does, `application/x-www-form-urlencoded`.
    Request& form(Pairs const& pairs) {
        return body_as(
            "application/x-www-form-urlencoded", detail::RequestBody(form_encoded(pairs)));
    }

    /// Sends fields and files as an HTML form does, `multipart/form-data`.
    Request& multipart(Multipart parts) {
        auto type = parts.content_type();
        return body_as(
            std::move(type), detail::RequestBody(std::make_shared<std::vector<std::string> const>(
                                 std::move(parts).take_pieces())));
    }

    /// Sends what an AsyncIterable of std::string gives, chunked, or with the Content-Length that header()
    /// was given. Such a request is sent once only: no redirect that would repeat the body, no retry.
    ///
    /// iterable:  an rvalue is owned, an lvalue used in place, on the session's loop.
    template <BodyIterable I>
    Request& body_stream(I&& iterable) {
        return body_as(
            "", detail::RequestBody(std::shared_ptr<detail::BodyStream>(
                    std::make_shared<detail::IterableBodyStream<I>>(std::forward<I>(iterable)))));
    }

    /// Instead of SessionOptions::total_timeout. Zero or less: no limit.
    Request& timeout(std::chrono::nanoseconds value) {
        parts_.timeout = value;
        return *this;
    }

    /// Instead of SessionOptions::max_redirects. Zero: the redirect itself is the response.
    Request& max_redirects(std::size_t value) {
        parts_.max_redirects = value;
        return *this;
    }

    /// Proves who asks, by name and password. A redirect to another server drops it.
    Request& basic_auth(std::string_view user, std::string_view password) {
        parts_.authorization = detail::basic_credentials(user, password);
        return *this;
    }
    /// The same, by a token.
    Request& bearer(std::string_view token) {
        detail::require_field("Authorization", token);
        parts_.authorization = "Bearer " + std::string(token);
        return *this;
    }

    /// Is told of the progress of the bodies, of this request's and of its response's.
    Request& on_progress(ProgressFunction function) {
        parts_.on_progress = std::move(function);
        return *this;
    }

    /// The method.
    Verb method() const noexcept { return parts_.verb; }
    /// The URL, as it was given.
    std::string const& url() const noexcept { return parts_.url; }
    /// The fields that header() has added.
    Headers const& headers() const noexcept { return parts_.headers; }

private:
    friend class detail::RequestAccess;

    Request& body_as(std::string content_type, detail::RequestBody body) {
        parts_.content_type = std::move(content_type);
        parts_.body = std::move(body);
        return *this;
    }

    detail::RequestParts parts_;
};

}  // namespace syncopate::http
