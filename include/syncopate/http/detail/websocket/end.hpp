// WebSocketEnd: how a WebSocket ended: the close frame, and the failure if there was one.
#pragma once

#include <syncopate/http/error.hpp>

#include <boost/beast/websocket/rfc6455.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace syncopate::inline v0_1::http::detail {

class WebSocketEnd {
public:
    /// server:    names it in errors.
    explicit WebSocketEnd(std::string server) : what_(std::move(server)) {}

    bool has_come() const noexcept { return has_come_; }

    /// Notes what a close frame says, which may come before the end.
    void note(boost::beast::websocket::close_reason const& reason) {
        code_ = reason.code;
        reason_.assign(reason.reason.begin(), reason.reason.end());
    }
    std::uint16_t code() const noexcept { return code_; }
    std::string const& reason() const noexcept { return reason_; }

    /// The WebSocket has ended. No failure: it was closed in order.
    void come(std::optional<Errc> failure, std::string const& why) {
        has_come_ = true;
        failure_ = failure;
        if (!why.empty())
            what_ += ": " + why;
    }

    /// Throws the failure, if there was one.
    void throw_failure() const {
        if (failure_)
            throw_error(*failure_, what_);
    }
    /// Throws the failure, or Errc::websocket_closed.
    [[noreturn]] void throw_closed() const {
        throw_error(failure_.value_or(Errc::websocket_closed), what_);
    }

private:
    bool has_come_ = false;
    std::optional<Errc> failure_;
    std::string what_;
    std::uint16_t code_ = boost::beast::websocket::close_code::none;
    std::string reason_;
};

}  // namespace syncopate::inline v0_1::http::detail
