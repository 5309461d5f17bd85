// The functions of ParkOnContext: its timers are compiled here only.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/separate.hpp>

#include SYNCOPATE_ASIO(any_io_executor.hpp)
#include SYNCOPATE_ASIO(as_tuple.hpp)
#include SYNCOPATE_ASIO(awaitable.hpp)
#include SYNCOPATE_ASIO(steady_timer.hpp)
#include SYNCOPATE_ASIO(use_awaitable.hpp)

namespace syncopate::inline v0_1::detail {

/// Ends also where the wait cannot begin, for want of memory.
class ParkOnContext::Waiting {
public:
    Waiting(Waiting*& place, asio::any_io_executor const& executor)
        : timer(executor, (asio::steady_timer::time_point::max)()), place_(place) {
        place_ = this;
    }
    Waiting(Waiting const&) = delete;
    Waiting& operator=(Waiting const&) = delete;
    ~Waiting() { place_ = nullptr; }

    asio::steady_timer timer;

private:
    Waiting*& place_;
};

SYNCOPATE_DECL asio::awaitable<void> ParkOnContext::wait(asio::any_io_executor executor) {
    Waiting waiting(waiting_, executor);
    co_await waiting.timer.async_wait(asio::as_tuple(asio::use_awaitable));
}

SYNCOPATE_DECL void ParkOnContext::resume() noexcept {
    if (waiting_)
        waiting_->timer.cancel();
}

}  // namespace syncopate::inline v0_1::detail
