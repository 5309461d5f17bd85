// label(): a task with a name is a task wherever one is taken.
#include "support/audit.hpp"
#include "support/catch.hpp"
#include "support/contexts.hpp"
#include "support/errors.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/context_guard.hpp>
#include <syncopate/gather.hpp>
#include <syncopate/label.hpp>
#include <syncopate/run.hpp>
#include <syncopate/runner_base.hpp>
#include <syncopate/task_group.hpp>
#include <syncopate/timeout.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using syncopate::label;

/// The label of the only task on the loop.
std::string only_label(syncopate::RunnerBase const& runner) {
    auto const tasks = runner.tasks();
    REQUIRE(tasks.size() == 1);
    return tasks[0].label;
}

asio::awaitable<std::unique_ptr<int>> boxed(int value) {
    Tracked const frame;
    co_return std::make_unique<int>(value);
}

}  // namespace

LOOP_TEST_CASE("An awaitable with a label gives what it gives without", EveryLoop) {
    AnyLoop loop;
    CHECK(loop.runner.run(label("twice", twice(21))) == 42);
    CHECK(*loop.runner.run(label("boxed", boxed(7))) == 7);
    CHECK_THROWS_AS(loop.runner.run(label("fails", fail("no"))), std::runtime_error);
}

LOOP_TEST_CASE(
    "A factory with a label is owned by the call, which destroys its captures", EveryLoop) {
    AnyLoop loop;
    auto const captured = std::make_shared<int>(21);
    CHECK(loop.runner.run(label("factory", [captured] { return twice(*captured); })) == 42);
    CHECK(captured.use_count() == 1);
}

LOOP_TEST_CASE("A deferred operation may have a label", EveryLoop) {
    AnyLoop loop;
    asio::io_context elsewhere;
    asio::steady_timer timer(elsewhere, 0ms);
    auto future = loop.runner.run_as_future(label("timer", timer.async_wait(asio::deferred)));
    loop.runner.run(nothing());
    elsewhere.run();
    loop.runner.run(twice_later(0));
    CHECK_NOTHROW(future.get());
}

LOOP_TEST_CASE("Every operation that takes a task shows its label", EveryLoop) {
    AnyLoop loop;
    Journal journal;
    auto const look = [&]() -> asio::awaitable<std::string> { co_return only_label(loop.runner); };
    CHECK(loop.runner.run(label("run", look)) == "run");
    CHECK(loop.runner.run_for(1h, label("run_for", look)) == "run_for");
    {
        auto const context = [&]() -> asio::awaitable<NotedContext> {
            co_return NotedContext(journal, only_label(loop.runner));
        };
        auto const guard = loop.runner.wrap_context(label("session", context));
        CHECK(only_label(loop.runner) == "session");
    }
    loop.runner.start_soon(label("start_soon", forever()));
    CHECK(only_label(loop.runner) == "start_soon");
}

TEST_CASE("The outer one of two labels counts") {
    OnRunner loop;
    loop.runner.start_soon(label("outer", label("inner", forever())));
    CHECK(only_label(loop.runner) == "outer");
}

TEST_CASE("A task with a label may be run again where its callable may") {
    OnRunner loop;
    int calls = 0;
    auto counting = [&calls]() -> asio::awaitable<int> { co_return ++calls; };
    auto task = label("counts", std::ref(counting));
    CHECK(loop.runner.run(task) == 1);
    CHECK(loop.runner.run(task) == 2);
}

TEST_CASE("An awaitable with a label that was awaited before is an error") {
    OnRunner loop;
    auto task = label("once", twice(21));
    CHECK(loop.runner.run(task) == 42);
    CHECK(code_of([&] { loop.runner.run(task); }) == std::errc::invalid_argument);
}

TEST_CASE("Groups, gather() and time-outs take tasks with labels") {
    auto const [one, two] = syncopate::run(label(
        "gather", [] { return syncopate::gather(label("a", twice(1)), label("b", twice(2))); }));
    CHECK(one + two == 6);
    CHECK(syncopate::run(syncopate::fail_after(1h, label("timed", twice(21)))) == 42);
    int sum = 0;
    syncopate::run(
        syncopate::with_task_group([&sum](syncopate::TaskGroup& group) -> asio::awaitable<void> {
            group.start_soon(
                label("child", [&sum]() -> asio::awaitable<void> { sum += co_await twice(4); }));
            co_return;
        }));
    CHECK(sum == 8);
}
