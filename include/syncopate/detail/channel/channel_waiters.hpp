// ChannelThread, ChannelTask: a thread and a coroutine that wait for their turn in a channel.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/channel/channel_state.hpp>
#include <syncopate/detail/channel/channel_turns.hpp>
#include <syncopate/detail/intrusive_pointer.hpp>
#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/loop/suspension.hpp>
#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/detail/wait/one_shot_event.hpp>
#include <syncopate/detail/wait/spin_then_sleep.hpp>
#include <syncopate/error.hpp>

#include SYNCOPATE_ASIO(any_io_executor.hpp)

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

namespace syncopate::inline v0_1::detail {

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

    /// Whether there is time for let_others_go_on().
    static bool may_be_patient(Deadline deadline) noexcept {
        return !ServingScope::fiber_here() &&
               (deadline == no_deadline || deadline > deadline_after(long_look));
    }

private:
    /// More than the looks take.
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
