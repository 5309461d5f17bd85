// RetryWait: the pause before a request is sent again. backoff_after(): how long it is if no server says so.
#pragma once

#include <syncopate/detail/cancellation/cancellation.hpp>
#include <syncopate/http/detail/connection/deadline_timer.hpp>
#include <syncopate/http/detail/session/session_loop.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/retry_policy.hpp>

#include <boost/asio/awaitable.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <random>
#include <string>
#include <utility>

namespace syncopate::inline v0_1::http::detail {

/// attempts:  how often the request has been sent, 1 or more.
inline RetryPolicy::Duration backoff_after(RetryPolicy const& policy, std::size_t attempts) {
    auto const most = policy.most_backoff();
    auto wait = policy.first_backoff();
    for (std::size_t i = 1; i < attempts && wait < most; ++i)
        wait = wait < most / 2 ? 2 * wait : most;
    constexpr unsigned steps = 1024;
    std::random_device random;
    auto const more = wait / 4 / steps * (random() % steps);
    return (std::min)(wait + more, most);
}

/// Lies in the frame of the coroutine that waits. The end of the session ends the wait.
class RetryWait final : public SessionUser {
public:
    /// server:    names the server in errors.
    RetryWait(std::shared_ptr<SessionLoop> loop, std::string server)
        : loop_(std::move(loop)), server_(std::move(server)) {
        loop_->add(*this);
    }
    RetryWait(RetryWait const&) = delete;
    RetryWait& operator=(RetryWait const&) = delete;
    ~RetryWait() { unlink(); }

    /// Throws: Errc::session_closed; its cancellation.
    asio::awaitable<void> until(Deadline deadline) {
        if (!is_aborted_)
            co_await park_.until(deadline, *loop_->deadline_timer);
        if (is_aborted_)
            throw_error(Errc::session_closed, server_);
        if (park_.end() == TimedPark::End::cancelled)
            ::syncopate::detail::throw_cancellation();
    }

private:
    void abort() noexcept override {
        is_aborted_ = true;
        park_.resume();
    }

    std::shared_ptr<SessionLoop> const loop_;
    std::string const server_;
    TimedPark park_;
    bool is_aborted_ = false;
};

}  // namespace syncopate::inline v0_1::http::detail
