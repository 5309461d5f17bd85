// Time-outs and stop requests: when a task is cancelled, and what its caller gets.

#include "support/audit.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/error.hpp>
#include <syncopate/options.hpp>
#include <syncopate/runner_base.hpp>
#include <syncopate/task_group.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/experimental/channel.hpp>
#include <boost/asio/experimental/channel_error.hpp>
#include <boost/asio/multiple_exceptions.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>

#include <chrono>
#include <cstddef>
#include <exception>
#include <future>
#include <latch>
#include <limits>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using Clock = std::chrono::steady_clock;
using syncopate::Errc;

// Cancelled, gives a value all the same.
asio::awaitable<int> succeed_when_cancelled() {
    co_await until_cancelled();
    co_return 42;
}

asio::awaitable<int> fail_when_cancelled() {
    co_await until_cancelled();
    throw std::runtime_error("clean-up failed");
}

// Receives from a channel into which nobody sends.
asio::awaitable<int> receive() {
    asio::experimental::channel<void(boost::system::error_code, int)> channel(
        co_await asio::this_coro::executor);
    co_return co_await channel.async_receive(asio::use_awaitable);
}

std::stop_token stopped() {
    std::stop_source source;
    source.request_stop();
    return source.get_token();
}

// The ways in which operations of Asio's, of the standard library's and of ours say that they were cancelled.
std::vector<std::exception_ptr> cancellations() {
    auto const aborted = make_error_code(asio::error::operation_aborted);
    auto const channel = make_error_code(asio::experimental::error::channel_cancelled);
    std::vector<std::exception_ptr> all{
        std::make_exception_ptr(boost::system::system_error(aborted)),
        std::make_exception_ptr(boost::system::system_error(channel)),
        std::make_exception_ptr(std::system_error(std::error_code(aborted))),
        std::make_exception_ptr(std::system_error(std::error_code(channel))),
        std::make_exception_ptr(
            std::system_error(std::make_error_code(std::errc::operation_canceled))),
        std::make_exception_ptr(std::system_error(make_error_code(Errc::cancelled))),
    };
    for (std::size_t i = 0, count = all.size(); i < count; ++i)
        all.push_back(std::make_exception_ptr(asio::multiple_exceptions(all[i])));
    return all;
}

asio::awaitable<void> fail_with_when_cancelled(std::exception_ptr error) {
    co_await until_cancelled();
    std::rethrow_exception(error);
}

// Deals with its first cancellation, and goes on.
asio::awaitable<void> go_on_when_cancelled(Gate& started, Gate& goes_on, bool& completed) {
    started.open();
    co_await until_cancelled();
    co_await asio::this_coro::throw_if_cancelled(true);
    co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
    goes_on.open();
    co_await sleep_for(3s);
    completed = true;
}

// Is not cancelled by what comes at first.
asio::awaitable<void> begin_uncancelled(
    Gate& started, Gate& may_go_on, Gate& goes_on, bool& completed) {
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    started.open();
    while (!may_go_on.is_open())
        co_await sleep_for(1ms);
    co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
    goes_on.open();
    co_await sleep_for(3s);
    completed = true;
}

}  // namespace

TEMPLATE_LIST_TEST_CASE("A time-out cancels every kind of task", "", EveryLoop) {
    TestType loop;
    asio::steady_timer timer(loop.runner.get_executor(), 24h);
    CHECK(code_of([&] { loop.runner.run_for(1ms, forever()); }) == Errc::timed_out);
    CHECK(code_of([&] { loop.runner.run_for(1ms, [] { return forever(); }); }) == Errc::timed_out);
    CHECK(code_of([&] {
              loop.runner.run_for(1ms, timer.async_wait(asio::deferred));
          }) == Errc::timed_out);
}

LOOP_TEST_CASE("run_for waits until the task has unwound", EveryLoop) {
    SlowUnwinding slow;
    AnyLoop loop;
    CHECK(code_of([&] { loop.runner.run_for(1ms, slow.task()); }) == Errc::timed_out);
    CHECK(slow.was_released());
}

LOOP_TEST_CASE("run waits until a task that was asked to stop has unwound", EveryLoop) {
    SlowUnwinding slow;
    AnyLoop loop;
    CHECK(code_of([&] {
              run_and_stop(loop.runner, slow.started(), slow.task());
          }) == Errc::cancelled);
    CHECK(slow.was_released());
}

LOOP_TEST_CASE("A task that unwinds may use its caller's frame", EveryLoop) {
    AnyLoop loop;
    std::vector<int> steps;
    auto const task = [&]() -> asio::awaitable<void> {
        co_await until_cancelled();
        steps.push_back(1);
        co_await sleep_for(1ms);
        steps.push_back(2);
    };
    loop.runner.run_for(1ms, task);
    CHECK(steps == std::vector{1, 2});
}

LOOP_TEST_CASE("A task that completes within its time gives its value", EveryLoop) {
    AnyLoop loop;
    CHECK(loop.runner.run_for(1h, twice_later(21)) == 42);
    CHECK(loop.runner.run_until(Clock::now() + 1h, twice_later(21)) == 42);
}

LOOP_TEST_CASE("A task that completes although it was cancelled gives its value", EveryLoop) {
    AnyLoop loop;
    CHECK(loop.runner.run_for(1ms, succeed_when_cancelled()) == 42);
}

LOOP_TEST_CASE("Another exception of a cancelled task passes", EveryLoop) {
    AnyLoop loop;
    CHECK_THROWS_WITH(loop.runner.run_for(1ms, fail_when_cancelled()), "clean-up failed");
}

LOOP_TEST_CASE("A channel that was cancelled counts as cancelled", EveryLoop) {
    AnyLoop loop;
    CHECK(code_of([&] { loop.runner.run_for(1ms, receive()); }) == Errc::timed_out);
}

LOOP_TEST_CASE("The time-out names the runner", EveryLoop) {
    AnyLoop loop(syncopate::Options().name("database"));
    CHECK(message_of<std::system_error>([&] {
              loop.runner.run_for(1ms, forever());
          }) == "database: timed out");
}

LOOP_TEST_CASE("The loop goes on after a time-out", EveryLoop) {
    AnyLoop loop;
    CHECK(code_of([&] { loop.runner.run_for(1ms, forever()); }) == Errc::timed_out);
    CHECK(loop.runner.run(twice(21)) == 42);
}

LOOP_TEST_CASE("Without time a task is started all the same", EveryLoop) {
    AnyLoop loop;
    CHECK(loop.runner.run_for(0s, twice(21)) == 42);
    CHECK(loop.runner.run_for(-1s, twice(21)) == 42);
    CHECK(loop.runner.run_until(Clock::now() - 1h, twice(21)) == 42);
    CHECK(loop.runner.run_until(Clock::time_point::min(), twice(21)) == 42);
}

LOOP_TEST_CASE("Without time a task that suspends is cancelled", EveryLoop) {
    AnyLoop loop;
    CHECK(code_of([&] { loop.runner.run_for(0s, forever()); }) == Errc::timed_out);
    CHECK(code_of([&] { loop.runner.run_for(-1s, forever()); }) == Errc::timed_out);
    CHECK(code_of([&] {
              loop.runner.run_for(-std::chrono::hours::max(), forever());
          }) == Errc::timed_out);
    CHECK(code_of([&] {
              loop.runner.run_for(std::chrono::hours::min(), forever());
          }) == Errc::timed_out);
    CHECK(code_of([&] {
              loop.runner.run_for(Clock::duration::min(), forever());
          }) == Errc::timed_out);
    CHECK(code_of([&] { loop.runner.run_until(Clock::now() - 1h, forever()); }) == Errc::timed_out);
    CHECK(code_of([&] {
              loop.runner.run_until(Clock::time_point::min(), forever());
          }) == Errc::timed_out);
}

/// Keeps a loop busy with one function.
class BusyLoop {
public:
    explicit BusyLoop(syncopate::RunnerBase& runner)
        : thread_([this, &runner] {
              runner.call([this] {
                  begun_.open();
                  may_end_.wait();
              });
          }) {
        begun_.wait();
    }
    ~BusyLoop() { end(); }

    void end() {
        may_end_.open();
        if (thread_.joinable())
            thread_.join();
    }

private:
    Gate begun_;
    Gate may_end_;
    std::thread thread_;
};

/// Notes that it has begun. Its captures note their end.
auto noting(bool& begun, std::shared_ptr<int> owned = nullptr) {
    return [&begun, owned = std::move(owned)]() -> asio::awaitable<void> {
        begun = true;
        co_return;
    };
}

LOOP_TEST_CASE("A task whose time is up before it has begun is withdrawn", TurningLoops) {
    AnyLoop loop;
    BusyLoop busy(loop.runner);
    bool begun = false;
    auto const owned = std::make_shared<int>();
    CHECK(code_of([&] { loop.runner.run_for(1ms, noting(begun, owned)); }) == Errc::timed_out);
    CHECK(owned.use_count() == 1);
    busy.end();
    loop.runner.call([] {});
    CHECK_FALSE(begun);
}

LOOP_TEST_CASE("A task that is asked to stop before it has begun is withdrawn", TurningLoops) {
    AnyLoop loop;
    BusyLoop busy(loop.runner);
    bool begun = false;
    std::stop_source stop;
    std::jthread const stopper([&] {
        std::this_thread::sleep_for(1ms);
        stop.request_stop();
    });
    CHECK(code_of([&] { loop.runner.run(noting(begun), stop.get_token()); }) == Errc::cancelled);
    busy.end();
    loop.runner.call([] {});
    CHECK_FALSE(begun);
}

LOOP_TEST_CASE("The task of a future is withdrawn before it has begun", TurningLoops) {
    AnyLoop loop;
    BusyLoop busy(loop.runner);
    bool begun = false;
    std::stop_source stop;
    auto future = loop.runner.run_as_future(noting(begun), stop.get_token());
    stop.request_stop();
    CHECK(code_of([&] { future.get(); }) == Errc::cancelled);
    busy.end();
    loop.runner.call([] {});
    CHECK_FALSE(begun);
}

LOOP_TEST_CASE("close() ends what has not begun, although the loop is busy", TurningLoops) {
    AnyLoop loop;
    BusyLoop busy(loop.runner);
    bool begun = false;
    auto const owned = std::make_shared<int>();
    auto future = loop.runner.run_as_future(noting(begun, owned));
    auto caller = std::async(std::launch::async, [&] {
        return code_of([&] { loop.runner.run(noting(begun, owned)); });
    });
    auto caller_of_function = std::async(std::launch::async, [&] {
        return code_of([&] { loop.runner.call([&] { begun = true; }); });
    });
    while (loop.runner.tasks().size() < 4)
        std::this_thread::yield();
    CHECK_FALSE(loop.runner.close_for(1ms));
    CHECK(code_of([&] { future.get(); }) == Errc::runner_closed);
    CHECK(caller.get() == Errc::runner_closed);
    CHECK(caller_of_function.get() == Errc::runner_closed);
    CHECK(owned.use_count() == 1);
    CHECK_FALSE(begun);
    busy.end();
    CHECK(loop.runner.close_for(1min));
}

LOOP_TEST_CASE("What was submitted beside a task that is withdrawn runs", TurningLoops) {
    AnyLoop loop;
    BusyLoop busy(loop.runner);
    bool begun = false;
    std::vector<int> order;
    auto const note = [&order](int number) {
        return [&order, number]() -> asio::awaitable<void> {
            order.push_back(number);
            co_return;
        };
    };
    auto first = loop.runner.run_as_future(note(1));
    CHECK(code_of([&] { loop.runner.run_for(1ms, noting(begun)); }) == Errc::timed_out);
    auto second = loop.runner.run_as_future(note(2));
    CHECK(code_of([&] { loop.runner.run_for(1ms, noting(begun)); }) == Errc::timed_out);
    busy.end();
    first.get();
    second.get();
    CHECK(order == std::vector{1, 2});
    CHECK_FALSE(begun);
}

LOOP_TEST_CASE("The longest time is no time-out", EveryLoop) {
    AnyLoop loop;
    auto const task = []() -> asio::awaitable<int> {
        co_await sleep_for(1ms);
        co_return 42;
    };
    CHECK(loop.runner.run_for(std::chrono::nanoseconds::max(), task) == 42);
    CHECK(loop.runner.run_for(std::chrono::seconds::max(), task) == 42);
    CHECK(loop.runner.run_for(std::chrono::hours::max(), task) == 42);
    CHECK(loop.runner.run_for(std::chrono::years::max(), task) == 42);
    CHECK(loop.runner.run_for(std::chrono::duration<double>::max(), task) == 42);
    CHECK(
        loop.runner.run_for(
            std::chrono::duration<double>(std::numeric_limits<double>::infinity()), task) == 42);
    CHECK(loop.runner.run_until(Clock::time_point::max(), task) == 42);
    CHECK(loop.runner.run_until(Clock::time_point::max() - 1ns, task) == 42);
}

LOOP_TEST_CASE("A task whose token was stopped before never starts", EveryLoop) {
    AnyLoop loop;
    bool started = false;
    auto const task = [&] {
        started = true;
        return nothing();
    };
    CHECK(code_of([&] { loop.runner.run(task, stopped()); }) == Errc::cancelled);
    CHECK(code_of([&] { loop.runner.run_as_future(task, stopped()).get(); }) == Errc::cancelled);
    loop.runner.run(nothing());
    CHECK(!started);
}

LOOP_TEST_CASE("A task whose token was stopped before is destroyed", EveryLoop) {
    AnyLoop loop;
    auto const task = [] { return [capture = Tracked()] { return nothing(); }; };
    CHECK(code_of([&] { loop.runner.run(task(), stopped()); }) == Errc::cancelled);
    CHECK(code_of([&] { loop.runner.run_as_future(task(), stopped()).get(); }) == Errc::cancelled);
    CHECK(Tracked::alive() == 0);
}

LOOP_TEST_CASE("A stop request cancels a task that runs", EveryLoop) {
    Gate started;
    AnyLoop loop;
    CHECK(
        code_of([&] { run_and_stop(loop.runner, started, forever(started)); }) == Errc::cancelled);
}

LOOP_TEST_CASE("A task may be stopped on the loop", EveryLoop) {
    AnyLoop loop;
    std::stop_source source;
    auto const stop = [&]() -> asio::awaitable<void> {
        source.request_stop();
        co_await forever();
    };
    CHECK(code_of([&] { loop.runner.run(stop, source.get_token()); }) == Errc::cancelled);
}

LOOP_TEST_CASE("Many threads may ask a task to stop", EveryLoop) {
    AnyLoop loop;
    constexpr int threads = 4;
    std::stop_source source;
    Gate started;
    std::latch ready(threads);
    std::vector<std::jthread> stoppers;
    for (int i = 0; i < threads; ++i)
        stoppers.emplace_back([&] {
            started.wait();
            ready.arrive_and_wait();
            source.request_stop();
        });
    CHECK(
        code_of([&] { loop.runner.run(forever(started), source.get_token()); }) == Errc::cancelled);
}

LOOP_TEST_CASE("A stop request after the completion does nothing", EveryLoop) {
    AnyLoop loop;
    std::stop_source source;
    CHECK(loop.runner.run(twice(21), source.get_token()) == 42);
    source.request_stop();
    CHECK(loop.runner.run(twice(21)) == 42);
}

LOOP_TEST_CASE("A task that completes although it was stopped gives its value", EveryLoop) {
    Gate started;
    AnyLoop loop;
    auto const task = [&]() -> asio::awaitable<int> {
        started.open();
        co_return co_await succeed_when_cancelled();
    };
    CHECK(run_and_stop(loop.runner, started, task) == 42);
}

LOOP_TEST_CASE("Another exception of a stopped task passes", EveryLoop) {
    Gate started;
    AnyLoop loop;
    auto const task = [&]() -> asio::awaitable<int> {
        started.open();
        co_return co_await fail_when_cancelled();
    };
    CHECK_THROWS_WITH(run_and_stop(loop.runner, started, task), "clean-up failed");
}

LOOP_TEST_CASE("A token that nobody can stop does no harm", EveryLoop) {
    AnyLoop loop;
    CHECK(loop.runner.run(twice(21), std::stop_token()) == 42);
    CHECK(loop.runner.run(twice(21), std::stop_source().get_token()) == 42);
}

LOOP_TEST_CASE("One token stops many tasks", TurningLoops) {
    AnyLoop loop;
    std::stop_source source;
    std::vector<std::future<void>> futures;
    for (int i = 0; i < 10; ++i)
        futures.push_back(loop.runner.run_as_future(forever(), source.get_token()));
    source.request_stop();
    int cancelled = 0;
    for (auto& future : futures)
        cancelled += code_of([&] { future.get(); }) == Errc::cancelled;
    CHECK(cancelled == 10);
}

LOOP_TEST_CASE("A stop request cancels the task of a future", TurningLoops) {
    AnyLoop loop;
    std::stop_source source;
    Gate started;
    auto future = loop.runner.run_as_future(forever(started), source.get_token());
    started.wait();
    source.request_stop();
    CHECK(code_of([&] { future.get(); }) == Errc::cancelled);
}

LOOP_TEST_CASE("A stop request after a future is ready does nothing", TurningLoops) {
    AnyLoop loop;
    std::stop_source source;
    CHECK(loop.runner.run_as_future(twice(21), source.get_token()).get() == 42);
    source.request_stop();
    CHECK(loop.runner.run(twice(21)) == 42);
}

LOOP_TEST_CASE("A cancelled task can await its clean-up", EveryLoop) {
    AnyLoop loop;
    bool cleaned_up = false;
    auto const task = [&]() -> asio::awaitable<void> {
        co_await until_cancelled();
        co_await sleep_for(1ms);
        cleaned_up = co_await twice_later(1) == 2;
    };
    loop.runner.run_for(1ms, task);
    CHECK(cleaned_up);
}

LOOP_TEST_CASE(
    "A cancelled task that does not shield its clean-up is cancelled there, too", EveryLoop) {
    AnyLoop loop;
    auto const task = []() -> asio::awaitable<int> {
        boost::system::error_code error;
        asio::steady_timer timer(co_await asio::this_coro::executor, 24h);
        co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, error));
        co_await forever();
        co_return 42;
    };
    CHECK(code_of([&] { loop.runner.run_for(1ms, task); }) == Errc::timed_out);
}

LOOP_TEST_CASE("Whatever says that an operation was cancelled counts as cancelled", EveryLoop) {
    AnyLoop loop;
    for (auto const& error : cancellations())
        CHECK(code_of([&] {
                  loop.runner.run_for(1ms, fail_with_when_cancelled(error));
              }) == Errc::timed_out);
}

LOOP_TEST_CASE("Operations that were cancelled side by side count as cancelled", EveryLoop) {
    using namespace asio::experimental::awaitable_operators;
    AnyLoop loop;
    auto const both = []() -> asio::awaitable<void> { co_await (forever() && forever()); };
    CHECK(code_of([&] { loop.runner.run_for(1ms, both); }) == Errc::timed_out);
}

TEST_CASE("close cancels a task that has dealt with a request to stop") {
    Gate started;
    Gate goes_on;
    bool completed = false;
    syncopate::ThreadRunner runner;
    std::stop_source stop;
    auto future =
        runner.run_as_future(go_on_when_cancelled(started, goes_on, completed), stop.get_token());
    started.wait();
    stop.request_stop();
    goes_on.wait();
    runner.close();
    CHECK_FALSE(completed);
    CHECK(code_of([&] { future.get(); }) == Errc::cancelled);
}

TEST_CASE("close cancels a task of a group that has dealt with a request to stop") {
    Gate started;
    Gate goes_on;
    bool completed = false;
    syncopate::ThreadRunner runner;
    std::stop_source stop;
    auto future = runner.run_as_future(
        syncopate::with_task_group([&](syncopate::TaskGroup& group) -> asio::awaitable<void> {
            group.start_soon(go_on_when_cancelled(started, goes_on, completed));
            co_await forever();
        }),
        stop.get_token());
    started.wait();
    stop.request_stop();
    goes_on.wait();
    runner.close();
    CHECK_FALSE(completed);
    CHECK(code_of([&] { future.get(); }) == Errc::cancelled);
}

TEST_CASE("close cancels a task that could not be cancelled when it was asked to stop") {
    Gate started;
    Gate may_go_on;
    Gate goes_on;
    bool completed = false;
    syncopate::ThreadRunner runner;
    std::stop_source stop;
    auto future = runner.run_as_future(
        begin_uncancelled(started, may_go_on, goes_on, completed), stop.get_token());
    started.wait();
    stop.request_stop();
    runner.call([] {});
    may_go_on.open();
    goes_on.wait();
    runner.close();
    CHECK_FALSE(completed);
    CHECK(code_of([&] { future.get(); }) == Errc::cancelled);
}
