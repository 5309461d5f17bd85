// Circles of waits that lead through worker threads are refused; waits that will end are not.

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/blocking_portal.hpp>
#include <syncopate/error.hpp>
#include <syncopate/from_thread.hpp>
#include <syncopate/options.hpp>
#include <syncopate/thread_runner.hpp>
#include <syncopate/to_thread.hpp>

#include <boost/asio/awaitable.hpp>

#include <functional>
#include <string>
#include <utility>

namespace {

namespace asio = boost::asio;
namespace from_thread = syncopate::from_thread;
using namespace support;
using Catch::Matchers::ContainsSubstring;
using syncopate::DeadlockError;
using syncopate::Options;
using syncopate::ThreadRunner;
using syncopate::to_thread;

// What the function is refused with, called by a task of the runner.
std::string refusal_in_task(ThreadRunner& runner, std::function<void()> const& blocking_call) {
    return runner.run([&]() -> asio::awaitable<std::string> {
        co_return message_of<DeadlockError>(blocking_call);
    });
}

}  // namespace

TEST_CASE("A circle through a worker is refused, by name") {
    ThreadRunner a(Options().name("A"));
    ThreadRunner b(Options().name("B"));
    auto const message = refusal_in_task(a, [&] { b.run(to_thread([&] { a.run(nothing()); })); });
    CHECK_THAT(
        message, ContainsSubstring("a worker of \"B\" waits for \"A\", which waits for \"B\""));
    CHECK(a.run(twice(21)) == 42);
    CHECK(b.run(twice(21)) == 42);
}

TEST_CASE("A circle through the workers of two runners is refused") {
    ThreadRunner a(Options().name("A"));
    ThreadRunner b(Options().name("B"));
    ThreadRunner c(Options().name("C"));
    auto const message = refusal_in_task(
        a, [&] { b.run(to_thread([&] { c.run(to_thread([&] { a.run(nothing()); })); })); });
    CHECK_THAT(
        message, ContainsSubstring("a worker of \"C\" waits for \"A\", which waits for \"B\", "
                                   "which waits for \"C\""));
}

TEST_CASE("A circle through what a worker runs on its loop is refused") {
    ThreadRunner a(Options().name("A"));
    ThreadRunner b(Options().name("B"));
    auto const message = refusal_in_task(a, [&] {
        b.run(to_thread([&] { from_thread::run(to_thread([&] { a.run(nothing()); })); }));
    });
    CHECK_THAT(message, ContainsSubstring("a worker of \"B\" waits for \"A\""));
}

TEST_CASE("A circle through a worker and a portal is refused") {
    RunningContext context;
    ThreadRunner a(Options().name("A"));
    syncopate::BlockingPortal portal(context.get(), Options().name("portal"));
    auto const message =
        refusal_in_task(a, [&] { portal.run(to_thread([&] { a.run(nothing()); })); });
    CHECK_THAT(message, ContainsSubstring("waits for \"A\", which waits for \"portal\""));
}

TEST_CASE("A worker may wait for a loop that is blocked on something else") {
    Gate blocked;
    Gate gate;
    ThreadRunner c;
    ThreadRunner b;
    ThreadRunner a;
    auto waiting = a.run_as_future([&]() -> asio::awaitable<void> {
        blocked.open();
        b.run(gate.passed());
        co_return;
    });
    blocked.wait();
    auto result = c.run_as_future(to_thread([&] {
        c.call([&] { gate.open(); });
        return a.run(twice(21));
    }));
    CHECK(result.get() == 42);
    waiting.get();
}
