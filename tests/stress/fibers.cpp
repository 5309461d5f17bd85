// Fibers that are stopped, closed and woken by other threads while they wait: each call has one outcome.

#include "support/audit.hpp"
#include "support/errors.hpp"
#include "support/stress.hpp"
#include "support/tasks.hpp"
#include <syncopate/channel.hpp>
#include <syncopate/error.hpp>
#include <syncopate/fiber.hpp>
#include <syncopate/gather.hpp>
#include <syncopate/runner.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using syncopate::Channel;
using syncopate::Errc;
using syncopate::gather;
using syncopate::Runner;
using syncopate::StackSize;
using syncopate::ThreadRunner;
using syncopate::to_fiber;

constexpr StackSize small_stack(128 * 1024);

asio::awaitable<int> suspend(unsigned times, int value) {
    Tracked const frame;
    for (unsigned i = 0; i < times; ++i)
        co_await asio::post(asio::use_awaitable);
    co_return value;
}

// The fiber waits for its own loop, or another thread's, while somebody asks it to stop.
template <class R>
void race_with_stop_request(R& runner, ThreadRunner& other, long iterations) {
    Stopper stopper;
    RandomPause pause(3);
    long values = 0;
    for (int i = 0; i < iterations; ++i) {
        int value = -1;
        auto const steps = pause.below(8);
        bool const elsewhere = pause.below(2) == 0;
        auto const token = stopper.begin_round();
        auto const error = code_of([&] {
            value = runner.run(
                to_fiber(
                    [&] {
                        Tracked const on_stack;
                        int sum = 0;
                        for (int k = 0; k < 3; ++k)
                            sum += elsewhere ? other.run(suspend(steps, i))
                                             : runner.run(suspend(steps, i));
                        return sum;
                    },
                    small_stack),
                token);
        });
        stopper.end_round();
        require(error == Errc::cancelled || (!error && value == 3 * i), "one outcome");
        values += !error;
    }
    std::printf("stop request: %ld of %ld have ended by themselves\n", values, iterations);
}

// The waits of many fibers, whose time is up about when the other loop sets their events.
void race_with_deadline(ThreadRunner& runner, ThreadRunner& other, long iterations) {
    constexpr int fibers = 8;
    std::atomic<long> late{0};
    std::vector<asio::awaitable<int>> tasks;
    for (int number = 0; number < fibers; ++number)
        tasks.push_back(to_fiber(
            [&, number] {
                RandomPause pause(static_cast<unsigned>(number));
                for (long i = 0; i < iterations / fibers; ++i) {
                    auto const limit = std::chrono::microseconds(pause.below(60));
                    auto const error =
                        code_of([&] { other.run_for(limit, suspend(pause.below(20), 1)); });
                    require(!error || error == Errc::timed_out, "no other error");
                    late += !!error;
                }
                return 1;
            },
            small_stack));
    runner.run(gather(std::move(tasks)));
    std::printf("deadline: %ld of %ld were late\n", late.load(), iterations);
}

// Fibers of two loops hand items to each other and to a thread, and each arrives.
void exchange(ThreadRunner& runner, ThreadRunner& other, long iterations) {
    Channel<long> channel(2);
    auto const send = [&] {
        for (long i = 1; i <= iterations; ++i)
            channel.send(i);
    };
    auto sending = runner.run_as_future(to_fiber(send, small_stack));
    auto sending_too = other.run_as_future(to_fiber(send, small_stack));
    std::jthread const thread(send);
    auto receiving = other.run_as_future(to_fiber(
        [&] {
            long sum = 0;
            for (long i = 0; i < iterations; ++i)
                sum += *channel.receive();
            return sum;
        },
        small_stack));
    long sum = 0;
    for (long i = 0; i < 2 * iterations; ++i)
        sum += *channel.receive();
    sum += receiving.get();
    sending.get();
    sending_too.get();
    require(sum == 3 * iterations * (iterations + 1) / 2, "each item arrives once");
}

// A runner is closed while its fibers wait for it and for another.
void race_with_close(ThreadRunner& other, long iterations) {
    RandomPause pause(5);
    for (long i = 0; i < iterations; ++i) {
        std::optional<ThreadRunner> runner(std::in_place);
        auto const work = [&](auto& loop) {
            return to_fiber(
                [&] {
                    Tracked const on_stack;
                    for (;;)
                        loop.run(suspend(1, 1));
                },
                small_stack);
        };
        auto own = runner->run_as_future(work(*runner));
        auto others = runner->run_as_future(work(other));
        pause();
        runner->close();
        require(code_of([&] { own.get(); }) == Errc::runner_closed, "closed");
        require(code_of([&] { others.get(); }) == Errc::runner_closed, "closed");
        runner.reset();
    }
}

}  // namespace

int main(int argc, char** argv) {
    long const count = iterations(argc, argv, 5000);
    Audit const audit;
    {
        ThreadRunner runner;
        ThreadRunner other;
        Runner own_thread;
        race_with_stop_request(runner, other, count);
        race_with_stop_request(own_thread, other, count);
        race_with_deadline(runner, other, count);
        exchange(runner, other, count);
        race_with_close(other, count / 10);
    }
    require_nothing_left(audit);
    return EXIT_SUCCESS;
}
