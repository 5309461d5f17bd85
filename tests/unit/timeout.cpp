// fail_after and move_on_after: when a task is cancelled, and what it gives then.

#include "support/audit.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/groups.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/error.hpp>
#include <syncopate/timeout.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <chrono>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using syncopate::Errc;
using syncopate::fail_after;
using syncopate::move_on_after;

static_assert(std::is_same_v<decltype(move_on_after(1s, nothing())), asio::awaitable<bool>>);
static_assert(
    std::is_same_v<decltype(move_on_after(1s, twice(1))), asio::awaitable<std::optional<int>>>);

asio::awaitable<std::unique_ptr<int>> boxed_later(int value) {
    co_await asio::post(asio::use_awaitable);
    co_return std::make_unique<int>(value);
}

asio::awaitable<int> forever_int() {
    co_await forever();
    co_return 1;
}

asio::awaitable<int> succeed_when_cancelled() {
    co_await until_cancelled();
    co_return 42;
}

asio::awaitable<void> unwind_for(std::chrono::milliseconds time) {
    co_await until_cancelled();
    co_await sleep_for(time);
    throw boost::system::system_error(asio::error::operation_aborted);
}

}  // namespace

LOOP_TEST_CASE("A task that completes in time gives its result", EveryLoop) {
    AnyLoop loop;
    CHECK(loop.runner.run(fail_after(1h, twice(1))) == 2);
    CHECK(loop.runner.run(fail_after(1h, [] { return twice_later(2); })) == 4);
    CHECK(loop.runner.run(move_on_after(1h, twice_later(3))) == 6);
    CHECK(loop.runner.run(move_on_after(1h, nothing())));
    CHECK(*loop.runner.run(fail_after(1h, boxed_later(5))) == 5);
    CHECK(**loop.runner.run(move_on_after(1h, boxed_later(6))) == 6);
    loop.runner.run([]() -> asio::awaitable<void> {
        asio::steady_timer timer(co_await asio::this_coro::executor, 1ms);
        auto first = timer.async_wait(asio::deferred);
        co_await fail_after(1h, std::move(first));
        auto second = timer.async_wait(asio::deferred);
        if (!co_await move_on_after(1h, std::move(second)))
            throw std::logic_error("it was in time");
    });
}

LOOP_TEST_CASE("When the time is up, the task is cancelled", EveryLoop) {
    int ended = 0;
    AnyLoop loop;
    CHECK(code_of([&] {
              loop.runner.run(fail_after(1ms, forever_counted(ended)));
          }) == Errc::timed_out);
    CHECK_FALSE(loop.runner.run(move_on_after(1ms, forever_counted(ended))));
    CHECK(loop.runner.run(move_on_after(1ms, forever_int())) == std::nullopt);
    CHECK_FALSE(loop.runner.run(move_on_after(1ms, end_inside_cancellation())));
    CHECK(ended == 2);
}

TEST_CASE("The task has unwound when its time-out is thrown") {
    OnRunner loop;
    Gate started;
    Gate cancelled;
    Gate released;
    std::jthread const releaser([&] {
        cancelled.wait();
        released.open();
    });
    auto const task = [&] { return unwind_slowly(started, cancelled, released); };
    CHECK(code_of([&] { loop.runner.run(fail_after(1ms, task)); }) == Errc::timed_out);
    CHECK(released.is_open());
}

TEST_CASE("A task that completes although its time is up gives its result") {
    OnRunner loop;
    CHECK(loop.runner.run(fail_after(1ms, succeed_when_cancelled())) == 42);
    CHECK(loop.runner.run(move_on_after(1ms, succeed_when_cancelled())) == 42);
}

TEST_CASE("What the task throws passes, before its time is up and after") {
    OnRunner loop;
    auto const message = [&](auto task) {
        return message_of<std::runtime_error>([&] { loop.runner.run(std::move(task)); });
    };
    CHECK(message(fail_after(1h, fail_later("boom"))) == "boom");
    CHECK(message(fail_after(1ms, fail_when_cancelled("clean-up"))) == "clean-up");
    CHECK(message(move_on_after(1h, fail_at_once("boom"))) == "boom");
    CHECK(message(move_on_after(1ms, fail_when_cancelled("clean-up"))) == "clean-up");
}

TEST_CASE("operation_aborted is no time-out before the time is up") {
    OnRunner loop;
    auto const aborted = []() -> asio::awaitable<void> {
        co_await asio::post(asio::use_awaitable);
        throw boost::system::system_error(asio::error::operation_aborted);
    };
    CHECK(is_aborted([&] { loop.runner.run(fail_after(1h, aborted)); }));
    CHECK(is_aborted([&] { loop.runner.run(move_on_after(1h, aborted)); }));
}

TEST_CASE("Without any time, a task runs up to its first suspension") {
    OnRunner loop;
    for (auto const delay : {0ns, -1ns, std::chrono::nanoseconds::min()}) {
        bool started = false;
        auto const task = [&]() -> asio::awaitable<void> {
            started = true;
            co_await forever();
        };
        CHECK(code_of([&] { loop.runner.run(fail_after(delay, task)); }) == Errc::timed_out);
        CHECK(started);
        CHECK_FALSE(loop.runner.run(move_on_after(delay, forever())));
        CHECK(loop.runner.run(fail_after(delay, twice(1))) == 2);
    }
}

TEST_CASE("Any duration is a time-out") {
    OnRunner loop;
    CHECK(loop.runner.run(fail_after(std::chrono::hours::max(), twice_later(1))) == 2);
    CHECK(loop.runner.run(fail_after(std::chrono::nanoseconds::max(), twice_later(1))) == 2);
    using Years = std::chrono::duration<double, std::chrono::years::period>;
    CHECK(loop.runner.run(fail_after(Years(1e300), twice_later(1))) == 2);
    CHECK(
        code_of([&] { loop.runner.run(fail_after(Years(1e-12), forever())); }) == Errc::timed_out);
}

LOOP_TEST_CASE("The time-out of a task inside passes one whose time is left", EveryLoop) {
    AnyLoop loop;
    CHECK(code_of([&] {
              loop.runner.run(fail_after(1h, fail_after(1ms, forever())));
          }) == Errc::timed_out);
    CHECK(code_of([&] {
              loop.runner.run(move_on_after(1h, fail_after(1ms, forever())));
          }) == Errc::timed_out);
    CHECK(loop.runner.run(fail_after(1h, move_on_after(1ms, forever_int()))) == std::nullopt);
}

LOOP_TEST_CASE("When the time outside is up, it is that time-out", EveryLoop) {
    AnyLoop loop;
    CHECK(code_of([&] {
              loop.runner.run(fail_after(1ms, fail_after(1h, forever())));
          }) == Errc::timed_out);
    CHECK(code_of([&] {
              loop.runner.run(fail_after(1ms, move_on_after(1h, forever())));
          }) == Errc::timed_out);
    CHECK_FALSE(loop.runner.run(move_on_after(1ms, fail_after(1h, forever()))));
}

TEST_CASE("When both times are up before the task has unwound, it is the outer time-out") {
    OnRunner loop;
    CHECK_FALSE(loop.runner.run(move_on_after(5ms, fail_after(1ms, unwind_for(20ms)))));
    CHECK(code_of([&] {
              loop.runner.run(fail_after(5ms, move_on_after(1ms, unwind_for(20ms))));
          }) == Errc::timed_out);
}

LOOP_TEST_CASE("A task is cancelled from outside through its time-out", EveryLoop) {
    int ended = 0;
    AnyLoop loop;
    CHECK(code_of([&] {
              loop.runner.run_for(20ms, fail_after(1h, forever_counted(ended)));
          }) == Errc::timed_out);
    CHECK(code_of([&] {
              loop.runner.run_for(20ms, move_on_after(1h, forever_counted(ended)));
          }) == Errc::timed_out);
    CHECK(ended == 2);
}

TEST_CASE("A time-out does not poison the task that awaits it") {
    OnRunner loop;
    int rounds = 0;
    loop.runner.run([&]() -> asio::awaitable<void> {
        for (int i = 0; i < 10; ++i)
            if (!co_await move_on_after(i % 2 == 0 ? 0ms : 1ms, forever()))
                ++rounds;
        co_await asio::post(asio::use_awaitable);
    });
    CHECK(rounds == 10);
}

TEST_CASE("Time-outs one after another need no stack") {
    OnRunner loop;
    long sum = 0;
    loop.runner.run([&]() -> asio::awaitable<void> {
        for (int i = 0; i < 50'000; ++i) {
            sum += co_await fail_after(1h, twice(1));
            sum += co_await fail_after(1h, twice_later(1));
        }
    });
    CHECK(sum == 200'000);
}

TEST_CASE("A time that is up when the task has just ended is none") {
    OnRunner loop;
    int late = 0;
    loop.runner.run([&]() -> asio::awaitable<void> {
        for (int i = 0; i < 1000; ++i) {
            auto const task = []() -> asio::awaitable<int> {
                auto const until = std::chrono::steady_clock::now() + 2us;
                while (std::chrono::steady_clock::now() < until)
                    co_await asio::post(asio::use_awaitable);
                co_return 1;
            };
            auto const result = co_await move_on_after(2us, task);
            late += result ? 0 : 1;
        }
    });
    CHECK(late <= 1000);
}
