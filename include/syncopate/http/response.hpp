// Response: the answer to a request, for coroutines; its body is read as it is asked for.
#pragma once

#include <syncopate/http/content.hpp>
#include <syncopate/http/detail/session/exchange.hpp>
#include <syncopate/http/detail/session/retry_after.hpp>
#include <syncopate/http/detail/session/session_core.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/headers.hpp>
#include <syncopate/http/links.hpp>
#include <syncopate/http/progress.hpp>
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

// Only what includes json.hpp needs Boost.JSON.
namespace boost::json {
class value;  // NOLINT(readability-identifier-naming)
}

namespace syncopate::inline v0_1::http {

class ClientResponse;
namespace detail {
class RequestFlow;
}

/// A response whose header has come, and whose body is read as it is asked for. An AsyncContext: leaving it
/// ends the exchange, whether the body has been read or not.
///
/// Throws:    all members but aexit(), of a response that was moved from: Errc::response_closed.
/// Threads:   members that return an awaitable, and content(): on the session's loop. The others, the moves and
///            the destructor: on any thread, one at a time, also after the session and its loop have ended.
class [[nodiscard]] Response {
public:
    /// Gives the status, 100 or above.
    int status() const { return state().head.status; }
    /// Gives the words behind the status, as the server put them. May be empty.
    std::string_view reason() const { return state().head.reason; }
    /// Gives the fields of the header.
    Headers const& headers() const { return state().head.headers; }

    /// Gives the URL of the request that was answered, after redirects, without a user's name and password.
    std::string const& url() const { return state().url.text(); }

    /// Gives the fields that came behind the body. There are none before the body has been read to its end. They are never
    /// among the headers().
    Headers const& trailers() const { return state().head.trailers; }

    /// Gives the links to other resources, of the fields Link.
    Links links() const { return {headers(), url()}; }

    /// Gives the address and the port that the request was sent to: the server's, or those of its proxy. `0.0.0.0:0` where
    /// it went by SessionOptions::unix_socket().
    boost::asio::ip::tcp::endpoint const& peer() const { return state().exchange.peer(); }

    /// Gives the time that the server asks to wait before the request is sent again, by the field Retry-After; nothing
    /// if it does not say.
    std::optional<std::chrono::seconds> retry_after() const {
        return detail::retry_after_of(headers());
    }

    /// Gives the redirects that led here, oldest first. They have no body.
    std::vector<Response> const& history() const { return state().history; }

    /// Returns whether the status is below 400.
    bool is_ok() const { return status() < 400; }

    /// Refuses a status of 400 or above.
    ///
    /// Returns:   the response itself.
    /// Throws:    such a status -> StatusError, with Errc::error_status and a message that names it and the server.
    Response const& raise_for_status() const {
        if (!is_ok())
            throw StatusError(status(), reason(), headers(), url(), retry_after());
        return *this;
    }
    /// The same.
    Response& raise_for_status() {
        std::as_const(*this).raise_for_status();
        return *this;
    }

    /// Gives the body, to be read piece by piece: from then on, SessionOptions::total_timeout holds only if it was set.
    ///
    /// Throws:    the session was used before the fork that has made this process -> syncopate::Errc::forked.
    Content& content() {
        auto& content = whole_content();
        if (state().has_usual_total)
            state().exchange.lift_total();
        return content;
    }

    /// Reads the rest of the body, and decodes its Content-Encoding. The character set stays as it is.
    ///
    /// Throws:    more than SessionOptions::max_body_size -> Errc::body_too_large; as Content.
    /// Cancel:    closes the connection.
    boost::asio::awaitable<std::string> text() { return whole_content().read_all(); }

    /// Reads the rest of the body as bytes. Throws and can be cancelled as text().
    boost::asio::awaitable<std::vector<std::byte>> read() {
        auto const all = co_await whole_content().read_all();
        auto const* const begin = reinterpret_cast<std::byte const*>(all.data());
        co_return std::vector<std::byte>(begin, begin + all.size());
    }

    /// Reads the rest of the body as JSON. Needs <syncopate/http/json.hpp>.
    ///
    /// Throws:    Errc::malformed_json; more than SessionOptions::max_json_memory -> Errc::body_too_large; as text().
    /// Cancel:    closes the connection.
    boost::asio::awaitable<boost::json::value> json();

    /// Does nothing: the response is open from the start.
    boost::asio::awaitable<void> aenter() { co_return; }

    /// Ends the exchange. A short rest of the body, 64 KiB that come within 50 ms, is read, so that the
    /// connection can be used again; otherwise it is closed. Reading the body fails from then on.
    ///
    /// Cancel:    closes the connection.
    boost::asio::awaitable<void> aexit(std::exception_ptr) {
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

private:
    friend class detail::RequestFlow;
    friend class ClientResponse;

    /// The body, to be read as a whole.
    Content& whole_content() {
        state().core->require_here();
        return state().content;
    }

    std::size_t max_json_memory() const { return state().core->options().max_json_memory(); }

    struct State {
        State(
            std::shared_ptr<detail::SessionCore> its_core,
            std::shared_ptr<detail::SessionLoop> loop,
            detail::Deadline total,
            bool its_has_usual_total,
            auto const& request,
            Url&& its_url)
            : core(std::move(its_core)), progress(request.on_progress), url(std::move(its_url)),
              has_usual_total(its_has_usual_total),
              exchange(
                  core->options(), request, std::move(loop), total, progress, head, url.origin()),
              content(
                  exchange, {core->options().max_body_size(), core->options().max_line_size()}) {}

        std::shared_ptr<detail::SessionCore> const core;
        ProgressFunction const progress;
        Url const url;
        bool const has_usual_total;  // nobody has set it
        detail::ResponseHead head;
        detail::Exchange exchange;
        Content content;
        std::vector<Response> history;
    };

    /// Ends the exchange on its loop, as long as it is attached to it, and destroys the state.
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

    State& state() const {
        if (!state_)
            detail::throw_error(Errc::response_closed, "it has been moved from");
        return *state_;
    }

    std::unique_ptr<State, Leave> state_;
};

}  // namespace syncopate::inline v0_1::http
