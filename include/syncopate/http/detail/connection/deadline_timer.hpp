// TimedPark, DeadlineTimer: waits with a deadline, and the one timer of a session that ends those that are late.
#pragma once

#include <syncopate/detail/intrusive_list.hpp>
#include <syncopate/detail/task/inplace_handler.hpp>
#include <syncopate/detail/task/park.hpp>
#include <syncopate/detail/wait/deadline.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <chrono>
#include <memory>

namespace syncopate::inline v0_1::http::detail {

namespace asio = boost::asio;
using ::syncopate::detail::Deadline;
using ::syncopate::detail::deadline_from;
using ::syncopate::detail::no_deadline;

class DeadlineTimer;

/// Parks one coroutine at a time until it is resumed, its deadline passes, or it is cancelled.
///
/// Threads: on the session's loop.
class TimedPark : public ::syncopate::detail::ListHook<TimedPark> {
public:
    enum class End { resumed, expired, cancelled };

    TimedPark() = default;

    bool is_waiting() const noexcept { return static_cast<bool>(handler_); }

    /// To be awaited: `co_await park.until(deadline, timer)`. Then end() tells why the wait has ended.
    auto until(Deadline deadline, DeadlineTimer& timer) {
        return ::syncopate::detail::park(
            handler_, [this](asio::cancellation_slot slot) { connect(slot); },
            [this, deadline, &timer] { wait_in(timer, deadline); });
    }
    End end() const noexcept { return end_; }

    /// Resumes the coroutine, inside this call. Nothing happens if none is parked.
    void resume(End end = End::resumed) noexcept {
        if (!handler_)
            return;
        // All is done before the call: the coroutine may end, and destroy this object. The slot is cleared since
        // a later cancellation must not reach it.
        end_ = end;
        unlink();
        slot_.clear();
        handler_.resume();
    }

    /// Destroys the coroutine. For the end of the loop, after which nothing could resume it.
    void drop() noexcept {
        unlink();
        handler_.drop();
    }

private:
    friend class DeadlineTimer;

    void connect(asio::cancellation_slot slot) {
        slot_ = slot;
        if (slot_.is_connected())
            slot_.assign([this](asio::cancellation_type) { resume(End::cancelled); });
    }

    void wait_in(DeadlineTimer& timer, Deadline deadline);

    ::syncopate::detail::InplaceHandler handler_;
    asio::cancellation_slot slot_;
    Deadline deadline_;
    End end_ = End::resumed;
};

/// Resumes each parked coroutine whose deadline has passed.
///
/// A timer for each connection would cost a system call for each request. This one is set anew only for a
/// deadline that is earlier than its expiry. So it mostly expires before the first deadline, and is then set
/// to the earliest one that there is.
///
/// It is set one second ahead at most: while it is set the loop has work, and io_context::run() would not
/// return.
class DeadlineTimer : public std::enable_shared_from_this<DeadlineTimer> {
public:
    explicit DeadlineTimer(asio::any_io_executor const& executor) : timer_(executor) {}

    void add(TimedPark& park) {
        waiting_.push_back(park);
        if (park.deadline_ < wakes_at_ && park.deadline_ != no_deadline)
            set(park.deadline_);
    }

    /// Destroys all parked coroutines.
    void drop_all() noexcept {
        while (!waiting_.empty())
            waiting_.back().drop();
    }

    void stop() noexcept {
        wakes_at_ = no_deadline;
        timer_.cancel();  // of a timer it cannot fail
    }

private:
    void set(Deadline deadline) {
        constexpr std::chrono::seconds farthest{1};
        wakes_at_ = (std::min)(deadline, Deadline::clock::now() + farthest);
        timer_.expires_at(wakes_at_);
        timer_.async_wait([self = weak_from_this()](boost::system::error_code error) {
            if (auto const timer = self.lock(); timer && !error)
                timer->wake();
        });
    }

    void wake() {
        auto const now = Deadline::clock::now();
        if (now < wakes_at_)
            return;  // it was set anew after this handler had been queued
        wakes_at_ = no_deadline;
        ::syncopate::detail::IntrusiveList<TimedPark> expired;
        auto earliest = no_deadline;
        waiting_.for_each([&](TimedPark& park) {
            if (park.deadline_ <= now) {
                park.unlink();
                expired.push_back(park);
            } else if (park.deadline_ < earliest) {
                earliest = park.deadline_;
            }
        });
        if (earliest != no_deadline)
            set(earliest);
        while (!expired.empty())  // one that is resumed may destroy others in the list
            expired.front().resume(TimedPark::End::expired);
    }

    ::syncopate::detail::IntrusiveList<TimedPark> waiting_;
    Deadline wakes_at_ = no_deadline;
    asio::steady_timer timer_;
};

inline void TimedPark::wait_in(DeadlineTimer& timer, Deadline deadline) {
    deadline_ = deadline;
    timer.add(*this);
}

}  // namespace syncopate::inline v0_1::http::detail
