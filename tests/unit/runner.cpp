// Runner and run(): loops that turn on the thread of their caller.

#include "support/audit.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/tasks.hpp"
#include <syncopate/error.hpp>
#include <syncopate/run.hpp>
#include <syncopate/runner.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <future>
#include <memory>
#include <stdexcept>
#include <thread>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using syncopate::Errc;
using syncopate::Runner;

}  // namespace

TEST_CASE("A Runner runs tasks on the thread of their caller") {
    Runner runner;
    auto const ran_on = runner.run([]() -> asio::awaitable<std::thread::id> {
        co_await twice_later(1);
        co_return std::this_thread::get_id();
    });
    CHECK(ran_on == std::this_thread::get_id());
}

TEST_CASE("A Runner has no thread") {
    Audit const before;
    Runner runner;
    runner.run(twice_later(1));
    CHECK(before.leftovers(0ms).empty());
}

TEST_CASE("A Runner may be used by one thread after the other") {
    Runner runner;
    runner.run(nothing());
    int value = 0;
    std::jthread([&] { value = runner.run(twice_later(21)); }).join();
    CHECK(value == 42);
    CHECK(runner.run(twice(21)) == 42);
}

TEST_CASE("What a Runner's tasks made is there for the next one") {
    Runner runner;
    auto const timer = runner.call(
        [&] { return std::make_unique<asio::steady_timer>(runner.get_executor(), 1ms); });
    runner.run(timer->async_wait(asio::deferred));
    timer->expires_after(1ms);
    runner.run(timer->async_wait(asio::deferred));
    CHECK(timer->expiry() <= std::chrono::steady_clock::now());
}

TEST_CASE("A Runner's loop does not turn between its calls") {
    Runner runner;
    bool ran = false;
    asio::post(runner.get_loop(), [&] { ran = true; });
    CHECK(!ran);
    runner.run(nothing());
    CHECK(ran);
}

TEST_CASE("A Runner's call returns when its own task has ended, whatever else runs") {
    Gate started;
    Runner runner;
    auto future = runner.run_as_future(forever(started));
    runner.run(started.passed());
    CHECK(future.wait_for(0s) == std::future_status::timeout);
    CHECK(runner.run(twice(21)) == 42);
    runner.close();
    CHECK(code_of([&] { future.get(); }) == Errc::runner_closed);
}

TEST_CASE("Another thread may start tasks while the Runner turns") {
    Gate first;
    Gate second;
    Runner runner;
    std::jthread const starter([&] {
        first.wait();
        runner.start_soon([&]() -> asio::awaitable<void> {
            second.open();
            co_return;
        });
    });
    runner.run([&]() -> asio::awaitable<void> {
        first.open();
        co_await second.passed();
    });
    CHECK(second.is_open());
}

TEST_CASE("A Runner that is destroyed cancels what it has started") {
    Gate started;
    std::future<void> future;
    {
        Runner runner;
        future = runner.run_as_future(forever(started));
        runner.run(started.passed());
    }
    CHECK(code_of([&] { future.get(); }) == Errc::runner_closed);
}

TEST_CASE("A task that a Runner never began is destroyed with it") {
    std::future<void> future;
    bool started = false;
    {
        Runner runner;
        future = runner.run_as_future([&, capture = Tracked()] {
            started = true;
            return nothing();
        });
    }
    CHECK(code_of([&] { future.get(); }) == Errc::runner_closed);
    CHECK(!started);
    CHECK(Tracked::alive() == 0);
}

TEST_CASE("run gives what a task returns, on the caller's thread") {
    CHECK(syncopate::run(twice(21)) == 42);
    CHECK(syncopate::run([] { return twice_later(21); }) == 42);
    CHECK(syncopate::run([]() -> asio::awaitable<std::thread::id> {
              co_await twice_later(1);
              co_return std::this_thread::get_id();
          }) == std::this_thread::get_id());
}

TEST_CASE("run throws what a task throws") {
    auto const fail = []() -> asio::awaitable<void> {
        co_await twice_later(1);
        throw std::runtime_error("failed");
    };
    CHECK_THROWS_WITH(syncopate::run(fail), "failed");
}

TEST_CASE("run may be called on several threads at once") {
    Gate gate;
    int value = 0;
    std::jthread other([&] {
        value = syncopate::run([&]() -> asio::awaitable<int> {
            co_await gate.passed();
            co_return 42;
        });
    });
    syncopate::run([&]() -> asio::awaitable<void> {
        gate.open();
        co_return;
    });
    other.join();
    CHECK(value == 42);
}

TEST_CASE("What a task of run has spawned by other means is destroyed with the loop") {
    syncopate::run([]() -> asio::awaitable<void> {
        asio::co_spawn(co_await asio::this_coro::executor, forever(), asio::detached);
        co_await asio::post(asio::use_awaitable);
    });
    CHECK(Tracked::alive() == 0);
}
