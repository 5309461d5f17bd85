// A task completes while its time runs out, while somebody asks it to stop, and while the runner is
// closed: each call has exactly one outcome, which is the one that the task had.

#include "support/audit.hpp"
#include "support/errors.hpp"
#include "support/stress.hpp"
#include "support/tasks.hpp"
#include <syncopate/blocking_portal.hpp>
#include <syncopate/error.hpp>
#include <syncopate/runner.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <stop_token>
#include <thread>

#include <sys/prctl.h>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using Clock = std::chrono::steady_clock;
using syncopate::BlockingPortal;
using syncopate::Errc;
using syncopate::Runner;
using syncopate::ThreadRunner;

// Tasks and callers, counted at their ends. Whatever a task did, its caller must know.
struct Counts {
    std::atomic<long> completed{0};  // tasks that came to their last line
    std::atomic<long> values{0};     // calls that gave a value
    std::atomic<long> errors{0};     // calls that threw the error expected

    // Counts the outcome of a call that gives `expected` or throws `error`.
    template <class Call>
    bool count(int expected, Errc error, Call call) {
        int value = -1;
        auto const thrown = code_of([&] { value = call(); });
        if (thrown == error) {
            ++errors;
            return false;
        }
        require(!thrown, "no other error is thrown");
        require(value == expected, "the value is that of the task");
        ++values;
        return true;
    }

    void summarize(char const* race) const {
        std::printf("%s: %ld completed, %ld did not\n", race, values.load(), errors.load());
        require(completed == values, "a task that completes gives its caller the value");
    }
};

// Suspends so many times, and then completes.
asio::awaitable<int> suspend(unsigned times, int value, Counts& counts) {
    Tracked const frame;
    for (unsigned i = 0; i < times; ++i)
        co_await asio::post(asio::use_awaitable);
    ++counts.completed;
    co_return value;
}

// Suspends until that time at least, and then completes.
asio::awaitable<int> suspend_until(Clock::time_point time, int value, Counts& counts) {
    Tracked const frame;
    while (Clock::now() < time)
        co_await asio::post(asio::use_awaitable);
    ++counts.completed;
    co_return value;
}

template <class R>
void race_with_timeout(R& runner, long iterations) {
    Counts counts;
    RandomPause pause(1);
    for (int i = 0; i < iterations; ++i) {
        auto const timeout = std::chrono::microseconds(pause.below(20));
        auto const time = Clock::now() + timeout + std::chrono::microseconds(pause.below(60)) - 5us;
        counts.count(i, Errc::timed_out, [&] {
            return runner.run_for(timeout, [&] { return suspend_until(time, i, counts); });
        });
    }
    counts.summarize("time-out");
}

template <class R>
void race_with_stop_request(R& runner, long iterations) {
    Counts counts;
    RandomPause pause(3);
    Stopper stopper;
    for (int i = 0; i < iterations; ++i) {
        auto const token = stopper.begin_round();
        unsigned const times = pause.below(4);
        counts.count(
            i, Errc::cancelled, [&] { return runner.run(suspend(times, i, counts), token); });
        stopper.end_round();
    }
    counts.summarize("stop request");
}

template <class R>
void race_future_with_stop_request(R& runner, long iterations) {
    Counts counts;
    RandomPause pause(4);
    for (int i = 0; i < iterations; ++i) {
        std::stop_source source;
        auto future = runner.run_as_future(suspend(pause.below(8), i, counts), source.get_token());
        pause();
        source.request_stop();
        counts.count(i, Errc::cancelled, [&] { return future.get(); });
    }
    counts.summarize("stop request to a future");
}

// A thread calls until it is refused: its last call raced with close(), and so did the future.
template <class MakeRunner>
void race_with_close(MakeRunner make_runner, long iterations) {
    Counts counts;
    RandomPause pause(5);
    for (long round = 0; round < iterations; ++round) {
        auto const runner = make_runner();
        auto const call_until_refused = [&](unsigned seed) {
            RandomPause pause_of_caller(seed);
            for (int i = 0;; ++i)
                if (!counts.count(i, Errc::runner_closed, [&] {
                        return runner->run(suspend(pause_of_caller.below(3), i, counts));
                    }))
                    return;
        };
        std::jthread const caller([&] { call_until_refused(6); });
        auto future = runner->run_as_future(suspend(pause.below(3), -2, counts));
        pause();
        runner->close();
        counts.count(-2, Errc::runner_closed, [&] { return future.get(); });
    }
    counts.summarize("close");
}

}  // namespace

int main(int argc, char* argv[]) {
    long const count = iterations(argc, argv, 100'000);
    // Time-outs that come when they are due, not when it saves power.
    ::prctl(PR_SET_TIMERSLACK, 1);
    Audit const audit;
    {
        ThreadRunner runner;
        race_with_timeout(runner, count);
        race_with_stop_request(runner, count);
        race_future_with_stop_request(runner, count);
    }
    {
        // Its caller is asleep in the loop, and not at the event that a stop request sets.
        Runner runner;
        race_with_stop_request(runner, count / 10 + 1);
    }
    // Two calls race in each round.
    race_with_close([] { return std::make_unique<ThreadRunner>(); }, count / 2 + 1);
    {
        asio::thread_pool pool(2);
        BlockingPortal portal(pool);
        race_with_timeout(portal, count / 10 + 1);
        race_with_stop_request(portal, count / 10 + 1);
        race_future_with_stop_request(portal, count / 10 + 1);
        race_with_close([&] { return std::make_unique<BlockingPortal>(pool); }, count / 10 + 1);
    }
    require_nothing_left(audit);
    return EXIT_SUCCESS;
}
