// Circles of waits that lead through worker threads are refused; waits that will end are not.

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/blocking_portal.hpp>
#include <syncopate/error.hpp>
#include <syncopate/from_thread.hpp>
#include <syncopate/options.hpp>
#include <syncopate/thread_runner.hpp>
#include <syncopate/to_thread.hpp>
#include <syncopate/worker_pool.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>

#include <chrono>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>

namespace {

namespace asio = boost::asio;
namespace from_thread = syncopate::from_thread;
using namespace std::chrono_literals;
using namespace support;
using Catch::Matchers::ContainsSubstring;
using syncopate::DeadlockError;
using syncopate::Errc;
using syncopate::Options;
using syncopate::run_in_executor;
using syncopate::ThreadRunner;
using syncopate::to_thread;
using syncopate::WorkerPool;

// What the function is refused with, called by a task of the runner.
std::string refusal_in_task(ThreadRunner& runner, std::function<void()> const& blocking_call) {
    return runner.run([&]() -> asio::awaitable<std::string> {
        co_return message_of<DeadlockError>(blocking_call);
    });
}

}  // namespace

TEST_CASE("A circle through a worker is refused, by name") {
    ThreadRunner a(Options().name("A"));
    ThreadRunner b(Options().name("B"));
    auto const message = refusal_in_task(a, [&] { b.run(to_thread([&] { a.run(nothing()); })); });
    CHECK_THAT(
        message, ContainsSubstring("a worker of \"B\" waits for \"A\", which waits for \"B\""));
    CHECK(a.run(twice(21)) == 42);
    CHECK(b.run(twice(21)) == 42);
}

TEST_CASE("A circle through the workers of two runners is refused") {
    ThreadRunner a(Options().name("A"));
    ThreadRunner b(Options().name("B"));
    ThreadRunner c(Options().name("C"));
    auto const message = refusal_in_task(
        a, [&] { b.run(to_thread([&] { c.run(to_thread([&] { a.run(nothing()); })); })); });
    CHECK_THAT(
        message, ContainsSubstring("a worker of \"C\" waits for \"A\", which waits for \"B\", "
                                   "which waits for \"C\""));
}

TEST_CASE("A circle through what a worker runs on its loop is refused") {
    ThreadRunner a(Options().name("A"));
    ThreadRunner b(Options().name("B"));
    auto const message = refusal_in_task(a, [&] {
        b.run(to_thread([&] { from_thread::run(to_thread([&] { a.run(nothing()); })); }));
    });
    CHECK_THAT(message, ContainsSubstring("a worker of \"B\" waits for \"A\""));
}

TEST_CASE("A circle through a worker and a portal is refused") {
    RunningContext context;
    ThreadRunner a(Options().name("A"));
    syncopate::BlockingPortal portal(context.get(), Options().name("portal"));
    auto const message =
        refusal_in_task(a, [&] { portal.run(to_thread([&] { a.run(nothing()); })); });
    CHECK_THAT(message, ContainsSubstring("waits for \"A\", which waits for \"portal\""));
}

TEST_CASE("A worker may wait for a loop that is blocked on something else") {
    Gate blocked;
    Gate gate;
    ThreadRunner c;
    ThreadRunner b;
    ThreadRunner a;
    auto waiting = a.run_as_future([&]() -> asio::awaitable<void> {
        blocked.open();
        b.run(gate.passed());
        co_return;
    });
    blocked.wait();
    auto result = c.run_as_future(to_thread([&] {
        c.call([&] { gate.open(); });
        return a.run(twice(21));
    }));
    CHECK(result.get() == 42);
    waiting.get();
}

TEST_CASE("A pool is not closed on a loop for which one of its workers waits") {
    Gate waiting;
    Gate gate;
    ThreadRunner runner(Options().name("A"));
    WorkerPool pool(WorkerPool::Options().name("workers"));
    auto work = runner.run_as_future(run_in_executor(pool, [&] {
        from_thread::run([&]() -> asio::awaitable<void> {
            waiting.open();
            return gate.passed();
        });
    }));
    waiting.wait();
    CHECK(refusal_in_task(runner, [&] {
              pool.close();
          }) == "\"A\" waits for \"workers\", which waits for \"A\"");
    CHECK_FALSE(refusal_in_task(runner, [&] { static_cast<void>(pool.close_for(1h)); }).empty());
    gate.open();
    work.get();
    CHECK(runner.run(run_in_executor(pool, [] { return 42; })) == 42);  // it is still open
    CHECK(refusal_in_task(runner, [&] { pool.close(); }).empty());
}

TEST_CASE("A worker does not wait for a loop that waits for the end of the pool") {
    Gate running;
    ThreadRunner runner;
    ThreadRunner other;
    WorkerPool pool;
    std::string refusal;
    auto const is_closing = [&] {
        return code_of([&] { other.run(run_in_executor(pool, [] {})); }) == Errc::runner_closed;
    };
    auto work = runner.run_as_future(run_in_executor(pool, [&] {
        running.open();
        while (!is_closing())
            std::this_thread::yield();
        refusal = message_of<DeadlockError>([] { from_thread::call([] {}); });
    }));
    running.wait();
    runner.call([&] { pool.close(); });
    work.get();
    CHECK_THAT(refusal, ContainsSubstring("a worker of"));
}

TEST_CASE("A pool that is destroyed on a loop for which its worker waits is not waited for") {
    Gate waiting;
    Gate gate;
    ThreadRunner runner;
    auto pool = std::make_unique<WorkerPool>();
    auto work = runner.run_as_future(run_in_executor(*pool, [&] {
        from_thread::run([&]() -> asio::awaitable<void> {
            waiting.open();
            return gate.passed();
        });
    }));
    waiting.wait();
    runner.call([&] { pool.reset(); });
    gate.open();
    work.get();
}

TEST_CASE("Work that has outlived its call is no part of the next call at the same place") {
    Gate gate;
    ThreadRunner a;
    ThreadRunner b;
    std::promise<int> result;
    auto const leave_work_behind = [&]() -> asio::awaitable<void> {
        asio::co_spawn(
            co_await asio::this_coro::executor, to_thread([&] {
                gate.wait();
                try {
                    result.set_value(b.run(twice(21)));
                } catch (...) {
                    result.set_exception(std::current_exception());
                }
            }),
            asio::detached);
    };
    auto const open_and_wait = [&]() -> asio::awaitable<void> {
        gate.open();
        return sleep_for(50ms);
    };
    // Both calls lie at the same address.
    b.call([&] {
        for (int i = 0; i < 2; ++i)
            a.run([&] { return i == 0 ? leave_work_behind() : open_and_wait(); });
    });
    CHECK(result.get_future().get() == 42);
}
