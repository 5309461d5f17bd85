// WorkerPool: when threads start and end, and how a pool closes.

#include "support/audit.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/error.hpp>
#include <syncopate/to_thread.hpp>
#include <syncopate/worker_pool.hpp>

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <future>
#include <memory>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using syncopate::DeadlockError;
using syncopate::Errc;
using syncopate::run_in_executor;
using syncopate::WorkerPool;

}  // namespace

TEST_CASE("A pool starts no thread before it is needed, and one more only when none is idle") {
    WorkerPool pool(4);
    CHECK(pool.size() == 0);
    OnThreadRunner loop;
    for (int i = 0; i < 10; ++i)
        loop.runner.run(run_in_executor(pool, [] {}));
    CHECK(pool.size() == 1);

    Gate gate;
    Gate running;
    auto blocked = loop.runner.run_as_future(run_in_executor(pool, [&] {
        running.open();
        gate.wait();
    }));
    running.wait();
    loop.runner.run(run_in_executor(pool, [] {}));
    CHECK(pool.size() == 2);
    gate.open();
    blocked.get();
}

TEST_CASE("An idle thread ends after the keep-alive time, and another takes its place") {
    WorkerPool pool(WorkerPool::Options().max_workers(1).keep_alive(1ms));
    OnThreadRunner loop;
    for (int i = 0; i < 3; ++i) {
        loop.runner.run(run_in_executor(pool, [] {}));
        while (pool.size() > 0)
            std::this_thread::yield();
    }
    loop.runner.run(run_in_executor(pool, [] {}));
}

TEST_CASE("By default a pool has some more threads than there are cores, and not very many") {
    auto const expected = std::min(32U, std::thread::hardware_concurrency() + 4);
    CHECK(WorkerPool().max_workers() == expected);
    CHECK(WorkerPool(7).max_workers() == 7);
}

TEST_CASE("A pool without workers is refused") {
    CHECK_THROWS_AS(WorkerPool(0), std::invalid_argument);
    CHECK_THROWS_AS(WorkerPool(-1), std::invalid_argument);
}

TEST_CASE("Closing a pool refuses queued work, and waits for what is being done") {
    Gate running;
    Gate gate;
    bool ended = false;
    bool ran = false;
    WorkerPool pool(1);
    OnThreadRunner loop;
    auto first = loop.runner.run_as_future(run_in_executor(pool, [&] {
        running.open();
        gate.wait();
        ended = true;
    }));
    running.wait();
    auto second = loop.runner.run_as_future(run_in_executor(pool, [&] { ran = true; }));
    loop.runner.run(twice_later(1));
    CHECK_FALSE(pool.close_for(1ms));
    CHECK(code_of([&] { second.get(); }) == Errc::runner_closed);
    gate.open();
    pool.close();
    CHECK(ended);
    CHECK_FALSE(ran);
    first.get();
    pool.close();
}

TEST_CASE("A pool names the work that keeps it from closing") {
    Gate running;
    Gate gate;
    WorkerPool pool(WorkerPool::Options().name("slow"));
    OnThreadRunner loop;
    CHECK(pool.running().empty());
    auto future = loop.runner.run_as_future(run_in_executor(pool, [&] {
        running.open();
        gate.wait();
    }));
    running.wait();
    CHECK_FALSE(pool.close_for(0s));
    CHECK_THAT(pool.running(), Catch::Matchers::ContainsSubstring("slow-1: worker_pool.cpp:"));
    gate.open();
    pool.close();
    future.get();
}

TEST_CASE("A worker does not close its own pool") {
    WorkerPool pool(1);
    OnThreadRunner loop;
    CHECK_THROWS_AS(loop.runner.run(run_in_executor(pool, [&] { pool.close(); })), DeadlockError);
    loop.runner.run(run_in_executor(pool, [] {}));
}

TEST_CASE("A pool may be destroyed by a worker of its own") {
    Gate ended;
    OnThreadRunner loop;
    auto pool = std::make_shared<WorkerPool>(2);
    auto* const raw = pool.get();
    auto task = run_in_executor(*raw, [&, pool = std::exchange(pool, nullptr)]() mutable {
        pool.reset();
        ended.open();
    });
    loop.runner.run(std::move(task));
    CHECK(ended.is_open());
}

TEST_CASE("A pool that is destroyed by a worker of its own does not wait for the others") {
    Gate running;
    Gate destroyed;
    OnThreadRunner loop;
    auto pool = std::make_unique<WorkerPool>(2);
    auto& alias = *pool;
    auto other = loop.runner.run_as_future(run_in_executor(alias, [&] {
        running.open();
        destroyed.wait();
        return 42;
    }));
    running.wait();
    loop.runner.run(run_in_executor(alias, [&] {
        pool.reset();
        destroyed.open();
    }));
    CHECK(other.get() == 42);
}

TEST_CASE("A runner may be destroyed by a worker of its own") {
    Gate ended;
    auto owned = std::make_unique<syncopate::ThreadRunner>();
    auto& runner = *owned;
    runner.start_soon(syncopate::to_thread([&, owned = std::move(owned)]() mutable {
        owned.reset();
        ended.open();
    }));
    ended.wait();
}

TEST_CASE("A worker of a runner's task does not close the runner") {
    OnThreadRunner loop;
    auto const message = message_of<DeadlockError>(
        [&] { loop.runner.run(syncopate::to_thread([&] { loop.runner.close(); })); });
    CHECK_THAT(
        message, Catch::Matchers::ContainsSubstring(
                     "a worker of \"ThreadRunner\" waits for \"ThreadRunner\""));
    CHECK(loop.runner.run(twice(21)) == 42);
}
