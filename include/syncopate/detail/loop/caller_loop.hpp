// CallerLoop: a loop that its caller's thread turns, and only while that thread is blocked on it.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/deadlock/fiber_scope.hpp>
#include <syncopate/detail/deadlock/serving_scope.hpp>
#include <syncopate/detail/loop/own_loop.hpp>
#include <syncopate/detail/threads/thread.hpp>
#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/detail/wait/kept_for_ever.hpp>
#include <syncopate/detail/wait/one_shot_event.hpp>
#include <syncopate/options.hpp>

#include SYNCOPATE_ASIO(io_context.hpp)

#include <atomic>
#include <memory>
#include <system_error>
#include <thread>
#include <utility>

namespace syncopate::inline v0_1::detail {

class CallerLoop final : public OwnLoop {
public:
    static std::shared_ptr<CallerLoop> create(Options options) {
        auto loop = std::make_shared<CallerLoop>(std::move(options));
        loop->initialise();
        return loop;
    }

    explicit CallerLoop(Options options) : OwnLoop(std::move(options), "Runner") {}

    /// The io_context, for users who register with it: that is no use of the loop yet.
    /// Throws: Errc::forked, Errc::runner_closed.
    asio::io_context& open_context() {
        if (was_forked())
            throw_error(Errc::forked);
        require_open();
        require_own_context();
        return context();
    }

    bool should_turn() const noexcept override {
        return turning_on_.load(std::memory_order_acquire) != std::thread::id();
    }

    /// The caller turns the loop, which may be asleep in the io_context. If the operation is queued already, it runs
    /// later than this: the two exchanges have one order, and the later one acquires what the earlier one released,
    /// which is the event.
    void wake_caller() noexcept override {
        if (!is_look_queued_.exchange(true, std::memory_order_acq_rel))
            push(look_);
    }

    /// The Runner is destroyed where it must not block. If a task of its own does that, a call further up
    /// on this thread's stack turns the loop; end_blocking() of that call waits until it is closed.
    void abandon() noexcept override {
        abandoned_ = shared_from_this();
        begin_close(Errc::runner_closed);
    }

private:
    /// Then the caller looks at its event, as after every turn.
    void look_again() noexcept { is_look_queued_.exchange(false, std::memory_order_acq_rel); }

    bool begin_blocking(FiberScope* fiber) override {
        if (context().get_executor().running_in_this_thread()) {
            if (fiber)
                return false;
            throw_blocks_itself();
        }
        auto const self = std::this_thread::get_id();
        std::thread::id turning;
        if (turning_on_.compare_exchange_strong(turning, self, std::memory_order_acquire)) {
            turning_for_.store(fiber, std::memory_order_relaxed);
            return true;
        }
        if (turning == self && turning_for_.load(std::memory_order_relaxed) == fiber)
            return false;  // inside what the blocked caller does for its task
        throw DeadlockError(
            '"' + options().name() +
            "\" is running on another thread; a Runner serves one at a time, "
            "a ThreadRunner any number");
    }

    void end_blocking() noexcept override {
        std::shared_ptr<Loop> last;  // this loop, which ends with it
        if (abandoned_) [[unlikely]]
            last = wait_until_closed();
        turning_on_.store(std::thread::id(), std::memory_order_release);
    }

    /// Returns the loop, unless it is to be left alone.
    std::shared_ptr<Loop> wait_until_closed() noexcept {
        auto last = std::move(abandoned_);
        turn_until([this] { return is_closed(); });
        if (was_forked())
            keep_for_ever(std::exchange(last, nullptr));
        return last;
    }

    /// A fiber of another loop, which is to go on meanwhile: so a thread is needed that turns this one.
    bool block_fiber(
        FiberScope& fiber,
        OneShotEvent& event,
        Deadline deadline,
        FiberScope::Others others) noexcept override {
        if (running_in_this_thread())
            return fiber.wait_until(event, deadline, others);
        OneShotEvent turned;
        try {
            auto thread = start_thread([&] {
                block(event, deadline);
                turned.set();
            });
            fiber.wait_until(turned, no_deadline);
            thread.join();
        } catch (std::system_error const&) {
            return block(event, deadline);  // there is no thread: the fiber's has to do it
        }
        return event.is_signalled();
    }

    /// Turns once, also after the deadline: who polls gets on.
    bool block(OneShotEvent& event, Deadline deadline) noexcept override {
        if (deadline == no_deadline) {
            turn_until([&] { return event.is_signalled(); });
        } else {
            bool has_turned = false;
            turn_until(
                [&] {
                    return event.is_signalled() ||
                           (std::exchange(has_turned, true) && Deadline::clock::now() >= deadline);
                },
                [&](auto& context) {
                    // With a deadline that has passed, run_one_until() runs nothing.
                    if (context.run_one_until(deadline) == 0)
                        context.poll_one();
                });
        }
        return event.is_signalled();
    }

    template <class Done, class Step>
    void turn_until(Done done, Step step) noexcept {
        ServingScope const serving(identity(), ServingScope::Kind::caller_driven);
        while (!done() && is_in_use_here())
            turn(step);
    }
    template <class Done>
    void turn_until(Done done) noexcept {
        turn_until(std::move(done), [](auto& context) { context.run_one(); });
    }

    void begin_close(Errc reason) noexcept override {
        if (refuse(reason))
            submit_close();
    }

    void unwound() noexcept override {
        OwnLoop::unwound();
        set_closed();
    }

    bool after_close(Deadline deadline) noexcept override {
        if (!are_remains_destroyed_)
            gate().tell_of_end();
        if (!gate().close_workers(deadline))
            return false;
        if (!std::exchange(are_remains_destroyed_, true))
            destroy_remains();
        return true;
    }

    std::atomic<std::thread::id> turning_on_;
    std::atomic<FiberScope*> turning_for_{nullptr};  // null: for the thread itself
    std::atomic<bool> is_look_queued_{false};
    MemberOperation<CallerLoop, &CallerLoop::look_again> look_{*this};
    std::shared_ptr<Loop> abandoned_;
    bool are_remains_destroyed_ = false;
};

}  // namespace syncopate::inline v0_1::detail
