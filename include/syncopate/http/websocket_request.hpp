// What a client asks for when it opens a WebSocket.
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

namespace syncopate::http {

namespace detail {
class WebSocketHandshake;
}

/// A WebSocket as ClientSession::websocket() opens it. The setters chain:
/// `WebSocketRequest("wss://example.org/chat").subprotocol("chat.v2").bearer(token)`.
///
/// Throws:    Errc::invalid_request from the setters, for what must not be sent.
class WebSocketRequest {
public:
    /// The type of the limits of time.
    using Duration = std::chrono::nanoseconds;

    /// Asks for that URL.
    ///
    /// url:       absolute, ws or wss; http and https mean the same.
    WebSocketRequest(std::string url) : request_(Verb::get, std::move(url)) {}
    /// The same.
    WebSocketRequest(char const* url) : WebSocketRequest(std::string(url)) {}

    /// Adds a field to the request. Those that open a WebSocket are not for the user to set.
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
    /// Proves who asks, by name and password.
    WebSocketRequest& basic_auth(std::string_view user, std::string_view password) {
        request_.basic_auth(user, password);
        return *this;
    }
    /// The same, by a token.
    WebSocketRequest& bearer(std::string_view token) {
        request_.bearer(token);
        return *this;
    }

    /// Offers a subprotocol. Each time another one, the most wanted first; the server chooses one or none:
    /// see WebSocket::subprotocol().
    WebSocketRequest& subprotocol(std::string name) {
        if (!detail::is_token(name))
            detail::throw_error(Errc::invalid_request, "a subprotocol's name is not a token");
        subprotocols_.push_back(std::move(name));
        return *this;
    }

    /// Offers to compress messages, permessage-deflate. Default: false. With it, what somebody else can put
    /// into a message can reveal what else is in there, by its size.
    WebSocketRequest& compress(bool value) {
        compress_ = value;
        return *this;
    }

    /// Bytes of a message that is received, decompressed. Default: 16 MiB. Zero: no limit.
    WebSocketRequest& max_message_size(std::size_t value) {
        max_message_size_ = value;
        return *this;
    }

    /// From the start to the open WebSocket, the wait for a connection included, instead of
    /// SessionOptions::total_timeout. Zero or less: no limit. SessionOptions::connect_timeout holds as well.
    WebSocketRequest& timeout(Duration value) {
        request_.timeout(value);
        return *this;
    }

    /// How long nothing may come, or go. After half of it, a ping asks whether the server is there. Default:
    /// SessionOptions::read_timeout. Zero or less: no limit, and no pings.
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

}  // namespace syncopate::http
