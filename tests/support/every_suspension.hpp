// A program that is cancelled after the first, the second, ... handler that its loop runs, in each way in which it can be.
#pragma once

#include "support/audit.hpp"
#include "support/errors.hpp"
#include "support/stress.hpp"
#include "support/tasks.hpp"
#include <syncopate/blocking_portal.hpp>
#include <syncopate/error.hpp>
#include <syncopate/options.hpp>
#include <syncopate/task_group.hpp>
#include <syncopate/timeout.hpp>
#include <syncopate/worker_pool.hpp>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <concepts>
#include <cstdio>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

namespace support {

/// What the program uses, made anew for each time that it runs.
struct SuspensionWorld {
    syncopate::TaskGroup* group = nullptr;  // of the program, while it runs
    syncopate::BlockingPortal* portal = nullptr;
};

/// An io_context that counts its handlers, and calls a function after one of them.
class CountingLoop {
public:
    CountingLoop(long at, std::function<void()> function)
        : at_(at), function_(std::move(function)) {}
    ~CountingLoop() {
        work_.reset();
        thread_.join();
    }

    asio::io_context& context() noexcept { return context_; }
    long handlers() const noexcept { return handlers_; }

private:
    void turn() {
        while (context_.run_one() != 0)
            if (++handlers_ == at_)
                function_();
    }

    long const at_;
    std::function<void()> const function_;
    std::atomic<long> handlers_{0};
    asio::io_context context_;
    asio::executor_work_guard<asio::io_context::executor_type> work_{context_.get_executor()};
    std::thread thread_{[this] { turn(); }};
};

/// `World::program(world)` is the program, a coroutine that gives `World::result`; `world.check()` says after it what has
/// to be true however it ended, and `world.check_closed()` what is true before the portal's end if that has been closed.
template <std::derived_from<SuspensionWorld> World>
class EverySuspension {
    using BlockingPortal = syncopate::BlockingPortal;
    using Errc = syncopate::Errc;
    enum class Way { not_at_all, stop_request, time_out, inner_time_out, close, group };

public:
    /// Cancels after each of the handlers, spread over all of them if there are more than that. Other threads take part, so
    /// it goes on with that until so many cancellations, for some seconds at most.
    void cancel_at_each(long most) {
        long points = 0;
        for (int i = 0; i < 5; ++i)
            points = (std::max)(points, cancel(Way::not_at_all, 0));
        constexpr Way ways[] = {
            Way::stop_request, Way::time_out, Way::inner_time_out, Way::close, Way::group};
        long const step = points / (std::max)(most / 5, 1L) + 1;
        auto const end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
        long cancelled = 0;
        do {
            for (Way const way : ways)
                for (long at = 1; at <= points + 1; at += step, ++cancelled)
                    cancel(way, at);
        } while (cancelled < most && std::chrono::steady_clock::now() < end);
        std::printf(
            "%ld handlers, after every one of %ld, %ld cancellations\n", points, step, cancelled);
    }

private:
    static constexpr std::chrono::milliseconds time_limit{15};

    /// Cancels the program after so many handlers. Returns how many there were in all.
    long cancel(Way way, long at) {
        using Clock = std::chrono::steady_clock;
        World world;
        std::stop_source stop;
        std::thread closer;
        std::atomic<BlockingPortal*> closing{nullptr};
        auto const deadline = Clock::now() + time_limit;
        std::mutex mutex;
        bool is_over = false;
        auto const act = [&] {
            std::lock_guard const lock(mutex);
            if (is_over)
                return;
            switch (way) {
            case Way::not_at_all: return;
            case Way::stop_request: stop.request_stop(); return;
            case Way::time_out:
            case Way::inner_time_out:
                return std::this_thread::sleep_until(deadline + std::chrono::microseconds(100));
            case Way::group:
                if (world.group)
                    world.group->cancel();
                return;
            case Way::close:
                closer = std::thread([&] { closing.load()->close(); });
                while (!code_of([&] { closing.load()->get_executor(); }))
                    std::this_thread::yield();
            }
        };
        long handlers = 0;
        {
            CountingLoop loop(at, act);
            BlockingPortal portal(
                loop.context(),
                syncopate::Options().worker_pool(workers_).on_error([](std::exception_ptr) {}));
            world.portal = &portal;
            closing = &portal;
            int value = -1;
            auto const where = " after " + std::to_string(at) + " handlers";
            auto const run = [&] {
                auto const task = [&world] { return World::program(world); };
                if (way == Way::time_out)
                    value = portal.run_until(deadline, task);
                else if (way == Way::inner_time_out)
                    value = portal.run([&] { return syncopate::fail_after(time_limit, task); });
                else
                    value = portal.run(task, stop.get_token());
            };
            std::error_code code;
            try {
                code = code_of(run);
            } catch (std::exception const& error) {
                give_up(
                    std::string(error.what()) + where + ", way " +
                    std::to_string(static_cast<int>(way)));
            }
            handlers = loop.handlers();
            {
                std::lock_guard const lock(mutex);
                is_over = true;
            }
            if (closer.joinable())
                closer.join();
            if (!code && value != World::result && way != Way::group && way != Way::close)
                give_up("a wrong result" + where);
            auto const expected = way == Way::stop_request ? Errc::cancelled
                                  : way == Way::close      ? Errc::runner_closed
                                                           : Errc::timed_out;
            if (code && (way == Way::not_at_all || way == Way::group || code != expected))
                give_up("a wrong error" + where + ": " + code.message());
            if (way == Way::close)
                world.check_closed();
            else
                require(portal.run(twice_later(21)) == 42, "the runner works afterwards");
        }
        world.check();
        require(Tracked::alive() == 0, "nothing is left");
        return handlers;
    }

    std::shared_ptr<syncopate::WorkerPool> const workers_ =
        std::make_shared<syncopate::WorkerPool>(4);
};

}  // namespace support
