// WebSocket: messages both ways, over a connection of a session, for coroutines.
#pragma once

#include <syncopate/http/detail/session/session_core.hpp>
#include <syncopate/http/detail/websocket/core.hpp>
#include <syncopate/http/detail/websocket/handshake.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/headers.hpp>
#include <syncopate/http/session.hpp>
#include <syncopate/http/websocket_message.hpp>
#include <syncopate/http/websocket_request.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/beast/websocket/detail/utf8_checker.hpp>
#include <boost/beast/websocket/rfc6455.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace syncopate::inline v0_1::http {

/// A WebSocket, open. An AsyncContext: leaving it closes it; and an AsyncIterable of the messages that come.
///
/// ```cpp
/// WebSocket socket = co_await session.websocket("wss://example.org/chat");
/// co_await socket.send("hello");
/// while (auto message = co_await socket.anext())
///     use(message->data());
/// ```
///
/// It has a connection of the session's to itself until it ends. Pings are answered, and the server's close
/// frame too, whatever the program is doing; one message is read before it is asked for, and no more. A WebSocket
/// that was moved from is like one that has ended, without headers.
///
/// Threads:   what returns an awaitable, on the session's loop: one anext() at a time, and beside it any number
///            of sends, whose messages go out whole, in the order in which they were sent. The rest, also
///            moving and destroying it, on any thread, one at a time, while nothing is awaited; also after the
///            session and its loop have ended. Destroyed open, it ends without a close frame.
/// Semantics: the package websockets, for Python: which close codes are an error, and what is read ahead.
class [[nodiscard]] WebSocket {
public:
    /// Takes over the other WebSocket.
    WebSocket(WebSocket&&) noexcept = default;
    /// Takes over the other WebSocket; this one ends, as if it were destroyed.
    WebSocket& operator=(WebSocket&& other) noexcept {
        WebSocket taken(std::move(other));
        session_.swap(taken.session_);
        core_.swap(taken.core_);
        return *this;
    }
    ~WebSocket() {
        if (core_ && core_->is_attached())
            session_->post([core = std::move(core_)] { core->leave(); });
    }

    /// Waits for the next message.
    ///
    /// Returns:   the message; nothing once either end has closed the WebSocket with the code 1000, 1001, or none.
    /// Throws:    each time, if it ended otherwise: Errc::websocket_closed if the server closed it with
    ///            another code, which the message shows; Errc::connection_lost without a close frame;
    ///            Errc::malformed_response, Errc::body_too_large; Errc::body_timed_out when the server does not
    ///            answer a ping; Errc::session_closed. std::logic_error if another anext() is waiting.
    /// Cancel:    leaves the WebSocket as it is: the message is there for the next anext().
    boost::asio::awaitable<std::optional<WebSocketMessage>> anext() {
        return detail::WebSocketCore::receive(required_core());
    }

    /// Sends a message, and waits until it has been written.
    ///
    /// Throws:    Errc::invalid_request for text that is not UTF-8; Errc::websocket_closed after the end;
    ///            Errc::body_timed_out when nothing could be written for the idle time-out; and as anext().
    /// Cancel:    a message that waits for others is not sent; one that has been begun is sent all the same.
    boost::asio::awaitable<void> send(WebSocketMessage message) {
        if (message.is_text())
            require_utf8(message.data());
        return detail::WebSocketCore::send(required_core(), std::move(message));
    }
    /// Sends text. Throws and can be cancelled as send().
    boost::asio::awaitable<void> send_text(std::string text) {
        return send(WebSocketMessage::text(std::move(text)));
    }
    /// Sends any bytes. Throws and can be cancelled as send().
    boost::asio::awaitable<void> send_binary(std::string data) {
        return send(WebSocketMessage::binary(std::move(data)));
    }

    /// Sends a close frame and waits for the server's, for half a second at most; then the connection is closed.
    /// What comes meanwhile is dropped, and what waits to be sent fails. After the end: nothing.
    ///
    /// code:      1000, 1001, 1003, 1007 to 1011, or 3000 to 4999.
    /// reason:    UTF-8 of at most 123 bytes.
    /// Throws:    Errc::invalid_request for another code or reason.
    /// Cancel:    does not stop it.
    boost::asio::awaitable<void> close(std::uint16_t code = 1000, std::string_view reason = {}) {
        bool const is_valid = code == 1000 || code == 1001 || code == 1003 ||
                              (code >= 1007 && code <= 1011) || (code >= 3000 && code <= 4999);
        constexpr std::size_t longest_reason = 123;
        if (!is_valid || reason.size() > longest_reason)
            detail::throw_error(
                Errc::invalid_request, "a close code or reason that cannot be sent");
        require_utf8(reason);
        if (session_)
            session_->require_here();
        return detail::WebSocketCore::close(
            core_, {static_cast<boost::beast::websocket::close_code>(code),
                    {reason.data(), reason.size()}});
    }

    /// Does nothing: the WebSocket is open from the start.
    boost::asio::awaitable<void> aenter() { co_return; }
    /// Does the same as close().
    boost::asio::awaitable<void> aexit(std::exception_ptr) { return close(); }

    /// Gives the subprotocol that the server has chosen of those that were offered; empty: none.
    ///
    /// Throws:    as headers().
    std::string_view subprotocol() const { return headers()["Sec-WebSocket-Protocol"]; }
    /// Gives the header of the response that opened the WebSocket.
    ///
    /// Throws:    the WebSocket was moved from -> Errc::websocket_closed.
    Headers const& headers() const { return required_core()->headers(); }

    /// Returns whether it has not ended.
    bool is_open() const noexcept { return core_ && core_->is_attached(); }
    /// Gives the code of the server's close frame, or else of this end's; 0 if there was none, or no end yet.
    std::uint16_t close_code() const noexcept { return core_ ? core_->close_code() : 0; }
    /// Gives the reason in the server's close frame, or else in this end's; empty if there was none.
    ///
    /// Throws:    as headers().
    std::string const& close_reason() const { return required_core()->close_reason(); }

private:
    friend class ClientSession;

    WebSocket(
        std::shared_ptr<detail::SessionCore> session,
        std::shared_ptr<detail::WebSocketCore> core) noexcept
        : session_(std::move(session)), core_(std::move(core)) {}

    static boost::asio::awaitable<WebSocket> open(
        std::shared_ptr<detail::SessionCore> session, WebSocketRequest request) {
        auto core = co_await detail::WebSocketHandshake::run(session, std::move(request));
        co_return WebSocket(std::move(session), std::move(core));
    }

    std::shared_ptr<detail::WebSocketCore> const& required_core() const {
        if (!core_)
            detail::throw_error(Errc::websocket_closed, "it has been moved from");
        session_->require_here();
        return core_;
    }

    static void require_utf8(std::string_view text) {
        // Beast's function does arithmetic with the address, which may be null for an empty text.
        if (!text.empty() && !boost::beast::websocket::detail::check_utf8(text.data(), text.size()))
            detail::throw_error(Errc::invalid_request, "a WebSocket's text that is not UTF-8");
    }

    std::shared_ptr<detail::SessionCore> session_;
    std::shared_ptr<detail::WebSocketCore> core_;
};

inline boost::asio::awaitable<WebSocket> ClientSession::websocket(WebSocketRequest request) {
    require_all();
    return WebSocket::open(core_, std::move(request));
}

}  // namespace syncopate::inline v0_1::http
