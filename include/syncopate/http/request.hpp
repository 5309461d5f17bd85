// Request: what is asked of a server: a method, a URL, fields and a body.
#pragma once

#include <syncopate/http/body_iterable.hpp>
#include <syncopate/http/detail/message/range_body.hpp>
#include <syncopate/http/detail/message/request_body.hpp>
#include <syncopate/http/detail/message/request_parts.hpp>
#include <syncopate/http/headers.hpp>
#include <syncopate/http/multipart.hpp>
#include <syncopate/http/progress.hpp>
#include <syncopate/http/verb.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
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

namespace syncopate::inline v0_1::http {

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
    /// method:    any but `unknown` and `connect`.
    /// url:       absolute, http or https.
    /// Throws:    Errc::invalid_request.
    Request(Verb method, std::string url);
    /// The same, by a method of Boost.Beast.
    Request(boost::beast::http::verb method, std::string url)
        : Request(static_cast<Verb>(method), std::move(url)) {}
    /// Asks for a URL, by the method of that name, such as "GET" or "QUERY".
    ///
    /// method:    any token but CONNECT. Case matters: a method of Verb in other letters, "get", is refused. One that
    ///            Verb does not have counts as one that must not be sent twice.
    /// url:       absolute, http or https.
    /// Throws:    Errc::invalid_request.
    Request(std::string_view method, std::string url);

    /// Adds a field, which is sent instead of the one of that name that the session or the library would send.
    ///
    /// name:      a token. Content-Length and Transfer-Encoding must agree with the body.
    /// value:     without control bytes but tabs.
    /// Throws:    Errc::invalid_request.
    Request& header(std::string_view name, std::string_view value);

    /// Adds a parameter at the end of the URL's query. Both are percent-encoded.
    Request& query(std::string name, std::string value);

    /// Sends these bytes as the body. It replaces any body that was set before, of whichever kind.
    Request& body(std::string bytes);

    /// Sends a JSON value, as application/json. It is defined in <syncopate/http/json.hpp>.
    Request& json(boost::json::value const& value);

    /// Sends pairs as an HTML form does, `application/x-www-form-urlencoded`.
    Request& form(Pairs const& pairs);

    /// Sends fields and files as an HTML form does, `multipart/form-data`.
    ///
    /// Throws:    std::system_error with the path, when it is sent, if a file of Multipart::file_from() cannot be read.
    Request& multipart(Multipart parts);

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
    Request& file(std::filesystem::path path, std::string_view type = "application/octet-stream");

    /// Asks for a part of what is at the URL, or for all from a byte on, by the field Range. A server that gives a part
    /// answers 206, with Content-Range; one that knows no parts answers 200, with all of it; and 416 if there is nothing.
    /// An encoding is not asked for, unless by header(): a part of what is encoded could not be decoded.
    ///
    /// first:     the first byte, from 0 on.
    /// last:      the last byte, which belongs to it; nothing: all that there is.
    /// Throws:    it ends before it begins -> Errc::invalid_request.
    Request& range(std::uint64_t first, std::optional<std::uint64_t> last = std::nullopt);

    /// Has the body wait for the server to ask for it, with `100 Continue`, or for a second at most. A server that
    /// refuses the request then spares the body its way. One that does not know the expectation, 417, is asked again
    /// without it.
    Request& expect_continue();

    /// Sets a limit of time instead of SessionOptions::total_timeout(). Zero or less: no limit.
    Request& timeout(std::chrono::nanoseconds value);

    /// Sets a limit instead of SessionOptions::connect_timeout(). Zero or less: no limit.
    Request& connect_timeout(std::chrono::nanoseconds value);
    /// Sets a limit instead of SessionOptions::read_timeout(). Zero or less: no limit.
    Request& read_timeout(std::chrono::nanoseconds value);

    /// Sets whether the response may be encoded, and is decoded, instead of SessionOptions::decompress(). With false, no
    /// encoding is asked for, and what comes is given as it comes: an archive that a server has labelled as encoded
    /// stays one.
    Request& decompress(bool value);

    /// Sets the proxy for this request and its redirects, instead of SessionOptions::proxy() and what the environment
    /// names. Empty: none. A session with SessionOptions::unix_socket() uses none all the same. If it is no such URL, the
    /// request fails with Errc::invalid_url.
    ///
    /// url:       as SessionOptions::proxy().
    Request& proxy(std::string url);

    /// Sets a limit instead of SessionOptions::max_redirects(). Zero: the redirect itself is the response.
    Request& max_redirects(std::size_t value);

    /// Sends a name and a password, as Basic authentication. A redirect to another origin drops them.
    ///
    /// user, password: UTF-8.
    /// Throws:    a control byte, or a colon in the name -> Errc::invalid_request.
    Request& basic_auth(std::string_view user, std::string_view password);
    /// Sends a bearer token. A redirect to another origin drops it.
    ///
    /// Throws:    a control byte -> Errc::invalid_request.
    Request& bearer(std::string_view token);
    /// Answers to a server that asks for Digest authentication, RFC 7616: with MD5, SHA-256 or SHA-512-256, and their
    /// -sess; with the protection auth, or auth-int if that alone is offered. The server is asked once without an answer;
    /// the session then answers further requests of that user to that server at once. A body that cannot be sent twice,
    /// or that would have to be hashed and is not in memory, leaves the 401 as it is. A redirect to another origin drops
    /// them.
    ///
    /// user, password: UTF-8.
    /// Throws:    a control byte -> Errc::invalid_request.
    Request& digest_auth(std::string_view user, std::string_view password);

    /// Sets a function that is called as the bodies of the request and of its response are transferred: see
    /// ProgressFunction.
    Request& on_progress(ProgressFunction function);

    /// The method; Verb::unknown for one that Verb does not have.
    Verb method() const noexcept { return parts_.verb; }
    /// The method as it is sent, such as "GET".
    std::string_view method_name() const noexcept { return parts_.name_of(parts_.verb); }
    /// The URL, as it was given.
    std::string const& url() const noexcept { return parts_.url; }
    /// The fields that header() has added.
    Headers const& headers() const noexcept { return parts_.headers; }

private:
    friend class detail::RequestAccess;

    Request& authorize(std::string authorization);

    Request& body_as(std::string content_type, detail::RequestBody body);

    detail::RequestParts parts_;
};

}  // namespace syncopate::inline v0_1::http

#ifndef SYNCOPATE_SEPARATE_COMPILATION
#include <syncopate/http/impl/request.ipp>
#endif
