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
    WebSocketMessage(char const* text) : data_(text) {}

    static WebSocketMessage text(std::string data) noexcept { return {std::move(data)}; }
    static WebSocketMessage binary(std::string data) noexcept {
        WebSocketMessage message(std::move(data));
        message.is_text_ = false;
        return message;
    }

    bool is_text() const noexcept { return is_text_; }
    bool is_binary() const noexcept { return !is_text_; }

    std::string const& data() const& noexcept { return data_; }
    std::string data() && noexcept { return std::move(data_); }

private:
    std::string data_;
    bool is_text_ = true;
};

}  // namespace syncopate::http
