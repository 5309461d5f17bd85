// A loop that turns on the thread of its caller, and only while that is blocked on it.
#pragma once

#include <syncopate/detail/loop/own_loop.hpp>
#include <syncopate/detail/loop/wait_graph.hpp>
#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/detail/wait/one_shot_event.hpp>
#include <syncopate/options.hpp>

#include <boost/asio/io_context.hpp>

#include <atomic>
#include <memory>
#include <thread>
#include <utility>

namespace syncopate::detail {

class CallerLoop final : public OwnLoop {
public:
    static std::shared_ptr<CallerLoop> create(Options options) {
        auto loop = std::make_shared<CallerLoop>(std::move(options));
        loop->initialise();
        return loop;
    }

    explicit CallerLoop(Options options) : OwnLoop(std::move(options), "Runner") {}

    /// The Runner is destroyed where it cannot be waited for. If a task of its own does that, the call
    /// that turns the loop, further up on this thread's stack, brings it to its end.
    void abandon() noexcept override {
        abandoned_ = shared_from_this();
        begin_close(Errc::runner_closed);
    }

private:
    bool begin_blocking() override {
        if (context().get_executor().running_in_this_thread())
            throw_blocks_itself();
        auto const self = std::this_thread::get_id();
        std::thread::id turning;
        if (turning_on_.compare_exchange_strong(turning, self, std::memory_order_acquire))
            return true;
        if (turning == self)
            return false;  // a caller who does something for his task, and may have another run
        throw DeadlockError(
            '"' + options().name() +
            "\" is running on another thread; a Runner serves one at a time, "
            "a ThreadRunner any number");
    }

    void end_blocking() noexcept override {
        auto const last = std::move(abandoned_);
        if (last)
            turn_until([this] { return is_closed(); });
        turning_on_.store(std::thread::id(), std::memory_order_release);
    }

    bool block(OneShotEvent& word, Deadline deadline) noexcept override {
        if (deadline == no_deadline)
            turn_until([&] { return word.is_signalled(); });
        else
            turn_until(
                [&] { return word.is_signalled() || Deadline::clock::now() >= deadline; },
                [&](auto& context) { context.run_one_until(deadline); });
        return word.is_signalled();
    }

    template <class Done, class Step>
    void turn_until(Done done, Step step) noexcept {
        ServingScope const serving(identity(), ServingScope::Kind::caller_driven);
        while (!done())
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

    void drained() noexcept override {
        OwnLoop::drained();
        set_closed();
    }

    bool after_close(Deadline deadline) noexcept override {
        if (!gate().close_workers(deadline))
            return false;
        if (!std::exchange(destroyed_, true))
            destroy_remains();
        return true;
    }

    std::atomic<std::thread::id> turning_on_;
    std::shared_ptr<Loop> abandoned_;
    bool destroyed_ = false;
};

}  // namespace syncopate::detail
