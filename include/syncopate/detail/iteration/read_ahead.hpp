// Pump: a task on the loop that produces items ahead of their consumer, into a ring. ReadAheadSource: the
// consumer's end of it.
#pragma once

#include <syncopate/concepts.hpp>
#include <syncopate/detail/call/call.hpp>
#include <syncopate/detail/iteration/drain.hpp>
#include <syncopate/detail/iteration/iteration.hpp>
#include <syncopate/detail/iteration/range_source.hpp>
#include <syncopate/detail/iteration/ring.hpp>
#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/loop/operation.hpp>
#include <syncopate/detail/task/park_on_context.hpp>
#include <syncopate/detail/wait/backoff.hpp>
#include <syncopate/detail/wait/one_shot_event.hpp>
#include <syncopate/error.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// Asks for an item only when the ring has room for it. Owns itself until it has been released. Cleans up the
/// iteration when it is stopped.
template <AsyncIterable I>
class Pump final : public Call, public std::enable_shared_from_this<Pump<I>> {
    using Item = iterable_value_t<I>;

public:
    Pump(Loop& loop, I&& iterable, std::size_t count, std::source_location where)
        : Call(loop, where), keep_loop_(loop.shared_from_this()),
          iteration_(std::forward<I>(iterable)), ring_(count) {}

    using Call::loop;

    void start() {
        keep_self_ = this->shared_from_this();
        submit();
    }

    /// Gives the next item. On the consumer's thread, which it blocks until the item is there.
    std::optional<Item> next() {
        if (loop().running_in_this_thread())
            loop().throw_blocks_itself();
        std::optional<Item> item;
        for (;;) {
            loop().require_open();
            if (ring_.pop_into(item)) {
                if (ring_.must_wake_producer())
                    submit_resume();
                return item;
            }
            if (ring_.is_closed() && !ring_.has_items()) {
                if (error_)
                    std::rethrow_exception(std::exchange(error_, nullptr));
                return item;
            }
            if (loop().may_spin() && backoff_.snooze([this] { return can_go_on(); }))
                continue;
            OneShotEvent event;
            Loop::Blocking blocking(loop(), event);
            ring_.wait_for_item(event, [&] {
                blocking.wait();
                return true;
            });
        }
    }

    /// Stops the pump. Blocks until it has been released; where the wait could never end, it does not wait.
    void close() noexcept {
        request_cancel(Errc::cancelled);
        try {
            Loop::Blocking(loop(), released_, BlockingWait::Refuse::cycles).wait();
        } catch (std::exception const&) {
            // The pump owns itself, and ends later.
        }
    }

private:
    /// The number of items after which other handlers of the loop get a turn, if the iterable never suspends.
    static constexpr std::size_t items_per_turn = 1024;

    bool can_go_on() noexcept { return ring_.has_items() || ring_.is_closed(); }

    boost::asio::awaitable<void> body() override {
        namespace this_coro = boost::asio::this_coro;
        try {
            for (std::size_t left = items_per_turn; reason() == Errc{};) {
                // Again after a wake-up: it may have been meant for an earlier announcement.
                while (reason() == Errc{} && ring_.is_full() && ring_.producer_waits()) {
                    if (std::exchange(resumed_, false))
                        continue;
                    is_ahead_.store(true, std::memory_order_relaxed);
                    co_await park_.wait(loop().executor());
                    is_ahead_.store(false, std::memory_order_relaxed);
                    resumed_ = false;
                }
                if (reason() != Errc{})
                    break;
                auto const drained =
                    iteration_.drain(loop().executor(), [this, &left](Item&& item) {
                        ring_.push(std::move(item));
                        return --left > 0 && !ring_.is_full();
                    });
                if (drained == Drained::ended)
                    break;
                if (drained == Drained::pending) {
                    auto item = co_await iteration_.next();
                    if (has_left_loop())
                        co_await return_to_loop();
                    if (!item)
                        break;
                    ring_.push(std::move(*item));
                    --left;
                }
                if (left == 0) {
                    co_await boost::asio::post(boost::asio::use_awaitable);
                    left = items_per_turn;
                }
            }
        } catch (...) {
            error_ = std::current_exception();
        }
        co_await this_coro::reset_cancellation_state(boost::asio::disable_cancellation());
        if (has_left_loop())
            co_await return_to_loop();
        try {
            co_await iteration_.close();
        } catch (...) {
            loop().report(std::current_exception());
        }
        if (has_left_loop())
            co_await return_to_loop();
    }

    std::string waits_for() const override {
        return is_ahead_.load(std::memory_order_relaxed) ? "its items to be taken" : "";
    }

    void unpark() noexcept {
        resumed_ = true;
        if (!loop().is_lost())
            park_.resume();
    }

    void submit_resume() noexcept {
        // The operation lies in the pump, and may be in the loop's queue for longer than the range lives.
        keep_self_for_resume_ = this->shared_from_this();
        try {
            loop().submit(resume_);
        } catch (...) {
            keep_self_for_resume_.reset();  // the loop has ended, and the pump with it
        }
    }

    void run_resume() noexcept {
        auto const keep = std::move(keep_self_for_resume_);
        unpark();
    }

    void stop(Errc) noexcept override {
        if (park_.is_waiting())
            unpark();
        else
            emit_cancellation();
    }

    void fail(std::exception_ptr error) noexcept override { error_ = std::move(error); }

    void released() noexcept override {
        auto const keep = std::move(keep_self_);
        ring_.close();
        released_.set();
    }

    std::shared_ptr<Loop> const keep_loop_;
    std::shared_ptr<Pump> keep_self_;
    Iteration<I> iteration_;
    Ring<Item> ring_;
    OneShotEvent released_;
    std::exception_ptr error_;  // used on the loop only, until the ring is closed

    MemberOperation<Pump, &Pump::run_resume> resume_{*this};
    std::shared_ptr<Pump> keep_self_for_resume_;

    Backoff backoff_;  // used by the consumer only

    // Used on the loop only.
    ParkOnContext park_;
    bool resumed_ = false;
    std::atomic<bool> is_ahead_{false};  // others look at it
};

template <AsyncIterable I>
class ReadAheadSource final : public RangeSource<iterable_value_t<I>> {
public:
    ReadAheadSource(Loop& loop, I&& iterable, std::size_t count, std::source_location where)
        : pump_(std::make_shared<Pump<I>>(loop, std::forward<I>(iterable), count, where)) {
        pump_->start();
    }

    std::optional<iterable_value_t<I>> next() override { return pump_->next(); }

    void close() noexcept override { pump_->close(); }

private:
    std::shared_ptr<Pump<I>> pump_;
};

}  // namespace syncopate::inline v0_1::detail
