// Somebody stops the io_context of a runner: nobody waits for ever.

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/error.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/system_error.hpp>

#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <future>
#include <stop_token>
#include <system_error>
#include <tuple>
#include <vector>

#include <pthread.h>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using syncopate::Errc;
using syncopate::ThreadRunner;

using OwnLoops = std::tuple<OnThreadRunner, OnRunner>;

struct Context {
    bool* left;
    asio::awaitable<void> aenter() { co_return; }
    asio::awaitable<void> aexit(std::exception_ptr) {
        co_await twice_later(1);
        *left = true;
    }
};

}  // namespace

TEMPLATE_LIST_TEST_CASE("A task that stops its loop fails its own call", "", OwnLoops) {
    TestType loop;
    auto const task = [&]() -> asio::awaitable<void> {
        loop.runner.get_loop().stop();
        co_await forever();
    };
    CHECK(code_of([&] { loop.runner.run(task); }) == Errc::loop_failed);
}

TEST_CASE("All who wait when the loop is stopped are told that it failed") {
    ThreadRunner runner;
    constexpr int waiters = 8;
    int started = 0;
    Gate all_have_started;
    auto const wait = [&]() -> asio::awaitable<void> {
        if (++started == waiters)
            all_have_started.open();
        co_await forever();
    };
    std::stop_source source;
    std::vector<std::function<void()>> const calls{
        [&] { runner.run(wait); },
        [&] { runner.run_for(1h, wait); },
        [&] { runner.run(wait, source.get_token()); },
        [&] { runner.run_as_future(wait).get(); },
    };
    std::vector<std::future<std::error_code>> errors;
    for (std::size_t i = 0; i < waiters; ++i)
        errors.push_back(
            std::async(std::launch::async, [&, i] { return code_of(calls[i % calls.size()]); }));
    all_have_started.wait();
    runner.get_loop().stop();
    for (auto& error : errors)
        CHECK(error.get() == Errc::loop_failed);
}

TEST_CASE("A handler that ends the loop's thread fails the loop, whose tasks unwind before") {
    ThreadRunner runner;
    Gate has_started;
    bool cleaned_up = false;
    auto future = runner.run_as_future([&]() -> asio::awaitable<void> {
        has_started.open();
        co_await until_cancelled();
        co_await twice_later(1);
        cleaned_up = true;
        throw boost::system::system_error(asio::error::operation_aborted);
    });
    has_started.wait();
    asio::post(runner.get_executor(), [] { ::pthread_exit(nullptr); });
    CHECK(code_of([&] { future.get(); }) == Errc::loop_failed);
    CHECK(cleaned_up);
    CHECK(code_of([&] { runner.run(nothing()); }) == Errc::loop_failed);
    runner.close();
}

TEMPLATE_LIST_TEST_CASE(
    "Tasks of a stopped loop unwind before their callers are told", "", OwnLoops) {
    TestType loop;
    bool cleaned_up = false;
    auto const task = [&]() -> asio::awaitable<void> {
        loop.runner.get_loop().stop();
        co_await until_cancelled();
        co_await twice_later(1);
        cleaned_up = true;
        throw boost::system::system_error(asio::error::operation_aborted);
    };
    CHECK(code_of([&] { loop.runner.run(task); }) == Errc::loop_failed);
    CHECK(cleaned_up);
}

TEMPLATE_LIST_TEST_CASE("A task that completes on a stopped loop gives its value", "", OwnLoops) {
    TestType loop;
    auto const task = [&]() -> asio::awaitable<int> {
        loop.runner.get_loop().stop();
        co_return 42;
    };
    CHECK(loop.runner.run(task) == 42);
}

TEMPLATE_LIST_TEST_CASE("A stopped loop refuses every later call", "", OwnLoops) {
    TestType loop;
    CHECK(code_of([&] {
              loop.runner.run([&]() -> asio::awaitable<void> {
                  loop.runner.get_loop().stop();
                  co_await forever();
              });
          }) == Errc::loop_failed);
    CHECK(code_of([&] { loop.runner.run(nothing()); }) == Errc::loop_failed);
    CHECK(code_of([&] { loop.runner.run(nothing(), std::stop_token()); }) == Errc::loop_failed);
    CHECK(code_of([&] { loop.runner.run_for(1h, nothing()); }) == Errc::loop_failed);
    CHECK(code_of([&] { loop.runner.call([] {}); }) == Errc::loop_failed);
    CHECK(code_of([&] { return loop.runner.run_as_future(nothing()); }) == Errc::loop_failed);
    CHECK(code_of([&] { loop.runner.start_soon(nothing()); }) == Errc::loop_failed);
    CHECK(code_of([&] { loop.runner.get_loop(); }) == Errc::loop_failed);
}

TEST_CASE("An idle loop that is stopped refuses every later call") {
    ThreadRunner runner;
    std::promise<void> stopped;
    asio::post(runner.get_loop(), [&] {
        runner.get_loop().stop();
        stopped.set_value();
    });
    stopped.get_future().get();
    // Sent before or after the loop has noticed: either way nobody waits for ever.
    CHECK(code_of([&] { runner.run(forever()); }) == Errc::loop_failed);
    CHECK(code_of([&] { runner.run(nothing()); }) == Errc::loop_failed);
}

TEMPLATE_LIST_TEST_CASE("The contexts of a stopped loop are left", "", OwnLoops) {
    bool left = false;
    TestType loop;
    loop.runner.enter_context([&] { return Context{&left}; });
    CHECK(code_of([&] {
              loop.runner.run([&]() -> asio::awaitable<void> {
                  loop.runner.get_loop().stop();
                  co_await forever();
              });
          }) == Errc::loop_failed);
    loop.runner.close();
    CHECK(left);
}

TEMPLATE_LIST_TEST_CASE("A runner whose loop was stopped can be closed", "", OwnLoops) {
    TestType loop;
    loop.runner.call([&] { loop.runner.get_loop().stop(); });
    loop.runner.close();
    CHECK(loop.runner.close_for(0s));
}

TEMPLATE_LIST_TEST_CASE("A loop may be stopped again while its tasks unwind", "", OwnLoops) {
    TestType loop;
    asio::io_context& context = loop.runner.get_loop();
    auto const task = [&]() -> asio::awaitable<void> {
        context.stop();
        co_await until_cancelled();
        context.stop();
        co_await twice_later(1);
        throw boost::system::system_error(asio::error::operation_aborted);
    };
    CHECK(code_of([&] { loop.runner.run(task); }) == Errc::loop_failed);
}
