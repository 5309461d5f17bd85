// How the loop and its callers wait for one another: what they leave to others meanwhile.

#include "support/catch.hpp"
#include "support/tasks.hpp"
#include <syncopate/options.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <optional>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <unistd.h>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using syncopate::Options;
using syncopate::ThreadRunner;

std::string status_of(pid_t thread, std::string const& key) {
    std::ifstream status("/proc/self/task/" + std::to_string(thread) + "/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with(key + ":\t"))
            return line.substr(key.size() + 2);
    return {};
}

/// Whether the thread sleeps for a while, all the time.
bool stays_asleep(pid_t thread) {
    auto const sleeps = status_of(thread, "voluntary_ctxt_switches");
    for (int i = 0; i < 30; ++i) {
        if (!status_of(thread, "State").starts_with('S'))
            return false;
        std::this_thread::sleep_for(10ms);
    }
    return status_of(thread, "voluntary_ctxt_switches") == sleeps;
}

/// Threads that call without a pause, from now until the object goes.
class Callers {
public:
    Callers(ThreadRunner& runner, int count) {
        for (int i = 0; i < count; ++i)
            threads_.emplace_back([this, &runner](std::stop_token const& stop) {
                while (!stop.stop_requested()) {
                    runner.call([] {});
                    calls_.fetch_add(1);
                }
            });
        while (calls_ == 0)
            std::this_thread::yield();
    }

private:
    std::atomic<long> calls_{0};
    std::vector<std::jthread> threads_;
};

/// Starts another of its kind, and ends, until told to stop.
asio::awaitable<void> start_the_next(ThreadRunner& runner, std::atomic<bool>& stop) {
    Tracked const frame;
    if (!stop)
        runner.start_soon(start_the_next(runner, stop));
    co_return;
}

/// A message there and back, so many times.
asio::awaitable<void> play_ping_pong(int rounds) {
    Tracked const frame;
    auto const executor = co_await asio::this_coro::executor;
    asio::local::stream_protocol::socket left(executor), right(executor);
    asio::local::connect_pair(left, right);
    char byte = 0;
    auto const buffer = asio::buffer(&byte, 1);
    for (int i = 0; i < rounds; ++i) {
        co_await asio::async_write(left, buffer, asio::use_awaitable);
        co_await asio::async_read(right, buffer, asio::use_awaitable);
        co_await asio::async_write(right, buffer, asio::use_awaitable);
        co_await asio::async_read(left, buffer, asio::use_awaitable);
    }
}

}  // namespace

TEST_CASE("A call gets its result however long its runner may spin") {
    auto const limit = GENERATE(
        std::chrono::nanoseconds::min(), -1ns, 0ns, 1ns, 10us, std::chrono::nanoseconds(10ms),
        std::chrono::nanoseconds::max());
    ThreadRunner runner(Options().spin(limit));
    int sum = 0;
    for (int i = 0; i < 100; ++i)
        sum += runner.run(twice_later(i));
    CHECK(sum == 9900);
}

TEST_CASE("A timeout ends a call on time however long its runner may spin") {
    ThreadRunner runner(Options().spin(1h));
    CHECK_THROWS_AS(runner.run_for(1ms, forever()), std::system_error);
}

TEST_CASE("Options tell how long a runner may spin") {
    CHECK(Options().spin() == std::nullopt);
    CHECK(Options().spin(5us).spin() == 5us);
}

TEST_CASE("An idle loop sleeps, and is not woken") {
    ThreadRunner runner;
    auto const loop_thread = runner.call([] { return ::gettid(); });
    for (int i = 0; i < 1000; ++i)
        runner.run(twice(i));
    std::this_thread::sleep_for(100ms);
    CHECK(stays_asleep(loop_thread));
}

TEST_CASE("A loop whose tasks only wait sleeps, too") {
    ThreadRunner runner;
    auto const loop_thread = runner.call([] { return ::gettid(); });
    runner.start_soon(forever());
    for (int i = 0; i < 1000; ++i)
        runner.run(twice(i));
    std::this_thread::sleep_for(100ms);
    CHECK(stays_asleep(loop_thread));
}

TEST_CASE("Callers without a pause do not keep the loop from its input and output") {
    ThreadRunner runner;
    Callers const callers(runner, GENERATE(1, 2, 8));
    CHECK_NOTHROW(runner.run_for(1min, play_ping_pong(500)));
}

TEST_CASE("Callers without a pause do not keep the loop from what others have spawned on it") {
    ThreadRunner runner;
    Callers const callers(runner, GENERATE(1, 2, 8));
    auto game = asio::co_spawn(runner.get_loop(), play_ping_pong(500), asio::use_future);
    CHECK(game.wait_for(1min) == std::future_status::ready);
}

TEST_CASE("Tasks that start one another do not keep the loop from its input and output") {
    std::atomic<bool> stop{false};
    ThreadRunner runner(GENERATE(Options(), Options().spin(1h)));
    runner.start_soon(start_the_next(runner, stop));
    auto game = asio::co_spawn(runner.get_loop(), play_ping_pong(100), asio::use_future);
    CHECK(game.wait_for(1min) == std::future_status::ready);
    CHECK(runner.run_for(1min, twice(21)) == 42);
    stop = true;
    runner.run(nothing());
}

TEST_CASE("Handlers that post one another do not keep the loop from its callers") {
    std::atomic<bool> stop{false};
    std::function<void()> again;
    ThreadRunner runner;
    again = [&again, &stop, &loop = runner.get_loop()] {
        if (!stop)
            asio::post(loop, again);
    };
    runner.call(again);
    runner.run_for(1min, play_ping_pong(10));
    int sum = 0;
    for (int i = 0; i < 1000; ++i)
        sum += runner.run_for(1min, twice(i));
    stop = true;
    CHECK(sum == 999'000);
}

TEST_CASE("A burst of calls that finds the loop busy runs in the order of its calls") {
    Gate begun, release;
    ThreadRunner runner;
    auto blocker = std::async(std::launch::async, [&] {
        runner.call([&] {
            begun.open();
            release.wait();
        });
    });
    begun.wait();
    std::vector<int> order;
    std::vector<std::future<void>> futures;
    for (int i = 0; i < 1000; ++i)
        futures.push_back(runner.run_as_future([&order, i]() -> asio::awaitable<void> {
            Tracked const frame;
            order.push_back(i);
            co_return;
        }));
    release.open();
    for (auto& future : futures)
        future.get();
    blocker.get();
    std::vector<int> expected(1000);
    for (int i = 0; i < 1000; ++i)
        expected[static_cast<std::size_t>(i)] = i;
    CHECK(order == expected);
}
