// enter_context: contexts that last until the runner is closed, and the order in which closing leaves
// them and the guards that are still open.
#include "support/audit.hpp"
#include "support/catch.hpp"
#include "support/contexts.hpp"
#include "support/errors.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/context_guard.hpp>
#include <syncopate/error.hpp>
#include <syncopate/options.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>

namespace {

namespace asio = boost::asio;
using support::code_of;
using support::Entries;
using support::ErrorLog;
using support::failing;
using support::Gate;
using support::Journal;
using support::message_of;
using support::NotedContext;
using support::Tracked;
using syncopate::Errc;
using syncopate::Options;
using syncopate::ThreadRunner;

class GivingPointer {
public:
    asio::awaitable<std::unique_ptr<int>> aenter() {
        Tracked const frame;
        co_return std::make_unique<int>(7);
    }
    asio::awaitable<void> aexit(std::exception_ptr) { return support::nothing(); }
};

LOOP_TEST_CASE("enter_context leaves a context when the runner is closed", support::EveryLoop) {
    Journal journal;
    support::AnyLoop loop;
    NotedContext& context = loop.runner.enter_context(NotedContext(journal, "a"));
    CHECK(context.name() == "a");
    CHECK(journal.entries() == Entries{"enter a"});
    loop.runner.close();
    CHECK(journal.entries() == Entries{"enter a", "exit a: nothing"});
}

TEST_CASE("enter_context makes a context on the loop thread") {
    Journal journal;
    ThreadRunner runner;
    std::thread::id made_on;
    runner.enter_context([&] {
        made_on = std::this_thread::get_id();
        return NotedContext(journal, "a");
    });
    CHECK(made_on == runner.call([] { return std::this_thread::get_id(); }));
}

TEST_CASE("enter_context uses an lvalue in place") {
    Journal journal;
    NotedContext context(journal, "a");
    ThreadRunner runner;
    CHECK(&runner.enter_context(context) == &context);
}

TEST_CASE("The value that enter_context gives lives as long as the context") {
    ThreadRunner runner;
    std::unique_ptr<int>& value = runner.enter_context(GivingPointer());
    CHECK(*value == 7);
}

TEST_CASE("What aenter throws comes out of enter_context, and close() does not leave the context") {
    Journal journal;
    ThreadRunner runner;
    auto const enter = [&] {
        runner.enter_context(NotedContext(journal, "a", failing("no entry")));
    };
    CHECK(message_of<std::runtime_error>(enter) == "no entry");
    runner.close();
    CHECK(journal.entries() == Entries{"enter a"});
}

LOOP_TEST_CASE("close() leaves what was entered newest first", support::EveryLoop) {
    Journal journal;
    support::AnyLoop loop;
    loop.runner.enter_context(NotedContext(journal, "a"));
    loop.runner.enter_context(NotedContext(journal, "b"));
    loop.runner.enter_context(NotedContext(journal, "c"));
    loop.runner.close();
    CHECK(
        journal.entries() == Entries{
                                 "enter a", "enter b", "enter c", "exit c: nothing",
                                 "exit b: nothing", "exit a: nothing"});
}

TEST_CASE("close() leaves a context only after the exit of a newer one has ended") {
    Journal journal;
    ThreadRunner runner;
    auto const slowly = [&journal]() -> asio::awaitable<void> {
        co_await support::sleep_for(std::chrono::milliseconds(1));
        journal.add("b has been left");
    };
    runner.enter_context(NotedContext(journal, "a"));
    runner.enter_context(NotedContext(journal, "b", {}, slowly));
    runner.close();
    CHECK(
        journal.entries() ==
        Entries{"enter a", "enter b", "exit b: nothing", "b has been left", "exit a: nothing"});
}

TEST_CASE("The destructor of a runner leaves what was entered") {
    Journal journal;
    {
        ThreadRunner runner;
        runner.enter_context(NotedContext(journal, "a"));
    }
    CHECK(journal.entries() == Entries{"enter a", "exit a: nothing"});
}

// ---- Exits that fail

TEST_CASE("One failing exit does not stop the rest") {
    Journal journal;
    ThreadRunner runner;
    runner.enter_context(NotedContext(journal, "a"));
    runner.enter_context(NotedContext(journal, "b", {}, failing("no exit of b")));
    CHECK(message_of<std::runtime_error>([&] { runner.close(); }) == "no exit of b");
    CHECK(journal.entries() == Entries{"enter a", "enter b", "exit b: nothing", "exit a: nothing"});
}

TEST_CASE("The first failing exit comes out of close(), the others go to on_error") {
    Journal journal;
    ErrorLog log;
    ThreadRunner runner(Options().on_error(log.handler()));
    runner.enter_context(NotedContext(journal, "a", {}, failing("no exit of a")));
    runner.enter_context(NotedContext(journal, "b", {}, failing("no exit of b")));
    runner.enter_context(NotedContext(journal, "c", {}, failing("no exit of c")));
    CHECK(message_of<std::runtime_error>([&] { runner.close(); }) == "no exit of c");
    CHECK(log.messages() == Entries{"no exit of b", "no exit of a"});
}

TEST_CASE("A failing exit comes out of close() once, and the runner is closed all the same") {
    ErrorLog log;
    {
        Journal journal;
        ThreadRunner runner(Options().on_error(log.handler()));
        runner.enter_context(NotedContext(journal, "a", {}, failing("no exit")));
        CHECK(message_of<std::runtime_error>([&] { runner.close(); }) == "no exit");
        CHECK_NOTHROW(runner.close());
        CHECK(code_of([&] { runner.run(support::nothing()); }) == Errc::runner_closed);
    }
    CHECK(log.messages().empty());
}

TEST_CASE("A failing exit comes out of close_for() too") {
    Journal journal;
    ThreadRunner runner;
    runner.enter_context(NotedContext(journal, "a", {}, failing("no exit")));
    auto const close = [&] { static_cast<void>(runner.close_for(std::chrono::minutes(1))); };
    CHECK(message_of<std::runtime_error>(close) == "no exit");
}

TEST_CASE("The exits that fail in the destructor of a runner go to on_error") {
    ErrorLog log;
    Journal journal;
    {
        ThreadRunner runner(Options().on_error(log.handler()));
        runner.enter_context(NotedContext(journal, "a", {}, failing("no exit of a")));
        runner.enter_context(NotedContext(journal, "b", {}, failing("no exit of b")));
    }
    auto messages = log.messages();
    std::ranges::sort(messages);
    CHECK(messages == Entries{"no exit of a", "no exit of b"});
}

TEST_CASE(
    "An exit that would deadlock in the destructor of a runner goes to on_error like others") {
    ErrorLog log;
    Journal journal;
    {
        ThreadRunner runner(Options().on_error(log.handler()));
        auto const blocking = [&runner]() -> asio::awaitable<void> {
            runner.run(support::nothing());
            return support::nothing();
        };
        runner.enter_context(NotedContext(journal, "a", {}, blocking));
    }
    REQUIRE(log.errors().size() == 1);
    CHECK(code_of(log.errors().front()) == Errc::would_deadlock);
}

// ---- Guards that are open when the runner is closed

LOOP_TEST_CASE("close() leaves open guards with Errc::runner_closed", support::EveryLoop) {
    Journal journal;
    support::AnyLoop loop;
    auto const guard = loop.runner.wrap_context(NotedContext(journal, "a"));
    loop.runner.close();
    CHECK(journal.entries() == Entries{"enter a", "exit a: the runner is closed"});
}

TEST_CASE("close() leaves open guards and what was entered newest first, all together") {
    Journal journal;
    ThreadRunner runner;
    runner.enter_context(NotedContext(journal, "a"));
    auto const b = runner.wrap_context(NotedContext(journal, "b"));
    runner.enter_context(NotedContext(journal, "c"));
    auto const d = runner.wrap_context(NotedContext(journal, "d"));
    runner.close();
    CHECK(
        journal.entries() == Entries{
                                 "enter a", "enter b", "enter c", "enter d",
                                 "exit d: the runner is closed", "exit c: nothing",
                                 "exit b: the runner is closed", "exit a: nothing"});
}

TEST_CASE("What the exit of an open guard throws comes out of close(), not of the guard") {
    Journal journal;
    ErrorLog log;
    ThreadRunner runner(Options().on_error(log.handler()));
    auto guard = runner.wrap_context(NotedContext(journal, "a", {}, failing("no exit")));
    CHECK(message_of<std::runtime_error>([&] { runner.close(); }) == "no exit");
    CHECK_NOTHROW(guard.close());
    CHECK(log.messages().empty());
}

TEST_CASE("A guard that is being left when close() begins keeps what its exit throws") {
    Journal journal;
    Gate leaving;
    Gate closing;
    Gate go_on;
    ThreadRunner runner;
    auto const executor = runner.get_executor();
    auto const fail_later = [&]() -> asio::awaitable<void> {
        leaving.open();
        co_await go_on.passed();
        co_await support::fail("no exit");
    };
    auto guard = runner.wrap_context(NotedContext(journal, "a", {}, fail_later));
    std::string came_out_of_close = "not called";
    std::jthread closer([&] {
        leaving.wait();
        static_cast<void>(runner.close_for(std::chrono::nanoseconds(0)));
        asio::post(executor, [&] { closing.open(); });
        closing.wait();
        go_on.open();
        came_out_of_close = message_of<std::exception>([&] { runner.close(); });
    });
    CHECK(message_of<std::runtime_error>([&] { guard.close(); }) == "no exit");
    closer.join();
    CHECK(came_out_of_close.empty());
    CHECK(journal.entries() == Entries{"enter a", "exit a: nothing"});
}

TEST_CASE("A guard that the runner has left is spent") {
    Journal journal;
    ThreadRunner runner;
    {
        auto guard = runner.wrap_context(NotedContext(journal, "a"));
        runner.close();
        CHECK(code_of([&] { *guard; }) == Errc::runner_closed);
        guard.close();
    }
    CHECK(journal.entries() == Entries{"enter a", "exit a: the runner is closed"});
}

LOOP_TEST_CASE("A guard that outlives its runner is spent, and does not hang", support::EveryLoop) {
    Journal journal;
    std::optional<support::AnyLoop> loop(std::in_place);
    auto guard = loop->runner.wrap_context(NotedContext(journal, "a"));
    loop.reset();
    CHECK(journal.entries() == Entries{"enter a", "exit a: the runner is closed"});
    CHECK(code_of([&] { *guard; }) == Errc::runner_closed);
    CHECK_NOTHROW(guard.close());
}

TEST_CASE("A guard that outlives its runner can be destroyed while an exception passes") {
    Journal journal;
    auto const scope = [&] {
        std::optional<ThreadRunner> runner(std::in_place);
        auto guard = runner->wrap_context(NotedContext(journal, "a"));
        runner.reset();
        throw std::runtime_error("from the scope");
    };
    CHECK(message_of<std::runtime_error>(scope) == "from the scope");
    CHECK(journal.entries() == Entries{"enter a", "exit a: the runner is closed"});
}

}  // namespace
