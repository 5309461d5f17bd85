// The end of connections that are idle: TLS tells the server.
#pragma once

#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/http/detail/connection/connection.hpp>
#include <syncopate/http/detail/connection/deadline_timer.hpp>
#include <syncopate/http/detail/connection/pool.hpp>
#include <syncopate/http/detail/session/session_loop.hpp>

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace syncopate::http::detail {

/// Sends close_notify on each, and waits until the servers have answered, but not for long. Then they are
/// closed.
inline asio::awaitable<void> shut_down_tls(
    std::vector<Lease> leases, std::shared_ptr<SessionLoop> loop) {
    constexpr std::chrono::milliseconds patience{500};
    struct Waiting {
        TimedPark park;
        std::size_t unanswered = 0;
    };
    auto const waiting = std::make_shared<Waiting>();
    for (Lease const& lease : leases)
        if (auto* const tls = lease.connection().tls()) {
            ++waiting->unanswered;
            tls->async_shutdown(
                [waiting, keep = ConnectionPointer(&lease.connection())](error_code const&) {
                    if (--waiting->unanswered == 0)
                        waiting->park.resume();
                });
        }
    if (waiting->unanswered > 0)
        co_await waiting->park.until(
            ::syncopate::detail::deadline_after(patience), *loop->deadline_timer);
}

}  // namespace syncopate::http::detail
