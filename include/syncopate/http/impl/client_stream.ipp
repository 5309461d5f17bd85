// The functions of ClientStream.
#pragma once

#include <syncopate/blocking_range.hpp>
#include <syncopate/context_guard.hpp>
#include <syncopate/detail/separate.hpp>
#include <syncopate/error.hpp>
#include <syncopate/http/content.hpp>
#include <syncopate/http/detail/url/number.hpp>
#include <syncopate/http/links.hpp>
#include <syncopate/http/response.hpp>
#include <syncopate/runner_base.hpp>

#include <boost/asio/ip/tcp.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1::http {

struct ClientStream::State {
    std::shared_ptr<RunnerBase> runner;
    ContextGuard<Response&> response;
    std::size_t max_line_size;
};

SYNCOPATE_DECL void ClientStream::Delete::operator()(State* state) const noexcept {
    delete state;
}

SYNCOPATE_DECL ClientStream::State& ClientStream::state() const {
    if (!state_)
        throw std::system_error(
            make_error_code(::syncopate::Errc::runner_closed), "the stream has been moved from");
    return *state_;
}

SYNCOPATE_DECL Response& ClientStream::response() const {
    return *state().response;
}

SYNCOPATE_DECL int ClientStream::status() const {
    return response().status();
}

SYNCOPATE_DECL std::string_view ClientStream::reason() const {
    return response().reason();
}

SYNCOPATE_DECL Headers const& ClientStream::headers() const {
    return response().headers();
}

SYNCOPATE_DECL std::string const& ClientStream::url() const {
    return response().url();
}

SYNCOPATE_DECL Headers const& ClientStream::trailers() const {
    return response().trailers();
}

SYNCOPATE_DECL Links ClientStream::links() const {
    return response().links();
}

SYNCOPATE_DECL ::syncopate::detail::TcpEndpoint const& ClientStream::peer() const {
    return response().peer();
}

SYNCOPATE_DECL std::optional<std::chrono::seconds> ClientStream::retry_after() const {
    return response().retry_after();
}

SYNCOPATE_DECL std::vector<Response> const& ClientStream::history() const {
    return response().history();
}

SYNCOPATE_DECL bool ClientStream::is_ok() const {
    return response().is_ok();
}

SYNCOPATE_DECL std::optional<std::uint64_t> ClientStream::announced_size() const {
    if (headers().contains("Content-Encoding"))
        return std::nullopt;
    return detail::whole_number<std::uint64_t>(headers()["Content-Length"]);
}

SYNCOPATE_DECL ClientStream const& ClientStream::raise_for_status() const& {
    response().raise_for_status();
    return *this;
}

SYNCOPATE_DECL ClientStream& ClientStream::raise_for_status() & {
    response().raise_for_status();
    return *this;
}

SYNCOPATE_DECL ClientStream&& ClientStream::raise_for_status() && {
    response().raise_for_status();
    return std::move(*this);
}

SYNCOPATE_DECL BlockingRange<std::string> ClientStream::lines(std::stop_token stop) & {
    constexpr std::size_t memory = std::size_t{16} * 1024 * 1024;
    auto& content = response().content();
    return state().runner->wrap_iter(
        content.lines(), as_many(memory, state().max_line_size), std::move(stop));
}

SYNCOPATE_DECL BlockingRange<std::string> ClientStream::chunks(
    std::size_t size, std::stop_token stop) & {
    constexpr std::size_t memory = std::size_t{1024} * 1024;
    auto& content = response().content();
    return state().runner->wrap_iter(content.chunks(size), as_many(memory, size), std::move(stop));
}

SYNCOPATE_DECL BlockingRange<std::string> ClientStream::pieces(std::stop_token stop) & {
    constexpr std::size_t pieces_ahead = 4;
    return state().runner->wrap_iter(
        response().content(), ReadAhead(pieces_ahead), std::move(stop));
}

SYNCOPATE_DECL void ClientStream::close() {
    if (state_)
        state_->response.close();
}

SYNCOPATE_DECL ClientStream::ClientStream(
    std::shared_ptr<RunnerBase> runner, ContextGuard<Response&> response, std::size_t max_line_size)
    : state_(new State{std::move(runner), std::move(response), max_line_size}) {}

SYNCOPATE_DECL ReadAhead ClientStream::as_many(std::size_t memory, std::size_t size) noexcept {
    constexpr std::size_t most = 1024;
    return ReadAhead(std::clamp<std::size_t>(memory / (std::max<std::size_t>)(size, 1), 1, most));
}

}  // namespace syncopate::inline v0_1::http
