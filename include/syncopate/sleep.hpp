// sleep(): suspends a task for a time, while its loop goes on.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/wait/deadline.hpp>

#include SYNCOPATE_ASIO(awaitable.hpp)
#include SYNCOPATE_ASIO(deferred.hpp)
#include SYNCOPATE_ASIO(steady_timer.hpp)
#include SYNCOPATE_ASIO(this_coro.hpp)

#include <chrono>

namespace syncopate::inline v0_1 {

namespace detail {

inline asio::awaitable<void> sleep_until(Deadline deadline) {
    asio::steady_timer timer(co_await asio::this_coro::executor, deadline);
    co_await timer.async_wait(asio::deferred);
}

}  // namespace detail

/// Suspends the awaiting task for a time. Its loop goes on.
///
///     co_await sleep(200ms);
///
/// duration:  from this call; zero or less lets others on the loop run, and goes on; duration::max(): until the
///            task is cancelled.
/// Cancel:    ends it at once, by operation_aborted.
/// Semantics: asyncio.sleep.
template <class Rep, class Period>
asio::awaitable<void> sleep(std::chrono::duration<Rep, Period> duration) {
    return detail::sleep_until(detail::deadline_after(duration));
}

}  // namespace syncopate::inline v0_1
