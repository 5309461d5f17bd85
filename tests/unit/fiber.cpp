// to_fiber(): what synchronous code may do on the loop's own thread, and what it leaves alone.

#include "support/audit.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/async_generator.hpp>
#include <syncopate/channel.hpp>
#include <syncopate/context_var.hpp>
#include <syncopate/error.hpp>
#include <syncopate/fiber.hpp>
#include <syncopate/gather.hpp>
#include <syncopate/ready.hpp>
#include <syncopate/runner.hpp>
#include <syncopate/task_info.hpp>
#include <syncopate/thread_runner.hpp>
#include <syncopate/timeout.hpp>
#include <syncopate/to_calling_thread.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <new>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using syncopate::AsyncGenerator;
using syncopate::Channel;
using syncopate::ContextVar;
using syncopate::DeadlockError;
using syncopate::Errc;
using syncopate::gather;
using syncopate::ReadAhead;
using syncopate::Ready;
using syncopate::Runner;
using syncopate::RunnerBase;
using syncopate::StackSize;
using syncopate::ThreadRunner;
using syncopate::to_fiber;

AsyncGenerator<int> count_up_to(int count) {
    for (int i = 0; i < count; ++i)
        co_yield co_await twice_later(i) / 2;
}

struct Entered {
    asio::awaitable<void> aenter() { co_await twice_later(1); }
    asio::awaitable<void> aexit(std::exception_ptr) { co_await twice_later(1); }
};

/// As deep as that, with a blocking call on each level.
int sum_up_to(RunnerBase& runner, int depth) {
    if (depth == 0)
        return runner.run(twice_later(0));
    std::string const on_stack(20, 'x');
    int const below = sum_up_to(runner, depth - 1);
    return below + (depth % 100 == 0 ? runner.run(twice_later(depth)) / 2 : depth) +
           static_cast<int>(on_stack.size()) - 20;
}

int nested(RunnerBase& runner, int depth) {
    if (depth == 0)
        return runner.run(twice_later(1));
    return 1 + runner.run(to_fiber([&runner, depth] { return nested(runner, depth - 1); }));
}

/// What the thread knows of exceptions, while the code of another stack runs.
struct BlocksWhileUnwinding {
    RunnerBase& runner;
    Gate& inside;
    Gate& go_on;
    int& uncaught;

    ~BlocksWhileUnwinding() {
        inside.open();
        runner.run(go_on.passed());
        uncaught = std::uncaught_exceptions();
    }
};

}  // namespace

LOOP_TEST_CASE("A blocking call in a fiber waits while its own loop goes on", EveryLoop) {
    AnyLoop loop;
    auto& runner = loop.runner;
    Gate gate;
    auto const result = runner.run(to_fiber([&] {
        Tracked const on_stack(21);
        runner.start_soon([&]() -> asio::awaitable<void> {
            gate.open();
            co_return;
        });
        runner.run(gate.passed());
        return std::make_unique<int>(runner.run(twice_later(on_stack.value())));
    }));
    CHECK(*result == 42);
    CHECK_THROWS_AS(
        runner.run(to_fiber([&] {
            runner.run(twice_later(1));
            throw std::domain_error("own");
        })),
        std::domain_error);
    int value = 1;
    CHECK(&runner.run(to_fiber([&] { return std::ref(value); })).get() == &value);
}

TEST_CASE("A fiber runs on the thread of its loop") {
    ThreadRunner runner;
    auto const thread = loop_thread_of(runner);
    CHECK(runner.run(to_fiber([&] {
        bool const before = std::this_thread::get_id() == thread;
        runner.run(sleep_for(1ms));
        return before && std::this_thread::get_id() == thread;
    })));
}

LOOP_TEST_CASE("Every blocking operation works in a fiber", EveryLoop) {
    AnyLoop loop;
    auto& runner = loop.runner;
    std::string log;
    Channel<int> channel(1);
    runner.run(to_fiber([&] {
        log += std::to_string(runner.call([] { return 1; }));
        log += std::to_string(runner.run_for(1h, twice_later(1)));
        log += code_of([&] { runner.run_for(1ms, forever()); }) == Errc::timed_out ? "t" : "-";
        {
            auto const guard = runner.wrap_context([] { return Entered(); });
            log += runner.with_context(Entered(), [](auto&) { return "w"; });
        }
        for (int const item : runner.wrap_iter(count_up_to(3)))
            log += std::to_string(item);
        for (int const item : runner.wrap_iter(count_up_to(3), ReadAhead{2}))
            log += std::to_string(item);
        auto range = runner.wrap_iter(count_up_to(2));
        while (auto const item = range.next_for(1h))
            log += std::to_string(*item);
        log += std::to_string(runner.start<int>([](Ready<int> ready) -> asio::awaitable<void> {
            ready(7);
            co_await forever();
        }));
        runner.start_soon([&]() -> asio::awaitable<void> {
            for (int i = 0; i < 3; ++i)
                co_await channel.async_send(i);
        });
        for (int i = 0; i < 3; ++i)
            log += std::to_string(channel.receive().value());
        log += std::to_string(channel.receive_for(1ms).has_value());
        // The fiber is the calling thread of what it runs.
        log += std::to_string(runner.run([&]() -> asio::awaitable<int> {
            co_return co_await syncopate::to_calling_thread(
                [&] { return runner.run(twice_later(4)); });
        }));
    }));
    CHECK(log == "12tw01201201701208");
}

LOOP_TEST_CASE("Stacks may be deep, nested, and a thousand", EveryLoop) {
    AnyLoop loop;
    auto& runner = loop.runner;
    CHECK(runner.run(to_fiber([&] { return sum_up_to(runner, 5000); })) == 5000 * 5001 / 2);
    CHECK(nested(runner, 30) == 32);
    CHECK(runner.run(to_fiber([&] { return nested(runner, 30); })) == 32);

    Gate gate;
    int begun = 0;
    std::vector<asio::awaitable<int>> tasks;
    for (int i = 0; i < 1000; ++i)
        tasks.push_back(to_fiber(
            [&, i] {
                if (++begun == 1000)
                    gate.open();
                runner.run(gate.passed());
                return runner.run(twice(i));
            },
            StackSize(256 * 1024)));
    int sum = 0;
    for (int const number : runner.run(gather(std::move(tasks))))
        sum += number;
    CHECK(sum == 999 * 1000);
}

LOOP_TEST_CASE("Each fiber has exceptions of its own", EveryLoop) {
    AnyLoop loop;
    auto& runner = loop.runner;
    Gate in_first;
    Gate in_second;
    Gate first_is_over;
    int uncaught = -1;
    auto const rethrown = [&](Gate& inside, Gate& go_on, int number) {
        try {
            throw number;
        } catch (int) {
            inside.open();
            runner.run(go_on.passed());
            try {
                throw;
            } catch (int seen) {
                return seen;
            }
        }
    };
    auto const unwind = [&] {
        try {
            BlocksWhileUnwinding const blocks{runner, in_second, first_is_over, uncaught};
            throw 3;
        } catch (int seen) {
            return seen;
        }
    };
    auto const first = [&] {
        int const seen = rethrown(in_first, in_second, 1);
        int const uncaught_here = std::uncaught_exceptions();
        bool const is_handling = std::current_exception() != nullptr;
        first_is_over.open();
        return seen + 10 * uncaught_here + 100 * static_cast<int>(is_handling);
    };
    auto const [one, three] = runner.run(gather(to_fiber(first), to_fiber([&] {
                                                    runner.run(in_first.passed());
                                                    return unwind();
                                                })));
    CHECK(one == 1);
    CHECK(three == 3);
    CHECK(uncaught == 1);
}

LOOP_TEST_CASE("A request to stop comes as the error of the call that waits, once", EveryLoop) {
    AnyLoop loop;
    auto& runner = loop.runner;
    Gate started;
    std::string log;
    auto const fiber = [&] {
        return to_fiber([&] {
            Tracked const on_stack;
            try {
                runner.run(forever(started));
            } catch (std::system_error const& e) {
                log += e.code() == Errc::cancelled ? "cancelled " : "other ";
                log += std::to_string(runner.run(twice_later(4)));
                throw;
            }
        });
    };
    CHECK(code_of([&] { run_and_stop(runner, started, fiber); }) == Errc::cancelled);
    CHECK(log == "cancelled 8");
}

LOOP_TEST_CASE("A request that comes while no call waits is delivered by the next", EveryLoop) {
    AnyLoop loop;
    auto& runner = loop.runner;
    std::string log;
    int const result = runner.run([&]() -> asio::awaitable<int> {
        auto function = [&] {
            runner.run(twice(1));
            // Its own timer fires while it does not wait, and the loop hears of it in the next call.
            std::this_thread::sleep_for(80ms);
            try {
                for (;;)
                    runner.run(twice_later(1));
            } catch (std::system_error const& e) {
                log += e.code() == Errc::cancelled ? "cancelled" : "other";
            }
            return runner.run(twice_later(3));
        };
        auto task = to_fiber(std::move(function));
        auto const value = co_await syncopate::move_on_after(50ms, std::move(task));
        co_return value.value_or(0);
    });
    CHECK(result == 6);
    CHECK(log == "cancelled");
}

LOOP_TEST_CASE("A request to stop cancels what a fiber starts, if that is not ready", EveryLoop) {
    AnyLoop loop;
    ThreadRunner other;
    for (RunnerBase* const where :
         {static_cast<RunnerBase*>(&loop.runner), static_cast<RunnerBase*>(&other)}) {
        Gate started;
        std::error_code error;
        int value = 0;
        run_and_stop(loop.runner, started, [&] {
            return to_fiber([&] {
                error = code_of(
                    [&] { where->start<int>([&](Ready<int>) { return forever(started); }); });
                value = where->start<int>([](Ready<int> ready) -> asio::awaitable<void> {
                    ready(7);
                    co_return;
                });
            });
        });
        CHECK(error == Errc::cancelled);
        CHECK(value == 7);
    }
}

LOOP_TEST_CASE(
    "close() ends what a fiber waits for, and cannot be called by one of its own", EveryLoop) {
    AnyLoop loop;
    auto& runner = loop.runner;
    CHECK_THROWS_AS(runner.run(to_fiber([&] { runner.close(); })), DeadlockError);
    Gate started;
    Tracked probe;
    auto future = runner.run_as_future(to_fiber([&, probe] {
        Tracked const on_stack;
        auto const guard = runner.wrap_context(Entered());
        runner.run(forever(started));
    }));
    runner.run(started.passed());
    runner.close();
    CHECK(code_of([&] { future.get(); }) == Errc::runner_closed);
}

TEST_CASE("A fiber may wait for other loops, and its own goes on") {
    ThreadRunner runner;
    ThreadRunner other;
    Runner own_thread;
    Gate gate;
    auto const open_later = [&]() -> asio::awaitable<void> {
        co_await sleep_for(1ms);
        gate.open();
    };
    CHECK(runner.run(to_fiber([&] {
        runner.start_soon(open_later);
        other.run(gate.passed());
        int const result = own_thread.run([&]() -> asio::awaitable<int> {
            auto function = [&] { return other.run(twice_later(2)); };
            int const from_other = co_await to_fiber(std::move(function));
            co_return co_await twice_later(from_other);
        });
        Runner inside;
        return result + inside.run(twice_later(1));
    })) == 10);
}

LOOP_TEST_CASE(
    "A fiber sees its task's context variables, and sets them for that only", EveryLoop) {
    ContextVar<std::string> name("-");
    AnyLoop loop;
    auto& runner = loop.runner;
    auto const fiber = [&](std::string own) {
        return to_fiber([&runner, &name, own = std::move(own)] {
            std::string seen = name.get();
            auto const scope = name.set(own);
            for (int i = 0; i < 3; ++i) {
                runner.run(twice_later(1));
                seen += name.get();
                seen += runner.run([&]() -> asio::awaitable<std::string> { co_return name.get(); });
            }
            return seen;
        });
    };
    auto const scope = name.set("+");
    auto const [a, b] = runner.run(gather(fiber("a"), fiber("b")));
    CHECK(a == "+aaaaaa");
    CHECK(b == "+bbbbbb");
}

TEST_CASE("tasks() tells of a fiber that waits") {
    ThreadRunner runner;
    Gate started;
    Gate release;
    auto future = runner.run_as_future(to_fiber([&] {
        runner.run([&]() -> asio::awaitable<void> {
            started.open();
            co_await release.passed();
        });
    }));
    runner.run(started.passed());
    std::string waits;
    for (auto const& task : runner.tasks())
        waits += task.waits_for + ';';
    release.open();
    future.get();
    CHECK_THAT(waits, Catch::Matchers::ContainsSubstring("a blocking call in a fiber"));
}

TEST_CASE("A fiber whose execution context ends goes on to its end, and waits no more") {
    std::string log;
    ThreadRunner runner;
    {
        asio::io_context context;
        auto function = [&] {
            Tracked const on_stack;
            log += code_of([&] { runner.run(forever()); }) == Errc::cancelled ? "cancelled " : "- ";
            log += code_of([&] { runner.run(twice(1)); }) == Errc::would_deadlock ? "refused" : "-";
        };
        asio::co_spawn(context, to_fiber(std::move(function)), asio::detached);
        context.poll();
        CHECK(log.empty());
    }
    CHECK(log == "cancelled refused");
    CHECK(runner.run(twice(2)) == 4);
}

TEST_CASE("A fiber that is never awaited, or whose stack is too large, leaves nothing") {
    Runner runner;
    Tracked probe;
    static_cast<void>(to_fiber([probe] {}));
    CHECK_THROWS_AS(
        runner.run(to_fiber([probe] {}, StackSize(std::size_t{1} << 46U))), std::bad_alloc);
}

TEST_CASE("Below a fiber's stack is a page that ends the program") {
    pid_t const child = ::fork();
    if (child == 0) {
        std::fclose(stderr);
        ::signal(SIGSEGV, SIG_DFL);
        Runner runner;
        std::function<int(int)> const deep = [&](int n) -> int {
            char volatile const page[1024] = {};
            return n == 0 ? page[0] : deep(n - 1) + page[1];
        };
        runner.run(to_fiber([&] { deep(1'000'000); }, StackSize(256 * 1024)));
        ::_exit(0);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK((WIFSIGNALED(status) || WEXITSTATUS(status) != 0));
}

TEST_CASE("A fiber that forks has its runner in the parent, and none in the child") {
    ThreadRunner runner;
    int const answer = runner.run(to_fiber([&] {
        pid_t const child = ::fork();
        if (child == 0) {
            ::alarm(10);
            bool const is_refused = code_of([&] { runner.run(twice(1)); }) == Errc::forked;
            Runner own;
            bool const has_fibers = own.run(to_fiber([&] { return own.run(twice_later(2)); })) == 4;
            ::_exit(is_refused && has_fibers ? 0 : 1);
        }
        int status = 0;
        return ::waitpid(child, &status, 0) == child && status == 0 ? runner.run(twice_later(3))
                                                                    : -1;
    }));
    CHECK(answer == 6);
}
