// Request, Verb: what is asked of a server: a method, a URL, fields and a body.
#pragma once

#include <syncopate/http/body_iterable.hpp>
#include <syncopate/http/detail/message/basic_auth.hpp>
#include <syncopate/http/detail/message/field_syntax.hpp>
#include <syncopate/http/detail/message/file_body.hpp>
#include <syncopate/http/detail/message/range_body.hpp>
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
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Only what includes json.hpp needs Boost.JSON.
namespace boost::json {
class value;  // NOLINT(readability-identifier-naming)
}

namespace syncopate::inline v0_1::http {

/// The methods, `Verb::get` and so on; `string_to_verb("GET")` makes one from a string.
using Verb = boost::beast::http::verb;
using boost::beast::http::string_to_verb;
using boost::beast::http::verb;

/// A request as a session takes it. The setters chain:
/// `Request(Verb::post, url).header("Accept", "text/plain").query("q", word).timeout(2s)`.
///
/// Copies are cheap: they share the body.
///
/// Throws:    the setters: a control byte, such as a line break, or a name that is no token ->
///            Errc::invalid_request. The URL is checked when the request is sent.
/// Threads:   one at a time. Copies may be used on different threads, unless they share a stream.
class Request {
public:
    /// Names and values, of a form or of a query.
    using Pairs = std::vector<std::pair<std::string, std::string>>;

    /// Asks for a URL, by that method.
    ///
    /// verb:      any but `unknown` and `connect`.
    /// url:       absolute, http or https.
    /// Throws:    Errc::invalid_request.
    Request(Verb verb, std::string url) : parts_(verb, std::move(url)) {
        if (verb == Verb::unknown || verb == Verb::connect)
            detail::throw_error(Errc::invalid_request, "this method cannot be sent");
    }
    /// Asks for a URL, by the method of that name, such as "GET".
    ///
    /// verb:      in capitals; any that Verb has but CONNECT.
    /// url:       absolute, http or https.
    /// Throws:    Errc::invalid_request.
    Request(std::string_view verb, std::string url)
        : Request(string_to_verb(verb), std::move(url)) {}

    /// Adds a field, which is sent instead of the one of that name that the session or the library would send.
    ///
    /// name:      a token. Content-Length and Transfer-Encoding must agree with the body.
    /// value:     without control bytes but tabs.
    /// Throws:    Errc::invalid_request.
    Request& header(std::string_view name, std::string_view value) {
        detail::require_field(name, value);
        parts_.headers.add(name, value);
        return *this;
    }

    /// Adds a parameter at the end of the URL's query. Both are percent-encoded.
    Request& query(std::string name, std::string value) {
        parts_.query.emplace_back(std::move(name), std::move(value));
        return *this;
    }

    /// Sends these bytes as the body. It replaces any body that was set before, of whichever kind.
    Request& body(std::string bytes) { return body_as("", detail::RequestBody(std::move(bytes))); }

    /// Sends a JSON value, as application/json. It is defined in <syncopate/http/json.hpp>.
    Request& json(boost::json::value const& value);

    /// Sends pairs as an HTML form does, `application/x-www-form-urlencoded`.
    Request& form(Pairs const& pairs) {
        return body_as(
            "application/x-www-form-urlencoded", detail::RequestBody(form_encoded(pairs)));
    }

    /// Sends fields and files as an HTML form does, `multipart/form-data`.
    ///
    /// Throws:    std::system_error with the path, when it is sent, if a file of Multipart::file_from() cannot be read.
    Request& multipart(Multipart parts) {
        auto type = parts.content_type();
        if (auto files = parts.take_files())
            return body_as(std::move(type), detail::RequestBody(std::move(files)));
        return body_as(
            std::move(type), detail::RequestBody(std::make_shared<std::vector<std::string> const>(
                                 std::move(parts).take_pieces())));
    }

    /// Sends the strings of an AsyncIterable, chunked, or with the Content-Length that header() was given. The
    /// body is sent once only: it is not retried, and a redirect that would repeat it fails.
    ///
    /// iterable:  an rvalue is owned; an lvalue is used in place and must outlive the request. It is iterated on
    ///            the session's loop.
    template <BodyIterable I>
    Request& body_stream(I&& iterable) {
        return body_as(
            "", detail::RequestBody(std::shared_ptr<detail::BodySource>(
                    std::make_shared<detail::IterableBody<I>>(std::forward<I>(iterable)))));
    }

    /// Sends the strings of a range of synchronous code, as they are taken from it: chunked, or with the
    /// Content-Length that header() was given. A range that can be iterated twice is sent again where a body in
    /// memory would be.
    ///
    /// range:     an rvalue is owned; an lvalue is used in place and must outlive the request. It may block in
    ///            the requests of Client, where it is iterated on the calling thread; but not in those of
    ///            Client::stream() and of a session that nobody waits for, where that is the loop's.
    template <BodyRange R>
    Request& body_range(R&& range) {
        return body_as(
            "", detail::RequestBody(std::shared_ptr<detail::BodySource>(
                    std::make_shared<detail::RangeBody<R>>(std::forward<R>(range)))));
    }

    /// Sends a file, which is read while it is sent, in memory that does not grow with it.
    ///
    /// path:      of a regular file. What it holds when it is sent counts.
    /// type:      its media type.
    /// Throws:    std::system_error with the path, if the file cannot be read, now or when it is sent.
    Request& file(std::filesystem::path path, std::string_view type = "application/octet-stream") {
        detail::require_field("Content-Type", type);
        detail::InputFile const readable(path);
        std::vector<detail::FileBody::Part> parts;
        parts.push_back({"", std::move(path)});
        return body_as(
            std::string(type), detail::RequestBody(std::shared_ptr<detail::BodySource>(
                                   std::make_shared<detail::FileBody>(std::move(parts)))));
    }

    /// Has the body wait for the server to ask for it, with `100 Continue`, or for a second at most. A server that
    /// refuses the request then spares the body its way. One that does not know the expectation, 417, is asked again
    /// without it.
    Request& expect_continue() {
        if (!parts_.headers.contains("Expect"))
            parts_.headers.add("Expect", "100-continue");
        return *this;
    }

    /// Sets a limit of time instead of SessionOptions::total_timeout(). Zero or less: no limit.
    Request& timeout(std::chrono::nanoseconds value) {
        parts_.change_settings().timeout = value;
        return *this;
    }

    /// Sets a limit instead of SessionOptions::connect_timeout(). Zero or less: no limit.
    Request& connect_timeout(std::chrono::nanoseconds value) {
        parts_.change_settings().connect_timeout = value;
        return *this;
    }
    /// Sets a limit instead of SessionOptions::read_timeout(). Zero or less: no limit.
    Request& read_timeout(std::chrono::nanoseconds value) {
        parts_.change_settings().read_timeout = value;
        return *this;
    }

    /// Sets whether the response may be encoded, and is decoded, instead of SessionOptions::decompress(). With false, no
    /// encoding is asked for, and what comes is given as it comes: an archive that a server has labelled as encoded
    /// stays one.
    Request& decompress(bool value) {
        parts_.change_settings().decompress = value;
        return *this;
    }

    /// Sets the proxy for this request and its redirects, instead of SessionOptions::proxy() and what the environment
    /// names. Empty: none. A session with SessionOptions::unix_socket() uses none all the same. If it is no such URL, the
    /// request fails with Errc::invalid_url.
    ///
    /// url:       as SessionOptions::proxy().
    Request& proxy(std::string url) {
        parts_.change_settings().proxy = std::move(url);
        return *this;
    }

    /// Sets a limit instead of SessionOptions::max_redirects(). Zero: the redirect itself is the response.
    Request& max_redirects(std::size_t value) {
        parts_.change_settings().max_redirects = value;
        return *this;
    }

    /// Sends a name and a password, as Basic authentication. A redirect to another origin drops them.
    ///
    /// user, password: UTF-8.
    /// Throws:    a control byte, or a colon in the name -> Errc::invalid_request.
    Request& basic_auth(std::string_view user, std::string_view password) {
        return authorize(detail::basic_credentials(user, password));
    }
    /// Sends a bearer token. A redirect to another origin drops it.
    ///
    /// Throws:    a control byte -> Errc::invalid_request.
    Request& bearer(std::string_view token) {
        detail::require_field("Authorization", token);
        return authorize("Bearer " + std::string(token));
    }
    /// Answers to a server that asks for Digest authentication, RFC 7616: with MD5, SHA-256 or SHA-512-256, and their
    /// -sess; with the protection auth, or auth-int if that alone is offered. The server is asked once without an answer;
    /// the session then answers further requests of that user to that server at once. A body that cannot be sent twice,
    /// or that would have to be hashed and is not in memory, leaves the 401 as it is. A redirect to another origin drops
    /// them.
    ///
    /// user, password: UTF-8.
    /// Throws:    a control byte -> Errc::invalid_request.
    Request& digest_auth(std::string_view user, std::string_view password) {
        detail::require_no_control(user);
        detail::require_no_control(password);
        parts_.authorization.clear();
        parts_.change_settings().digest = {std::string(user), std::string(password)};
        return *this;
    }

    /// Sets a function that is called as the bodies of the request and of its response are transferred: see
    /// ProgressFunction.
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

    Request& authorize(std::string authorization) {
        if (parts_.digest())
            parts_.change_settings().digest.reset();
        parts_.authorization = std::move(authorization);
        return *this;
    }

    Request& body_as(std::string content_type, detail::RequestBody body) {
        parts_.content_type = std::move(content_type);
        parts_.body = std::move(body);
        return *this;
    }

    detail::RequestParts parts_;
};

}  // namespace syncopate::inline v0_1::http
