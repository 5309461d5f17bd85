// The coroutines of a session that wait, and the one timer that watches over their deadlines.
#pragma once

#include <syncopate/detail/intrusive_list.hpp>
#include <syncopate/detail/task/inplace_handler.hpp>
#include <syncopate/detail/wait/deadline.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

namespace syncopate::http::detail {

namespace asio = boost::asio;
using ::syncopate::detail::Deadline;

/// The same as deadline_after(), from a time that is known already.
inline Deadline deadline_from(Deadline begin, std::chrono::nanoseconds delay) noexcept {
    return delay < Deadline::max() - begin ? begin + delay : Deadline::max();
}

class DeadlineTimer;

/// Where a coroutine waits until something happens, its deadline passes, or it is cancelled. One coroutine
/// at a time, on the session's loop.
class TimedPark : public ::syncopate::detail::ListHook<TimedPark> {
public:
    enum class End { resumed, expired, cancelled };

    TimedPark() = default;

    bool is_waiting() const noexcept { return static_cast<bool>(handler_); }

    /// `co_await park.until(deadline, timer)`; then end() tells how it ended.
    auto until(Deadline deadline, DeadlineTimer& timer) {
        return asio::async_initiate<asio::deferred_t const, void()>(
            [this, deadline, &timer](auto handler) {
                suspend(std::move(handler), deadline, timer);
            },
            asio::deferred);
    }
    End end() const noexcept { return end_; }

    /// Has the coroutine go on, inside this call, if it waits.
    void resume(End end = End::resumed) {
        if (!handler_)
            return;
        // The coroutine may end, and this with it; and who cancels later must not find this.
        end_ = end;
        unlink();
        slot_.clear();
        handler_.call();
    }

    /// Destroys the coroutine instead: for the end of the loop, when nobody is left to resume it.
    void drop() noexcept {
        unlink();
        handler_.drop();
    }

private:
    friend class DeadlineTimer;

    template <class Handler>
    void suspend(Handler handler, Deadline deadline, DeadlineTimer& timer);

    ::syncopate::detail::InplaceHandler handler_;
    asio::cancellation_slot slot_;
    Deadline deadline_;
    End end_ = End::resumed;
};

/// Ends the parks whose deadline has passed.
///
/// A timer for each connection would cost a system call for each request. This one is set again only when a
/// deadline comes up that is earlier than the time it is set to; when it expires too early, which is the
/// rule, it is set to the earliest deadline that there is then. It is never set far ahead: as long as it is, the
/// loop has work, and an io_context that somebody runs until it has none would wait for it.
class DeadlineTimer : public std::enable_shared_from_this<DeadlineTimer> {
public:
    explicit DeadlineTimer(asio::any_io_executor const& executor) : timer_(executor) {}

    void add(TimedPark& park) {
        waiting_.push_back(park);
        if (park.deadline_ < wakes_at_ && park.deadline_ != Deadline::max())
            set(park.deadline_);
    }

    /// Destroys all coroutines that wait.
    void drop_all() noexcept {
        while (!waiting_.empty())
            waiting_.back().drop();
    }

    void stop() noexcept {
        wakes_at_ = Deadline::max();
        timer_.cancel();  // of a timer it cannot fail
    }

private:
    void set(Deadline deadline) {
        constexpr std::chrono::seconds farthest{1};
        wakes_at_ = std::min(deadline, Deadline::clock::now() + farthest);
        timer_.expires_at(wakes_at_);
        timer_.async_wait([self = weak_from_this()](boost::system::error_code error) {
            if (auto const timer = self.lock(); timer && !error)
                timer->wake();
        });
    }

    void wake() {
        auto const now = Deadline::clock::now();
        if (now < wakes_at_)
            return;  // it has been set anew, when this was on its way already
        wakes_at_ = Deadline::max();
        ::syncopate::detail::IntrusiveList<TimedPark> expired;
        auto earliest = Deadline::max();
        waiting_.for_each([&](TimedPark& park) {
            if (park.deadline_ <= now) {
                park.unlink();
                expired.push_back(park);
            } else if (park.deadline_ < earliest) {
                earliest = park.deadline_;
            }
        });
        if (earliest != Deadline::max())
            set(earliest);
        while (!expired.empty())  // each may be gone when another has gone on
            expired.front().resume(TimedPark::End::expired);
    }

    ::syncopate::detail::IntrusiveList<TimedPark> waiting_;
    Deadline wakes_at_ = Deadline::max();
    asio::steady_timer timer_;
};

template <class Handler>
void TimedPark::suspend(Handler handler, Deadline deadline, DeadlineTimer& timer) {
    slot_ = asio::get_associated_cancellation_slot(handler);
    if (slot_.is_connected())
        slot_.assign([this](asio::cancellation_type) { resume(End::cancelled); });
    handler_.keep(std::move(handler));
    deadline_ = deadline;
    timer.add(*this);
}

}  // namespace syncopate::http::detail
