// RetryFlow: a request that is sent until it succeeds, as often as the session's RetryPolicy allows.
#pragma once

#include <syncopate/http/detail/message/request_parts.hpp>
#include <syncopate/http/detail/session/redirect_rewrite.hpp>
#include <syncopate/http/detail/session/request_flow.hpp>
#include <syncopate/http/detail/session/retry_wait.hpp>
#include <syncopate/http/detail/session/session_core.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/request.hpp>
#include <syncopate/http/response.hpp>
#include <syncopate/http/retry_policy.hpp>
#include <syncopate/http/url.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

namespace syncopate::inline v0_1::http::detail {

/// Whether a request that has failed so may succeed when it is sent again.
inline bool is_passing(std::error_code const& error) noexcept {
    for (auto const each :
         {Errc::host_not_found, Errc::connect_failed, Errc::tls_failed, Errc::connection_lost,
          Errc::connect_timed_out, Errc::tls_handshake_timed_out, Errc::response_header_timed_out,
          Errc::body_timed_out})
        if (error == each)
            return true;
    return false;
}

/// Lies in the frame of run(). Each attempt is a RequestFlow of its own, so that sessions without a policy pay nothing.
class RetryFlow {
public:
#if defined(__GNUC__)
// GCC 16 compiles Asio's operator delete for the frame into this function, its operator new not, and takes them for no pair.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif
    static asio::awaitable<Response> run(std::shared_ptr<SessionCore> core, Request request) {
        auto const executor = co_await asio::this_coro::executor;
        auto loop = core->enter(executor, request.url());
        RetryFlow flow(core->options(), std::move(request));
        RetryWait wait(std::move(loop), std::string(origin_of(flow.request_.url())));
        for (;;) {
            std::optional<Response> refused;
            Deadline next;
            try {
                auto response = co_await RequestFlow::run(core, flow.next_attempt());
                if (!flow.is_refused(response) || !flow.may_retry(response.retry_after(), next))
                    co_return response;
                refused = std::move(response);
            } catch (std::system_error const& error) {
                if (!is_passing(error.code()) || !flow.may_retry(std::nullopt, next))
                    throw;
            }
            if (refused)
                co_await refused->aexit(nullptr);
            co_await wait.until(next);
        }
    }
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

private:
    RetryFlow(SessionOptions const& options, Request request)
        : policy_(options.retries()), request_(std::move(request)) {
        auto const limit = parts().settings().timeout.value_or(options.total_timeout());
        if (limit.count() > 0)
            total_ = deadline_from(Deadline::clock::now(), limit);
    }

    RequestParts const& parts() const noexcept { return RequestAccess::parts(request_); }

    Request next_attempt() {
        ++attempts_;
        was_sent_ = false;
        auto attempt = request_;
        RequestAccess::parts(attempt).change_settings().was_sent = &was_sent_;
        if (total_ != no_deadline)
            attempt.timeout((std::max)(total_ - Deadline::clock::now(), Deadline::duration(1)));
        return attempt;
    }

    bool is_refused(Response const& response) const {
        auto const& statuses = policy_.statuses();
        return std::ranges::find(statuses, response.status()) != statuses.end();
    }

    /// Whether the request is sent again, and when.
    bool may_retry(std::optional<std::chrono::seconds> asked, Deadline& next) const {
        auto const& body = parts().body;
        bool const is_repeatable = is_idempotent(request_.method()) && body.is_repeatable();
        if (attempts_ >= policy_.attempts() || !body.can_be_sent() || (was_sent_ && !is_repeatable))
            return false;
        auto const wait = asked ? RetryPolicy::Duration(*asked) : backoff_after(policy_, attempts_);
        next = deadline_from(Deadline::clock::now(), wait);
        return next < total_;
    }

    RetryPolicy const& policy_;
    Request const request_;
    Deadline total_ = no_deadline;
    std::size_t attempts_ = 0;
    bool was_sent_ = false;  // the present attempt, or a part of it
};

/// Sends a request by the session's policy. No coroutine of its own.
inline asio::awaitable<Response> send_request(
    std::shared_ptr<SessionCore> core, Request&& request) {
    auto const* const features = core->features();
    if (features && core->options().retries().attempts() > 1)
        return features->send_by_policy(std::move(core), std::move(request));
    return RequestFlow::run(std::move(core), std::move(request));
}

}  // namespace syncopate::inline v0_1::http::detail
