// ContextStack: the order in which contexts are left, and what comes of their failures.
#include "support/catch.hpp"
#include "support/contexts.hpp"
#include "support/errors.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/context_guard.hpp>
#include <syncopate/context_stack.hpp>
#include <syncopate/error.hpp>
#include <syncopate/options.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/asio/awaitable.hpp>

#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;
using support::code_of;
using support::Entries;
using support::ErrorLog;
using support::EveryLoop;
using support::failing;
using support::Journal;
using support::message_of;
using support::NotedContext;
using syncopate::ContextGuard;
using syncopate::ContextStack;
using syncopate::Errc;
using syncopate::Options;
using syncopate::ThreadRunner;

static_assert(std::is_nothrow_move_constructible_v<ContextStack>);
static_assert(std::is_nothrow_move_assignable_v<ContextStack>);
static_assert(!std::is_copy_constructible_v<ContextStack>);

class Giving {
public:
    asio::awaitable<std::unique_ptr<int>> aenter() { co_return std::make_unique<int>(7); }
    asio::awaitable<void> aexit(std::exception_ptr) { return support::nothing(); }
};

LOOP_TEST_CASE("A stack leaves its contexts newest first", EveryLoop) {
    Journal journal;
    support::AnyLoop loop;
    {
        ContextStack stack;
        for (auto const* const name : {"a", "b", "c"})
            CHECK(stack.push(loop.runner.wrap_context(NotedContext(journal, name))).name() == name);
        CHECK(stack.size() == 3);
    }
    CHECK(
        journal.entries() == Entries{
                                 "enter a", "enter b", "enter c", "exit c: nothing",
                                 "exit b: nothing", "exit a: nothing"});
}

TEST_CASE("A vector of guards leaves its contexts in the order of the elements") {
    Journal journal;
    ThreadRunner runner;
    {
        std::vector<ContextGuard<NotedContext&>> guards;
        guards.push_back(runner.wrap_context(NotedContext(journal, "a")));
        guards.push_back(runner.wrap_context(NotedContext(journal, "b")));
    }
    CHECK(journal.entries() == Entries{"enter a", "enter b", "exit a: nothing", "exit b: nothing"});
}

TEST_CASE("A stack keeps contexts of different types and of different runners") {
    Journal journal;
    ThreadRunner here;
    ThreadRunner there;
    ContextStack stack;
    auto& number = stack.push(here.wrap_context(Giving()));
    auto& context = stack.push(there.wrap_context(NotedContext(journal, "a")));
    CHECK(*number == 7);
    CHECK(context.name() == "a");
}

TEST_CASE("close() leaves the contexts without an exception, once") {
    Journal journal;
    ThreadRunner runner;
    ContextStack stack;
    stack.push(runner.wrap_context(NotedContext(journal, "a")));
    stack.push(runner.wrap_context(NotedContext(journal, "b")));
    stack.close();
    CHECK(stack.empty());
    stack.close();
    CHECK(journal.entries() == Entries{"enter a", "enter b", "exit b: nothing", "exit a: nothing"});
}

TEST_CASE("The first failure of close() comes out of it, and the others are reported") {
    Journal journal;
    ErrorLog errors;
    ThreadRunner runner(Options().on_error(errors.handler()));
    ContextStack stack;
    stack.push(runner.wrap_context(NotedContext(journal, "a", {}, failing("no exit from a"))));
    stack.push(runner.wrap_context(NotedContext(journal, "b")));
    stack.push(runner.wrap_context(NotedContext(journal, "c", {}, failing("no exit from c"))));
    CHECK(message_of<std::runtime_error>([&] { stack.close(); }) == "no exit from c");
    CHECK(errors.messages() == std::vector<std::string>{"no exit from a"});
    CHECK(stack.empty());
    CHECK(journal.entries().back() == "exit a: nothing");
}

TEST_CASE("An exception that passes through the stack's scope is told to each context") {
    Journal journal;
    ThreadRunner runner;
    auto const fail = [&] {
        ContextStack stack;
        stack.push(runner.wrap_context(NotedContext(journal, "a")));
        stack.push(runner.wrap_context(NotedContext(journal, "b")));
        throw std::runtime_error("from the body");
    };
    CHECK(message_of<std::runtime_error>(fail) == "from the body");
    auto const unwound = make_error_code(Errc::scope_unwound).message();
    CHECK(
        journal.entries() ==
        Entries{"enter a", "enter b", "exit b: " + unwound, "exit a: " + unwound});
}

TEST_CASE("A stack that is closed on the loop's thread keeps its contexts open") {
    Journal journal;
    ThreadRunner runner;
    ContextStack stack;
    stack.push(runner.wrap_context(NotedContext(journal, "a")));
    auto const refused = runner.call([&] { return code_of([&] { stack.close(); }); });
    CHECK(refused == Errc::would_deadlock);
    CHECK(stack.size() == 1);
    stack.close();
    CHECK(journal.entries() == Entries{"enter a", "exit a: nothing"});
}

TEST_CASE("A stack that is assigned to leaves what it had") {
    Journal journal;
    ThreadRunner runner;
    ContextStack stack;
    stack.push(runner.wrap_context(NotedContext(journal, "a")));
    ContextStack other;
    other.push(runner.wrap_context(NotedContext(journal, "b")));
    stack = std::move(other);
    CHECK(journal.entries() == Entries{"enter a", "enter b", "exit a: nothing"});
    ContextStack const moved(std::move(stack));
    CHECK(moved.size() == 1);
}

TEST_CASE("A guard whose context has been left is not taken") {
    Journal journal;
    ThreadRunner runner;
    ContextStack stack;
    auto guard = runner.wrap_context(NotedContext(journal, "a"));
    guard.close();
    CHECK(code_of([&] { stack.push(std::move(guard)); }) == Errc::runner_closed);
    CHECK(stack.empty());
}

}  // namespace
