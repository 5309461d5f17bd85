// Work on other threads races the cancellation of the tasks that wait for it, the end of the threads, and
// the end of the runner: each task has one outcome, and nothing is done twice or for nobody.

#include "support/audit.hpp"
#include "support/errors.hpp"
#include "support/stress.hpp"
#include "support/tasks.hpp"
#include <syncopate/capacity_limiter.hpp>
#include <syncopate/error.hpp>
#include <syncopate/from_thread.hpp>
#include <syncopate/options.hpp>
#include <syncopate/thread_runner.hpp>
#include <syncopate/to_calling_thread.hpp>
#include <syncopate/to_thread.hpp>
#include <syncopate/worker_pool.hpp>

#include <boost/asio/awaitable.hpp>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <future>
#include <memory>
#include <optional>
#include <stop_token>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;
namespace from_thread = syncopate::from_thread;
using namespace std::chrono_literals;
using namespace support;
using syncopate::CapacityLimiter;
using syncopate::Errc;
using syncopate::OnCancel;
using syncopate::Options;
using syncopate::run_in_executor;
using syncopate::ThreadRunner;
using syncopate::WorkerPool;

struct Counts {
    std::atomic<long> begun{0};
    std::atomic<long> ended{0};
    long values = 0;
    long cancelled = 0;

    void summarize(char const* race) const {
        std::printf("%s: %ld values, %ld cancelled\n", race, values, cancelled);
        require(begun == ended, "what a thread has begun it has ended");
        require(values <= ended, "a value is that of a function that was called");
    }
};

// So many calls of make(i), which gives i or is stopped.
template <class Make>
void race_with_stop(ThreadRunner& runner, Counts& counts, long iterations, Make make) {
    Stopper stopper;
    for (int i = 0; i < iterations; ++i) {
        int value = -1;
        auto const stop = stopper.begin_round();
        auto const code = code_of([&] { value = runner.run(make(i), stop); });
        if (code) {
            require(code == Errc::cancelled, code.message().c_str());
            ++counts.cancelled;
        } else {
            require(value == i, "the value is that of the function");
            ++counts.values;
        }
        stopper.end_round();
    }
}

// The work refers to its task's frame: it must have ended, or never begin, when the task ends.
asio::awaitable<int> in_worker(WorkerPool& pool, Counts& counts, int value) {
    Tracked frame(value);
    co_return co_await run_in_executor(pool, [&] {
        ++counts.begun;
        Tracked const local;
        if (value % 3 == 0)
            std::this_thread::yield();
        int const result = frame.value();
        ++counts.ended;
        return result;
    });
}

// The work owns all that it touches.
asio::awaitable<int> abandoned(WorkerPool& pool, std::shared_ptr<Counts> counts, int value) {
    auto work = [counts, value, held = Tracked()] {
        ++counts->begun;
        if (value % 3 == 0)
            std::this_thread::yield();
        ++counts->ended;
        return value;
    };
    co_return co_await run_in_executor(pool, std::move(work), OnCancel::abandon);
}

// Back to the loop, and to a worker again.
asio::awaitable<int> nested(WorkerPool& pool, Counts& counts, int value) {
    Tracked frame(value);
    co_return co_await run_in_executor(pool, [&] {
        ++counts.begun;
        auto const count_end =
            std::unique_ptr<Counts, void (*)(Counts*)>(&counts, [](Counts* c) { ++c->ended; });
        if (value % 2 == 0)
            from_thread::call([&] { frame = Tracked(value); });
        return from_thread::run([&]() -> asio::awaitable<int> {
            Tracked const inner;
            if (value % 5 == 0)
                co_return co_await run_in_executor(pool, [&] { return frame.value(); });
            co_await twice_later(1);
            co_return frame.value();
        });
    });
}

asio::awaitable<int> on_caller(Counts& counts, int value) {
    Tracked frame(value);
    co_return co_await syncopate::to_calling_thread([&] {
        ++counts.begun;
        int const result = frame.value();
        ++counts.ended;
        return result;
    });
}

asio::awaitable<int> with_token(CapacityLimiter& limiter, Counts& counts, int value) {
    Tracked const frame;
    auto const token = co_await limiter.acquire();
    ++counts.begun;
    if (value % 2 == 0)
        co_await twice_later(1);
    ++counts.ended;
    co_return value;
}

void race_for_tokens(long iterations) {
    Counts counts;
    CapacityLimiter limiter(1);
    ThreadRunner runner;
    ThreadRunner rival;
    std::atomic<bool> over{false};
    std::jthread const other([&] {
        RandomPause pause(5);
        while (!over) {
            auto const token = rival.run(limiter.acquire());
            pause();
        }
    });
    Stopper stopper;
    for (int i = 0; i < iterations; ++i) {
        auto const stop = stopper.begin_round();
        auto const code = code_of([&] {
            require(runner.run(with_token(limiter, counts, i), stop) == i, "the value is right");
        });
        require(!code || code == Errc::cancelled, "no other error is thrown");
        ++(code ? counts.cancelled : counts.values);
        stopper.end_round();
    }
    over = true;
    // A task that was stopped inside has begun, and not ended.
    std::printf("tokens: %ld values, %ld cancelled\n", counts.values, counts.cancelled);
}

// Threads end while work is given to them.
void race_with_keep_alive(long iterations) {
    WorkerPool pool(WorkerPool::Options().max_workers(3).keep_alive(20us).spin(0us));
    ThreadRunner runner;
    RandomPause pause(7);
    for (int i = 0; i < iterations; ++i) {
        pause();
        require(runner.run(run_in_executor(pool, [i] { return i; })) == i, "the value is right");
    }
    std::printf("keep-alive: done\n");
}

// The runner, or the pool, closes while tasks wait for work.
void race_with_close(long iterations) {
    RandomPause pause(9);
    long refused = 0;
    for (long i = 0; i < iterations; ++i) {
        std::atomic<int> begun{0};
        std::atomic<int> ended{0};
        std::vector<std::future<void>> all;
        WorkerPool pool(2);
        {
            ThreadRunner runner(Options().on_error([](std::exception_ptr) {}));
            for (int task = 0; task < 6; ++task)
                all.push_back(runner.run_as_future(run_in_executor(pool, [&] {
                    ++begun;
                    if (from_thread::call([] { return 1; }) == 1)
                        ++ended;
                })));
            pause();
            if (i % 2 == 0)
                pool.close();
        }
        for (auto& one : all) {
            // Shared: see close_races.cpp.
            auto const shared = one.share();
            auto const code = code_of([&] { shared.get(); });
            require(
                !code || code == Errc::runner_closed || code == Errc::loop_failed,
                "no other error");
            refused += code ? 1 : 0;
        }
        require(begun == ended, "a worker gets back to the loop as long as its task waits");
    }
    std::printf("close: %ld refused\n", refused);
}

// Closes the pool when its thread ends.
struct LastObject {
    ~LastObject() {
        if (!pool)
            return;
        pool->close();
        ++*ended;
    }
    WorkerPool* pool = nullptr;
    std::atomic<int>* ended = nullptr;
};

// Two threads close a pool, and so do those of its own that end, some before that for lack of work. It is destroyed as
// soon as the two have returned.
void race_of_closers(long iterations) {
    RandomPause pause(11);
    ThreadRunner runner;
    long refused = 0;
    for (long i = 0; i < iterations; ++i) {
        std::atomic<int> begun{0};
        std::atomic<int> ended{0};
        WorkerPool pool(WorkerPool::Options().max_workers(3).keep_alive(20us).spin(0us));
        std::vector<std::future<void>> all;
        for (int task = 0; task < 3; ++task)
            all.push_back(runner.run_as_future(run_in_executor(pool, [&] {
                thread_local LastObject last;
                if (last.pool)
                    return;
                ++begun;
                last.pool = &pool;
                last.ended = &ended;
            })));
        std::thread other([&] { pool.close(); });
        pause();
        pool.close();
        require(begun == ended, "a pool is closed when its threads have ended");
        other.join();
        for (auto& one : all) {
            auto const shared = one.share();  // see close_races.cpp
            auto const code = code_of([&] { shared.get(); });
            require(!code || code == Errc::runner_closed, "no other error");
            refused += code ? 1 : 0;
        }
    }
    std::printf("closers: %ld refused\n", refused);
}

}  // namespace

int main(int argc, char* argv[]) {
    long const races = iterations(argc, argv, 100'000);
    Audit const audit;
    {
        WorkerPool pool(2);
        ThreadRunner runner;
        Counts in_workers;
        race_with_stop(
            runner, in_workers, races, [&](int i) { return in_worker(pool, in_workers, i); });
        in_workers.summarize("worker");
        Counts back_and_forth;
        race_with_stop(runner, back_and_forth, races / 4, [&](int i) {
            return nested(pool, back_and_forth, i);
        });
        back_and_forth.summarize("nested");
        Counts on_callers;
        race_with_stop(runner, on_callers, races, [&](int i) { return on_caller(on_callers, i); });
        on_callers.summarize("calling thread");
        auto const owned = std::make_shared<Counts>();
        race_with_stop(runner, *owned, races, [&](int i) { return abandoned(pool, owned, i); });
        pool.close();
        owned->summarize("abandoned");
    }
    race_for_tokens(races / 2);
    race_with_keep_alive(races / 4);
    race_with_close(races / 50);
    race_of_closers(races / 50);
    require_nothing_left(audit);
    return EXIT_SUCCESS;
}
