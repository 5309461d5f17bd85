// The functions of ClientWebSocket.
#pragma once

#include <syncopate/blocking_operations.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/websocket_message.hpp>
#include <syncopate/runner_base.hpp>

#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>

namespace syncopate::inline v0_1::http {

template <class Socket>
BasicClientWebSocket<Socket>::BasicClientWebSocket(BasicClientWebSocket&& other) noexcept
    : runner_(std::move(other.runner_)), socket_(std::move(other.socket_)) {}

template <class Socket>
BasicClientWebSocket<Socket>& BasicClientWebSocket<Socket>::operator=(
    BasicClientWebSocket&& other) noexcept {
    BasicClientWebSocket taken(std::move(other));
    runner_.swap(taken.runner_);
    socket_.swap(taken.socket_);
    return *this;
}

template <class Socket>
BasicClientWebSocket<Socket>::~BasicClientWebSocket() {
    try {
        if (is_open())
            close();
    } catch (
        std::
            exception const&) {  // NOLINT(bugprone-empty-catch): it ends without a close frame then
    }
}

template <class Socket>
std::optional<WebSocketMessage> BasicClientWebSocket<Socket>::receive(Where where) {
    return run([this] { return socket_->anext(); }, where);
}

template <class Socket>
void BasicClientWebSocket<Socket>::send(WebSocketMessage message, Where where) {
    run([&] { return socket_->send(std::move(message)); }, where);
}

template <class Socket>
void BasicClientWebSocket<Socket>::send_text(std::string text, Where where) {
    send(WebSocketMessage::text(std::move(text)), where);
}

template <class Socket>
void BasicClientWebSocket<Socket>::send_binary(std::string data, Where where) {
    send(WebSocketMessage::binary(std::move(data)), where);
}

template <class Socket>
void BasicClientWebSocket<Socket>::close(
    std::uint16_t code, std::string_view reason, std::source_location where) {
    if (socket_)
        runner_->run([&] { return socket_->close(code, reason); }, where);
}

template <class Socket>
std::string_view BasicClientWebSocket<Socket>::subprotocol() const {
    return socket().subprotocol();
}

template <class Socket>
Headers const& BasicClientWebSocket<Socket>::headers() const {
    return socket().headers();
}

template <class Socket>
bool BasicClientWebSocket<Socket>::is_open() const noexcept {
    return socket_ && socket_->is_open();
}

template <class Socket>
std::uint16_t BasicClientWebSocket<Socket>::close_code() const {
    return socket_ ? runner_->call([this] { return socket_->close_code(); }) : std::uint16_t{0};
}

template <class Socket>
std::string BasicClientWebSocket<Socket>::close_reason() const {
    auto& socket = this->socket();
    return runner_->call([&socket] { return socket.close_reason(); });
}

template <class Socket>
std::optional<WebSocketMessage> BasicClientWebSocket<Socket>::receive_until(
    ::syncopate::detail::Deadline deadline, std::source_location where) {
    auto& socket = this->socket();
    return runner_->run_until(deadline, [&socket] { return socket.anext(); }, where);
}

template <class Socket>
Socket& BasicClientWebSocket<Socket>::socket() const {
    if (!socket_)
        detail::throw_error(Errc::websocket_closed, "it has been moved from");
    return *socket_;
}

template <class Socket>
template <class F>
auto BasicClientWebSocket<Socket>::run(F task, Where const& where) {
    static_cast<void>(socket());
    if (!where.stop().stop_possible())
        return runner_->run(task, where);
    return runner_->run(task, where.stop(), where);
}

template <class Socket>
BasicClientWebSocket<Socket>::BasicClientWebSocket(
    std::shared_ptr<RunnerBase> runner, Socket socket)
    : runner_(std::move(runner)), socket_(std::make_unique<Socket>(std::move(socket))) {}

}  // namespace syncopate::inline v0_1::http
