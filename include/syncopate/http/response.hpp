// What a server answered.
#pragma once

#include <syncopate/http/content.hpp>
#include <syncopate/http/detail/session/exchange.hpp>
#include <syncopate/http/detail/session/session_core.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/headers.hpp>
#include <syncopate/http/progress.hpp>
#include <syncopate/http/url.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/this_coro.hpp>

#include <cstddef>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Only what includes json.hpp needs Boost.JSON.
namespace boost::json {
class value;  // NOLINT(readability-identifier-naming)
}

namespace syncopate::http {

namespace detail {
class RequestFlow;
}

/// A response whose header has come, and whose body is read as it is asked for. An AsyncContext: leaving it
/// ends the exchange, whether the body has been read or not.
///
/// Threads:   what returns an awaitable, on the session's loop. The rest, also moving and destroying it, on
///            any thread, one at a time; also after the session and its loop have ended.
class [[nodiscard]] Response {
public:
    /// The number that the server answered with, such as 200.
    int status() const noexcept { return state_->head.status; }
    /// The words beside it, such as "OK"; they may be empty.
    std::string_view reason() const noexcept { return state_->head.reason; }
    /// The fields of the response's header.
    Headers const& headers() const noexcept { return state_->head.headers; }

    /// Where the response came from, after redirects; without a user's name and password.
    std::string const& url() const noexcept { return state_->url.text(); }

    /// The redirects that led here, oldest first. They have no body.
    std::vector<Response> const& history() const noexcept { return state_->history; }

    /// Whether the status is below 400.
    bool is_ok() const noexcept { return status() < 400; }

    /// Gives the response itself, unless its status is an error.
    ///
    /// Throws:    Errc::error_status for a status of 400 or above, naming it and the URL's server.
    Response const& raise_for_status() const {
        if (!is_ok())
            detail::throw_error(
                Errc::error_status, std::string(state_->url.origin()) + ": " +
                                        std::to_string(status()) + ' ' + std::string(reason()));
        return *this;
    }
    /// The same.
    Response& raise_for_status() {
        std::as_const(*this).raise_for_status();
        return *this;
    }

    /// The body, piece by piece.
    Content& content() noexcept { return state_->content; }

    /// The rest of the body, decoded, in whichever character set it is.
    ///
    /// Throws:    Errc::body_too_large beyond SessionOptions::max_body_size; and as Content.
    boost::asio::awaitable<std::string> text() { return content().read_all(); }

    /// The same, as bytes.
    boost::asio::awaitable<std::vector<std::byte>> read() {
        auto const all = co_await content().read_all();
        auto const* const begin = reinterpret_cast<std::byte const*>(all.data());
        co_return std::vector<std::byte>(begin, begin + all.size());
    }

    /// The same, as JSON. Needs <syncopate/http/json.hpp>.
    ///
    /// Throws:    Errc::malformed_json.
    boost::asio::awaitable<boost::json::value> json();

    /// Nothing is left to be done: the response is there.
    boost::asio::awaitable<void> aenter() { co_return; }

    /// Ends the exchange. A short rest of the body, 64 KiB that come within 50 ms, is read, so that the
    /// connection can be used again; otherwise it is closed.
    boost::asio::awaitable<void> aexit(std::exception_ptr) {
        auto const cancellation = co_await boost::asio::this_coro::cancellation_state;
        auto& exchange = state_->exchange;
        state_->content.close();
        if (cancellation.cancelled() == boost::asio::cancellation_type::none)
            co_await exchange.drain();
        else
            exchange.detach();
    }

private:
    friend class detail::RequestFlow;

    struct State {
        State(
            std::shared_ptr<detail::SessionCore> its_core,
            std::shared_ptr<detail::SessionLoop> loop,
            detail::Deadline total,
            ProgressFunction its_progress,
            Url&& its_url)
            : core(std::move(its_core)), progress(std::move(its_progress)), url(std::move(its_url)),
              exchange(core->options(), std::move(loop), total, progress, head, url.origin()),
              content(
                  exchange, {core->options().max_body_size(), core->options().max_line_size()}) {}

        std::shared_ptr<detail::SessionCore> const core;
        ProgressFunction const progress;
        Url const url;
        detail::ResponseHead head;
        detail::Exchange exchange;
        Content content;
        std::vector<Response> history;
    };

    /// The exchange belongs to the loop, until it is over.
    struct Leave {
        void operator()(State* state) const noexcept {
            std::unique_ptr<State> owned(state);
            if (!owned->exchange.is_attached())
                return;
            auto const core = owned->core;
            core->post([owned = std::move(owned)] { owned->exchange.leave(); });
        }
    };

    explicit Response(std::unique_ptr<State, Leave> state) noexcept : state_(std::move(state)) {}

    std::unique_ptr<State, Leave> state_;
};

}  // namespace syncopate::http
