// run_interruptible: what Ctrl-C does to the task, to its caller, and to the rest of the program. Signals that end
// processes are in tests/process/interrupt.cpp.

#include "support/audit.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/error.hpp>
#include <syncopate/gather.hpp>
#include <syncopate/run.hpp>
#include <syncopate/thread_runner.hpp>
#include <syncopate/to_calling_thread.hpp>
#include <syncopate/to_thread.hpp>

#include <boost/asio/awaitable.hpp>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <iterator>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using syncopate::Errc;

std::atomic<int> handled{0};

bool is(struct sigaction const& one, struct sigaction const& other) {
    return one.sa_handler == other.sa_handler && one.sa_flags == other.sa_flags;
}

// What the test's program does about Ctrl-C.
class OwnHandler {
public:
    OwnHandler() {
        handled = 0;
        // Without SA_RESTART: ThreadSanitizer has a handler wait until its thread leaves the kernel.
        installed_.sa_handler = [](int) { ++handled; };
        ::sigaction(SIGINT, &installed_, &before_);
        installed_ = current();
    }
    OwnHandler(OwnHandler const&) = delete;
    OwnHandler& operator=(OwnHandler const&) = delete;
    ~OwnHandler() { ::sigaction(SIGINT, &before_, nullptr); }

    bool is_in_place() const { return is(current(), installed_); }

    static struct sigaction current() {
        struct sigaction action = {};
        ::sigaction(SIGINT, nullptr, &action);
        return action;
    }

private:
    struct sigaction installed_ = {};
    struct sigaction before_ = {};
};

void press_ctrl_c() {
    ::kill(::getpid(), SIGINT);
}

// Presses Ctrl-C once the task has started.
auto run_and_interrupt(syncopate::RunnerBase& runner, Gate& started, auto&& task) {
    std::jthread const user([&] {
        started.wait();
        press_ctrl_c();
    });
    return runner.run_interruptible(std::forward<decltype(task)>(task));
}

asio::awaitable<int> succeed_when_cancelled(Gate& started) {
    started.open();
    co_await until_cancelled();
    co_return 42;
}

asio::awaitable<int> fail_when_cancelled(Gate& started) {
    started.open();
    co_await until_cancelled();
    throw std::runtime_error("clean-up failed");
}

asio::awaitable<int> press_ctrl_c_and_return() {
    press_ctrl_c();
    co_return 42;
}

std::ptrdiff_t open_descriptors() {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
}

// As long as it lives, the process gets no further descriptor.
class NoDescriptors {
public:
    NoDescriptors() {
        ::getrlimit(RLIMIT_NOFILE, &before_);
        auto limit = before_;
        limit.rlim_cur = 0;
        ::setrlimit(RLIMIT_NOFILE, &limit);
    }
    NoDescriptors(NoDescriptors const&) = delete;
    NoDescriptors& operator=(NoDescriptors const&) = delete;
    ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

private:
    rlimit before_{};
};

}  // namespace

LOOP_TEST_CASE("run_interruptible runs a task as run does", EveryLoop) {
    OwnHandler const own;
    AnyLoop loop;
    CHECK(loop.runner.run_interruptible(twice(21)) == 42);
    CHECK(loop.runner.run_interruptible([] { return twice_later(21); }) == 42);
    CHECK_THROWS_AS(
        loop.runner.run_interruptible(
            []() -> asio::awaitable<void> { throw std::runtime_error("its own"); }),
        std::runtime_error);
    CHECK(own.is_in_place());
}

LOOP_TEST_CASE("Ctrl-C cancels the task, and the call throws Errc::interrupted", EveryLoop) {
    OwnHandler const own;
    AnyLoop loop;
    for (int round = 0; round < 3; ++round) {
        Gate started;
        CHECK(code_of([&] {
                  run_and_interrupt(loop.runner, started, forever(started));
              }) == Errc::interrupted);
    }
    CHECK(handled == 0);
    CHECK(own.is_in_place());
}

TEST_CASE("Ctrl-C interrupts a loop that lasts as long as the task") {
    OwnHandler const own;
    Gate started;
    std::jthread const user([&] {
        started.wait();
        press_ctrl_c();
    });
    CHECK(code_of([&] { syncopate::run_interruptible(forever(started)); }) == Errc::interrupted);
    CHECK(syncopate::run_interruptible(twice(21)) == 42);
    CHECK(own.is_in_place());
}

LOOP_TEST_CASE("run_interruptible waits until the task has unwound", EveryLoop) {
    OwnHandler const own;
    SlowUnwinding slow;
    AnyLoop loop;
    CHECK(code_of([&] {
              run_and_interrupt(loop.runner, slow.started(), slow.task());
          }) == Errc::interrupted);
    CHECK(slow.was_released());
}

LOOP_TEST_CASE("A task that completes in spite of Ctrl-C returns its value", EveryLoop) {
    OwnHandler const own;
    Gate started;
    AnyLoop loop;
    CHECK(run_and_interrupt(loop.runner, started, succeed_when_cancelled(started)) == 42);
    CHECK(handled == 0);
    CHECK(own.is_in_place());
}

LOOP_TEST_CASE("What a task throws after Ctrl-C passes", EveryLoop) {
    OwnHandler const own;
    Gate started;
    AnyLoop loop;
    CHECK_THROWS_WITH(
        run_and_interrupt(loop.runner, started, fail_when_cancelled(started)), "clean-up failed");
    CHECK(own.is_in_place());
}

LOOP_TEST_CASE("A second Ctrl-C, during the clean-up, is the program's", EveryLoop) {
    OwnHandler const own;
    Gate started;
    Gate cancelled;
    Gate release;
    AnyLoop loop;
    std::jthread const user([&] {
        cancelled.wait();
        for (int again = 1; again <= 2; ++again) {
            press_ctrl_c();
            while (handled != again)
                std::this_thread::yield();
        }
        release.open();
    });
    CHECK(code_of([&] {
              run_and_interrupt(loop.runner, started, unwind_slowly(started, cancelled, release));
          }) == Errc::interrupted);
    CHECK(handled == 2);
    CHECK(own.is_in_place());
}

LOOP_TEST_CASE("A Ctrl-C that comes too late for the task is the program's", EveryLoop) {
    OwnHandler const own;
    AnyLoop loop;
    CHECK(loop.runner.run_interruptible(press_ctrl_c_and_return()) == 42);
    while (handled == 0)  // another thread of the process may be the one that gets it
        std::this_thread::yield();
    CHECK(handled == 1);
    CHECK(own.is_in_place());
}

LOOP_TEST_CASE("Each of several callers is interrupted by one Ctrl-C", EveryLoop) {
    OwnHandler const own;
    constexpr std::size_t count = 4;
    std::vector<AnyLoop> loops(count);
    std::vector<Gate> started(count);
    std::atomic<int> interrupted{0};
    {
        std::vector<std::jthread> callers;
        for (std::size_t i = 0; i < count; ++i)
            callers.emplace_back([&, i] {
                interrupted += code_of([&] {
                                   loops[i].runner.run_interruptible(forever(started[i]));
                               }) == Errc::interrupted;
            });
        for (auto& each : started)
            each.wait();
        press_ctrl_c();
    }
    CHECK(interrupted == 4);
    CHECK(handled == 0);
    CHECK(own.is_in_place());
}

LOOP_TEST_CASE("The last of several callers has the former handler back", EveryLoop) {
    OwnHandler const own;
    AnyLoop first_loop;
    AnyLoop last_loop;
    Gate first_started;
    Gate first_may_end;
    Gate last_started;
    std::jthread last([&] {
        first_started.wait();
        last_loop.runner.run_interruptible([&]() -> asio::awaitable<void> {
            last_started.open();
            co_await until_cancelled();
        });
    });
    std::jthread const opener([&] {
        last_started.wait();
        first_may_end.open();
    });
    first_loop.runner.run_interruptible([&]() -> asio::awaitable<void> {
        first_started.open();
        co_await first_may_end.passed();
    });
    bool const was_back = own.is_in_place();
    press_ctrl_c();
    last.join();
    CHECK_FALSE(was_back);
    CHECK(handled == 0);
    CHECK(own.is_in_place());
}

TEST_CASE("A caller that comes during another's clean-up is interrupted by a Ctrl-C after that") {
    OwnHandler const own;
    syncopate::ThreadRunner first_runner;
    syncopate::ThreadRunner later_runner;
    Gate started;
    Gate cancelled;
    Gate release;
    Gate later_started;
    std::atomic<bool> first_interrupted{false};
    std::atomic<bool> later_interrupted{false};
    std::jthread first([&] {
        first_interrupted =
            code_of([&] {
                first_runner.run_interruptible(unwind_slowly(started, cancelled, release));
            }) == Errc::interrupted;
    });
    started.wait();
    press_ctrl_c();
    cancelled.wait();
    std::jthread later([&] {
        later_interrupted = code_of([&] {
                                later_runner.run_interruptible(forever(later_started));
                            }) == Errc::interrupted;
    });
    later_started.wait();
    bool const was_back = own.is_in_place();
    press_ctrl_c();
    while (handled == 0)
        std::this_thread::yield();
    release.open();
    first.join();
    press_ctrl_c();
    later.join();
    CHECK(was_back);
    CHECK(first_interrupted);
    CHECK(later_interrupted);
    CHECK(handled == 1);
    CHECK(own.is_in_place());
}

LOOP_TEST_CASE("A call that is refused leaves the handler alone", EveryLoop) {
    OwnHandler const own;
    AnyLoop loop;
    CHECK(loop.runner.run([&]() -> asio::awaitable<bool> {
        bool is_refused = false;
        try {
            loop.runner.run_interruptible(nothing());
        } catch (syncopate::DeadlockError const&) {
            is_refused = true;
        }
        co_return is_refused&& own.is_in_place();
    }));
    loop.runner.close();
    CHECK(code_of([&] { loop.runner.run_interruptible(nothing()); }) == Errc::runner_closed);
    CHECK(own.is_in_place());
}

LOOP_TEST_CASE("A call that close() ends has the former handler back", TurningLoops) {
    OwnHandler const own;
    Gate started;
    AnyLoop loop;
    std::jthread const closer([&] {
        started.wait();
        loop.runner.close();
    });
    CHECK(code_of([&] { loop.runner.run_interruptible(forever(started)); }) == Errc::runner_closed);
    CHECK(own.is_in_place());
}

LOOP_TEST_CASE("Without a descriptor for the call the task does not start", EveryLoop) {
    OwnHandler const own;
    AnyLoop loop;
    loop.runner.run(nothing());
    bool has_started = false;
    auto const task = [&]() -> asio::awaitable<int> {
        has_started = true;
        return twice(21);
    };
    {
        NoDescriptors const none;
        CHECK(code_of([&] {
                  loop.runner.run_interruptible(task);
              }) == std::errc::too_many_files_open);
    }
    CHECK_FALSE(has_started);
    CHECK(own.is_in_place());
    CHECK(loop.runner.run_interruptible(task) == 42);
}

LOOP_TEST_CASE("run_interruptible leaves no descriptor open", EveryLoop) {
    OwnHandler const own;
    AnyLoop loop;
    loop.runner.run_interruptible(nothing());
    auto const before = open_descriptors();
    for (int round = 0; round < 10; ++round) {
        Gate started;
        CHECK(code_of([&] {
                  run_and_interrupt(loop.runner, started, forever(started));
              }) == Errc::interrupted);
        loop.runner.run_interruptible(nothing());
    }
    CHECK(open_descriptors() == before);
}

TEST_CASE("Ctrl-C reaches a task whose caller is busy for it") {
    OwnHandler const own;
    Gate started;
    syncopate::ThreadRunner runner;
    Gate cancelled;
    auto const serve_the_task = [&] {
        started.open();
        cancelled.wait();
    };
    auto const notice = [&]() -> asio::awaitable<void> {
        co_await until_cancelled();
        cancelled.open();
    };
    CHECK(code_of([&] {
              run_and_interrupt(runner, started, [&]() -> asio::awaitable<void> {
                  co_await syncopate::gather(
                      syncopate::to_calling_thread(serve_the_task), notice());
              });
          }) == Errc::interrupted);
}

LOOP_TEST_CASE("Ctrl-C withdraws a task that its loop has not begun", TurningLoops) {
    OwnHandler const handler;
    Gate blocked;
    Gate release;
    AnyLoop loop;
    std::thread blocker([&] {
        loop.runner.call([&] {
            blocked.open();
            release.wait();
        });
    });
    blocked.wait();
    std::thread presser([&] {
        while (handler.is_in_place())
            std::this_thread::yield();
        press_ctrl_c();
    });
    bool has_begun = false;
    auto const code = code_of([&] {
        loop.runner.run_interruptible([&]() -> asio::awaitable<void> {
            has_begun = true;
            co_return;
        });
    });
    presser.join();
    release.open();
    blocker.join();
    CHECK(code == Errc::interrupted);
    CHECK_FALSE(has_begun);
    CHECK(handled == 0);
    CHECK(handler.is_in_place());
}

TEST_CASE("Ctrl-C interrupts a caller that is a worker thread") {
    OwnHandler const own;
    Gate started;
    syncopate::ThreadRunner runner;
    syncopate::ThreadRunner other;
    std::jthread const user([&] {
        started.wait();
        press_ctrl_c();
    });
    CHECK(runner.run(syncopate::to_thread([&] {
        return code_of([&] { other.run_interruptible(forever(started)); }) == Errc::interrupted;
    })));
}

TEST_CASE("A handler that is installed during the call stays") {
    OwnHandler const own;
    syncopate::ThreadRunner runner;
    runner.run_interruptible([&]() -> asio::awaitable<void> {
        std::signal(SIGINT, SIG_IGN);
        co_return;
    });
    CHECK(OwnHandler::current().sa_handler == SIG_IGN);
    press_ctrl_c();
    CHECK(handled == 0);
}
