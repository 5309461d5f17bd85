// The functions of Response.
#pragma once

#include <syncopate/detail/separate.hpp>
#include <syncopate/http/content.hpp>
#include <syncopate/http/detail/session/exchange.hpp>
#include <syncopate/http/detail/session/retry_after.hpp>
#include <syncopate/http/detail/session/session_core.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/impl/response_state.ipp>
#include <syncopate/http/links.hpp>
#include <syncopate/http/status_error.hpp>
#include <syncopate/http/url.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/this_coro.hpp>

#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1::http {

SYNCOPATE_DECL int Response::status() const {
    return state().head.status;
}

SYNCOPATE_DECL std::string_view Response::reason() const {
    return state().head.reason;
}

SYNCOPATE_DECL Headers const& Response::headers() const {
    return state().head.headers;
}

SYNCOPATE_DECL std::string const& Response::url() const {
    return state().url.text();
}

SYNCOPATE_DECL Headers const& Response::trailers() const {
    return state().head.trailers;
}

SYNCOPATE_DECL Links Response::links() const {
    return {headers(), url()};
}

SYNCOPATE_DECL ::syncopate::detail::TcpEndpoint const& Response::peer() const {
    return state().exchange.peer();
}

SYNCOPATE_DECL std::optional<std::chrono::seconds> Response::retry_after() const {
    return detail::retry_after_of(headers());
}

SYNCOPATE_DECL std::vector<Response> const& Response::history() const {
    return state().history;
}

SYNCOPATE_DECL bool Response::is_ok() const {
    return status() < 400;
}

SYNCOPATE_DECL Response const& Response::raise_for_status() const {
    if (!is_ok())
        throw StatusError(status(), reason(), headers(), url(), retry_after());
    return *this;
}

SYNCOPATE_DECL Response& Response::raise_for_status() {
    std::as_const(*this).raise_for_status();
    return *this;
}

SYNCOPATE_DECL Content& Response::content() {
    auto& content = whole_content();
    if (state().has_usual_total)
        state().exchange.lift_total();
    return content;
}

SYNCOPATE_DECL ::syncopate::detail::AwaitableOf<std::string> Response::text() {
    return whole_content().read_all();
}

SYNCOPATE_DECL ::syncopate::detail::AwaitableOf<std::vector<std::byte>> Response::read() {
    auto const all = co_await whole_content().read_all();
    auto const* const begin = reinterpret_cast<std::byte const*>(all.data());
    co_return std::vector<std::byte>(begin, begin + all.size());
}

SYNCOPATE_DECL ::syncopate::detail::AwaitableOf<void> Response::aenter() {
    co_return;
}

SYNCOPATE_DECL ::syncopate::detail::AwaitableOf<void> Response::aexit(std::exception_ptr) {
    if (!state_)
        co_return;
    state_->core->require_here();
    auto const cancellation = co_await boost::asio::this_coro::cancellation_state;
    auto& exchange = state_->exchange;
    state_->content.close();
    if (cancellation.cancelled() == boost::asio::cancellation_type::none)
        co_await exchange.drain();
    else
        exchange.detach();
}

SYNCOPATE_DECL Content& Response::whole_content() {
    state().core->require_here();
    return state().content;
}

SYNCOPATE_DECL std::size_t Response::max_json_memory() const {
    return state().core->options().max_json_memory();
}

SYNCOPATE_DECL Response::State& Response::state() const {
    if (!state_)
        detail::throw_error(Errc::response_closed, "it has been moved from");
    return *state_;
}

SYNCOPATE_DECL Response::Response(std::unique_ptr<State, Leave> state) noexcept
    : state_(std::move(state)) {}

SYNCOPATE_DECL void Response::Leave::operator()(State* state) const noexcept {
    std::unique_ptr<State> owned(state);
    if (!owned->exchange.is_attached())
        return;
    auto const core = owned->core;
    core->post([owned = std::move(owned)] { owned->exchange.leave(); });
}

}  // namespace syncopate::inline v0_1::http
