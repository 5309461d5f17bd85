// ClientWebSocket: messages both ways, for synchronous code.
#pragma once

#include <syncopate/http/headers.hpp>
#include <syncopate/http/websocket_message.hpp>
#include <syncopate/runner_base.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iterator>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>

namespace syncopate::inline v0_1::http {

class WebSocket;

/// A WebSocket of a Client, open: `Client::websocket()`. Needs <syncopate/http/websocket.hpp>, which is included apart
/// because it brings in Beast's WebSocket; that is why this is a template.
///
/// ```cpp
/// auto socket = client.websocket("wss://example.org/chat");
/// socket.send_text("hello");
/// for (http::WebSocketMessage const& message : socket)
///     use(message.data());
/// ```
///
/// The end of the scope closes it. As a range it gives the messages that come, until either end closes it.
///
/// Blocks:    receive(), until there is a message; send(), until the message has been written; close() and the
///            destructor, until the server has closed too, for half a second at most.
/// Throws:    as WebSocket. After the end of the client or its runner -> syncopate::Errc::runner_closed.
/// Threads:   one at a time receives, and beside it any number send or close. Only one may move or destroy it. None on
///            the client's loop.
/// Semantics: websockets.sync.client, for Python.
template <class Socket>
class [[nodiscard]] BasicClientWebSocket {
public:
    /// Where a call is made: the file and the line, for messages.
    using Where = std::source_location;

    /// An input iterator over the messages.
    class Iterator {
    public:
        using value_type = WebSocketMessage;
        using difference_type = std::ptrdiff_t;

        WebSocketMessage& operator*() const noexcept { return *message_; }
        WebSocketMessage* operator->() const noexcept { return &*message_; }
        Iterator& operator++() {
            message_ = socket_->receive();
            return *this;
        }
        void operator++(int) { ++*this; }
        friend bool operator==(Iterator const& iterator, std::default_sentinel_t) noexcept {
            return !iterator.message_;
        }

    private:
        friend class BasicClientWebSocket;

        explicit Iterator(BasicClientWebSocket& socket) : socket_(&socket) { ++*this; }

        BasicClientWebSocket* socket_;
        mutable std::optional<WebSocketMessage> message_;
    };

    /// Takes over the other WebSocket. That one can only be destroyed and assigned to.
    BasicClientWebSocket(BasicClientWebSocket&&) noexcept = default;
    /// Takes over the other WebSocket; this one is closed.
    BasicClientWebSocket& operator=(BasicClientWebSocket&& other) noexcept {
        BasicClientWebSocket taken(std::move(other));
        runner_.swap(taken.runner_);
        socket_.swap(taken.socket_);
        return *this;
    }
    /// Closes it, as close() does. What that throws is dropped.
    ~BasicClientWebSocket() {
        try {
            if (socket_ && is_open())
                close();
        } catch (
            std::
                exception const&) {  // NOLINT(bugprone-empty-catch): it ends without a close frame then
        }
    }

    /// Waits for the next message.
    ///
    /// Returns:   the message; nothing once either end has closed the WebSocket, as WebSocket::anext() says.
    std::optional<WebSocketMessage> receive(Where where = Where::current()) {
        return runner_->run([this] { return socket_->anext(); }, where);
    }
    /// Waits for the next message so long at most.
    ///
    /// Throws:    the time is up -> syncopate::Errc::timed_out. No message is lost by that.
    template <class Rep, class Period>
    std::optional<WebSocketMessage> receive_for(
        std::chrono::duration<Rep, Period> time, Where where = Where::current()) {
        return runner_->run_for(time, [this] { return socket_->anext(); }, where);
    }

    /// Sends a message.
    void send(WebSocketMessage message, Where where = Where::current()) {
        runner_->run([&] { return socket_->send(std::move(message)); }, where);
    }
    /// Sends text, which must be UTF-8.
    void send_text(std::string text, Where where = Where::current()) {
        send(WebSocketMessage::text(std::move(text)), where);
    }
    /// Sends any bytes.
    void send_binary(std::string data, Where where = Where::current()) {
        send(WebSocketMessage::binary(std::move(data)), where);
    }

    /// Closes the WebSocket, as WebSocket::close(). A second time: nothing.
    void close(
        std::uint16_t code = 1000, std::string_view reason = {}, Where where = Where::current()) {
        runner_->run([&] { return socket_->close(code, reason); }, where);
    }

    /// Waits for the first message: see receive().
    Iterator begin() { return Iterator(*this); }
    std::default_sentinel_t end() const noexcept { return {}; }

    /// Gives the subprotocol that the server has chosen; empty: none.
    std::string_view subprotocol() const { return socket_->subprotocol(); }
    /// Gives the header of the response that opened the WebSocket.
    Headers const& headers() const { return socket_->headers(); }
    /// Returns whether it has not ended.
    bool is_open() const noexcept { return socket_->is_open(); }
    /// Gives the code of the server's close frame, or else of this end's; 0 if there was none, or no end yet.
    std::uint16_t close_code() const {
        return runner_->call([this] { return socket_->close_code(); });
    }
    /// Gives the reason in the server's close frame, or else in this end's; empty if there was none.
    std::string close_reason() const {
        return runner_->call([this] { return socket_->close_reason(); });
    }

private:
    friend class Client;

    BasicClientWebSocket(std::shared_ptr<RunnerBase> runner, Socket socket)
        : runner_(std::move(runner)), socket_(std::make_unique<Socket>(std::move(socket))) {}

    std::shared_ptr<RunnerBase> runner_;
    std::unique_ptr<Socket> socket_;
};

/// The WebSocket that Client::websocket() gives.
using ClientWebSocket = BasicClientWebSocket<WebSocket>;

}  // namespace syncopate::inline v0_1::http
