// WorkerPool: when threads start and end, and how a pool closes.

#include "support/audit.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/error.hpp>
#include <syncopate/on_cancel.hpp>
#include <syncopate/options.hpp>
#include <syncopate/to_thread.hpp>
#include <syncopate/worker_pool.hpp>

#include <boost/asio/awaitable.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <exception>
#include <filesystem>
#include <future>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <pthread.h>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using syncopate::DeadlockError;
using syncopate::Errc;
using syncopate::run_in_executor;
using syncopate::WorkerPool;

// The threads of the process. One that was left behind still has to end before the test does.
class ThreadCount {
public:
    void wait_until_as_before() const {
        while (now() > before_)
            std::this_thread::yield();
    }

private:
    static std::ptrdiff_t now() {
        return std::distance(
            std::filesystem::directory_iterator("/proc/self/task"),
            std::filesystem::directory_iterator());
    }

    std::ptrdiff_t const before_ = now();
};

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

TEST_CASE(
    "A function that ends its thread fails with worker_lost, and another thread takes its place") {
    int ended = 0;
    {
        WorkerPool pool(WorkerPool::Options().max_workers(1).on_thread_stop([&] { ++ended; }));
        OnThreadRunner loop;
        Tracked const held;
        auto const work = [&pool, held] {
            return run_in_executor(pool, [held] { ::pthread_exit(nullptr); });
        };
        CHECK(code_of([&] { loop.runner.run(work()); }) == Errc::worker_lost);
        CHECK(loop.runner.run(run_in_executor(pool, [] { return 42; })) == 42);
    }
    CHECK(ended == 2);
}

TEST_CASE("The work that waited for a thread that was lost is done by the next") {
    WorkerPool pool(1);
    OnThreadRunner loop;
    Gate running;
    Gate gate;
    auto lost = loop.runner.run_as_future(run_in_executor(pool, [&] {
        running.open();
        gate.wait();
        ::pthread_exit(nullptr);
    }));
    running.wait();
    auto queued = loop.runner.run_as_future(run_in_executor(pool, [] { return 42; }));
    loop.runner.call([] {});  // it is in the queue
    gate.open();
    CHECK(queued.get() == 42);
    CHECK(code_of([&] { lost.get(); }) == Errc::worker_lost);
}

LOOP_TEST_CASE("A function that ends its thread fails with worker_lost on every loop", EveryLoop) {
    AnyLoop loop;
    auto const work = [] { return syncopate::to_thread([] { ::pthread_exit(nullptr); }); };
    CHECK(code_of([&] { loop.runner.run(work()); }) == Errc::worker_lost);
    CHECK(loop.runner.run(syncopate::to_thread([] { return 42; })) == 42);
}

LOOP_TEST_CASE(
    "Abandoned work that does not end is left behind when the runner is destroyed", EveryLoop) {
    ThreadCount const threads;
    auto const gate = std::make_shared<Gate>();
    auto const ended = std::make_shared<Gate>();
    ErrorLog log;
    {
        AnyLoop loop(syncopate::Options().close_timeout(20ms).on_error(log.handler()));
        std::stop_source stop;
        auto const work = [=] {
            return syncopate::to_thread(
                [=]() mutable {
                    stop.request_stop();
                    gate->wait();
                    ended->open();
                },
                syncopate::OnCancel::abandon);
        };
        CHECK(code_of([&] { loop.runner.run(work, stop.get_token()); }) == Errc::cancelled);
    }
    auto const errors = log.errors();
    CHECK(std::any_of(errors.begin(), errors.end(), [](std::exception_ptr const& error) {
        return message_of(error).find("left behind") != std::string::npos;
    }));
    gate->open();
    ended->wait();
    threads.wait_until_as_before();
}

TEST_CASE(
    "A pool that is destroyed leaves abandoned work behind, and one that is closed waits for it") {
    ThreadCount const threads;
    auto const gate = std::make_shared<Gate>();
    OnThreadRunner loop;
    {
        WorkerPool pool(WorkerPool::Options().close_timeout(1ms));
        std::stop_source stop;
        auto const work = [&] {
            return run_in_executor(
                pool,
                [=]() mutable {
                    stop.request_stop();
                    gate->wait();
                },
                syncopate::OnCancel::abandon);
        };
        CHECK(code_of([&] { loop.runner.run(work, stop.get_token()); }) == Errc::cancelled);
        CHECK_FALSE(pool.close_for(20ms));
    }
    gate->open();
    loop.runner.close();
    threads.wait_until_as_before();
}
