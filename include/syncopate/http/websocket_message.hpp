// WebSocketMessage: one message of a WebSocket, text or binary.
#pragma once

#include <string>
#include <utility>

namespace syncopate::inline v0_1::http {

/// A whole message: text, which is UTF-8, or binary, which is any bytes.
class WebSocketMessage {
public:
    /// Makes a message of text. Strings convert to it.
    WebSocketMessage(std::string text) noexcept : data_(std::move(text)) {}
    /// Text, up to the zero byte.
    WebSocketMessage(char const* text) : data_(text) {}

    /// Makes a message of text, which must be UTF-8 to be sent.
    static WebSocketMessage text(std::string data) noexcept { return {std::move(data)}; }
    /// Makes a message of any bytes.
    static WebSocketMessage binary(std::string data) noexcept {
        WebSocketMessage message(std::move(data));
        message.is_text_ = false;
        return message;
    }

    /// Returns whether this is text.
    bool is_text() const noexcept { return is_text_; }
    /// Returns whether this is not text.
    bool is_binary() const noexcept { return !is_text_; }

    /// Gives the bytes of the message. A temporary message gives them away.
    std::string const& data() const& noexcept { return data_; }
    std::string data() && noexcept { return std::move(data_); }

private:
    std::string data_;
    bool is_text_ = true;
};

}  // namespace syncopate::inline v0_1::http
