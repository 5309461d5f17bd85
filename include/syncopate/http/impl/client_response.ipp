// The functions of ClientResponse.
#pragma once

#include <syncopate/detail/separate.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/links.hpp>
#include <syncopate/http/response.hpp>

#include <boost/asio/ip/tcp.hpp>

#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1::http {

struct ClientResponse::Shared {
    explicit Shared(Response its_response) noexcept : response(std::move(its_response)) {}

    Response response;
    std::mutex mutex;             // guards what follows
    std::shared_ptr<void> value;  // the body as JSON, once it has been asked for
};

SYNCOPATE_DECL std::shared_ptr<void> const& ClientResponse::value(
    std::shared_ptr<void> (*parse)(ClientResponse const& response)) const {
    static_cast<void>(response());  // refuses one that was moved from
    std::lock_guard const lock(shared_->mutex);
    if (!shared_->value)
        shared_->value = parse(*this);
    return shared_->value;
}

SYNCOPATE_DECL std::size_t ClientResponse::max_json_memory() const {
    return response().max_json_memory();
}

SYNCOPATE_DECL ClientResponse::ClientResponse(Response response, std::string body)
    : shared_(std::make_shared<Shared>(std::move(response))), body_(std::move(body)) {}

SYNCOPATE_DECL int ClientResponse::status() const {
    return response().status();
}

SYNCOPATE_DECL std::string_view ClientResponse::reason() const {
    return response().reason();
}

SYNCOPATE_DECL Headers const& ClientResponse::headers() const {
    return response().headers();
}

SYNCOPATE_DECL std::string const& ClientResponse::url() const {
    return response().url();
}

SYNCOPATE_DECL Headers const& ClientResponse::trailers() const {
    return response().trailers();
}

SYNCOPATE_DECL Links ClientResponse::links() const {
    return response().links();
}

SYNCOPATE_DECL ::syncopate::detail::TcpEndpoint const& ClientResponse::peer() const {
    return response().peer();
}

SYNCOPATE_DECL std::optional<std::chrono::seconds> ClientResponse::retry_after() const {
    return response().retry_after();
}

SYNCOPATE_DECL std::vector<Response> const& ClientResponse::history() const {
    return response().history();
}

SYNCOPATE_DECL bool ClientResponse::is_ok() const {
    return response().is_ok();
}

SYNCOPATE_DECL ClientResponse const& ClientResponse::raise_for_status() const& {
    response().raise_for_status();
    return *this;
}

SYNCOPATE_DECL ClientResponse& ClientResponse::raise_for_status() & {
    response().raise_for_status();
    return *this;
}

SYNCOPATE_DECL ClientResponse&& ClientResponse::raise_for_status() && {
    response().raise_for_status();
    return std::move(*this);
}

SYNCOPATE_DECL Response const& ClientResponse::response() const {
    if (!shared_)
        detail::throw_error(Errc::response_closed, "it has been moved from");
    return shared_->response;
}

SYNCOPATE_DECL void ClientOutcome::require_response() const {
    if (response_)
        return;
    if (!error_)
        detail::throw_error(Errc::response_closed, "the outcome has been moved from");
    std::rethrow_exception(error_);
}

}  // namespace syncopate::inline v0_1::http
