// ParkOnContext: a place where a coroutine is suspended that its execution context may destroy.
#pragma once

#include <syncopate/asio.hpp>

#include SYNCOPATE_ASIO(any_io_executor.hpp)
#include SYNCOPATE_ASIO(as_tuple.hpp)
#include SYNCOPATE_ASIO(awaitable.hpp)
#include SYNCOPATE_ASIO(steady_timer.hpp)
#include SYNCOPATE_ASIO(use_awaitable.hpp)

namespace syncopate::inline v0_1::detail {

/// A coroutine that is parked with park() belongs to whoever keeps its handler. Here it belongs to the
/// execution context, as the wait for a timer that never expires: a context that ends first destroys the
/// coroutine, and nobody else has to.
class ParkOnContext {
public:
    /// Suspends the awaiting coroutine until resume(), or until it is cancelled. On the executor.
    asio::awaitable<void> wait(asio::any_io_executor executor) {
        asio::steady_timer timer(executor, (asio::steady_timer::time_point::max)());
        Waiting const waiting(timer_, timer);
        co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    }

    bool is_waiting() const noexcept { return timer_ != nullptr; }

    /// Has the coroutine go on soon, if it waits. On the executor, while its context is there.
    void resume() noexcept {
        if (timer_)
            timer_->cancel();
    }

private:
    /// Also where the wait cannot begin, for want of memory.
    class Waiting {
    public:
        Waiting(asio::steady_timer*& place, asio::steady_timer& timer) noexcept : place_(place) {
            place_ = &timer;
        }
        Waiting(Waiting const&) = delete;
        Waiting& operator=(Waiting const&) = delete;
        ~Waiting() { place_ = nullptr; }

    private:
        asio::steady_timer*& place_;
    };

    asio::steady_timer* timer_ = nullptr;
};

}  // namespace syncopate::inline v0_1::detail
