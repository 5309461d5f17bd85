// What goes over a WebSocket.
#pragma once

#include <string>
#include <utility>

namespace syncopate::http {

/// A message, whole: text, which is UTF-8, or binary, which is anything.
class WebSocketMessage {
public:
    /// Text, as strings of a program are.
    WebSocketMessage(std::string text) noexcept : data_(std::move(text)) {}
    /// Text, up to the zero byte.
    WebSocketMessage(char const* text) : data_(text) {}

    /// Makes one of text, which is UTF-8.
    static WebSocketMessage text(std::string data) noexcept { return {std::move(data)}; }
    /// Makes one of what is no text.
    static WebSocketMessage binary(std::string data) noexcept {
        WebSocketMessage message(std::move(data));
        message.is_text_ = false;
        return message;
    }

    /// Whether it is text.
    bool is_text() const noexcept { return is_text_; }
    /// Whether it is binary.
    bool is_binary() const noexcept { return !is_text_; }

    /// All of the message.
    std::string const& data() const& noexcept { return data_; }
    std::string data() && noexcept { return std::move(data_); }

private:
    std::string data_;
    bool is_text_ = true;
};

}  // namespace syncopate::http
