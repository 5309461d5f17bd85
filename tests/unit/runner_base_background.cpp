// run_as_future() and start_soon(): tasks that nobody waits for in place.

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/error.hpp>
#include <syncopate/options.hpp>
#include <syncopate/runner.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include <chrono>
#include <future>
#include <iostream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using syncopate::Errc;
using syncopate::Options;
using syncopate::Runner;
using syncopate::ThreadRunner;

struct NotDefaultConstructible {
    explicit NotDefaultConstructible(int number) noexcept : value(number) {}
    int value;
};

struct NotAnException {};

asio::awaitable<void> fail(std::string message) {
    throw std::runtime_error(message);
    co_return;
}

}  // namespace

LOOP_TEST_CASE("A future gives what the task returns", TurningLoops) {
    AnyLoop loop;
    CHECK(loop.runner.run_as_future(twice(21)).get() == 42);
    CHECK(loop.runner.run_as_future([] { return twice_later(21); }).get() == 42);
}

LOOP_TEST_CASE("A future throws what the task throws", TurningLoops) {
    AnyLoop loop;
    CHECK_THROWS_WITH(loop.runner.run_as_future(fail("no")).get(), "no");
}

TEST_CASE("A future may hold nothing, what can only be moved, and what has no default") {
    ThreadRunner runner;
    runner.run_as_future(nothing()).get();
    CHECK(
        *runner
             .run_as_future([]() -> asio::awaitable<std::unique_ptr<int>> {
                 co_return std::make_unique<int>(42);
             })
             .get() == 42);
    CHECK(
        runner
            .run_as_future([]() -> asio::awaitable<NotDefaultConstructible> {
                co_return NotDefaultConstructible(42);
            })
            .get()
            .value == 42);
}

LOOP_TEST_CASE("run_as_future does not wait for the task", EveryLoop) {
    Gate gate;
    AnyLoop loop;
    auto future = loop.runner.run_as_future(gate.passed());
    CHECK(future.wait_for(0s) == std::future_status::timeout);
    gate.open();
    loop.runner.run(gate.passed());
}

LOOP_TEST_CASE("A task outlives the future that is thrown away", EveryLoop) {
    Gate release;
    Gate finished;
    AnyLoop loop;
    static_cast<void>(loop.runner.run_as_future([&]() -> asio::awaitable<void> {
        co_await release.passed();
        finished.open();
    }));
    release.open();
    loop.runner.run(finished.passed());
    CHECK(finished.is_open());
}

LOOP_TEST_CASE("run_as_future may be called on the loop", TurningLoops) {
    AnyLoop loop;
    auto future = loop.runner.call([&] { return loop.runner.run_as_future(twice(21)); });
    CHECK(future.get() == 42);
}

LOOP_TEST_CASE("start_soon starts a task", EveryLoop) {
    Gate started;
    AnyLoop loop;
    loop.runner.start_soon([&]() -> asio::awaitable<void> {
        started.open();
        co_return;
    });
    loop.runner.run(started.passed());
    CHECK(started.is_open());
}

LOOP_TEST_CASE("start_soon may be called on the loop", EveryLoop) {
    Gate started;
    AnyLoop loop;
    auto const start = [&]() -> asio::awaitable<void> {
        started.open();
        co_return;
    };
    loop.runner.call([&] { loop.runner.start_soon(start); });
    loop.runner.run(started.passed());
    CHECK(started.is_open());
}

LOOP_TEST_CASE("What one thread starts begins in that order", EveryLoop) {
    AnyLoop loop;
    std::vector<int> order;
    std::vector<int> expected;
    for (int i = 0; i < 100; ++i) {
        expected.push_back(i);
        loop.runner.start_soon([&order, i]() -> asio::awaitable<void> {
            order.push_back(i);
            co_return;
        });
    }
    loop.runner.run(nothing());
    CHECK(order == expected);
}

LOOP_TEST_CASE("The failure of a background task is reported exactly once", EveryLoop) {
    ErrorLog log;
    {
        AnyLoop loop(Options().on_error(log.handler()));
        loop.runner.start_soon(fail("lost"));
        loop.runner.start_soon([] { return fail("and lost"); });
        loop.runner.run(twice_later(1));
    }
    CHECK(log.messages() == std::vector<std::string>{"lost", "and lost"});
}

LOOP_TEST_CASE("A background task that succeeds is not reported", EveryLoop) {
    ErrorLog log;
    {
        AnyLoop loop(Options().on_error(log.handler()));
        loop.runner.start_soon(twice_later(21));
        loop.runner.run(twice_later(1));
    }
    CHECK(log.messages().empty());
}

LOOP_TEST_CASE("A background task that close cancels is not reported", EveryLoop) {
    ErrorLog log;
    {
        AnyLoop loop(Options().on_error(log.handler()));
        Gate started;
        loop.runner.start_soon(forever(started));
        loop.runner.run(started.passed());
        loop.runner.close();
    }
    CHECK(log.messages().empty());
}

LOOP_TEST_CASE("A background task that fails while close cancels it is reported", EveryLoop) {
    ErrorLog log;
    {
        AnyLoop loop(Options().on_error(log.handler()));
        Gate started;
        loop.runner.start_soon([&]() -> asio::awaitable<void> {
            started.open();
            co_await until_cancelled();
            throw std::runtime_error("clean-up failed");
        });
        loop.runner.run(started.passed());
        loop.runner.close();
    }
    CHECK(log.messages() == std::vector<std::string>{"clean-up failed"});
}

TEST_CASE("A background task that ends by operation_aborted by itself is reported") {
    ErrorLog log;
    ThreadRunner runner(Options().on_error(log.handler()));
    runner.start_soon([]() -> asio::awaitable<void> {
        throw boost::system::system_error(asio::error::operation_aborted);
        co_return;
    });
    log.wait_for(1);
    CHECK(log.errors().size() == 1);
}

TEST_CASE("The error handler may throw") {
    ErrorLog log;
    ThreadRunner runner(Options().on_error([record = log.handler()](std::exception_ptr error) {
        record(std::move(error));
        throw NotAnException();
    }));
    runner.start_soon(fail("lost"));
    log.wait_for(1);
    CHECK(runner.run(twice(21)) == 42);
}

TEST_CASE("Without an error handler a failure is one line on the log") {
    std::ostringstream written;
    auto* const former = std::clog.rdbuf(written.rdbuf());
    {
        ThreadRunner runner(Options().name("mail"));
        runner.start_soon(fail("lost"));
        runner.start_soon(fail("mail: an error that begins with the name"));
        runner.start_soon([]() -> asio::awaitable<void> {
            throw NotAnException();
            co_return;
        });
        runner.run(twice_later(1));
    }
    std::clog.rdbuf(former);
    CHECK(
        written.str() == "syncopate: mail: lost\n"
                         "syncopate: mail: an error that begins with the name\n"
                         "syncopate: mail: an exception that is not a std::exception\n");
}

TEST_CASE("What a Runner has started goes on during its next blocking call, and only then") {
    Runner runner;
    bool started = false;
    auto const start = [&]() -> asio::awaitable<int> {
        started = true;
        co_return 42;
    };
    auto future = runner.run_as_future(start);
    CHECK(!started);
    runner.run(nothing());
    CHECK(started);
    CHECK(future.get() == 42);
}
