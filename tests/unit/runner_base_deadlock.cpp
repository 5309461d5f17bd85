// Calls that could never return are refused before they begin.

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/blocking_portal.hpp>
#include <syncopate/error.hpp>
#include <syncopate/options.hpp>
#include <syncopate/run.hpp>
#include <syncopate/runner.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>

#include <chrono>
#include <exception>
#include <functional>
#include <future>
#include <latch>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using Catch::Matchers::ContainsSubstring;
using syncopate::BlockingPortal;
using syncopate::DeadlockError;
using syncopate::Errc;
using syncopate::Options;
using syncopate::Runner;
using syncopate::TaskGroupError;
using syncopate::ThreadRunner;

struct Context {
    asio::awaitable<void> aenter() { co_return; }
    asio::awaitable<void> aexit(std::exception_ptr) { co_return; }
};

struct Countdown {
    int next = 3;
    asio::awaitable<std::optional<int>> anext() {
        co_return next == 0 ? std::nullopt : std::optional(next--);
    }
};

// A function that blocks on the runner, in each of the ways there are.
template <class Runner>
std::map<std::string, std::function<void()>> blocking_calls(Runner& runner) {
    return {
        {"run", [&] { runner.run(nothing()); }},
        {"run with a token", [&] { runner.run(nothing(), std::stop_token()); }},
        {"run_for", [&] { runner.run_for(1h, nothing()); }},
        {"run_for without time", [&] { runner.run_for(0s, nothing()); }},
        {"run_until",
         [&] { runner.run_until(std::chrono::steady_clock::time_point::max(), nothing()); }},
        {"call", [&] { runner.call([] {}); }},
        {"wrap_context", [&] { static_cast<void>(runner.wrap_context(Context())); }},
        {"with_context", [&] { runner.with_context(Context(), [](Context&) {}); }},
        {"enter_context", [&] { runner.enter_context([] { return Context(); }); }},
        {"close", [&] { runner.close(); }},
        {"close_for", [&] { runner.close_for(1h); }},
    };
}

bool is_refused(std::function<void()> const& blocking_call) {
    return code_of(blocking_call) == Errc::would_deadlock;
}

// Whether it is refused as the work of a task of the runner.
template <class Runner>
bool is_refused_in_task(Runner& runner, std::function<void()> blocking_call) {
    return runner.run([&]() -> asio::awaitable<bool> { co_return is_refused(blocking_call); });
}

template <class Executor>
bool is_refused_in_handler(Executor const& executor, std::function<void()> blocking_call) {
    std::promise<bool> refused;
    asio::post(executor, [&] { refused.set_value(is_refused(blocking_call)); });
    return refused.get_future().get();
}

}  // namespace

LOOP_TEST_CASE("A task of the loop must not block on it", EveryLoop) {
    AnyLoop loop;
    for (auto const& [name, blocking_call] : blocking_calls(loop.runner)) {
        CAPTURE(name);
        CHECK(is_refused_in_task(loop.runner, blocking_call));
    }
}

LOOP_TEST_CASE("A task that was suspended must not block on its loop either", EveryLoop) {
    AnyLoop loop;
    bool const refused = loop.runner.run([&]() -> asio::awaitable<bool> {
        co_await twice_later(1);
        co_return is_refused([&] { loop.runner.run(nothing()); });
    });
    CHECK(refused);
}

LOOP_TEST_CASE("A function called on the loop must not block on it", EveryLoop) {
    AnyLoop loop;
    CHECK(loop.runner.call([&] { return is_refused([&] { loop.runner.run(nothing()); }); }));
}

LOOP_TEST_CASE("A range must not be iterated on the loop", EveryLoop) {
    AnyLoop loop;
    auto range = loop.runner.wrap_iter(Countdown());
    CHECK(is_refused_in_task(loop.runner, [&] { range.begin(); }));
    auto begun = loop.runner.wrap_iter(Countdown());
    auto item = begun.begin();
    CHECK(is_refused_in_task(loop.runner, [&] { ++item; }));
}

LOOP_TEST_CASE("A background task must not block on its loop", EveryLoop) {
    AnyLoop loop;
    std::promise<bool> refused;
    loop.runner.start_soon([&]() -> asio::awaitable<void> {
        refused.set_value(is_refused([&] { loop.runner.run(nothing()); }));
        co_return;
    });
    loop.runner.run(nothing());
    CHECK(refused.get_future().get());
}

TEMPLATE_LIST_TEST_CASE(
    "A handler on the loop's executor must not block on the loop", "", TurningLoops) {
    TestType loop;
    CHECK(is_refused_in_handler(loop.runner.get_executor(), [&] { loop.runner.run(nothing()); }));
}

LOOP_TEST_CASE("The loop goes on after a refusal", EveryLoop) {
    AnyLoop loop;
    CHECK(is_refused_in_task(loop.runner, [&] { loop.runner.run(nothing()); }));
    CHECK(loop.runner.run(twice(21)) == 42);
}

LOOP_TEST_CASE("A loop that refused to be closed by its task is still open", EveryLoop) {
    AnyLoop loop;
    CHECK(is_refused_in_task(loop.runner, [&] { loop.runner.close(); }));
    CHECK(loop.runner.run(twice(21)) == 42);
}

LOOP_TEST_CASE("The refusal names the loop", EveryLoop) {
    AnyLoop loop(Options().name("database"));
    CHECK_THROWS_WITH(
        loop.runner.call([&] { loop.runner.run(nothing()); }), ContainsSubstring("\"database\""));
}

TEST_CASE("A refusal says who waits for whom, and nothing else") {
    ThreadRunner runner(Options().name("db"));
    auto const call = [&] { runner.call([&] { runner.run(nothing()); }); };
    CHECK(
        message_of<DeadlockError>(call) ==
        "\"db\" waits for \"db\", on the thread that makes the call; use co_await");
    CHECK(code_of(call) == Errc::would_deadlock);
}

TEST_CASE("A task may block on a runner that does not need it") {
    ThreadRunner a;
    ThreadRunner b;
    CHECK(a.call([&] { return b.run(twice(21)); }) == 42);
}

TEST_CASE("Two runners that wait for each other are refused, by name") {
    ThreadRunner a(Options().name("Anna"));
    ThreadRunner b(Options().name("Boris"));
    CHECK_THROWS_WITH(
        a.call([&] { b.call([&] { a.run(nothing()); }); }),
        ContainsSubstring("\"Boris\" waits for \"Anna\", which waits for \"Boris\""));
}

TEST_CASE("Three runners that wait in a circle are refused, by name") {
    ThreadRunner a(Options().name("Anna"));
    ThreadRunner b(Options().name("Boris"));
    ThreadRunner c(Options().name("Clara"));
    auto const circle = [&] {
        a.call([&] { b.call([&] { c.call([&] { a.run(nothing()); }); }); });
    };
    CHECK_THROWS_WITH(
        circle(), ContainsSubstring("\"Clara\" waits for \"Anna\", which waits for "
                                    "\"Boris\", which waits for \"Clara\""));
}

TEST_CASE("A circle that does not include the first runner is refused") {
    ThreadRunner a(Options().name("Anna"));
    ThreadRunner b(Options().name("Boris"));
    ThreadRunner c(Options().name("Clara"));
    auto const circle = [&] {
        a.call([&] { b.call([&] { c.call([&] { b.run(nothing()); }); }); });
    };
    CHECK_THROWS_AS(circle(), DeadlockError);
}

TEST_CASE("Runners that turn to each other at the same time are not both refused") {
    ThreadRunner a;
    ThreadRunner b;
    std::latch both_are_busy(2);
    auto const turn_to = [&](ThreadRunner& other) {
        both_are_busy.arrive_and_wait();
        return is_refused([&] { other.run(nothing()); });
    };
    bool refused_in_a = false;
    std::jthread caller([&] { refused_in_a = a.call([&] { return turn_to(b); }); });
    bool const refused_in_b = b.call([&] { return turn_to(a); });
    caller.join();
    CHECK(refused_in_a != refused_in_b);
}

TEST_CASE("Both runners go on after a refusal") {
    ThreadRunner a;
    ThreadRunner b;
    bool const refused =
        a.call([&] { return b.call([&] { return is_refused([&] { a.run(nothing()); }); }); });
    CHECK(refused);
    CHECK(a.call([&] { return b.run(twice(21)); }) == 42);
    CHECK(b.call([&] { return a.run(twice(21)); }) == 42);
}

TEST_CASE("A circle through a portal is refused, by name") {
    RunningContext context;
    BlockingPortal portal(context.get(), Options().name("door"));
    ThreadRunner runner(Options().name("Anna"));
    CHECK_THROWS_WITH(
        runner.call([&] { portal.call([&] { runner.run(nothing()); }); }),
        ContainsSubstring("\"door\" waits for \"Anna\", which waits for \"door\""));
    CHECK_THROWS_WITH(
        portal.call([&] { runner.call([&] { portal.run(nothing()); }); }),
        ContainsSubstring("\"Anna\" waits for \"door\", which waits for \"Anna\""));
}

TEST_CASE("A circle through two portals of a pool is refused") {
    asio::thread_pool pool(3);
    BlockingPortal a(pool);
    BlockingPortal b(pool);
    CHECK_THROWS_AS(a.call([&] { b.call([&] { a.run(nothing()); }); }), DeadlockError);
}

TEST_CASE("A portal to a runner's own loop is that loop") {
    ThreadRunner runner;
    BlockingPortal portal(runner.get_loop());
    CHECK(portal.run(twice(21)) == 42);
    CHECK(is_refused_in_task(runner, [&] { portal.run(nothing()); }));
    CHECK(is_refused_in_task(portal, [&] { runner.run(nothing()); }));
}

TEST_CASE("A portal to the executor of a runner's task is that runner's loop") {
    ThreadRunner runner;
    bool const refused = runner.run([]() -> asio::awaitable<bool> {
        asio::any_io_executor const executor = co_await asio::this_coro::executor;
        BlockingPortal portal(executor);
        BlockingPortal on_strand(asio::make_strand(executor));
        co_return is_refused([&] { portal.run(nothing()); }) &&
            is_refused([&] { on_strand.run(nothing()); });
    });
    CHECK(refused);
}

TEMPLATE_LIST_TEST_CASE(
    "A portal to another portal's executor must not be called from there", "", EveryPortal) {
    TestType loop;
    BlockingPortal portal(loop.runner.get_executor());
    BlockingPortal third(portal.get_executor());
    CHECK(is_refused_in_task(loop.runner, [&] { portal.run(nothing()); }));
    CHECK(is_refused_in_task(portal, [&] { loop.runner.run(nothing()); }));
    CHECK(is_refused_in_task(third, [&] { loop.runner.run(nothing()); }));
    CHECK(is_refused_in_task(loop.runner, [&] { third.run(nothing()); }));
    CHECK(portal.run(twice_later(21)) == 42);
    CHECK(third.run(twice_later(21)) == 42);
}

TEST_CASE("Two portals to an io_context must not block on each other") {
    RunningContext context;
    BlockingPortal a(context.get());
    BlockingPortal b(context.get());
    CHECK(is_refused_in_task(a, [&] { b.run(nothing()); }));
    CHECK(is_refused_in_task(b, [&] { a.run(nothing()); }));
}

TEST_CASE("A circle through two portals to one io_context is refused") {
    RunningContext context;
    BlockingPortal a(context.get());
    BlockingPortal b(context.get());
    ThreadRunner runner;
    CHECK_THROWS_AS(a.call([&] { runner.call([&] { b.run(nothing()); }); }), DeadlockError);
}

TEST_CASE("A handler that runs inside a task of another portal must not block on that one") {
    asio::thread_pool pool(3);
    BlockingPortal outer(pool);
    BlockingPortal inner(pool);
    std::promise<bool> refused;
    outer.call([&] {
        asio::dispatch(inner.get_executor(), [&] {
            refused.set_value(is_refused([&] { outer.run(nothing()); }));
        });
    });
    CHECK(refused.get_future().get());
}

TEST_CASE("A circle through a handler inside a task of another portal is refused") {
    asio::thread_pool pool(3);
    BlockingPortal outer(pool);
    BlockingPortal inner(pool);
    ThreadRunner runner;
    std::promise<bool> refused;
    outer.call([&] {
        asio::dispatch(inner.get_executor(), [&] {
            refused.set_value(is_refused([&] { runner.call([&] { outer.run(nothing()); }); }));
        });
    });
    CHECK(refused.get_future().get());
}

TEST_CASE("The thread that runs an io_context must not block on its portal") {
    RunningContext context;
    BlockingPortal portal(context.get());
    for (auto const& [name, blocking_call] : blocking_calls(portal)) {
        CAPTURE(name);
        CHECK(is_refused_in_handler(context.get().get_executor(), blocking_call));
    }
    CHECK(portal.run(twice(21)) == 42);
}

TEST_CASE("The only thread of a pool must not block on its portal") {
    asio::thread_pool pool(1);
    BlockingPortal portal(pool);
    CHECK(is_refused_in_handler(pool.get_executor(), [&] { portal.run(nothing()); }));
}

TEST_CASE("The only thread is known through strands and any_io_executor") {
    asio::thread_pool pool(1);
    auto const strand = asio::make_strand(pool);
    BlockingPortal on_strand(strand);
    BlockingPortal on_any{asio::any_io_executor(pool.get_executor())};
    BlockingPortal on_any_strand{asio::any_io_executor(strand)};
    auto const executor = pool.get_executor();
    CHECK(is_refused_in_handler(executor, [&] { on_strand.run(nothing()); }));
    CHECK(is_refused_in_handler(executor, [&] { on_any.run(nothing()); }));
    CHECK(is_refused_in_handler(executor, [&] { on_any_strand.run(nothing()); }));
}

TEST_CASE("A thread of a pool may block on its portal while another is left") {
    asio::thread_pool pool(2);
    BlockingPortal portal(pool);
    auto const block = [&] {
        std::promise<int> result;
        asio::post(pool, [&] { result.set_value(portal.run(twice(21))); });
        return result.get_future().get();
    };
    CHECK(block() == 42);
    CHECK(block() == 42);
    CHECK(block() == 42);
}

TEST_CASE("The last free thread of a pool must not block on its portal") {
    asio::thread_pool pool(2);
    BlockingPortal portal(pool);
    std::latch both_are_busy(2);
    auto const block = [&] {
        both_are_busy.arrive_and_wait();
        return is_refused([&] { portal.run(nothing()); });
    };
    std::promise<bool> first;
    std::promise<bool> second;
    asio::post(pool, [&] { first.set_value(block()); });
    asio::post(pool, [&] { second.set_value(block()); });
    bool const first_is_refused = first.get_future().get();
    CHECK(!(first_is_refused && second.get_future().get()));
    CHECK(portal.run(twice(21)) == 42);
}

TEST_CASE("A handler of a strand must not block on a portal to that strand") {
    asio::thread_pool pool(2);
    auto const strand = asio::make_strand(pool);
    BlockingPortal portal(strand);
    BlockingPortal any_portal{asio::any_io_executor(strand)};
    CHECK(is_refused_in_handler(strand, [&] { portal.run(nothing()); }));
    CHECK(is_refused_in_handler(strand, [&] { any_portal.run(nothing()); }));
    CHECK(portal.run(twice(21)) == 42);
}

TEST_CASE("run inside a task of run is refused") {
    bool const refused = syncopate::run(
        []() -> asio::awaitable<bool> { co_return is_refused([] { syncopate::run(nothing()); }); });
    CHECK(refused);
}

TEST_CASE("A task of a Runner must not block on anything") {
    Runner runner;
    ThreadRunner thread_runner;
    Runner other;
    RunningContext context;
    BlockingPortal portal(context.get());
    CHECK(is_refused_in_task(runner, [] { syncopate::run(nothing()); }));
    CHECK(is_refused_in_task(runner, [&] { thread_runner.run(nothing()); }));
    CHECK(is_refused_in_task(runner, [&] { other.run(nothing()); }));
    CHECK(is_refused_in_task(runner, [&] { portal.run(nothing()); }));
}

TEST_CASE("A task of run must not block on a ThreadRunner") {
    ThreadRunner runner;
    bool const refused = syncopate::run(
        [&]() -> asio::awaitable<bool> { co_return is_refused([&] { runner.run(nothing()); }); });
    CHECK(refused);
}

TEST_CASE("The thread of a Runner may block when no task of it runs") {
    Runner runner;
    ThreadRunner thread_runner;
    CHECK(is_refused_in_task(runner, [&] { thread_runner.run(nothing()); }));
    CHECK(thread_runner.run(twice(21)) == 42);
    CHECK(syncopate::run(twice(21)) == 42);
    CHECK(runner.run(twice(21)) == 42);
}

TEST_CASE("A task of a ThreadRunner may use a loop of its own") {
    ThreadRunner runner;
    CHECK(runner.call([] { return syncopate::run(twice_later(21)); }) == 42);
}

TEST_CASE("A task of that inner loop must not block on the outer one") {
    ThreadRunner runner;
    bool const refused = runner.call([&] {
        return syncopate::run([&]() -> asio::awaitable<bool> {
            co_return is_refused([&] { runner.run(nothing()); });
        });
    });
    CHECK(refused);
}

TEST_CASE("A thread that a task of a Runner waits for may not block on the Runner") {
    Runner runner;
    bool refused = false;
    runner.call([&] {
        std::jthread([&] { refused = is_refused([&] { runner.run(nothing()); }); }).join();
    });
    CHECK(refused);
    CHECK(runner.run(twice(21)) == 42);
}

TEST_CASE("An error that was moved from tells the same as before") {
    DeadlockError deadlock("A -> B");
    auto const moved = std::move(deadlock);
    TaskGroupError group(std::vector{std::make_exception_ptr(1)});
    auto const moved_group = std::move(group);
    // NOLINTBEGIN(bugprone-use-after-move,hicpp-invalid-access-moved)
    CHECK(std::string(deadlock.what()) == moved.what());
    CHECK(std::string(group.what()) == moved_group.what());
    CHECK(group.errors() == moved_group.errors());
    // NOLINTEND(bugprone-use-after-move,hicpp-invalid-access-moved)
}
