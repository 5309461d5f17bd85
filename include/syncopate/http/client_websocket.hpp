// ClientWebSocket: messages both ways, for synchronous code.
#pragma once

#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/http/client_call.hpp>
#include <syncopate/http/headers.hpp>
#include <syncopate/http/websocket_message.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>

namespace syncopate::inline v0_1 {
class RunnerBase;
}

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
/// The end of the scope closes it. As a range it gives the messages that come, until either end closes it. One that was moved
/// from is like one that has ended, without headers.
///
/// Blocks:    receive(), until there is a message; send(), until the message has been written; close() and the
///            destructor, until the server has closed too, for half a second at most.
/// Throws:    as WebSocket. A request to stop -> syncopate::Errc::cancelled. After the end of the client or its runner ->
///            syncopate::Errc::runner_closed.
/// Threads:   one at a time receives, and beside it any number send or close. Only one may move or destroy it. None on
///            the client's loop.
/// Semantics: websockets.sync.client, for Python.
template <class Socket>
class [[nodiscard]] BasicClientWebSocket {
public:
    /// Where a call is made, for messages, and the stop token that may end it.
    using Where = ClientCall;

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

    /// Takes over the other WebSocket.
    BasicClientWebSocket(BasicClientWebSocket&& other) noexcept;
    /// Takes over the other WebSocket; this one is closed.
    BasicClientWebSocket& operator=(BasicClientWebSocket&& other) noexcept;
    /// Closes it, as close() does. What that throws is dropped.
    ~BasicClientWebSocket();

    /// Waits for the next message.
    ///
    /// where:     a stop token, if the wait may be ended early; no message is lost by that.
    /// Returns:   the message; nothing once either end has closed the WebSocket, as WebSocket::anext() says.
    std::optional<WebSocketMessage> receive(Where where = Where::current());
    /// Waits for the next message so long at most.
    ///
    /// Throws:    the time is up -> syncopate::Errc::timed_out. No message is lost by that.
    template <class Rep, class Period>
    std::optional<WebSocketMessage> receive_for(
        std::chrono::duration<Rep, Period> time,
        std::source_location where = std::source_location::current()) {
        return receive_until(::syncopate::detail::deadline_after(time), where);
    }

    /// Sends a message.
    ///
    /// where:     a stop token, if the call may be ended early: what waits behind other messages is not sent then.
    void send(WebSocketMessage message, Where where = Where::current());
    /// Sends text, which must be UTF-8.
    void send_text(std::string text, Where where = Where::current());
    /// Sends any bytes.
    void send_binary(std::string data, Where where = Where::current());

    /// Closes the WebSocket, as WebSocket::close(). A second time: nothing.
    void close(
        std::uint16_t code = 1000,
        std::string_view reason = {},
        std::source_location where = std::source_location::current());

    /// Waits for the first message: see receive().
    Iterator begin() { return Iterator(*this); }
    std::default_sentinel_t end() const noexcept { return {}; }

    /// Gives the subprotocol that the server has chosen; empty: none.
    std::string_view subprotocol() const;
    /// Gives the header of the response that opened the WebSocket.
    Headers const& headers() const;
    /// Returns whether it has not ended.
    bool is_open() const noexcept;
    /// Gives the code of the server's close frame, or else of this end's; 0 if there was none, or no end yet.
    std::uint16_t close_code() const;
    /// Gives the reason in the server's close frame, or else in this end's; empty if there was none.
    std::string close_reason() const;

private:
    friend class Client;

    std::optional<WebSocketMessage> receive_until(
        ::syncopate::detail::Deadline deadline, std::source_location where);

    Socket& socket() const;

    template <class F>
    auto run(F task, Where const& where);

    BasicClientWebSocket(std::shared_ptr<RunnerBase> runner, Socket socket);

    std::shared_ptr<RunnerBase> runner_;
    std::unique_ptr<Socket> socket_;
};

/// The WebSocket that Client::websocket() gives.
using ClientWebSocket = BasicClientWebSocket<WebSocket>;

}  // namespace syncopate::inline v0_1::http

#ifndef SYNCOPATE_SEPARATE_COMPILATION
#include <syncopate/http/impl/client_websocket.ipp>
#endif
