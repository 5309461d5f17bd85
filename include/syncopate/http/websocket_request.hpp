// WebSocketRequest: the request that opens a WebSocket, with its settings.
#pragma once

#include <syncopate/http/detail/message/field_syntax.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/headers.hpp>
#include <syncopate/http/request.hpp>

#include <chrono>
#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1::http {

namespace detail {
class WebSocketHandshake;
}

/// What ClientSession::websocket() is given, if a URL alone does not say enough. The setters chain:
/// `WebSocketRequest("wss://example.org/chat").subprotocol("chat.v2").bearer(token)`.
///
/// Throws:    the setters, for a name or a value that must not be sent: Errc::invalid_request.
class WebSocketRequest {
public:
    /// The type of the limits of time.
    using Duration = std::chrono::nanoseconds;

    /// Makes a request without other settings. Strings convert to it.
    ///
    /// url:       absolute, ws or wss; http and https mean the same.
    WebSocketRequest(std::string url) : request_(Verb::get, std::move(url)) {}
    /// The same.
    WebSocketRequest(char const* url) : WebSocketRequest(std::string(url)) {}

    /// Adds a field to the request, in the place of the session's own.
    ///
    /// Throws:    one of the fields that open a WebSocket: Connection, Upgrade, Sec-WebSocket-..., or a framing
    ///            -> Errc::invalid_request.
    WebSocketRequest& header(std::string_view name, std::string_view value) {
        constexpr std::string_view of_websocket = "Sec-WebSocket-";
        bool is_ours =
            detail::equals_ignoring_case(name.substr(0, of_websocket.size()), of_websocket);
        for (std::string_view const each :
             {"Connection", "Upgrade", "Content-Length", "Transfer-Encoding"})
            is_ours = is_ours || detail::equals_ignoring_case(name, each);
        if (is_ours)
            detail::throw_error(
                Errc::invalid_request,
                "the header " + std::string(name) + " is not to be set for a WebSocket");
        request_.header(name, value);
        return *this;
    }

    /// Adds a parameter to the URL's query, encoded.
    WebSocketRequest& query(std::string name, std::string value) {
        request_.query(std::move(name), std::move(value));
        return *this;
    }
    /// Sends a name and a password, in the field Authorization.
    WebSocketRequest& basic_auth(std::string_view user, std::string_view password) {
        request_.basic_auth(user, password);
        return *this;
    }
    /// Sends a token, in the field Authorization.
    WebSocketRequest& bearer(std::string_view token) {
        request_.bearer(token);
        return *this;
    }

    /// Offers a subprotocol, behind those that were offered before. The server chooses one or none: see
    /// WebSocket::subprotocol().
    WebSocketRequest& subprotocol(std::string name) {
        if (!detail::is_token(name))
            detail::throw_error(Errc::invalid_request, "a subprotocol's name is not a token");
        subprotocols_.push_back(std::move(name));
        return *this;
    }

    /// Offers to compress messages, by permessage-deflate. Default: false. Where an attacker controls a part of a
    /// message, the size of the compressed message can reveal the rest of it.
    WebSocketRequest& compress(bool value) {
        compress_ = value;
        return *this;
    }

    /// Limits the bytes of a message that is received, decompressed. Default: 16 MiB. Zero: no limit.
    WebSocketRequest& max_message_size(std::size_t value) {
        max_message_size_ = value;
        return *this;
    }

    /// Limits the time from the start to the open WebSocket, the wait for a connection included, instead of
    /// SessionOptions::total_timeout. Zero or less: no limit. SessionOptions::connect_timeout holds as well.
    WebSocketRequest& timeout(Duration value) {
        request_.timeout(value);
        return *this;
    }

    /// Limits the silence: nothing has come, or nothing could be sent. After half of this time, a ping asks whether
    /// the server is there. Default: SessionOptions::read_timeout. Zero or less: no limit, and no pings.
    WebSocketRequest& idle_timeout(Duration value) {
        idle_timeout_ = value;
        return *this;
    }

private:
    friend class detail::WebSocketHandshake;

    Request request_;
    std::vector<std::string> subprotocols_;
    bool compress_ = false;
    std::size_t max_message_size_ = std::size_t{16} * 1024 * 1024;
    std::optional<Duration> idle_timeout_;
};

}  // namespace syncopate::inline v0_1::http
