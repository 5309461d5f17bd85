// read_events(): a stream of server-sent events, which is asked for again when it ends.
#pragma once

#include <syncopate/async_generator.hpp>
#include <syncopate/http/detail/message/event_parser.hpp>
#include <syncopate/http/detail/message/field_syntax.hpp>
#include <syncopate/http/detail/message/list_syntax.hpp>
#include <syncopate/http/detail/message/request_parts.hpp>
#include <syncopate/http/detail/session/redirect_rewrite.hpp>
#include <syncopate/http/detail/session/retry_flow.hpp>
#include <syncopate/http/detail/session/retry_wait.hpp>
#include <syncopate/http/detail/session/session_core.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/request.hpp>
#include <syncopate/http/response.hpp>
#include <syncopate/http/server_sent_event.hpp>
#include <syncopate/http/status_error.hpp>
#include <syncopate/http/url.hpp>

#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace syncopate::inline v0_1::http::detail {

/// What an event stream remembers from one response to the next. Lies in the frame of read_events().
class EventFlow {
public:
    EventFlow(SessionOptions const& options, Request request)
        : most_failures_(options.retries().attempts()), request_(std::move(request)),
          server_(origin_of(request_.url())),
          parser_(
              {options.max_line_size(), options.max_body_size()},
              server_,
              std::string(request_.headers()["Last-Event-ID"])) {
        if (!request_.headers().contains("Accept"))
            request_.header("Accept", "text/event-stream");
        if (!request_.headers().contains("Cache-Control"))
            request_.header("Cache-Control", "no-store");
        // The stream has no end: only silence is limited.
        if (!RequestAccess::parts(request_).settings().timeout)
            request_.timeout(std::chrono::nanoseconds::zero());
    }

    std::string const& server() const noexcept { return server_; }
    EventParser& parser() noexcept { return parser_; }

    Request next_request() {
        auto request = request_;
        auto const& id = parser_.last_id();
        auto const first = request_.headers()["Last-Event-ID"];
        if (!id.empty() && id != first && std::ranges::none_of(id, is_control))
            RequestAccess::parts(request).headers.set("Last-Event-ID", id);
        parser_.restart();
        return request;
    }

    /// Throws: it is no event stream -> StatusError, Errc::malformed_response.
    void begin(Response const& response) {
        if (response.status() != 200)
            throw StatusError(
                response.status(), response.reason(), response.headers(), response.url(),
                response.retry_after());
        auto type = response.headers()["Content-Type"];
        if (!equals_ignoring_case(take_element(type, ';'), "text/event-stream"))
            throw_error(
                Errc::malformed_response,
                std::string(origin_of(response.url())) + ": no text/event-stream");
        has_begun_ = true;
    }

    void note_event() noexcept { failures_ = 0; }

    /// Whether the stream is asked for again after this error.
    bool goes_on_after(std::error_code const& error) const noexcept {
        bool const is_lost = is_passing(error) || error == Errc::body_truncated;
        bool const has_attempts = most_failures_ == 1 || failures_ + 1 < most_failures_;
        return has_begun_ && is_repeatable() && is_lost && has_attempts;
    }
    /// Whether it may be sent again at all.
    bool is_repeatable() const noexcept {
        return is_idempotent(request_.method()) &&
               RequestAccess::parts(request_).body.is_repeatable();
    }

    /// The time to wait now. It is doubled for each response in a row that brought nothing.
    std::chrono::nanoseconds next_wait() noexcept {
        constexpr std::chrono::milliseconds usual{3000};
        constexpr std::chrono::milliseconds most{30000};
        constexpr std::chrono::milliseconds least{100};
        auto const first = parser_.retry().value_or(usual);
        auto wait = first;
        for (std::size_t i = 0; i < failures_ && wait < most; ++i)
            wait = (std::max)(2 * wait, least);
        ++failures_;
        return (std::max)(first, (std::min)(wait, most));
    }

private:
    std::size_t const most_failures_;  // 1: there is no limit
    Request request_;
    std::string const server_;
    EventParser parser_;
    bool has_begun_ = false;
    std::size_t failures_ = 0;  // since the last event
};

/// The events, for ever, unless the server says 204, or the request must not be repeated.
inline AsyncGenerator<ServerSentEvent> read_events(
    std::shared_ptr<SessionCore> core, Request request) {
    auto const executor = co_await asio::this_coro::executor;
    EventFlow flow(core->options(), std::move(request));
    for (;;) {
        try {
            auto response = co_await send_request(core, flow.next_request());
            if (response.status() == 204)
                co_return;
            flow.begin(response);
            while (auto const piece = co_await response.content().anext()) {
                flow.parser().feed(*piece);
                while (auto event = flow.parser().next()) {
                    flow.note_event();
                    co_yield *std::move(event);
                }
            }
        } catch (std::system_error const& error) {
            if (!flow.goes_on_after(error.code()))
                throw;
        }
        if (!flow.is_repeatable())
            co_return;
        auto const next = deadline_from(Deadline::clock::now(), flow.next_wait());
        RetryWait wait(core->enter(executor), flow.server());
        co_await wait.until(next);
    }
}

}  // namespace syncopate::inline v0_1::http::detail
