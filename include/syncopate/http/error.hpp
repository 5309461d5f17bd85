// Errc, error_category(): the errors of requests, responses and WebSockets.
#pragma once

#if defined(SYNCOPATE_ASIO_STANDALONE)
#error "syncopate::http stands on Boost.Beast: it does not go with SYNCOPATE_ASIO_STANDALONE."
#endif

// Who has the library compiled once needs these libraries' headers in that unit only.
#ifndef SYNCOPATE_SEPARATE_COMPILATION
#include <syncopate/http/detail/requirements.hpp>
#endif

#include <syncopate/detail/error/immortal.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>

namespace syncopate::inline v0_1::http {

/// The reason why a request failed, as the code of a `std::system_error`, whose message names the server.
///
/// A reason that the system, the resolver or TLS has given stands in that message. A cancelled request fails
/// with boost::asio::error::operation_aborted, as any task of Asio does.
enum class Errc {
    /// The session has been left, and takes no more requests.
    session_closed = 1,
    /// The text is no absolute http or https URL, or holds what a URL must not.
    invalid_url,
    /// The request cannot be sent: it has a line break in a header, two framings, or the like.
    invalid_request,
    /// The host's name could not be resolved.
    host_not_found,
    /// No address of the host accepts a connection.
    connect_failed,
    /// The proxy refused the tunnel, or is not usable.
    proxy_failed,
    /// The TLS handshake failed, for another reason than the certificate.
    tls_failed,
    /// The server's certificate is not to be trusted; the message says why.
    certificate_refused,
    /// The connection broke before the response's header was complete.
    connection_lost,
    /// The connection ended before the whole body had come.
    body_truncated,
    /// The response is not HTTP/1.1 as in RFC 9112.
    malformed_response,
    /// A limit of the SessionOptions on the header or the interim responses was exceeded.
    header_too_large,
    /// The body, decoded, exceeds SessionOptions::max_body_size.
    body_too_large,
    /// A line exceeds SessionOptions::max_line_size.
    line_too_long,
    /// The body is not what its Content-Encoding says.
    malformed_encoding,
    /// The body is not JSON.
    malformed_json,
    /// More redirects than allowed.
    too_many_redirects,
    /// A redirect that is not followed: to an invalid URL, or from https to http.
    redirect_refused,
    /// The body has been consumed, and the request would have to be sent again.
    body_not_replayable,
    /// raise_for_status(): the status is 400 or above. The error is a StatusError, whose code has the status as its value:
    /// it compares equal to this one, and two statuses do not compare equal.
    error_status,
    /// The response, or its body, has been closed.
    response_closed,
    /// The server did not agree to a WebSocket.
    websocket_refused,
    /// The WebSocket is closed: by the program, or by the server with a code that means trouble.
    websocket_closed,
    /// The connection was not made in time: SessionOptions::connect_timeout.
    connect_timed_out,
    /// The TLS handshake was not finished in time: SessionOptions::connect_timeout.
    tls_handshake_timed_out,
    /// The header of the response did not come: SessionOptions::read_timeout.
    response_header_timed_out,
    /// The body of the response stopped coming, or the request could not be sent on: SessionOptions::read_timeout.
    body_timed_out,
    /// The exchange as a whole took too long: SessionOptions::total_timeout, Request::timeout.
    total_timed_out,
    /// public_addresses_only() or allowed_hosts(), as SessionOptions::on_connect, refuses the connection.
    connection_not_allowed,
};

namespace detail {

class [[gnu::visibility("default")]] ErrorCategory final : public std::error_category {
public:
    char const* name() const noexcept override { return "syncopate.http"; }

    std::string message(int code) const override {
        switch (static_cast<Errc>(code)) {
        case Errc::session_closed: return "the session is closed";
        case Errc::invalid_url: return "invalid URL";
        case Errc::invalid_request: return "invalid request";
        case Errc::host_not_found: return "host not found";
        case Errc::connect_failed: return "cannot connect";
        case Errc::proxy_failed: return "the proxy failed";
        case Errc::tls_failed: return "TLS handshake failed";
        case Errc::certificate_refused: return "certificate refused";
        case Errc::connection_lost: return "connection lost";
        case Errc::body_truncated: return "the response broke off";
        case Errc::malformed_response: return "malformed response";
        case Errc::header_too_large: return "the response's header is too large";
        case Errc::body_too_large: return "the response's body is too large";
        case Errc::line_too_long: return "a line of the response is too long";
        case Errc::malformed_encoding: return "the body is not what its Content-Encoding says";
        case Errc::malformed_json: return "the body is not JSON";
        case Errc::too_many_redirects: return "too many redirects";
        case Errc::redirect_refused: return "redirect refused";
        case Errc::body_not_replayable: return "the request's body cannot be sent again";
        case Errc::error_status: return "error status";
        case Errc::response_closed: return "the response is closed";
        case Errc::websocket_refused: return "the server did not agree to a WebSocket";
        case Errc::websocket_closed: return "the WebSocket is closed";
        case Errc::connect_timed_out: return "connect timed out";
        case Errc::tls_handshake_timed_out: return "TLS handshake timed out";
        case Errc::response_header_timed_out: return "response header timed out";
        case Errc::body_timed_out: return "body timed out";
        case Errc::total_timed_out: return "total timed out";
        case Errc::connection_not_allowed: return "the connection is not allowed";
        }
        return is_status(code) ? message(static_cast<int>(Errc::error_status)) : "unknown error";
    }

    std::error_condition default_error_condition(int code) const noexcept override {
        switch (static_cast<Errc>(code)) {
        case Errc::connect_timed_out:
        case Errc::tls_handshake_timed_out:
        case Errc::response_header_timed_out:
        case Errc::body_timed_out:
        case Errc::total_timed_out: return std::errc::timed_out;
        default: return {is_status(code) ? static_cast<int>(Errc::error_status) : code, *this};
        }
    }

    /// Whether a value is a status of HTTP, and none of Errc.
    static constexpr bool is_status(int code) noexcept { return code >= 100; }
};

}  // namespace detail

/// The category of http::Errc. Its name is "syncopate.http".
// Not inlined: see syncopate::error_category().
[[gnu::noinline, gnu::visibility("default")]] inline std::error_category const&
error_category() noexcept {
    return syncopate::detail::immortal<detail::ErrorCategory>();
}

/// Makes http::Errc usable wherever a `std::error_code` is expected. The time-outs also compare equal to
/// `std::errc::timed_out`.
inline std::error_code make_error_code(Errc code) noexcept {
    return {static_cast<int>(code), error_category()};
}

/// Whether the code has that reason. An error status has it, whichever it is.
inline bool operator==(std::error_code const& code, Errc reason) noexcept {
    if (code.category() != error_category())
        return false;
    bool const is_status = detail::ErrorCategory::is_status(code.value());
    return (is_status ? static_cast<int>(Errc::error_status) : code.value()) ==
           static_cast<int>(reason);
}

namespace detail {

/// The size of the character at the beginning of the text, if that is UTF-8, or 0.
inline std::size_t utf8_size(std::string_view text) noexcept {
    auto const lead = static_cast<unsigned char>(text.front());
    std::size_t const size = lead < 0x80                   ? 1
                             : lead >= 0xc2 && lead < 0xe0 ? 2
                             : lead >= 0xe0 && lead < 0xf0 ? 3
                             : lead >= 0xf0 && lead < 0xf5 ? 4
                                                           : 0;
    auto const following = text.substr(0, size);
    bool const is_whole =
        following.size() == size && std::ranges::all_of(following.substr(size ? 1 : 0), [](char c) {
            return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
        });
    return is_whole ? size : 0;
}

/// Whether a terminal may do something else than show the character: C0, DEL and C1, which UTF-8 has as two bytes.
inline bool is_control_character(std::string_view character) noexcept {
    auto const first = static_cast<unsigned char>(character.front());
    return first < 0x20 || first == 0x7f ||
           (first == 0xc2 && static_cast<unsigned char>(character[1]) < 0xa0);
}

/// The text with control characters, and what is not UTF-8, as \xNN: a part of it may be a server's, and the text ends
/// up in terminals and logs.
inline std::string without_controls(std::string_view text) {
    constexpr char const* digits = "0123456789abcdef";
    std::string shown;
    while (!text.empty()) {
        auto const size = utf8_size(text);
        auto const character = text.substr(0, size == 0 ? 1 : size);
        text.remove_prefix(character.size());
        if (size > 0 && !is_control_character(character)) {
            shown += character;
            continue;
        }
        for (char const c : character) {
            auto const byte = static_cast<unsigned char>(c);
            shown.append("\\x").append(1, digits[byte >> 4]).append(1, digits[byte & 15]);
        }
    }
    return shown;
}

[[noreturn]] inline void throw_error(Errc code, std::string const& what) {
    throw std::system_error(make_error_code(code), without_controls(what));
}

}  // namespace detail

}  // namespace syncopate::inline v0_1::http

template <>
struct std::is_error_code_enum<syncopate::http::Errc> : std::true_type {};
