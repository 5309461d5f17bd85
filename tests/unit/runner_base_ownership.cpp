// When and where a call's task, its captures and its frames are destroyed.

#include "support/audit.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/error.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <thread>
#include <utility>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using syncopate::Errc;
using syncopate::ThreadRunner;

// A factory whose task holds one object in the factory, one in a parameter and one in its frame.
template <class Body>
auto tracked(Body body) {
    return [body, capture = Tracked()] {
        return [](Body inner, Tracked) -> asio::awaitable<void> {
            Tracked const local;
            co_await inner();
        }(body, Tracked());
    };
}

}  // namespace

LOOP_TEST_CASE("A task is gone when run returns", EveryLoop) {
    AnyLoop loop;
    loop.runner.run(tracked([] { return nothing(); }));
    CHECK(Tracked::alive() == 0);
}

LOOP_TEST_CASE("A task that threw is gone when run throws", EveryLoop) {
    AnyLoop loop;
    auto const fail = []() -> asio::awaitable<void> {
        co_await twice_later(1);
        throw std::runtime_error("failed");
    };
    CHECK_THROWS_AS(loop.runner.run(tracked(fail)), std::runtime_error);
    CHECK(Tracked::alive() == 0);
}

LOOP_TEST_CASE("A task that was cancelled is gone when run_for throws", EveryLoop) {
    AnyLoop loop;
    auto const wait = [] { return forever(); };
    CHECK(code_of([&] { loop.runner.run_for(1ms, tracked(wait)); }) == Errc::timed_out);
    CHECK(Tracked::alive() == 0);
}

LOOP_TEST_CASE("A function is gone when call returns", EveryLoop) {
    AnyLoop loop;
    loop.runner.call([capture = Tracked()] {});
    CHECK(Tracked::alive() == 0);
}

LOOP_TEST_CASE("A task is gone when its future is ready", TurningLoops) {
    AnyLoop loop;
    loop.runner.run_as_future(tracked([] { return nothing(); })).get();
    CHECK(Tracked::alive() == 0);
}

TEST_CASE("A factory is destroyed on the loop's thread") {
    ThreadRunner runner;
    std::atomic<std::thread::id> destroyed_on;
    runner.run([probe = DestructionProbe(destroyed_on)] { return nothing(); });
    CHECK(destroyed_on.load() == runner.call([] { return std::this_thread::get_id(); }));
}

TEST_CASE("A factory that throws is destroyed on the loop's thread") {
    ThreadRunner runner;
    std::atomic<std::thread::id> destroyed_on;
    auto factory = [probe = DestructionProbe(destroyed_on)]() -> asio::awaitable<void> {
        throw std::runtime_error("failed");
        co_return;
    };
    CHECK_THROWS_AS(runner.run(std::move(factory)), std::runtime_error);
    CHECK(destroyed_on.load() == runner.call([] { return std::this_thread::get_id(); }));
}

TEST_CASE("A task that ends on another thread is destroyed on the loop's thread") {
    ThreadRunner runner;
    asio::thread_pool elsewhere(1);
    std::atomic<std::thread::id> destroyed_on;
    std::thread::id ended_on;
    runner.run([&, probe = DestructionProbe(destroyed_on)]() -> asio::awaitable<void> {
        auto token = asio::bind_executor(elsewhere, asio::use_awaitable);
        co_await asio::post(std::move(token));
        ended_on = std::this_thread::get_id();
    });
    auto const loop_thread = runner.call([] { return std::this_thread::get_id(); });
    CHECK(ended_on != loop_thread);
    CHECK(destroyed_on.load() == loop_thread);
}

TEST_CASE("An awaitable's parameters are destroyed on the loop's thread") {
    ThreadRunner runner;
    std::atomic<std::thread::id> destroyed_on;
    auto const hold = [](DestructionProbe) -> asio::awaitable<void> { co_return; };
    runner.run(hold(DestructionProbe(destroyed_on)));
    CHECK(destroyed_on.load() == runner.call([] { return std::this_thread::get_id(); }));
}

TEST_CASE("A function is destroyed on the loop's thread") {
    ThreadRunner runner;
    std::atomic<std::thread::id> destroyed_on;
    runner.call([probe = DestructionProbe(destroyed_on)] {});
    CHECK(destroyed_on.load() == runner.call([] { return std::this_thread::get_id(); }));
}

TEST_CASE("A factory given as an lvalue stays with the caller") {
    ThreadRunner runner;
    auto const factory = [capture = Tracked(21)] { return twice(capture.value()); };
    runner.run(factory);
    CHECK(Tracked::alive() == 1);
    CHECK(runner.run(factory) == 42);
}

TEST_CASE("The factory is alive until its task has ended") {
    ThreadRunner runner;
    // The coroutine refers to its lambda while it is suspended.
    CHECK(runner.run([capture = Tracked(21)]() -> asio::awaitable<int> {
        co_await sleep_for(1ms);
        co_return 2 * capture.value();
    }) == 42);
}

LOOP_TEST_CASE("A task that a closed runner refuses is destroyed unstarted", EveryLoop) {
    AnyLoop loop;
    loop.runner.close();
    std::atomic<int> started = 0;
    auto const task = [&] {
        return [](std::atomic<int>& count, Tracked) -> asio::awaitable<void> {
            ++count;
            co_return;
        }(started, Tracked());
    };
    CHECK(code_of([&] { loop.runner.run(task()); }) == Errc::runner_closed);
    CHECK(code_of([&] { loop.runner.run(tracked(task)); }) == Errc::runner_closed);
    CHECK(
        code_of([&] { loop.runner.run(tracked(task), std::stop_token()); }) == Errc::runner_closed);
    CHECK(code_of([&] { loop.runner.run_for(1h, tracked(task)); }) == Errc::runner_closed);
    CHECK(code_of([&] { return loop.runner.run_as_future(tracked(task)); }) == Errc::runner_closed);
    CHECK(code_of([&] { loop.runner.start_soon(tracked(task)); }) == Errc::runner_closed);
    CHECK(started == 0);
    CHECK(Tracked::alive() == 0);
}

LOOP_TEST_CASE("A function that a closed runner refuses is not called", EveryLoop) {
    AnyLoop loop;
    loop.runner.close();
    bool called = false;
    CHECK(code_of([&] {
              loop.runner.call([&, capture = Tracked()] { called = true; });
          }) == Errc::runner_closed);
    CHECK(!called);
    CHECK(Tracked::alive() == 0);
}

LOOP_TEST_CASE(
    "A task that is refused because it would deadlock is destroyed unstarted", EveryLoop) {
    AnyLoop loop;
    bool started = false;
    long alive_after = -1;
    loop.runner.call([&] {
        auto const start = [&] {
            started = true;
            return nothing();
        };
        if (code_of([&] { loop.runner.run(tracked(start)); }) == Errc::would_deadlock)
            alive_after = Tracked::alive();
    });
    CHECK(!started);
    CHECK(alive_after == 0);
}

// Who reads it after its end finds another value.
struct Spoiling {
    Spoiling() = default;
    Spoiling(Spoiling const& other) : value(other.value) {}
    Spoiling& operator=(Spoiling const&) = delete;
    ~Spoiling() { *static_cast<int volatile*>(&value) = 0; }

    int value = 21;
    Tracked tracked;
};

LOOP_TEST_CASE("A named factory is copied where nobody waits for its task", TurningLoops) {
    std::promise<int> background;
    std::future<int> future;
    {
        AnyLoop loop;
        {
            // The coroutines refer to the lambda that made them.
            auto const factory = [&background, capture = Spoiling()]() -> asio::awaitable<int> {
                co_await sleep_for(5ms);
                background.set_value(capture.value);
                co_return capture.value;
            };
            loop.runner.start_soon(factory);
        }
        CHECK(background.get_future().get() == 21);
        {
            auto const factory = [capture = Spoiling()]() -> asio::awaitable<int> {
                co_await sleep_for(5ms);
                co_return capture.value;
            };
            future = loop.runner.run_as_future(factory);
        }
        CHECK(future.get() == 21);
    }
    CHECK(Tracked::alive() == 0);
}

TEST_CASE("A factory behind std::ref is used in place, also where nobody waits for its task") {
    ThreadRunner runner;
    auto factory = [capture = std::make_unique<int>(21)] { return twice(*capture); };
    CHECK(runner.run_as_future(std::ref(factory)).get() == 42);
    CHECK(runner.run(factory) == 42);
}
