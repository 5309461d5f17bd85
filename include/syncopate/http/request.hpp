// What is asked of a server.
#pragma once

#include <syncopate/http/detail/message/basic_auth.hpp>
#include <syncopate/http/detail/message/field_syntax.hpp>
#include <syncopate/http/detail/message/request_body.hpp>
#include <syncopate/http/detail/url/percent_encoding.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/headers.hpp>
#include <syncopate/http/multipart.hpp>
#include <syncopate/http/progress.hpp>
#include <syncopate/http/url.hpp>

#include <boost/beast/http/verb.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
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
    using Pairs = std::vector<std::pair<std::string, std::string>>;

    /// verb:      any but `unknown` and `connect`.
    /// url:       absolute, http or https.
    Request(Verb verb, std::string url) : verb_(verb), url_(std::move(url)) {
        if (verb == Verb::unknown || verb == Verb::connect)
            detail::throw_error(Errc::invalid_request, "this method cannot be sent");
    }
    Request(std::string_view verb, std::string url)
        : Request(string_to_verb(verb), std::move(url)) {}

    /// Adds a field. It takes the place of the one that the session or the library would send.
    Request& header(std::string_view name, std::string_view value) {
        detail::require_field(name, value);
        headers_.add(name, value);
        return *this;
    }

    /// Adds a parameter to the URL's query, encoded.
    Request& query(std::string name, std::string value) {
        query_.emplace_back(std::move(name), std::move(value));
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
    template <detail::BodyIterable I>
    Request& body_stream(I&& iterable) {
        return body_as(
            "", detail::RequestBody(std::shared_ptr<detail::BodyStream>(
                    std::make_shared<detail::IterableBodyStream<I>>(std::forward<I>(iterable)))));
    }

    /// Instead of SessionOptions::total_timeout. Zero or less: no limit.
    Request& timeout(std::chrono::nanoseconds value) {
        timeout_ = value;
        return *this;
    }

    /// Instead of SessionOptions::max_redirects. Zero: the redirect itself is the response.
    Request& max_redirects(std::size_t value) {
        max_redirects_ = value;
        return *this;
    }

    /// Proves who asks, by name and password. A redirect to another server drops it.
    Request& basic_auth(std::string_view user, std::string_view password) {
        authorization_ = detail::basic_credentials(user, password);
        return *this;
    }
    /// The same, by a token.
    Request& bearer(std::string_view token) {
        detail::require_field("Authorization", token);
        authorization_ = "Bearer " + std::string(token);
        return *this;
    }

    /// Is told of the progress of the bodies, of this request's and of its response's.
    Request& on_progress(ProgressFunction function) {
        progress_ = std::move(function);
        return *this;
    }

    Verb method() const noexcept { return verb_; }
    std::string const& url() const noexcept { return url_; }
    Headers const& headers() const noexcept { return headers_; }

    // For the session.
    std::string take_url() noexcept { return std::move(url_); }
    Pairs const& query() const noexcept { return query_; }
    detail::RequestBody const& body() const noexcept { return body_; }
    std::string const& content_type() const noexcept { return content_type_; }
    std::string const& authorization() const noexcept { return authorization_; }
    std::optional<std::chrono::nanoseconds> timeout() const noexcept { return timeout_; }
    std::optional<std::size_t> max_redirects() const noexcept { return max_redirects_; }
    ProgressFunction const& on_progress() const noexcept { return progress_; }

private:
    Request& body_as(std::string content_type, detail::RequestBody body) {
        content_type_ = std::move(content_type);
        body_ = std::move(body);
        return *this;
    }

    Verb verb_;
    std::string url_;
    Headers headers_;
    Pairs query_;
    detail::RequestBody body_;
    std::string content_type_;
    std::string authorization_;
    std::optional<std::chrono::nanoseconds> timeout_;
    std::optional<std::size_t> max_redirects_;
    ProgressFunction progress_;
};

}  // namespace syncopate::http
