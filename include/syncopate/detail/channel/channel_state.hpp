// ChannelState: the turns of a channel, and its lock. ChannelThread, ChannelTask: a thread and a coroutine that wait
// for their turn.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/channel/channel_turns.hpp>
#include <syncopate/detail/intrusive_pointer.hpp>
#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/loop/suspension.hpp>
#include <syncopate/detail/system/forks.hpp>
#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/detail/wait/one_shot_event.hpp>
#include <syncopate/detail/wait/processor.hpp>
#include <syncopate/detail/wait/small_mutex.hpp>
#include <syncopate/detail/wait/spin_then_sleep.hpp>
#include <syncopate/detail/wait/yielding.hpp>
#include <syncopate/error.hpp>

#include SYNCOPATE_ASIO(any_io_executor.hpp)

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// All of a channel but its items.
///
/// Memory order. Items, turns and the states of waiters are under the lock. A waiter reads its state without it once
/// it has been woken: the event, or the loop's queue, brings it what was written before. A thread that waits gives
/// up only what it finds unwoken under the lock, and otherwise waits for the event: so its frame is there as long as
/// anybody wakes it. A coroutine's waiter is shared.
class ChannelState {
public:
    using Side = ChannelWaiter::Side;
    using State = ChannelWaiter::State;
    using Waiters = ChannelTurns::Waiters;

    explicit ChannelState(std::size_t capacity) noexcept : turns_(capacity) {}
    ChannelState(ChannelState const&) = delete;
    ChannelState& operator=(ChannelState const&) = delete;

    /// In a child, one that was used before the fork is left alone: its lock may be held.
    bool was_forked() const noexcept { return used_.before_fork(); }
    void require_here() {
        if (!used_.here() && !used_.note())
            throw std::system_error(make_error_code(Errc::forked), "Channel");
    }

    void enter(ChannelWaiter& waiter) noexcept {
        change([&](Waiters& woken) { turns_.enter(waiter, woken); });
    }
    bool leave(ChannelWaiter& waiter) noexcept {
        return change([&](Waiters& woken) { return turns_.leave(waiter, woken); });
    }
    void give_up(Side side) noexcept {
        change([&](Waiters& woken) { turns_.give_up(side, woken); });
    }
    void close() noexcept {
        change([&](Waiters& woken) { turns_.close(woken); });
    }

    template <class Read>
    auto read(Read read) const noexcept {
        Lock const lock(*this);
        return read(turns_);
    }

    std::size_t capacity() const noexcept { return turns_.capacity(); }

    [[noreturn]] static void throw_closed() {
        throw std::system_error(make_error_code(Errc::channel_closed), "Channel");
    }

protected:
    ~ChannelState() = default;

    /// Calls f under the lock with the list of those that are to be woken, and then wakes them.
    template <class F>
    std::invoke_result_t<F&, Waiters&> change(F f) {
        struct Wake {
            ~Wake() {
                while (!woken.empty()) {
                    ChannelWaiter& waiter = woken.front();
                    waiter.unlink();
                    waiter.wake();
                }
            }
            Waiters woken;
        } wake;
        Lock const lock(*this);
        return f(wake.woken);
    }

    ChannelTurns turns_;

private:
    /// A thread that finds the lock held is better off if it waits awake for a moment: it is held for a few
    /// instructions.
    class Lock {
    public:
        explicit Lock(ChannelState const& state) noexcept : mutex_(state.mutex_) {
            for (int tries_left = 40; tries_left != 0; --tries_left, cpu_pause())
                if (mutex_.try_lock())
                    return;
            mutex_.lock();
        }
        Lock(Lock const&) = delete;
        Lock& operator=(Lock const&) = delete;
        ~Lock() { mutex_.unlock(); }

    private:
        SmallMutex& mutex_;
    };

    UsedIn used_;
    mutable SmallMutex mutex_;
};

/// Lies in the frame of the thread that waits.
class ChannelThread final : public ChannelWaiter {
public:
    using ChannelWaiter::ChannelWaiter;

    /// Waits for its turn. Returns whether that came before the deadline: it was granted, or the end.
    ///
    /// Throws: Errc::cancelled on a fiber whose task is to stop.
    bool wait(ChannelState& channel, Deadline deadline) {
        if (auto* const fiber = ServingScope::fiber_here())
            return wait_on_fiber(channel, deadline, *fiber);
        channel.enter(*this);
        if (spin_then_sleep(event_, deadline, std::nullopt))
            return true;
        if (channel.leave(*this))
            return false;
        // It is being woken. What was granted has been given up by now; a closed channel is no news.
        event_.wait();
        return state() == State::ended;
    }

    void wake() noexcept override { event_.set(); }

    /// Before a sender waits: gives the receivers time to make room for many items, as long as they go on taking. Who
    /// waits is woken for the first place that is free, and soon has to wait again: a wake-up for each item is dear.
    /// Nobody who waits already is overtaken: there are no free places then.
    static void let_receivers_go_on(ChannelState const& channel, Deadline deadline) noexcept {
        auto const enough = (std::min)(channel.capacity() / 4, std::size_t{256});
        if (enough < 2 || ServingScope::fiber_here() || deadline <= deadline_after(long_look))
            return;
        std::size_t seen = 0;
        for (int looks_left = 64; looks_left != 0; --looks_left) {
            for (int pauses_left = 20; pauses_left != 0; --pauses_left)
                cpu_pause();
            bool const was_cheap = Yielding::yield();
            auto const places =
                channel.read([](ChannelTurns const& turns) { return turns.places(); });
            if (!was_cheap || places == seen || places >= enough)
                return;
            seen = places;
        }
    }

private:
    /// More than the looks of a sender take.
    static constexpr std::chrono::microseconds long_look{250};

    bool wait_on_fiber(ChannelState& channel, Deadline deadline, FiberScope& fiber) {
        bool is_stopped = false;
        auto stop = [&]() noexcept {
            if (is_stopped)
                return;
            is_stopped = channel.leave(*this);
            if (is_stopped)
                event_.set();  // nobody else will
        };
        FiberScope::Stoppable const stoppable(&fiber, stop);
        channel.enter(*this);
        if (!fiber.wait_until(event_, deadline)) {
            if (channel.leave(*this))
                return false;
            fiber.wait_until(event_, no_deadline);
            return state() == State::ended;
        }
        if (!is_stopped)
            return true;
        stoppable.set_delivered();
        throw std::system_error(make_error_code(Errc::cancelled), "Channel");
    }

    OneShotEvent event_;
};

/// Shared by the coroutine and by the channel, for as long as it is listed there or being woken.
class ChannelTask final : public Suspension, public ChannelWaiter {
public:
    ChannelTask(
        asio::any_io_executor const& executor, std::shared_ptr<ChannelState> channel, Side side)
        : Suspension(executor), ChannelWaiter(side), channel_(std::move(channel)) {}

    void wake() noexcept override {
        IntrusivePointer<ChannelTask> const self(this, false);
        resume_soon();
    }

private:
    void begin() noexcept override {
        intrusive_ptr_add_ref(static_cast<Suspension*>(this));  // the channel's
        channel_->enter(*this);
    }
    void cancelled() noexcept override {
        if (channel_->leave(*this))
            wake();
    }
    bool is_released() noexcept override {
        if (channel_->leave(*this))
            intrusive_ptr_release(static_cast<Suspension*>(this));
        return true;
    }
    std::string description() const override {
        return channel_->read([this](ChannelTurns const& turns) {
            return std::string(side() == Side::sender ? "room in" : "an item of") + " a Channel (" +
                   std::to_string(turns.items()) + " of " + std::to_string(turns.capacity()) +
                   " items)";
        });
    }

    std::shared_ptr<ChannelState> const channel_;
};

/// A blocking wait on the thread of a loop would keep from going on whatever is to end it.
inline void refuse_blocking_on_loop(char const* instead) {
    if (ServingScope::fiber_here())
        return;  // it waits without the thread
    if (auto const* const loop = Loop::of_this_thread())
        throw DeadlockError(
            '"' + *loop->identity().name +
            "\" runs on this thread: a blocking call of a Channel would hold it up; use co_await " +
            instead);
}

}  // namespace syncopate::inline v0_1::detail
