// to_thread and run_in_executor: blocking functions that other threads call for a task.

#include "support/audit.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/detail/system/system.hpp>
#include <syncopate/error.hpp>
#include <syncopate/options.hpp>
#include <syncopate/to_thread.hpp>
#include <syncopate/worker_pool.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <array>
#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using syncopate::Errc;
using syncopate::OnCancel;
using syncopate::Options;
using syncopate::to_thread;
using syncopate::WorkerPool;

asio::awaitable<std::thread::id> worker_id() {
    co_return co_await to_thread(std::this_thread::get_id);
}

// Can be moved to where it goes, and nothing else.
class NotDefault {
public:
    explicit NotDefault(int value) : value_(value) {}
    NotDefault(NotDefault&&) = default;
    NotDefault& operator=(NotDefault&&) = delete;
    int value() const { return value_; }

private:
    int const value_;
};

}  // namespace

LOOP_TEST_CASE("to_thread calls a function on another thread", EveryLoop) {
    AnyLoop loop;
    auto const ids = loop.runner.run([]() -> asio::awaitable<std::array<std::thread::id, 3>> {
        auto const before = std::this_thread::get_id();
        auto const worker = co_await worker_id();
        // The task goes on where its loop is: on a pool that may be any of its threads.
        co_return std::array{before, worker, std::this_thread::get_id()};
    });
    CHECK(ids[1] != ids[0]);
    CHECK(ids[1] != ids[2]);
    CHECK(ids[1] != std::this_thread::get_id());
}

TEST_CASE("After to_thread the task goes on, on the thread of its loop") {
    OnThreadRunner loop;
    auto const thread = loop.runner.run([]() -> asio::awaitable<std::thread::id> {
        co_await to_thread([] {});
        co_return std::this_thread::get_id();
    });
    CHECK(thread == loop_thread_of(loop.runner));
}

LOOP_TEST_CASE("to_thread gives every kind of result", EveryLoop) {
    int number = 7;
    AnyLoop loop;
    CHECK(loop.runner.run(to_thread([] { return 42; })) == 42);
    CHECK(*loop.runner.run(to_thread([] { return std::make_unique<int>(42); })) == 42);
    CHECK(loop.runner.run(to_thread([] { return NotDefault(42); })).value() == 42);
    CHECK(&loop.runner.run(to_thread([&] { return std::ref(number); })).get() == &number);
    loop.runner.run(to_thread([&] { number = 8; }));
    CHECK(number == 8);
}

LOOP_TEST_CASE("An exception of the function is the task's", EveryLoop) {
    AnyLoop loop;
    CHECK_THROWS_AS(loop.runner.run(to_thread([]() -> int { throw 'x'; })), char);
    CHECK_THROWS_WITH(
        loop.runner.run(to_thread([] { throw std::runtime_error("from the worker"); })),
        "from the worker");
}

TEST_CASE("The function is destroyed on the worker before the task goes on") {
    std::atomic<std::thread::id> destroyed_on{};
    std::thread::id destroyed_before;
    OnThreadRunner loop;
    auto const worker = loop.runner.run([&]() -> asio::awaitable<std::thread::id> {
        auto function = [probe = DestructionProbe(destroyed_on)] {
            return std::this_thread::get_id();
        };
        auto const id = co_await to_thread(std::move(function));
        destroyed_before = destroyed_on;
        co_return id;
    });
    CHECK(destroyed_before == worker);
}

LOOP_TEST_CASE("The loop goes on while a function blocks", EveryLoop) {
    Gate gate;
    AnyLoop loop;
    auto blocked = loop.runner.run_as_future(to_thread([&] { gate.wait(); }));
    loop.runner.run([&]() -> asio::awaitable<void> {
        co_await twice_later(1);
        gate.open();
    });
    loop.runner.run([&]() -> asio::awaitable<void> {  // a Runner turns only in here
        co_await to_thread([] {});
    });
    while (blocked.wait_for(0s) != std::future_status::ready)
        loop.runner.run(twice_later(1));
    blocked.get();
}

TEST_CASE("Workers are reused, and named after their runner") {
    OnThreadRunner loop(Options().name("a runner with a long name"));
    auto const first = loop.runner.run(worker_id());
    CHECK(loop.runner.run(to_thread(syncopate::detail::system::thread_name)) == "a runner with-1");
    for (int i = 0; i < 20; ++i)
        CHECK(loop.runner.run(worker_id()) == first);
}

TEST_CASE("A runner has no more workers than max_workers says") {
    std::mutex mutex;
    std::set<std::thread::id> threads;
    std::atomic<int> now{0};
    std::atomic<int> most{0};
    auto const function = [&] {
        int const together = ++now;
        for (int seen = most; seen < together && !most.compare_exchange_weak(seen, together);) {
        }
        {
            std::lock_guard const lock(mutex);
            threads.insert(std::this_thread::get_id());
        }
        std::this_thread::yield();
        --now;
    };
    OnThreadRunner loop(Options().max_workers(3));
    std::vector<std::future<void>> all;
    for (int i = 0; i < 200; ++i)
        all.push_back(loop.runner.run_as_future(to_thread(function)));
    for (auto& one : all)
        one.get();
    CHECK(threads.size() <= 3);
    CHECK(most <= 3);
}

TEST_CASE("Queued work is done in the order in which it came") {
    Gate gate;
    std::vector<int> order;
    OnThreadRunner loop(Options().max_workers(1));
    auto first = loop.runner.run_as_future(to_thread([&] { gate.wait(); }));
    std::vector<std::future<void>> all;
    for (int i = 0; i < 50; ++i)
        all.push_back(loop.runner.run_as_future(to_thread([&order, i] { order.push_back(i); })));
    gate.open();
    for (auto& one : all)
        one.get();
    first.get();
    for (int i = 0; i < 50; ++i)
        CHECK(order[static_cast<std::size_t>(i)] == i);
}

TEST_CASE("Runners share a pool, which outlives them") {
    auto const pool = std::make_shared<WorkerPool>(1);
    auto const in_pool = [&](auto& runner) { return runner.run(worker_id()); };
    std::thread::id first;
    {
        OnThreadRunner one(Options().worker_pool(pool));
        OnIoContext other(Options().worker_pool(pool));
        first = in_pool(one.runner);
        CHECK(in_pool(other.runner) == first);
    }
    OnRunner third(Options().worker_pool(pool));
    CHECK(in_pool(third.runner) == first);
}

LOOP_TEST_CASE("run_in_executor uses the pool that it is given", EveryLoop) {
    asio::thread_pool asios(1);
    WorkerPool pool(WorkerPool::Options().name("pool").max_workers(1));
    AnyLoop loop;
    CHECK(
        loop.runner.run(syncopate::run_in_executor(pool, syncopate::detail::system::thread_name)) ==
        "pool-1");
    auto const in_asios = [&] {
        return syncopate::run_in_executor(asios, std::this_thread::get_id);
    };
    CHECK(loop.runner.run(in_asios) == loop.runner.run(in_asios));
}

TEST_CASE("A closed pool refuses work, and an Asio pool that ends without doing it") {
    WorkerPool closed(1);
    closed.close();
    auto stopped = std::make_unique<asio::thread_pool>(1);
    stopped->stop();
    stopped->join();
    OnThreadRunner loop;
    Tracked const held;
    CHECK(code_of([&] {
              loop.runner.run(syncopate::run_in_executor(closed, [held] {}));
          }) == Errc::runner_closed);
    auto lost = loop.runner.run_as_future(syncopate::run_in_executor(*stopped, [held] {}));
    loop.runner.run(twice_later(1));
    stopped.reset();
    CHECK(code_of([&] { lost.get(); }) == Errc::worker_lost);
}

TEST_CASE("to_thread works on a loop without a runner, and keeps it running") {
    asio::io_context context;
    auto result = asio::co_spawn(
        context,
        []() -> asio::awaitable<int> {
            int const first = co_await to_thread([] { return 20; });
            co_return first + co_await to_thread([] { return 22; });
        },
        asio::use_future);
    context.run();
    CHECK(result.get() == 42);
}

TEST_CASE("The workers of a loop without a runner are named as those of a pool") {
    asio::io_context context;
    auto name = asio::co_spawn(
        context, to_thread(syncopate::detail::system::thread_name), asio::use_future);
    context.run();
    CHECK(name.get() == "worker-1");
}

TEST_CASE("An io_context that is destroyed waits for what a worker does for it") {
    Gate started;
    Gate release;
    bool released = false;
    std::jthread releaser;
    {
        asio::io_context context;
        auto const body = [&]() -> asio::awaitable<void> {
            Tracked const frame;
            co_await to_thread([&, in_frame = &frame] {
                started.open();
                release.wait();
                released = in_frame->value() == 0;  // the frame is there
            });
        };
        auto const queued = [&]() -> asio::awaitable<void> {
            auto function = [held = Tracked()] {};
            WorkerPool pool(1);
            co_await to_thread(std::move(function));
        };
        asio::co_spawn(context, body, asio::detached);
        asio::co_spawn(context, queued, asio::detached);
        context.run_one();
        started.wait();
        releaser = std::jthread([&] { release.open(); });
    }
    CHECK(released);
}

LOOP_TEST_CASE("Queued work of a cancelled task never runs", EveryLoop) {
    Gate gate;
    Gate running;
    bool ran = false;
    WorkerPool pool(1);
    AnyLoop loop;
    auto const blocked = std::async(std::launch::async, [&] {
        syncopate::ThreadRunner other;
        other.run(syncopate::run_in_executor(pool, [&] {
            running.open();
            gate.wait();
        }));
    });
    running.wait();
    CHECK(code_of([&] {
              loop.runner.run_for(1ms, syncopate::run_in_executor(pool, [&] { ran = true; }));
          }) == Errc::timed_out);
    gate.open();
    blocked.wait();
    loop.runner.run(syncopate::run_in_executor(pool, [] {}));
    CHECK_FALSE(ran);
}

LOOP_TEST_CASE("Running work of a cancelled task is awaited", EveryLoop) {
    Gate started;
    Gate cancelled;
    bool ended = false;
    AnyLoop loop;
    auto const work = [&] {
        started.open();
        cancelled.wait();
        std::this_thread::sleep_for(5ms);
        ended = true;
    };
    CHECK(code_of([&] {
              run_and_stop(loop.runner, started, cancelled, to_thread(work));
          }) == Errc::cancelled);
    CHECK(ended);
}

LOOP_TEST_CASE("A failure of work that was cancelled meanwhile is not lost", EveryLoop) {
    Gate started;
    Gate cancelled;
    AnyLoop loop;
    auto const work = [&] {
        started.open();
        cancelled.wait();
        throw std::runtime_error("from the worker");
    };
    CHECK_THROWS_WITH(
        run_and_stop(loop.runner, started, cancelled, to_thread(work)), "from the worker");
}

TEST_CASE("What cancelled work gives is destroyed before the task ends, on its loop") {
    struct Result {
        explicit Result(std::shared_ptr<DestructionProbe> destroyed)
            : probe(std::move(destroyed)) {}
        std::shared_ptr<DestructionProbe> probe;
    };
    std::atomic<std::thread::id> destroyed_on{};
    Gate started;
    Gate cancelled;
    OnThreadRunner loop;
    auto work = [&] {
        Result result(std::make_shared<DestructionProbe>(destroyed_on));
        started.open();
        cancelled.wait();
        return result;
    };
    CHECK(code_of([&] {
              run_and_stop(loop.runner, started, cancelled, to_thread(work));
          }) == Errc::cancelled);
    CHECK(destroyed_on.load() == loop_thread_of(loop.runner));
}

TEST_CASE("A task that may abandon its work goes on when it is cancelled") {
    auto const started = std::make_shared<Gate>();
    auto const gate = std::make_shared<Gate>();
    auto const ended = std::make_shared<Gate>();
    auto work = [started, gate, ended, frame = Tracked()] {
        started->open();
        gate->wait();
        ended->open();
        return Tracked();
    };
    {
        OnThreadRunner loop;
        CHECK(code_of([&] {
                  run_and_stop(
                      loop.runner, *started, to_thread(std::move(work), OnCancel::abandon));
              }) == Errc::cancelled);
        CHECK_FALSE(ended->is_open());
        gate->open();
    }
    CHECK(ended->is_open());  // the runner's workers have ended
}

TEST_CASE("Work that was abandoned in a pool may fail, and end after its loop") {
    auto const started = std::make_shared<Gate>();
    auto const gate = std::make_shared<Gate>();
    auto work = [started, gate, frame = Tracked()] {
        started->open();
        gate->wait();
        throw std::runtime_error("nobody hears it");
    };
    WorkerPool pool(1);
    {
        OnThreadRunner loop;
        auto task = syncopate::run_in_executor(pool, std::move(work), OnCancel::abandon);
        CHECK(code_of([&] {
                  run_and_stop(loop.runner, *started, std::move(task));
              }) == Errc::cancelled);
    }
    gate->open();
    pool.close();
}

TEMPLATE_TEST_CASE(
    "close_for() waits for work that its task has abandoned", "", OnThreadRunner, OnRunner) {
    Gate started;
    Gate gate;
    TestType loop(Options().on_error([](std::exception_ptr) {}));
    loop.runner.start_soon(to_thread(
        [&] {
            started.open();
            gate.wait();
        },
        OnCancel::abandon));
    loop.runner.run(twice(1));  // a Runner starts it in here
    started.wait();
    CHECK_FALSE(loop.runner.close_for(1ms));
    gate.open();
    CHECK(loop.runner.close_for(1h));
}
