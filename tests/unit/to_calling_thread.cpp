// to_calling_thread: what the caller who is blocked in run() does for its task.

#include "support/audit.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/async_generator.hpp>
#include <syncopate/context_var.hpp>
#include <syncopate/error.hpp>
#include <syncopate/from_thread.hpp>
#include <syncopate/gather.hpp>
#include <syncopate/label.hpp>
#include <syncopate/options.hpp>
#include <syncopate/shield.hpp>
#include <syncopate/task_group.hpp>
#include <syncopate/timeout.hpp>
#include <syncopate/to_calling_thread.hpp>
#include <syncopate/to_thread.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <future>
#include <latch>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <pthread.h>

namespace {

namespace asio = boost::asio;
namespace from_thread = syncopate::from_thread;
using namespace std::chrono_literals;
using namespace support;
using syncopate::Errc;
using syncopate::to_calling_thread;
using syncopate::to_thread;

asio::awaitable<std::thread::id> calling_thread_id() {
    co_return co_await to_calling_thread(std::this_thread::get_id);
}

asio::awaitable<int> counted_on_calling_thread(std::vector<std::thread::id>& threads) {
    for (int i = 0; i < 3; ++i)
        co_await to_calling_thread([&] { threads.push_back(std::this_thread::get_id()); });
    co_return 3;
}

asio::awaitable<Errc> code_of_task(asio::awaitable<void> task) {
    try {
        co_await std::move(task);
    } catch (std::system_error const& error) {
        co_return static_cast<Errc>(error.code().value());
    }
    co_return Errc{};
}

syncopate::AsyncGenerator<std::thread::id> calling_threads(int count) {
    for (int i = 0; i < count; ++i)
        co_yield co_await calling_thread_id();
}

}  // namespace

LOOP_TEST_CASE("The thread that is blocked in run() calls the function", EveryLoop) {
    auto const self = std::this_thread::get_id();
    AnyLoop loop;
    CHECK(loop.runner.run(calling_thread_id()) == self);
    CHECK(loop.runner.run([] { return calling_thread_id(); }) == self);
    CHECK(loop.runner.run_for(1h, calling_thread_id()) == self);
    CHECK(loop.runner.run(calling_thread_id(), std::stop_token()) == self);
    std::thread::id elsewhere;
    std::thread::id expected;
    std::thread([&] {
        expected = std::this_thread::get_id();
        elsewhere = loop.runner.run(calling_thread_id());
    }).join();
    CHECK(elsewhere == expected);
}

LOOP_TEST_CASE("The caller goes on waiting, and is called again", EveryLoop) {
    std::vector<std::thread::id> threads;
    AnyLoop loop;
    CHECK(loop.runner.run(counted_on_calling_thread(threads)) == 3);
    CHECK(threads == std::vector(3, std::this_thread::get_id()));
}

LOOP_TEST_CASE("Each caller does what its own task wants", TurningLoops) {
    AnyLoop loop;
    std::vector<std::jthread> callers;
    std::atomic<int> wrong{0};
    for (int caller = 0; caller < 8; ++caller)
        callers.emplace_back([&] {
            for (int i = 0; i < 200; ++i)
                if (loop.runner.run(calling_thread_id()) != std::this_thread::get_id())
                    ++wrong;
        });
    callers.clear();
    CHECK(wrong == 0);
}

LOOP_TEST_CASE("Coroutines that the task starts find its caller", EveryLoop) {
    auto const self = std::this_thread::get_id();
    AnyLoop loop;
    auto const spawned = [&]() -> asio::awaitable<std::thread::id> {
        auto const executor = co_await asio::this_coro::executor;
        co_return co_await asio::co_spawn(executor, calling_thread_id(), asio::use_awaitable);
    };
    CHECK(loop.runner.run(spawned) == self);
    auto const on_strand = [&]() -> asio::awaitable<std::thread::id> {
        auto const strand = asio::make_strand(co_await asio::this_coro::executor);
        co_return co_await asio::co_spawn(strand, calling_thread_id(), asio::use_awaitable);
    };
    CHECK(loop.runner.run(on_strand) == self);
}

LOOP_TEST_CASE("What a worker runs on the loop finds the caller", EveryLoop) {
    AnyLoop loop;
    auto const through_worker = [] {
        return to_thread([] { return from_thread::run(calling_thread_id()); });
    };
    CHECK(loop.runner.run(through_worker) == std::this_thread::get_id());

    // With context variables a child has an executor of its own.
    syncopate::ContextVar<int> const number;
    auto const scope = number.set(1);
    auto const [in_child] = loop.runner.run([&] { return syncopate::gather(through_worker()); });
    CHECK(in_child == std::this_thread::get_id());
}

LOOP_TEST_CASE("The children of the task find its caller", EveryLoop) {
    auto const self = std::this_thread::get_id();
    AnyLoop loop;
    auto const [one, two] =
        loop.runner.run([] { return syncopate::gather(calling_thread_id(), calling_thread_id()); });
    CHECK(one == self);
    CHECK(two == self);
    CHECK(loop.runner.run([] { return syncopate::fail_after(1h, calling_thread_id()); }) == self);
    CHECK(loop.runner.run([] { return syncopate::shield(calling_thread_id()); }) == self);
    std::thread::id in_group;
    loop.runner.run(syncopate::with_task_group([&](syncopate::TaskGroup& group) {
        group.start_soon(to_calling_thread([&] { in_group = std::this_thread::get_id(); }));
        return nothing();
    }));
    CHECK(in_group == self);
}

TEST_CASE("A worker that is blocked in run() is the caller of that task") {
    OnThreadRunner loop;
    OnThreadRunner other;
    auto const same = loop.runner.run(to_thread(
        [&] { return other.runner.run(calling_thread_id()) == std::this_thread::get_id(); }));
    CHECK(same);
}

LOOP_TEST_CASE("The items of a range are made with its reader's thread", EveryLoop) {
    AnyLoop loop;
    int count = 0;
    for (auto const id : loop.runner.wrap_iter(calling_threads(3))) {
        CHECK(id == std::this_thread::get_id());
        ++count;
    }
    CHECK(count == 3);
}

LOOP_TEST_CASE("Several functions are called in the order of asking", EveryLoop) {
    std::vector<int> order;
    AnyLoop loop;
    loop.runner.run([&]() -> asio::awaitable<void> {
        auto const executor = co_await asio::this_coro::executor;
        std::atomic<int> left = 10;
        for (int i = 0; i < 10; ++i) {
            auto child = [&, i]() -> asio::awaitable<void> {
                co_await to_calling_thread([&, i] { order.push_back(i); });
                --left;
            };
            asio::co_spawn(executor, child, asio::detached);
        }
        while (left > 0)
            co_await twice_later(1);
    });
    CHECK(order == std::vector{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
}

LOOP_TEST_CASE("An exception of the caller's function is the task's", EveryLoop) {
    AnyLoop loop;
    bool caught = false;
    loop.runner.run([&]() -> asio::awaitable<void> {
        try {
            co_await to_calling_thread([] { throw std::runtime_error("from the caller"); });
        } catch (std::runtime_error const&) {
            caught = true;
        }
    });
    CHECK(caught);
    CHECK_THROWS_AS(loop.runner.run(to_calling_thread([] { throw 'x'; })), char);
}

LOOP_TEST_CASE("The function may use the runner", EveryLoop) {
    AnyLoop loop;
    auto const nested = [&] {
        return to_calling_thread([&] { return loop.runner.run(calling_thread_id()); });
    };
    CHECK(loop.runner.run(nested) == std::this_thread::get_id());
}

LOOP_TEST_CASE("The function must not close its runner", EveryLoop) {
    AnyLoop loop;
    auto const task = [&] { return to_calling_thread([&] { loop.runner.close(); }); };
    CHECK(code_of([&] { loop.runner.run(task); }) == Errc::would_deadlock);
    CHECK(loop.runner.run(twice(21)) == 42);
}

LOOP_TEST_CASE("A task that nobody is blocked on has no calling thread", EveryLoop) {
    ErrorLog errors;
    AnyLoop loop(syncopate::Options().on_error(errors.handler()));
    auto future = loop.runner.run_as_future(calling_thread_id());
    loop.runner.start_soon([]() -> asio::awaitable<void> { co_await calling_thread_id(); });
    while (future.wait_for(0s) != std::future_status::ready)
        loop.runner.run(twice_later(1));
    CHECK(code_of([&] { future.get(); }) == Errc::no_calling_thread);
    loop.runner.run(twice_later(1));
    errors.wait_for(1);
}

TEST_CASE("What a task leaves behind has no calling thread, whoever calls next") {
    std::error_code code;
    Gate gate;
    OnThreadRunner loop;
    auto const leave_behind = [&]() -> asio::awaitable<void> {
        auto child = [&]() -> asio::awaitable<void> {
            Tracked const frame;
            co_await gate.passed();
            try {
                co_await calling_thread_id();
            } catch (std::system_error const& error) {
                code = error.code();
            }
        };
        asio::co_spawn(co_await asio::this_coro::executor, child, asio::detached);
    };
    loop.runner.run(leave_behind);
    loop.runner.run([&]() -> asio::awaitable<void> {
        gate.open();
        for (int i = 0; i < 10; ++i)
            co_await twice_later(1);
    });
    CHECK(loop.runner.call([&] { return code; }) == Errc::no_calling_thread);
}

TEST_CASE("A task that follows a worker's has no calling thread of that") {
    std::error_code code;
    bool is_done = false;
    OnThreadRunner loop;
    auto const followed = [&]() -> asio::awaitable<void> {
        Tracked const frame;
        try {
            co_await calling_thread_id();
        } catch (std::system_error const& error) {
            code = error.code();
        }
        is_done = true;
    };
    loop.runner.run([&]() -> asio::awaitable<void> {
        co_await to_thread([] { from_thread::run(twice(1)); });
        loop.runner.start_soon(syncopate::label("followed", followed));
        while (!is_done)
            co_await twice_later(1);
    });
    CHECK(code == Errc::no_calling_thread);
}

TEST_CASE("What a task leaves behind while it waits for the caller is refused") {
    std::error_code code;
    Gate busy;
    Gate refused;
    OnThreadRunner loop;
    loop.runner.run([&]() -> asio::awaitable<void> {
        auto const executor = co_await asio::this_coro::executor;
        auto keep_busy = [&]() -> asio::awaitable<void> {
            co_await to_calling_thread([&] {
                busy.open();
                refused.wait();
            });
        };
        auto left_behind = [&]() -> asio::awaitable<void> {
            Tracked const frame;
            try {
                co_await calling_thread_id();
            } catch (std::system_error const& error) {
                code = error.code();
            }
            refused.open();
        };
        asio::co_spawn(executor, keep_busy, asio::detached);
        co_await busy.passed();
        asio::co_spawn(executor, left_behind, asio::detached);
    });
    CHECK(refused.is_open());
    CHECK(loop.runner.call([&] { return code; }) == Errc::no_calling_thread);
}

LOOP_TEST_CASE(
    "A task that is cancelled while the caller does its work ends after that", EveryLoop) {
    bool ended = false;
    AnyLoop loop;
    CHECK(code_of([&] {
              std::stop_source source;
              loop.runner.run(
                  to_calling_thread([&] {
                      source.request_stop();
                      ended = true;
                  }),
                  source.get_token());
          }) == Errc::cancelled);
    CHECK(ended);
}

LOOP_TEST_CASE("A function that waits for its turn is not called", TurningLoops) {
    bool ran = false;
    Gate busy;
    Gate taken_back;
    std::stop_source source;
    AnyLoop loop;
    auto const task = [&]() -> asio::awaitable<void> {
        auto first = [&]() -> asio::awaitable<void> {
            co_await to_calling_thread([&] {
                busy.open();
                taken_back.wait();
            });
        };
        asio::co_spawn(co_await asio::this_coro::executor, first, asio::detached);
        try {
            co_await to_calling_thread([&] { ran = true; });
        } catch (...) {
            taken_back.open();
            throw;
        }
    };
    std::jthread const stopper([&] {
        busy.wait();
        source.request_stop();
    });
    CHECK(code_of([&] { loop.runner.run(task, source.get_token()); }) == Errc::cancelled);
    CHECK_FALSE(ran);
}

LOOP_TEST_CASE(
    "A function that ends the calling thread is lost, and the thread ends after the task",
    EveryLoop) {
    Errc code{};
    Errc code_of_next{};
    bool went_on = false;
    bool was_unwound = false;
    bool had_ended = false;
    AnyLoop loop;
    auto const task = [&]() -> asio::awaitable<void> {
        code = co_await code_of_task(to_calling_thread([] { ::pthread_exit(nullptr); }));
        code_of_next = co_await code_of_task(to_calling_thread([] {}));
        co_await sleep_for(5ms);
        went_on = true;
    };
    std::thread([&] {
        struct Frame {
            bool& was_unwound;
            bool& had_ended;
            bool const& went_on;
            ~Frame() {
                was_unwound = true;
                had_ended = went_on;
            }
        } const frame{was_unwound, had_ended, went_on};
        loop.runner.run(task);
    }).join();
    CHECK(code == Errc::worker_lost);
    CHECK(code_of_next == Errc::no_calling_thread);
    CHECK(was_unwound);
    CHECK(had_ended);
    CHECK(loop.runner.run(twice(21)) == 42);
}

TEST_CASE("A range and a context are left by a thread that ends in a function for their task") {
    Errc code{};
    int exits = 0;
    struct Context {
        int& exits;
        asio::awaitable<void> aenter() { co_return; }
        asio::awaitable<void> aexit(std::exception_ptr) {
            ++exits;
            co_return;
        }
    };
    OnThreadRunner loop;
    auto const items = [&]() -> syncopate::AsyncGenerator<int> {
        co_yield 1;
        code = co_await code_of_task(to_calling_thread([] { ::pthread_exit(nullptr); }));
        co_yield 2;
    };
    for (std::size_t const ahead : {0U, 3U}) {
        std::thread([&] {
            auto const guard = loop.runner.wrap_context(Context{exits});
            auto range = ahead ? loop.runner.wrap_iter(items(), syncopate::ReadAhead{ahead})
                               : loop.runner.wrap_iter(items());
            for ([[maybe_unused]] int const item : range) {
            }
        }).join();
        CHECK(std::exchange(code, Errc{}) == Errc::worker_lost);
    }
    CHECK(exits == 2);
    CHECK(loop.runner.run(twice(21)) == 42);
}
