// from_thread: what a worker can do with the loop whose task waits for it.

#include "support/audit.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/error.hpp>
#include <syncopate/from_thread.hpp>
#include <syncopate/options.hpp>
#include <syncopate/run.hpp>
#include <syncopate/to_thread.hpp>
#include <syncopate/worker_pool.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;
namespace from_thread = syncopate::from_thread;
using namespace std::chrono_literals;
using namespace support;
using syncopate::DeadlockError;
using syncopate::Errc;
using syncopate::OnCancel;
using syncopate::Options;
using syncopate::run_in_executor;
using syncopate::to_thread;
using syncopate::WorkerPool;

asio::awaitable<std::thread::id> loop_thread() {
    co_return std::this_thread::get_id();
}

// Loop -> worker -> loop -> worker -> ... and back.
asio::awaitable<int> deep(int levels) {
    if (levels == 0)
        co_return 0;
    int const below = co_await to_thread([levels] { return from_thread::run(deep(levels - 1)); });
    co_return 1 + below;
}

// The same on one pool.
asio::awaitable<int> deep(WorkerPool& pool, int levels) {
    if (levels == 0)
        co_return 0;
    int const below = co_await run_in_executor(
        pool, [&pool, levels] { return from_thread::run(deep(pool, levels - 1)); });
    co_return 1 + below;
}

// So many coroutines inside one another, none of which is suspended.
asio::awaitable<int> nested_at_once(int levels) {
    Tracked const frame;
    if (levels == 0)
        co_return 42;
    co_return co_await nested_at_once(levels - 1);
}

}  // namespace

TEMPLATE_LIST_TEST_CASE("A worker runs every kind of task on the loop that called", "", EveryLoop) {
    TestType loop;
    asio::steady_timer timer(loop.runner.get_executor(), 1ms);
    CHECK(loop.runner.run(to_thread([] { return from_thread::run(twice(21)); })) == 42);
    CHECK(loop.runner.run(to_thread([] { return from_thread::run(twice_later(21)); })) == 42);
    CHECK(loop.runner.run(to_thread([] {
        auto const task = [] { return twice(21); };
        return from_thread::run(task);
    })) == 42);
    loop.runner.run(to_thread([&] { from_thread::run(timer.async_wait(asio::deferred)); }));
    CHECK(*loop.runner.run(to_thread([] {
        return from_thread::run(
            []() -> asio::awaitable<std::unique_ptr<int>> { co_return std::make_unique<int>(42); });
    })) == 42);
}

TEST_CASE("What a worker runs and calls is on the loop's thread") {
    OnThreadRunner loop;
    auto const ids = loop.runner.run(to_thread([] {
        return std::array{
            from_thread::run(loop_thread()), from_thread::call(std::this_thread::get_id),
            std::this_thread::get_id()};
    }));
    auto const expected = loop_thread_of(loop.runner);
    CHECK(ids[0] == expected);
    CHECK(ids[1] == expected);
    CHECK(ids[2] != expected);
}

LOOP_TEST_CASE("A worker's caller gets the exceptions of what it runs", EveryLoop) {
    AnyLoop loop;
    CHECK_THROWS_AS(
        loop.runner.run(to_thread([] { from_thread::call([]() { throw 'x'; }); })), char);
    CHECK_THROWS_WITH(
        loop.runner.run(to_thread([] {
            from_thread::run([]() -> asio::awaitable<void> {
                co_await twice_later(1);
                throw std::runtime_error("from the loop");
            });
        })),
        "from the loop");
}

TEST_CASE("A worker's task is destroyed before the worker goes on") {
    OnThreadRunner loop;
    auto const alive = loop.runner.run(to_thread([] {
        auto const before = Tracked::alive();
        from_thread::run([held = Tracked()]() -> asio::awaitable<void> {
            Tracked const frame;
            co_await twice_later(1);
        });
        return Tracked::alive() - before;
    }));
    CHECK(alive == 0);
}

LOOP_TEST_CASE("Loop and workers call each other, many levels deep", EveryLoop) {
    AnyLoop loop(Options().max_workers(8));
    CHECK(loop.runner.run(deep(6)) == 6);
}

TEST_CASE("from_thread also works from the threads of an Asio pool, and on a plain io_context") {
    asio::thread_pool pool(1);
    asio::io_context context;
    auto result = asio::co_spawn(
        context,
        [&]() -> asio::awaitable<int> {
            co_return co_await run_in_executor(
                pool, [] { return from_thread::run(twice_later(21)); });
        },
        asio::use_future);
    context.run();
    CHECK(result.get() == 42);
}

TEST_CASE("from_thread is refused where no task waits for the thread") {
    CHECK(code_of([] { from_thread::check_cancelled(); }) == Errc::not_in_worker);
    CHECK(code_of([] { from_thread::run(nothing()); }) == Errc::not_in_worker);
    CHECK(code_of([] { from_thread::call([] {}); }) == Errc::not_in_worker);
    OnThreadRunner loop;
    CHECK(code_of([&] {
              loop.runner.call([] { from_thread::call([] {}); });
          }) == Errc::not_in_worker);
}

LOOP_TEST_CASE("A worker sees that its task has been cancelled", EveryLoop) {
    std::error_code seen;
    Gate started;
    AnyLoop loop;
    CHECK(code_of([&] {
              run_and_stop(loop.runner, started, to_thread([&] {
                               from_thread::check_cancelled();
                               started.open();
                               seen = code_of([] {
                                   for (;;) {
                                       from_thread::check_cancelled();
                                       std::this_thread::yield();
                                   }
                               });
                               from_thread::check_cancelled();
                           }));
          }) == Errc::cancelled);
    CHECK(seen == Errc::cancelled);
}

LOOP_TEST_CASE("What a worker runs is cancelled with the task that waits", EveryLoop) {
    std::error_code code;
    std::error_code later;
    Gate started;
    AnyLoop loop;
    CHECK(code_of([&] {
              run_and_stop(loop.runner, started, to_thread([&] {
                               code = code_of([&] { from_thread::run(forever(started)); });
                               later = code_of([] { from_thread::run(forever()); });
                           }));
          }) == Errc::cancelled);
    CHECK(code == Errc::cancelled);
    CHECK(later == Errc::cancelled);
}

LOOP_TEST_CASE("A worker of a cancelled task runs what is never suspended", EveryLoop) {
    int result = 0;
    Gate started;
    AnyLoop loop;
    CHECK(code_of([&] {
              run_and_stop(loop.runner, started, to_thread([&] {
                               started.open();
                               while (!code_of([] { from_thread::check_cancelled(); }))
                                   std::this_thread::yield();
                               // Its coroutine has ended by the time at which it would be cancelled.
                               result = from_thread::run(nested_at_once(5));
                           }));
          }) == Errc::cancelled);
    CHECK(result == 42);
}

TEST_CASE("Abandoned work does not get back to the loop") {
    auto const started = std::make_shared<Gate>();
    auto const gate = std::make_shared<Gate>();
    auto const ended = std::make_shared<Gate>();
    auto const code = std::make_shared<std::error_code>();
    auto work = [started, gate, ended, code] {
        started->open();
        gate->wait();
        *code = code_of([] { from_thread::call([] {}); });
        ended->open();
    };
    OnThreadRunner loop;
    CHECK(code_of([&] {
              run_and_stop(loop.runner, *started, to_thread(work, OnCancel::abandon));
          }) == Errc::cancelled);
    gate->open();
    ended->wait();
    CHECK(*code == Errc::cancelled);
}

TEST_CASE("A worker may call the runner whose task waits for it") {
    OnThreadRunner loop;
    CHECK(loop.runner.run(to_thread([&] { return loop.runner.run(twice_later(21)); })) == 42);
}

TEST_CASE("A pool of which every worker waits for queued work of its own refuses that") {
    WorkerPool pool(WorkerPool::Options().name("small").max_workers(2));
    OnThreadRunner loop;
    CHECK(loop.runner.run(deep(pool, 2)) == 2);
    auto const message = message_of<DeadlockError>([&] { loop.runner.run(deep(pool, 3)); });
    CHECK_THAT(
        message, Catch::Matchers::ContainsSubstring(
                     "\"small\": each of the 2 workers waits for work that this pool"));
    CHECK(loop.runner.run(deep(pool, 2)) == 2);
}

TEST_CASE("The same holds where workers wait through run()") {
    OnThreadRunner loop(Options().max_workers(1));
    auto const nested = [&] { return loop.runner.run(to_thread([] { return 1; })); };
    CHECK_THROWS_AS(loop.runner.run(to_thread(nested)), DeadlockError);
}

TEST_CASE("Two workers that wait for each other's pools are no deadlock") {
    WorkerPool one(1);
    WorkerPool other(1);
    OnThreadRunner loop;
    auto task = run_in_executor(
        one, [&] { return from_thread::run(run_in_executor(other, [] { return 42; })); });
    CHECK(loop.runner.run(std::move(task)) == 42);
}

TEST_CASE("Workers that are blocked on the loop, and not on their pool, have queued work wait") {
    Gate gate;
    Gate waiting;
    WorkerPool pool(1);
    OnThreadRunner loop;
    auto first = loop.runner.run_as_future(run_in_executor(pool, [&] {
        from_thread::run([&]() -> asio::awaitable<void> {
            waiting.open();
            co_await gate.passed();
        });
    }));
    waiting.wait();
    auto second = loop.runner.run_as_future(run_in_executor(pool, [] { return 42; }));
    gate.open();
    first.get();
    CHECK(second.get() == 42);
}

TEST_CASE("A worker does not run a loop that waits for the worker's own") {
    OnThreadRunner loop;
    // The worker's thread runs a loop of its own, whose task must not block.
    CHECK_THROWS_AS(
        loop.runner.run(to_thread([] {
            syncopate::run([]() -> asio::awaitable<void> {
                from_thread::call([] {});
                co_return;
            });
        })),
        DeadlockError);
}

TEST_CASE("An io_context that is destroyed under a worker's task fails the worker") {
    std::error_code code;
    std::error_code later;
    Gate started;
    auto const body = [&]() -> asio::awaitable<void> {
        Tracked const frame;
        co_await to_thread([&] {
            code = code_of([&] { from_thread::run(forever(started)); });
            later = code_of([] { from_thread::call([] {}); });
        });
    };
    auto const destroy_meanwhile = [&](auto spawn) {
        asio::io_context context;
        spawn(context);
        while (!started.is_open())
            context.run_one_for(1ms);
    };
    SECTION("whose timers are newer than its first worker") {
        destroy_meanwhile([&](auto& context) { asio::co_spawn(context, body, asio::detached); });
    }
    SECTION("whose timers are older") {
        destroy_meanwhile([&](auto& context) {
            asio::steady_timer const early(context);
            asio::co_spawn(context, body, asio::detached);
        });
    }
    SECTION("on a strand") {
        destroy_meanwhile([&](auto& context) {
            asio::steady_timer const early(context);
            asio::co_spawn(asio::make_strand(context), body, asio::detached);
        });
    }
    CHECK(code == Errc::loop_failed);
    CHECK(later == Errc::loop_failed);
}
