// A task reaches the thread of another loop: a worker of its waits in the portal of that loop.

#include "support/audit.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/blocking_portal.hpp>
#include <syncopate/error.hpp>
#include <syncopate/to_thread.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <atomic>
#include <chrono>
#include <future>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using syncopate::BlockingPortal;
using syncopate::Errc;
using syncopate::to_thread;

asio::awaitable<int> after(Gate& gate, Gate& started) {
    Tracked const frame;
    started.open();
    co_await gate.passed();
    co_return 42;
}

asio::awaitable<std::thread::id> thread_of_window(BlockingPortal& window) {
    Tracked const frame;
    auto const by_call =
        co_await to_thread([&] { return window.call([] { return std::this_thread::get_id(); }); });
    auto const by_run = co_await to_thread([&] {
        return window.run([]() -> asio::awaitable<std::thread::id> {
            co_await twice_later(1);
            co_return std::this_thread::get_id();
        });
    });
    co_return by_call == by_run ? by_call : std::thread::id();
}

}  // namespace

LOOP_TEST_CASE(
    "A worker calls what belongs to another loop's thread, and the loop turns on", EveryLoop) {
    RunningContext context;
    BlockingPortal window(context.get());
    Gate started;
    Gate gate;
    AnyLoop loop;
    CHECK(loop.runner.run(thread_of_window(window)) == context.thread_id());
    auto const fail = [] { throw std::runtime_error("of the window"); };
    CHECK(message_of<std::runtime_error>([&] {
              loop.runner.run(to_thread([&] { window.call(fail); }));
          }) == "of the window");

    std::jthread const opener([&] {
        started.wait();
        gate.open();
    });
    auto waiting =
        loop.runner.run_as_future(to_thread([&] { return window.run(after(gate, started)); }));
    while (waiting.wait_for(0s) != std::future_status::ready)
        loop.runner.run(twice_later(1));
    CHECK(waiting.get() == 42);
}

LOOP_TEST_CASE(
    "A task that is cancelled ends when the other loop has done what it was asked for", EveryLoop) {
    RunningContext context;
    BlockingPortal window(context.get());
    Gate started;
    Gate gate;
    std::atomic<int> done{0};
    AnyLoop loop;
    std::jthread const opener([&] {
        started.wait();
        std::this_thread::sleep_for(30ms);
        gate.open();
    });
    auto const ask = [&] { done = window.run(after(gate, started)); };
    CHECK(code_of([&] { run_and_stop(loop.runner, started, to_thread(ask)); }) == Errc::cancelled);
    CHECK(done == 42);
}

LOOP_TEST_CASE(
    "A runner that is closed waits for a worker that another loop keeps waiting", TurningLoops) {
    RunningContext context;
    BlockingPortal window(context.get());
    Gate started;
    Gate gate;
    std::atomic<int> done{0};
    AnyLoop loop;
    loop.runner.start_soon(to_thread([&] { done = window.run(after(gate, started)); }));
    started.wait();
    CHECK_FALSE(loop.runner.close_for(10ms));
    gate.open();
    loop.runner.close();
    CHECK(done == 42);
}

LOOP_TEST_CASE("A worker goes on with an error when the other loop's portal is closed", EveryLoop) {
    RunningContext context;
    BlockingPortal window(context.get());
    Gate started;
    AnyLoop loop;
    std::jthread const closer([&] {
        started.wait();
        window.close();
    });
    auto const ask = [&] { window.run(forever(started)); };
    CHECK(code_of([&] { loop.runner.run(to_thread(ask)); }) == Errc::runner_closed);
    CHECK(code_of([&] { loop.runner.run(to_thread(ask)); }) == Errc::runner_closed);
}

LOOP_TEST_CASE(
    "A worker goes on with an error when the other loop's context is destroyed", EveryLoop) {
    std::optional<asio::io_context> context(std::in_place);
    BlockingPortal window(*context);
    Gate started;
    AnyLoop loop;
    std::jthread const host([&] {
        auto work = std::make_optional(asio::make_work_guard(*context));
        while (!started.is_open())
            context->run_one_for(1ms);
        work.reset();
        context.reset();
    });
    auto const ask = [&] { window.run(forever(started)); };
    CHECK(code_of([&] { loop.runner.run(to_thread(ask)); }) == Errc::loop_failed);
    CHECK(loop.runner.run(twice(21)) == 42);
}
