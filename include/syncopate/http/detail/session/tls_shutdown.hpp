// shut_down_tls(): ends idle TLS connections with a close_notify, so that the server knows it for an end.
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

namespace syncopate::inline v0_1::http::detail {

/// Sends close_notify on each TLS connection, and waits for the servers' own, half a second at most. Then all
/// of the connections are closed, also those without TLS.
inline asio::awaitable<void> shut_down_tls(
    std::vector<Lease> leases, std::shared_ptr<SessionLoop> loop) {
    constexpr std::chrono::milliseconds longest_wait{500};
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
            ::syncopate::detail::deadline_after(longest_wait), *loop->deadline_timer);
}

}  // namespace syncopate::inline v0_1::http::detail
