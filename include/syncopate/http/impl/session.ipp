// The functions of ClientSession.
#pragma once

#include <syncopate/async_generator.hpp>
#include <syncopate/detail/separate.hpp>
#include <syncopate/http/detail/connection/connection.hpp>
#include <syncopate/http/detail/connection/pool.hpp>
#include <syncopate/http/detail/session/all_features.hpp>
#include <syncopate/http/detail/session/event_flow.hpp>
#include <syncopate/http/detail/session/request_flow.hpp>
#include <syncopate/http/detail/session/retry_flow.hpp>
#include <syncopate/http/detail/session/session_core.hpp>
#include <syncopate/http/detail/session/tls_shutdown.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/request.hpp>
#include <syncopate/http/response.hpp>
#include <syncopate/http/server_sent_event.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/this_coro.hpp>

#include <exception>
#include <memory>
#include <string>
#include <utility>

namespace syncopate::inline v0_1::http {

SYNCOPATE_DECL ClientSession::ClientSession(SessionOptions options)
    : core_(std::make_shared<detail::SessionCore>(std::move(options), detail::all_features())) {}

SYNCOPATE_DECL ClientSession::ClientSession() : core_(std::make_shared<detail::SessionCore>()) {}

SYNCOPATE_DECL ClientSession::~ClientSession() {
    if (core_)
        core_->post([core = core_] {
            auto const loop = core->loop();  // outlives the connections
            static_cast<void>(core->close());
        });
}

SYNCOPATE_DECL boost::asio::awaitable<void> ClientSession::aenter() {
    auto const executor = co_await boost::asio::this_coro::executor;
    require_core();
    core_->enter(executor);
}

SYNCOPATE_DECL boost::asio::awaitable<void> ClientSession::aexit(std::exception_ptr) {
    if (!core_)
        co_return;
    core_->require_here();
    auto const loop = core_->loop();
    auto idle = core_->close();
    if (!idle.empty())
        co_await detail::shut_down_tls(std::move(idle), loop);
}

SYNCOPATE_DECL boost::asio::awaitable<Response> ClientSession::request(Request request) {
    require_all();
    return detail::send_request(core_, std::move(request));
}

SYNCOPATE_DECL boost::asio::awaitable<Response> ClientSession::get(std::string url) {
    return send(Verb::get, std::move(url));
}

SYNCOPATE_DECL boost::asio::awaitable<Response> ClientSession::head(std::string url) {
    return send(Verb::head, std::move(url));
}

SYNCOPATE_DECL boost::asio::awaitable<Response> ClientSession::options(std::string url) {
    return send(Verb::options, std::move(url));
}

SYNCOPATE_DECL boost::asio::awaitable<Response> ClientSession::del(std::string url) {
    return send(Verb::delete_, std::move(url));
}

SYNCOPATE_DECL boost::asio::awaitable<Response> ClientSession::post(
    std::string url, std::string body) {
    return send(Verb::post, std::move(url), std::move(body));
}

SYNCOPATE_DECL boost::asio::awaitable<Response> ClientSession::put(
    std::string url, std::string body) {
    return send(Verb::put, std::move(url), std::move(body));
}

SYNCOPATE_DECL boost::asio::awaitable<Response> ClientSession::patch(
    std::string url, std::string body) {
    return send(Verb::patch, std::move(url), std::move(body));
}

SYNCOPATE_DECL AsyncGenerator<ServerSentEvent> ClientSession::events(Request request) {
    require_all();
    return detail::read_events(core_, std::move(request));
}

SYNCOPATE_DECL AsyncGenerator<ServerSentEvent> ClientSession::events(std::string url) {
    return events(Request(Verb::get, std::move(url)));
}

SYNCOPATE_DECL CookieJar* ClientSession::cookies() noexcept {
    return core_ ? core_->cookies() : nullptr;
}

SYNCOPATE_DECL ClientSession::Connections ClientSession::connections() const noexcept {
    auto const loop = core_ ? core_->loop() : nullptr;
    if (!loop)
        return {0, 0, 0};
    return {loop->pool.connections(), loop->pool.idle(), loop->pool.waiting()};
}

SYNCOPATE_DECL void ClientSession::require_core() const {
    if (!core_)
        detail::throw_error(Errc::session_closed, "it has been moved from");
    core_->require_here();
}

SYNCOPATE_DECL void ClientSession::require_all() {
    require_core();
    core_->allow(detail::all_features());
}

SYNCOPATE_DECL boost::asio::awaitable<Response> ClientSession::send(Request request) {
    require_core();
    return detail::send_request(core_, std::move(request));
}

SYNCOPATE_DECL boost::asio::awaitable<Response> ClientSession::send(Verb method, std::string url) {
    require_core();
    if (core_->options().retries().attempts() > 1)
        return send(Request(method, std::move(url)));
    return detail::RequestFlow::run(core_, Request(method, std::move(url)));  // spares a move
}

SYNCOPATE_DECL boost::asio::awaitable<Response> ClientSession::send(
    Verb method, std::string url, std::string body) {
    Request made(method, std::move(url));
    made.body(std::move(body));
    return send(std::move(made));
}

}  // namespace syncopate::inline v0_1::http
