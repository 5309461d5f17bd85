// run() and call(): what they take, and what they give.

#include "support/audit.hpp"
#include "support/catch.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/blocking_operations.hpp>
#include <syncopate/blocking_portal.hpp>
#include <syncopate/concepts.hpp>
#include <syncopate/runner_base.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>

#include <chrono>
#include <functional>
#include <future>
#include <latch>
#include <memory>
#include <string>
#include <thread>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <pthread.h>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using syncopate::ThreadRunner;

// Completes with the error and the values, by way of the executor.
template <class... Values>
auto deferred_result(
    asio::any_io_executor executor, boost::system::error_code error, Values... values) {
    return asio::async_initiate<asio::deferred_t const, void(boost::system::error_code, Values...)>(
        [executor, error](auto handler, Values... results) {
            asio::post(executor, [handler = std::move(handler), error, results...]() mutable {
                std::move(handler)(error, results...);
            });
        },
        asio::deferred, values...);
}

struct NotDefaultConstructible {
    explicit NotDefaultConstructible(int number) noexcept : value(number) {}
    int value;
};

asio::awaitable<std::unique_ptr<int>> boxed(int value) {
    co_return std::make_unique<int>(value);
}

asio::awaitable<NotDefaultConstructible> wrapped(int value) {
    co_return NotDefaultConstructible(value);
}

asio::awaitable<std::reference_wrapper<int>> reference_to(int& object) {
    co_return std::ref(object);
}

}  // namespace

LOOP_TEST_CASE("Code for every kind of loop takes a RunnerBase", EveryLoop) {
    AnyLoop loop;
    syncopate::RunnerBase& runner = loop.runner;
    CHECK(runner.run(twice(21)) == 42);
    STATIC_REQUIRE(std::is_same_v<syncopate::BlockingOperations, syncopate::RunnerBase>);
}

LOOP_TEST_CASE("run gives what an awaitable returns", EveryLoop) {
    AnyLoop loop;
    CHECK(loop.runner.run(twice(21)) == 42);
}

LOOP_TEST_CASE("run waits for a task that suspends", EveryLoop) {
    AnyLoop loop;
    CHECK(loop.runner.run(twice_later(21)) == 42);
}

LOOP_TEST_CASE("run gives what the awaitable of a factory returns", EveryLoop) {
    AnyLoop loop;
    CHECK(loop.runner.run([] { return twice_later(21); }) == 42);
}

LOOP_TEST_CASE("run takes a factory that is itself a coroutine", EveryLoop) {
    AnyLoop loop;
    int const value = loop.runner.run([number = Tracked(21)]() -> asio::awaitable<int> {
        co_await asio::post(asio::use_awaitable);
        co_return 2 * number.value();
    });
    CHECK(value == 42);
}

TEMPLATE_LIST_TEST_CASE("run waits for a deferred operation", "", EveryLoop) {
    TestType loop;
    asio::steady_timer timer(loop.runner.get_executor(), 1ms);
    loop.runner.run(timer.async_wait(asio::deferred));
    CHECK(timer.expiry() <= std::chrono::steady_clock::now());
}

TEST_CASE("run gives the value of a deferred operation") {
    ThreadRunner runner;
    CHECK(runner.run(deferred_result(runner.get_executor(), {}, 42)) == 42);
}

TEST_CASE("run gives the values of a deferred operation as a tuple") {
    ThreadRunner runner;
    auto const result = runner.run(deferred_result(runner.get_executor(), {}, 42, 'x'));
    CHECK(result == std::tuple(42, 'x'));
}

TEST_CASE("run throws the error of a deferred operation") {
    ThreadRunner runner;
    boost::system::error_code const error = asio::error::connection_refused;
    auto operation = deferred_result(runner.get_executor(), error, 42);
    CHECK_THROWS_MATCHES(
        runner.run(std::move(operation)), boost::system::system_error,
        Catch::Matchers::Predicate<boost::system::system_error>(
            [&](boost::system::system_error const& thrown) { return thrown.code() == error; }));
}

LOOP_TEST_CASE("A task may return nothing", EveryLoop) {
    AnyLoop loop;
    static_assert(std::is_void_v<decltype(loop.runner.run(nothing()))>);
    bool done = false;
    loop.runner.run([&]() -> asio::awaitable<void> {
        done = true;
        co_return;
    });
    CHECK(done);
}

LOOP_TEST_CASE("A task may return what can only be moved", EveryLoop) {
    AnyLoop loop;
    CHECK(*loop.runner.run(boxed(42)) == 42);
}

LOOP_TEST_CASE("A task may return what has no default", EveryLoop) {
    AnyLoop loop;
    CHECK(loop.runner.run(wrapped(42)).value == 42);
}

LOOP_TEST_CASE("A task may return a reference_wrapper", EveryLoop) {
    AnyLoop loop;
    int object = 0;
    CHECK(&loop.runner.run(reference_to(object)).get() == &object);
}

LOOP_TEST_CASE("run may be called as often as one likes", EveryLoop) {
    AnyLoop loop;
    int sum = 0;
    for (int i = 0; i < 1000; ++i)
        sum += loop.runner.run(twice(i));
    CHECK(sum == 999 * 1000);
}

LOOP_TEST_CASE("A factory given as an lvalue may be used again", EveryLoop) {
    AnyLoop loop;
    auto count = [calls = 0]() mutable -> asio::awaitable<int> { co_return ++calls; };
    CHECK(loop.runner.run(count) == 1);
    CHECK(loop.runner.run(count) == 2);
    CHECK(loop.runner.run_for(1h, count) == 3);
}

TEST_CASE("A factory may be const") {
    ThreadRunner runner;
    auto const factory = [] { return twice(21); };
    CHECK(runner.run(factory) == 42);
}

TEST_CASE("An awaitable has to be given away") {
    static_assert(syncopate::Task<asio::awaitable<int>>);
    static_assert(!syncopate::Task<asio::awaitable<int>&>);
    static_assert(!syncopate::Task<asio::awaitable<int> const>);
    SUCCEED();
}

TEST_CASE("A factory is called on the loop's thread") {
    ThreadRunner runner;
    auto const loop_thread = runner.call([] { return std::this_thread::get_id(); });
    std::thread::id called_on;
    runner.run([&] {
        called_on = std::this_thread::get_id();
        return nothing();
    });
    CHECK(loop_thread != std::this_thread::get_id());
    CHECK(called_on == loop_thread);
}

LOOP_TEST_CASE("Tasks of many callers run at the same time", TurningLoops) {
    AnyLoop loop;
    constexpr int callers = 20;
    int running = 0;
    Gate all_are_running;
    auto const meet = [&]() -> asio::awaitable<void> {
        if (++running == callers)
            all_are_running.open();
        co_await all_are_running.passed();
    };
    std::vector<std::thread> threads;
    for (int i = 0; i < callers; ++i)
        threads.emplace_back([&] { loop.runner.run(meet); });
    for (auto& thread : threads)
        thread.join();
    CHECK(running == callers);
}

LOOP_TEST_CASE("call gives what a function returns", EveryLoop) {
    AnyLoop loop;
    CHECK(loop.runner.call([] { return 42; }) == 42);
}

LOOP_TEST_CASE("call takes a function that returns nothing", EveryLoop) {
    AnyLoop loop;
    bool called = false;
    loop.runner.call([&] { called = true; });
    CHECK(called);
}

LOOP_TEST_CASE("call gives a reference that the function returns", EveryLoop) {
    AnyLoop loop;
    int object = 0;
    CHECK(&loop.runner.call([&]() -> int& { return object; }) == &object);
}

TEST_CASE("call gives what can only be moved, and what has no default") {
    ThreadRunner runner;
    CHECK(*runner.call([] { return std::make_unique<int>(42); }) == 42);
    CHECK(runner.call([] { return NotDefaultConstructible(42); }).value == 42);
}

TEST_CASE("call uses a function given as an lvalue in place") {
    ThreadRunner runner;
    auto count = [calls = 0]() mutable { return ++calls; };
    runner.call(count);
    CHECK(runner.call(count) == 2);
}

TEST_CASE("call invokes a function on the loop's thread") {
    RunningContext context;
    syncopate::BlockingPortal portal(context.get());
    CHECK(portal.call([] { return std::this_thread::get_id(); }) == context.thread_id());
}

TEST_CASE("A runner that is not used starts no thread") {
    Audit const before;
    ThreadRunner runner;
    CHECK(before.leftovers(0ms).empty());
}

TEST_CASE("The first use starts one thread, also when many are first") {
    ThreadRunner runner;
    constexpr int callers = 16;
    std::latch ready(callers);
    std::vector<std::thread::id> loop_threads(callers);
    std::vector<std::thread> threads;
    for (auto& loop_thread : loop_threads)
        threads.emplace_back([&] {
            ready.arrive_and_wait();
            loop_thread = runner.call([] { return std::this_thread::get_id(); });
        });
    for (auto& thread : threads)
        thread.join();
    CHECK(loop_threads == std::vector(callers, loop_threads.front()));
}

TEST_CASE("The loop's thread has the runner's name") {
    ThreadRunner runner(ThreadRunner::Options().name("database"));
    std::string name(16, '\0');
    runner.call([&] { ::pthread_getname_np(::pthread_self(), name.data(), name.size()); });
    CHECK(name.c_str() == std::string("database"));
}

TEST_CASE("A long name is cut for the kernel") {
    ThreadRunner runner(ThreadRunner::Options().name("the database of the customers"));
    std::string name(16, '\0');
    runner.call([&] { ::pthread_getname_np(::pthread_self(), name.data(), name.size()); });
    CHECK(name.c_str() == std::string("the database of"));
}

TEST_CASE("The loop of a runner runs handlers that others post") {
    ThreadRunner runner;
    std::promise<std::thread::id> ran_on;
    asio::post(runner.get_loop(), [&] { ran_on.set_value(std::this_thread::get_id()); });
    CHECK(ran_on.get_future().get() == runner.call([] { return std::this_thread::get_id(); }));
}

TEST_CASE("The executor of a runner is that of its loop") {
    ThreadRunner runner;
    CHECK(runner.get_executor() == runner.get_loop().get_executor());
}

TEST_CASE("The executor of a task is one of its runner's loop") {
    ThreadRunner runner;
    auto const executor = runner.run([]() -> asio::awaitable<asio::any_io_executor> {
        co_return co_await asio::this_coro::executor;
    });
    CHECK(&asio::query(executor, asio::execution::context) == &runner.get_loop());
}
