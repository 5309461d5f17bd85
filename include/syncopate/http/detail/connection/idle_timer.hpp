// IdleTimer: calls a function later, and does not keep the loop running until then.
#pragma once

#include <syncopate/detail/task/caller_executor.hpp>
#include <syncopate/http/detail/connection/deadline_timer.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/execution/any_executor.hpp>
#include <boost/asio/execution/blocking.hpp>
#include <boost/asio/execution/context_as.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/wait_traits.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <utility>

namespace syncopate::inline v0_1::http::detail {

/// An executor whose context counts its work. Asio has these functions unless BOOST_ASIO_NO_TS_EXECUTORS is
/// defined.
template <class Executor>
concept CountsWork = requires(Executor const& executor) {
    executor.on_work_started();
    executor.on_work_finished();
};

/// The work by which Asio counts a pending timer, taken off the count and put back.
class WorkCount {
public:
    /// executor:  inside all strands: without_strand().
    explicit WorkCount(asio::any_io_executor executor) noexcept : executor_(std::move(executor)) {}

    /// Returns false if the context does not let its count be changed: then nothing was done.
    bool decrease() const noexcept {
        return visit([](auto const& executor) { executor.on_work_finished(); });
    }
    void increase() const noexcept {
        visit([](auto const& executor) { executor.on_work_started(); });
    }

private:
    template <class F>
    bool visit(F f) const noexcept {
        return visit_as<::syncopate::detail::IoExecutor>(f) ||
               visit_as<asio::thread_pool::executor_type>(f);
    }

    template <class Executor, class F>
    bool visit_as(F f) const noexcept {
        if constexpr (CountsWork<Executor>) {
            if (auto const* const executor = executor_.target<Executor>()) {
                f(*executor);
                return true;
            }
        }
        return false;
    }

    asio::any_io_executor executor_;
};

/// Nobody waits for what it does, so that io_context::run() may return meanwhile; it goes on when the loop does.
/// On a loop that lets nobody change the count of its work the function is never called.
///
/// Threads: on the session's loop.
class IdleTimer : public std::enable_shared_from_this<IdleTimer> {
public:
    /// function:  called on the loop, unless this object has gone.
    IdleTimer(asio::any_io_executor const& executor, std::function<void()> function)
        : work_(::syncopate::detail::without_strand(executor)), function_(std::move(function)),
          timer_(executor) {}

    /// Has the function called then, or earlier if that was asked for before. To be called in a handler of the
    /// loop: that is work, too, and so the count does not become zero here.
    void wake_at(Deadline time) {
        if (time >= wakes_at_ || !is_supported_)
            return;
        timer_.expires_at(time);
        timer_.async_wait([work = work_, self = weak_from_this()](boost::system::error_code error) {
            work.increase();  // the end of this handler takes it off
            if (auto const timer = self.lock(); timer && !error)
                timer->wake();
        });
        wakes_at_ = time;
        if (work_.decrease())
            return;
        is_supported_ = false;
        timer_.cancel();
    }

    void stop() noexcept {
        is_supported_ = false;
        timer_.cancel();  // of a timer it cannot fail
    }

private:
    void wake() {
        if (!is_supported_ || Deadline::clock::now() < wakes_at_)
            return;  // it was stopped, or set anew, after this handler had been queued
        wakes_at_ = no_deadline;
        function_();
    }

    /// An executor that cannot be told to count work: with any other, a pending wait counts twice on a strand, and
    /// once on an io_context's own executor.
    using Executor = asio::execution::any_executor<
        asio::execution::context_as_t<asio::execution_context&>,
        asio::execution::blocking_t::never_t>;
    using Clock = std::chrono::steady_clock;

    WorkCount const work_;
    std::function<void()> const function_;
    bool is_supported_ = true;
    Deadline wakes_at_ = no_deadline;
    asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>, Executor> timer_;
};

}  // namespace syncopate::inline v0_1::http::detail
