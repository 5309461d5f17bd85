// Circles of waits that lead through worker threads are refused; waits that will end are not.

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/blocking_portal.hpp>
#include <syncopate/capacity_limiter.hpp>
#include <syncopate/error.hpp>
#include <syncopate/from_thread.hpp>
#include <syncopate/gather.hpp>
#include <syncopate/options.hpp>
#include <syncopate/thread_runner.hpp>
#include <syncopate/to_calling_thread.hpp>
#include <syncopate/to_thread.hpp>
#include <syncopate/worker_pool.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>

#include <chrono>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <tuple>
#include <utility>

namespace {

namespace asio = boost::asio;
namespace from_thread = syncopate::from_thread;
using namespace std::chrono_literals;
using namespace support;
using Catch::Matchers::ContainsSubstring;
using syncopate::DeadlockError;
using syncopate::Errc;
using syncopate::gather;
using syncopate::Options;
using syncopate::run_in_executor;
using syncopate::ThreadRunner;
using syncopate::to_calling_thread;
using syncopate::to_thread;
using syncopate::WorkerPool;

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

TEST_CASE("A pool is not closed on a loop for which one of its workers waits") {
    Gate waiting;
    Gate gate;
    ThreadRunner runner(Options().name("A"));
    WorkerPool pool(WorkerPool::Options().name("workers"));
    auto work = runner.run_as_future(run_in_executor(pool, [&] {
        from_thread::run([&]() -> asio::awaitable<void> {
            waiting.open();
            return gate.passed();
        });
    }));
    waiting.wait();
    CHECK(refusal_in_task(runner, [&] {
              pool.close();
          }) == "\"A\" waits for \"workers\", which waits for \"A\"");
    CHECK_FALSE(refusal_in_task(runner, [&] { static_cast<void>(pool.close_for(1h)); }).empty());
    gate.open();
    work.get();
    CHECK(runner.run(run_in_executor(pool, [] { return 42; })) == 42);  // it is still open
    CHECK(refusal_in_task(runner, [&] { pool.close(); }).empty());
}

TEST_CASE("A worker does not wait for a loop that waits for the end of the pool") {
    Gate running;
    ThreadRunner runner;
    ThreadRunner other;
    WorkerPool pool;
    std::string refusal;
    auto const is_closing = [&] {
        return code_of([&] { other.run(run_in_executor(pool, [] {})); }) == Errc::runner_closed;
    };
    auto work = runner.run_as_future(run_in_executor(pool, [&] {
        running.open();
        while (!is_closing())
            std::this_thread::yield();
        refusal = message_of<DeadlockError>([] { from_thread::call([] {}); });
    }));
    running.wait();
    runner.call([&] { pool.close(); });
    work.get();
    CHECK_THAT(refusal, ContainsSubstring("a worker of"));
}

TEST_CASE("A pool that is destroyed on a loop for which its worker waits is not waited for") {
    Gate waiting;
    Gate gate;
    ThreadRunner runner;
    auto pool = std::make_unique<WorkerPool>();
    auto work = runner.run_as_future(run_in_executor(*pool, [&] {
        from_thread::run([&]() -> asio::awaitable<void> {
            waiting.open();
            return gate.passed();
        });
    }));
    waiting.wait();
    runner.call([&] { pool.reset(); });
    gate.open();
    work.get();
}

TEST_CASE("Work that has outlived its call is no part of the next call at the same place") {
    Gate gate;
    ThreadRunner a;
    ThreadRunner b;
    std::promise<int> result;
    auto const leave_work_behind = [&]() -> asio::awaitable<void> {
        asio::co_spawn(
            co_await asio::this_coro::executor, to_thread([&] {
                gate.wait();
                try {
                    result.set_value(b.run(twice(21)));
                } catch (...) {
                    result.set_exception(std::current_exception());
                }
            }),
            asio::detached);
    };
    auto const open_and_wait = [&]() -> asio::awaitable<void> {
        gate.open();
        return sleep_for(50ms);
    };
    // Both calls lie at the same address.
    b.call([&] {
        for (int i = 0; i < 2; ++i)
            a.run([&] { return i == 0 ? leave_work_behind() : open_and_wait(); });
    });
    CHECK(result.get_future().get() == 42);
}

namespace {

// A task whose worker waits for a function of the calling thread, which is behind another one.
struct TwoFunctions {
    Gate first_runs;
    Gate second_is_next;
    WorkerPool pool{WorkerPool::Options().name("workers").max_workers(1)};
    ThreadRunner runner{Options().name("A")};

    /// Calls `first` on the calling thread while the worker waits for the second.
    template <class F>
    std::string refusal_in_first(F first) {
        std::string refusal;
        auto const worker = [&] {
            return run_in_executor(pool, [&] {
                first_runs.wait();
                from_thread::run([&]() -> asio::awaitable<void> {
                    second_is_next.open();
                    return to_calling_thread([] {});
                });
            });
        };
        auto const calling_thread = [&] {
            return to_calling_thread([&] {
                first_runs.open();
                second_is_next.wait();
                runner.call([] {});  // it is in the queue
                refusal = message_of<DeadlockError>(first);
            });
        };
        runner.run(gather(worker(), calling_thread()));
        return refusal;
    }
};

}  // namespace

TEST_CASE("The calling thread does not wait for a worker that waits for it") {
    TwoFunctions two;
    CHECK_THAT(
        two.refusal_in_first([&] { two.pool.close(); }),
        ContainsSubstring("the calling thread of \"A\" waits for \"workers\""));
}

TEST_CASE("The calling thread does not wait for a thread of a pool that waits for it") {
    TwoFunctions two;
    CHECK_THAT(
        two.refusal_in_first([&] { two.runner.run(run_in_executor(two.pool, [] {})); }),
        ContainsSubstring("\"workers\": each worker waits for what this work holds up"));
}

TEST_CASE("The calling thread may wait for something else while functions wait for it") {
    TwoFunctions two;
    Gate gate;
    std::jthread const opener([&] {
        two.second_is_next.wait();
        gate.open();
    });
    CHECK(two.refusal_in_first([&] { two.runner.run(gate.passed()); }).empty());
}

TEST_CASE("A worker does not wait for the calling thread, which waits for it") {
    Gate first_runs;
    WorkerPool pool(1);
    ThreadRunner runner;
    ThreadRunner other;
    std::string refusal;
    auto const is_closing = [&] {
        return code_of([&] { other.run(run_in_executor(pool, [] {})); }) == Errc::runner_closed;
    };
    auto const worker = [&] {
        return run_in_executor(pool, [&] {
            first_runs.wait();
            while (!is_closing())
                std::this_thread::yield();
            refusal = message_of<DeadlockError>(
                [&] { from_thread::run([] { return to_calling_thread([] {}); }); });
        });
    };
    auto const calling_thread = [&] {
        return to_calling_thread([&] {
            first_runs.open();
            pool.close();
        });
    };
    runner.run(gather(worker(), calling_thread()));
    CHECK_THAT(refusal, ContainsSubstring("is in a function that waits for this one"));
}

TEST_CASE("A circle through a loop and the token, or the thread, that a worker has is refused") {
    Gate has_it;
    Gate is_waited_for;
    syncopate::CapacityLimiter limiter(1);
    WorkerPool pool(1);
    ThreadRunner a(Options().name("A"));
    ThreadRunner b(Options().name("B"));
    // Both in one: the pool's only thread has the only token.
    auto const holder = [&](auto wait_until_it_is_waited_for) {
        return run_in_executor(pool, [&, wait_until_it_is_waited_for] {
            has_it.open();
            wait_until_it_is_waited_for();
            return message_of<DeadlockError>([] { from_thread::call([] {}); });
        });
    };
    auto const blocks_its_loop = [&](auto work) {
        return to_thread([&, work] {
            has_it.wait();
            from_thread::call([&] {
                b.run([&]() -> asio::awaitable<void> {
                    is_waited_for.open();
                    return work();
                });
            });
        });
    };
    auto const refusals = a.run(gather(
        holder([&] {
            is_waited_for.wait();
            b.call([] {});  // it is in the queue
        }),
        blocks_its_loop([&] { return run_in_executor(pool, [] {}); })));
    CHECK_THAT(std::get<0>(refusals), ContainsSubstring("a worker of \"A\" waits for \"A\""));

    auto const limited = [&] {
        return to_thread(
            [&] {
                while (limiter.statistics().tasks_waiting == 0)
                    std::this_thread::yield();
                b.call([] {});
                return message_of<DeadlockError>([] { from_thread::call([] {}); });
            },
            limiter);
    };
    auto const refused_too =
        a.run(gather(limited(), blocks_its_loop([&] { return to_thread([] {}, limiter); })));
    CHECK_THAT(std::get<0>(refused_too), ContainsSubstring("a worker of \"A\" waits for \"A\""));
}
