// The threads that a runner starts: the functions that its user has called there, how they are scheduled, and how
// their end is awaited.

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/options.hpp>
#include <syncopate/thread_runner.hpp>
#include <syncopate/to_thread.hpp>
#include <syncopate/worker_pool.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <fstream>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <sched.h>
#include <sys/types.h>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;
using namespace support;
using syncopate::Options;
using syncopate::ThreadRunner;
using syncopate::WorkerPool;

// The threads on which a function was called, in order.
class Threads {
public:
    std::function<void()> note() {
        return [this] {
            std::lock_guard const lock(mutex_);
            ids_.push_back(std::this_thread::get_id());
        };
    }
    std::vector<std::thread::id> ids() const {
        std::lock_guard const lock(mutex_);
        return ids_;
    }

private:
    mutable std::mutex mutex_;
    std::vector<std::thread::id> ids_;
};

std::thread::id this_thread() {
    return std::this_thread::get_id();
}

/// Waits until a thread of this process sleeps.
void wait_until_asleep(pid_t thread) {
    std::string line;
    do {
        std::this_thread::yield();
        std::ifstream status("/proc/self/task/" + std::to_string(thread) + "/status");
        while (std::getline(status, line) && !line.starts_with("State:")) {
        }
    } while (line.find("sleeping") == std::string::npos);
}

struct Scheduling {
    static Scheduling here() {
        Scheduling scheduling{};
        ::sched_getaffinity(0, sizeof scheduling.affinity, &scheduling.affinity);
        scheduling.policy = ::sched_getscheduler(0);
        return scheduling;
    }
    bool operator==(Scheduling const& other) const {
        return CPU_EQUAL(&affinity, &other.affinity) && policy == other.policy;
    }

    cpu_set_t affinity;
    int policy;
};

// The calling thread keeps to one processor, and is for work that nobody waits for.
void become_a_batch_on_one_processor() {
    auto const before = Scheduling::here();
    int first = 0;
    while (!CPU_ISSET(first, &before.affinity))
        ++first;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    ::sched_setaffinity(0, sizeof one, &one);
    sched_param const parameters{};
    ::sched_setscheduler(0, SCHED_BATCH, &parameters);
}

// At the end of a thread, what it was told to do last.
class AtThreadEnd {
public:
    AtThreadEnd() = default;
    AtThreadEnd(AtThreadEnd const&) = delete;
    AtThreadEnd& operator=(AtThreadEnd const&) = delete;
    ~AtThreadEnd() {
        if (function_)
            function_();
    }
    static void call(std::function<void()> function) {
        static thread_local AtThreadEnd end;
        end.function_ = std::move(function);
    }

private:
    std::function<void()> function_;
};

}  // namespace

TEST_CASE(
    "on_thread_start is called first on the loop's thread and each worker's, on_thread_stop last") {
    Threads started;
    Threads stopped;
    std::vector<std::thread::id> used;
    {
        ThreadRunner runner(
            Options().on_thread_start(started.note()).on_thread_stop(stopped.note()));
        CHECK(started.ids().empty());
        used.push_back(runner.call(this_thread));
        CHECK(started.ids() == used);
        used.push_back(runner.run(syncopate::to_thread(this_thread)));
        CHECK(started.ids() == used);
        CHECK(stopped.ids().empty());
    }
    std::reverse(used.begin(), used.end());  // the workers end before the loop does
    CHECK(stopped.ids() == used);
}

LOOP_TEST_CASE("The workers of every loop call on_thread_start", EveryLoop) {
    Threads started;
    Threads stopped;
    std::thread::id used;
    {
        AnyLoop loop(Options().on_thread_start(started.note()).on_thread_stop(stopped.note()));
        used = loop.runner.run(syncopate::to_thread(this_thread));
    }
    CHECK(started.ids().back() == used);
    CHECK(stopped.ids().front() == used);
}

TEST_CASE("A WorkerPool has functions of its own for its threads") {
    Threads started;
    Threads stopped;
    ThreadRunner runner;
    std::thread::id used;
    {
        WorkerPool pool(
            WorkerPool::Options().on_thread_start(started.note()).on_thread_stop(stopped.note()));
        used = runner.run(syncopate::run_in_executor(pool, this_thread));
    }
    CHECK(started.ids() == std::vector{used});
    CHECK(stopped.ids() == std::vector{used});
}

TEST_CASE("What on_thread_start throws goes to on_error, and the thread goes on") {
    ErrorLog log;
    Threads stopped;
    {
        ThreadRunner runner(Options()
                                .on_error(log.handler())
                                .on_thread_start([] { throw std::runtime_error("start"); })
                                .on_thread_stop(stopped.note()));
        CHECK(runner.run(twice(21)) == 42);
        CHECK(runner.run(syncopate::to_thread([] { return 42; })) == 42);
    }
    CHECK(log.errors().size() == 2);
    CHECK(stopped.ids().empty());
}

TEST_CASE("What on_thread_stop throws goes to on_error") {
    ErrorLog log;
    {
        ThreadRunner runner(Options().on_error(log.handler()).on_thread_stop([] {
            throw std::runtime_error("stop");
        }));
        CHECK(runner.run(twice(21)) == 42);
    }
    CHECK(log.errors().size() == 1);
}

TEST_CASE("The threads are scheduled as the main thread, whoever is the first to use the runner") {
    auto const expected = Scheduling::here();
    ThreadRunner runner;
    WorkerPool pool(1);
    std::optional<Scheduling> first;
    std::thread([&] {
        become_a_batch_on_one_processor();
        first = Scheduling::here();
        runner.run(syncopate::run_in_executor(pool, [] {}));
    }).join();
    REQUIRE_FALSE(*first == expected);
    CHECK(runner.call(Scheduling::here) == expected);
    CHECK(runner.run(syncopate::run_in_executor(pool, Scheduling::here)) == expected);
}

TEST_CASE("The last objects of the loop's thread may close the runner") {
    ThreadRunner runner;
    bool was_closed = false;
    auto const closer = ::gettid();
    runner.call([&] {
        AtThreadEnd::call([&] {
            wait_until_asleep(closer);  // it joins this thread
            runner.close();
            was_closed = true;
        });
    });
    runner.close();
    CHECK(was_closed);
}

TEST_CASE("The last objects of a worker may close the pool, also just before it is destroyed") {
    ThreadRunner runner;
    for (int i = 0; i < 50; ++i) {
        bool was_closed = false;
        {
            WorkerPool pool(1);
            runner.run(syncopate::run_in_executor(pool, [&] {
                AtThreadEnd::call([&] {
                    pool.close();
                    was_closed = true;
                });
            }));
            pool.close();
            CHECK(was_closed);
        }
    }
}

TEST_CASE("The last objects of a worker may destroy the pool") {
    ThreadRunner runner;
    auto pool = std::make_unique<WorkerPool>(WorkerPool::Options().keep_alive(0ns));
    Gate is_destroyed;
    runner.run(syncopate::run_in_executor(*pool, [&] {
        AtThreadEnd::call([&] {
            pool.reset();
            is_destroyed.open();
        });
    }));
    is_destroyed.wait();
}

TEST_CASE("A worker whose last objects close the pool waits for the functions, and for no thread") {
    ThreadRunner runner;
    WorkerPool pool(WorkerPool::Options().max_workers(2).keep_alive(0ns));
    std::promise<pid_t> closer;
    std::atomic<bool> was_closed{false};
    auto was_closed_before = runner.run_as_future(syncopate::run_in_executor(pool, [&] {
        wait_until_asleep(closer.get_future().get());  // it waits for this function
        return was_closed.load();
    }));
    runner.run(syncopate::run_in_executor(pool, [&] {
        AtThreadEnd::call([&] {
            closer.set_value(::gettid());
            pool.close();
            was_closed = true;
        });
    }));
    CHECK_FALSE(was_closed_before.get());
    pool.close();
    CHECK(was_closed);
}

TEST_CASE("close_for keeps its limit while a worker ends, for each of several closers") {
    Gate gate;
    ThreadRunner runner;
    WorkerPool pool(1);
    runner.run(syncopate::run_in_executor(pool, [&] { AtThreadEnd::call([&] { gate.wait(); }); }));
    CHECK_FALSE(pool.close_for(1ms));
    std::promise<pid_t> joiner;
    bool is_closed = false;
    std::thread closer([&] {
        joiner.set_value(::gettid());
        is_closed = pool.close_for(1h);
    });
    wait_until_asleep(joiner.get_future().get());
    CHECK_FALSE(pool.close_for(1ms));
    gate.open();
    CHECK(pool.close_for(1h));
    closer.join();
    CHECK(is_closed);
}

TEST_CASE("close_for keeps its limit while the loop's thread ends, for each of several closers") {
    Gate gate;
    ThreadRunner runner;
    runner.call([&] { AtThreadEnd::call([&] { gate.wait(); }); });
    CHECK_FALSE(runner.close_for(1ms));
    CHECK_FALSE(runner.close_for(1ms));
    bool is_closed = false;
    std::thread closer([&] { is_closed = runner.close_for(1h); });
    CHECK_FALSE(runner.close_for(1ms));
    gate.open();
    CHECK(runner.close_for(1h));
    closer.join();
    CHECK(is_closed);
}

TEST_CASE("close names the thread's last objects where these keep it from its end") {
    Gate gate;
    ThreadRunner runner(Options().close_timeout(1ms).on_error([](std::exception_ptr) {}));
    runner.call([&] { AtThreadEnd::call([&] { gate.wait(); }); });
    std::string message;
    while (message.find("the last objects of the loop's thread") == std::string::npos)
        message = message_of<std::system_error>([&] { runner.close(); });
    gate.open();
}
