// Contexts that a coroutine enters and leaves: async with.

#include "support/audit.hpp"
#include "support/catch.hpp"
#include "support/contexts.hpp"
#include "support/errors.hpp"
#include "support/groups.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/error.hpp>
#include <syncopate/options.hpp>
#include <syncopate/shield.hpp>
#include <syncopate/task_group.hpp>
#include <syncopate/with_context.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using syncopate::Errc;
using syncopate::Options;
using syncopate::TaskGroup;
using syncopate::with_context;

// Suppresses every exception that is no cancellation. Its value is not itself.
struct Suppressing {
    asio::awaitable<std::unique_ptr<int>> aenter() { co_return std::make_unique<int>(7); }
    asio::awaitable<bool> aexit(std::exception_ptr error) {
        Tracked const frame;
        co_await twice_later(1);
        co_return error&& in_brief(error) != "aborted";
    }
};

asio::awaitable<NotedContext> make_noted(Journal& journal) {
    co_return NotedContext(journal, "made");
}

static_assert(std::is_same_v<
              decltype(with_context(Suppressing(), [](std::unique_ptr<int>&) { return 1; })),
              asio::awaitable<std::optional<int>>>);

}  // namespace

LOOP_TEST_CASE("A coroutine enters a context of every source, and leaves it", EveryLoop) {
    Journal journal;
    AnyLoop loop;
    auto const name = [](NotedContext& context) { return context.name(); };
    CHECK(loop.runner.run(with_context(NotedContext(journal, "owned"), name)) == "owned");
    NotedContext mine(journal, "mine");
    loop.runner.run([&] {
        return with_context(mine, [&](NotedContext& context) -> asio::awaitable<void> {
            journal.add(&context == &mine ? "body" : "another");
            co_await twice_later(1);
        });
    });
    CHECK(loop.runner.run(with_context(make_noted(journal), name)) == "made");
    CHECK(
        loop.runner.run(with_context(
            [&] { return NotedContext(journal, "of a factory"); }, name)) == "of a factory");
    CHECK(
        journal.entries() == Entries{
                                 "enter owned", "exit owned: nothing", "enter mine", "body",
                                 "exit mine: nothing", "enter made", "exit made: nothing",
                                 "enter of a factory", "exit of a factory: nothing"});
    loop.runner.run([&]() -> asio::awaitable<void> {
        asio::steady_timer timer(co_await asio::this_coro::executor, 0s);
        co_await with_context(
            mine, [&](NotedContext&) { return timer.async_wait(asio::deferred); });
    });
}

LOOP_TEST_CASE("The exception of the body goes through aexit, which may suppress it", EveryLoop) {
    Journal journal;
    AnyLoop loop;
    auto const fails = [](auto&) { return fail_later("body"); };
    CHECK(message_of<std::runtime_error>([&] {
              loop.runner.run(with_context(NotedContext(journal, "a"), fails));
          }) == "body");
    CHECK(journal.entries() == Entries{"enter a", "exit a: body"});

    loop.runner.run(with_context(Suppressing(), fails));  // void stays void
    auto const value = [](std::unique_ptr<int>& number) -> asio::awaitable<int> {
        co_return *number;
    };
    CHECK(loop.runner.run(with_context(Suppressing(), value)) == 7);
    auto const throws = [](std::unique_ptr<int>&) -> int { throw std::runtime_error("plain"); };
    CHECK_FALSE(loop.runner.run(with_context(Suppressing(), throws)));

    // Of two, aexit's comes out, with the body's in it.
    std::string inner;
    try {
        loop.runner.run(with_context(NotedContext(journal, "b", {}, failing("exit")), fails));
    } catch (std::runtime_error const& error) {
        CHECK(error.what() == std::string("exit"));
        inner = message_of<std::runtime_error>([&] { std::rethrow_if_nested(error); });
    }
    CHECK(inner == "body");
    auto const never = [&](NotedContext&) { journal.add("never"); };
    CHECK(message_of<std::runtime_error>([&] {
              loop.runner.run(with_context(NotedContext(journal, "c", failing("enter")), never));
          }) == "enter");
    CHECK(journal.entries().back() == "enter c");
}

LOOP_TEST_CASE("A request to stop ends the body, and does not cut aexit short", EveryLoop) {
    Gate started;
    Journal journal;
    AnyLoop loop;
    auto const slow_exit = [&]() -> asio::awaitable<void> {
        co_await twice_later(1);
        journal.add("left");
    };
    auto const task = [&] {
        return with_context(NotedContext(journal, "a", {}, slow_exit), [&](NotedContext&) {
            return forever(started);
        });
    };
    CHECK(code_of([&] { run_and_stop(loop.runner, started, task); }) == Errc::cancelled);
    auto const entries = journal.entries();
    REQUIRE(entries.size() == 3);
    CHECK_THAT(entries[1], Catch::Matchers::ContainsSubstring("Operation canceled"));
    CHECK(entries[2] == "left");
}

LOOP_TEST_CASE("A group is left by a coroutine, whose cancellation reaches its tasks", EveryLoop) {
    Gate started;
    int ended = 0;
    AnyLoop loop;
    auto const task = [&]() -> asio::awaitable<void> {
        co_await with_context(TaskGroup(), [&](TaskGroup& group) {
            group.start_soon(forever_counted(ended));
            group.start_soon([&] { return forever(started); });
        });
    };
    CHECK(code_of([&] { run_and_stop(loop.runner, started, task); }) == Errc::cancelled);
    CHECK(ended == 1);

    // A body that has ignored the request leaves it to aexit.
    auto const ignores = [&]() -> asio::awaitable<void> {
        co_await with_context(TaskGroup(), [&](TaskGroup& group) -> asio::awaitable<void> {
            group.start_soon(forever_counted(ended));
            try {
                co_await forever();
            } catch (boost::system::system_error const&) {
            }
        });
    };
    CHECK(code_of([&] { loop.runner.run_for(1ms, ignores); }) == Errc::timed_out);
    CHECK(ended == 2);
    CHECK(failures_of([&] {
              loop.runner.run(with_context(
                  TaskGroup(), [](TaskGroup& group) { group.start_soon(fail_later("child")); }));
          }) == Failures{"child"});
}
