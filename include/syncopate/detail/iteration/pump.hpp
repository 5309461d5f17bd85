// Pump: a task on the loop that produces items ahead of their consumer, into a ring.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/concepts.hpp>
#include <syncopate/detail/call/call.hpp>
#include <syncopate/detail/cancellation/cancellation.hpp>
#include <syncopate/detail/iteration/drain.hpp>
#include <syncopate/detail/iteration/iteration.hpp>
#include <syncopate/detail/iteration/leftover.hpp>
#include <syncopate/detail/iteration/ring.hpp>
#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/loop/operation.hpp>
#include <syncopate/detail/task/park_on_context.hpp>
#include <syncopate/detail/wait/backoff.hpp>
#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/detail/wait/one_shot_event.hpp>
#include <syncopate/detail/work/consumer_thread.hpp>
#include <syncopate/error.hpp>

#include SYNCOPATE_ASIO(any_io_executor.hpp)
#include SYNCOPATE_ASIO(awaitable.hpp)
#include SYNCOPATE_ASIO(cancellation_state.hpp)
#include SYNCOPATE_ASIO(post.hpp)
#include SYNCOPATE_ASIO(this_coro.hpp)
#include SYNCOPATE_ASIO(use_awaitable.hpp)

#include <atomic>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <source_location>
#include <stdexcept>
#include <string>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// Asks for an item only when the ring has room for it. Owns itself until it has been released. Cleans up the
/// iteration when it is stopped.
///
/// The consumer's thread does work for the task whenever it takes an item: see ConsumerThread.
template <IterableSource S>
class Pump final : public Call, public std::enable_shared_from_this<Pump<S>> {
    using Item = typename Iteration<S>::Item;

public:
    Pump(Loop& loop, S&& source, std::size_t count, std::source_location where)
        : Call(loop, where), keep_loop_(loop.shared_from_this()),
          iteration_(std::forward<S>(source)), ring_(count) {}

    using Call::loop;

    void start() {
        keep_self_ = this->shared_from_this();
        consumer_.task = &this->id();
        set_blocked_thread(consumer_);
        submit();
    }

    /// Gives the next item. On the consumer's thread, which it blocks until the item is there.
    /// Throws: Errc::timed_out after the deadline.
    std::optional<Item> next(Deadline deadline) {
        loop().require_here();
        loop().require_other_thread();
        loop().require_open();
        if (consumer_.has_work()) [[unlikely]]
            do_work();
        std::optional<Item> item;
        if (!take_into(item)) [[unlikely]]
            wait_and_take_into(item, deadline);
        return item;
    }

    /// Ends the pump at once, on this thread, if the loop has not begun with it; otherwise asks it to stop. An iterable
    /// that has to be cleaned up on the loop is begun for that. From any thread.
    void withdraw_or_stop() noexcept {
        if constexpr (Iteration<S>::begins_with_first_item)
            withdraw_or_cancel(Errc::cancelled);
        else
            request_cancel(Errc::cancelled);
    }

    /// Stops the pump. Blocks until it has been released; where the wait could never end, it does not wait.
    void end() noexcept {
        withdraw_or_stop();
        try {
            Loop::Blocking blocking(loop(), released_, BlockingWait::Refuse::cycles);
            consumer_.wait_until(blocking, released_, no_deadline);
        } catch (...) {
            return consumer_.close();  // the pump owns itself, and ends later
        }
        try {
            give_up_items();
        } catch (...) {
            loop().report(std::current_exception());
        }
    }

private:
    /// The number of items after which other handlers of the loop get a turn, if the iterable never suspends.
    static constexpr std::size_t items_per_turn = 1024;

    [[gnu::noinline]] void do_work() {
        if (!consumer_.do_work())
            loop().throw_error(Errc::forked);
    }

    bool can_go_on() noexcept { return ring_.has_items() || ring_.is_closed(); }

    bool take_into(std::optional<Item>& item) {
        if (!ring_.pop_into(item))
            return false;
        if (ring_.must_wake_producer())
            submit_resume();
        return true;
    }

    /// Leaves it empty at the end.
    void wait_and_take_into(std::optional<Item>& item, Deadline deadline) {
        for (bool is_late = false; !take_into(item);) {
            if (ring_.is_closed() && !ring_.has_items())
                return throw_if_it_failed();
            if (is_late)
                loop().throw_error(Errc::timed_out);
            if (!loop().may_spin() || !backoff_.snooze([this] { return can_go_on(); }))
                is_late = !wait_for_item(deadline);
            loop().require_use();
        }
    }

    /// Returns false if the deadline has passed.
    bool wait_for_item(Deadline deadline) {
        consumer_.require_idle();
        OneShotEvent event;
        Loop::Blocking blocking(loop(), event);
        auto stop = [this]() noexcept { withdraw_or_stop(); };
        FiberScope::Stoppable const stoppable(blocking.fiber(), stop);
        return ring_.wait_for_item(
            event, [&] { return consumer_.wait_until(blocking, event, deadline); });
    }

    /// After the last item, on the consumer's thread: throws what there is instead of a further one.
    void throw_if_it_failed() {
        if (std::exchange(has_ended_, true))
            return;
        auto error = std::exchange(error_, nullptr);
        if (reason() != Errc{} && (!error || is_cancellation(error)))
            loop().throw_error(reason());
        if (error)
            std::rethrow_exception(std::move(error));
    }

    /// After the release, on the consumer's thread: what it has not taken goes back to the user's iterable, or is
    /// lost.
    void give_up_items() {
        std::optional<Item> item;
        if constexpr (Iteration<S>::is_resumable) {
            Leftover<Item> leftover;
            for (; ring_.pop_into(item); item.reset())
                leftover.items.push_back(std::move(*item));
            if (error_ && has_begun())
                leftover.error = reason() != Errc{} && is_cancellation(error_)
                                     ? interrupted_iteration_error()
                                     : std::exchange(error_, nullptr);
            if (!leftover.empty())
                iteration_.hand_back(std::move(leftover));
        } else if constexpr (Iteration<S>::loses_items) {
            std::size_t count = 0;
            for (; ring_.pop_into(item); item.reset())
                ++count;
            if (count > 0 && loop().is_open())
                throw std::runtime_error(
                    std::to_string(count) +
                    " items are lost, which a range had read ahead of an iterable "
                    "that it does not own: " +
                    description());
        }
    }

    asio::awaitable<void> body() override {
        namespace this_coro = asio::this_coro;
        asio::any_io_executor const executor = co_await this_coro::executor;
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
                auto const drained = iteration_.drain(executor, [this, &left](Item&& item) {
                    ring_.push(std::move(item));
                    return --left > 0 && !ring_.is_full();
                });
                if (drained == Drained::ended) {
                    has_ended_ = true;
                    break;
                }
                if (drained == Drained::pending) {
                    auto item = co_await iteration_.next();
                    if (has_left_loop())
                        co_await return_to_loop();
                    if (!item) {
                        has_ended_ = true;
                        break;
                    }
                    ring_.push(std::move(*item));
                    --left;
                }
                if (left == 0) {
                    co_await asio::post(asio::use_awaitable);
                    left = items_per_turn;
                }
            }
        } catch (...) {
            error_ = std::current_exception();
        }
        co_await this_coro::reset_cancellation_state(asio::disable_cancellation());
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

    void stop(Errc reason) noexcept override {
        if (reason != Errc::cancelled)
            consumer_.close();  // who closes the loop may be the consumer
        if (park_.is_waiting())
            unpark();
        else
            emit_cancellation();
    }

    void fail(std::exception_ptr error) noexcept override { error_ = std::move(error); }

    void released() noexcept override {
        auto const keep = std::move(keep_self_);
        consumer_.refuse_rest();
        ring_.close();
        released_.set();
    }

    std::shared_ptr<Loop> const keep_loop_;
    std::shared_ptr<Pump> keep_self_;
    Iteration<S> iteration_;
    Ring<Item> ring_;
    OneShotEvent released_;
    // Used on the loop only, until the ring is closed; then by the consumer.
    std::exception_ptr error_;
    bool has_ended_ = false;  // by itself, or the consumer has been told why
    ConsumerThread consumer_;

    MemberOperation<Pump, &Pump::run_resume> resume_{*this};
    std::shared_ptr<Pump> keep_self_for_resume_;

    Backoff backoff_;  // used by the consumer only

    // Used on the loop only.
    ParkOnContext park_;
    bool resumed_ = false;
    std::atomic<bool> is_ahead_{false};  // others look at it
};

}  // namespace syncopate::inline v0_1::detail
