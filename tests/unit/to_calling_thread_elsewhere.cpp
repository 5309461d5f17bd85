// to_calling_thread in contexts and in ranges: whoever enters, leaves, takes an item or closes the runner is the
// calling thread meanwhile; where nobody waits, the error says why.
#include "support/audit.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/async_generator.hpp>
#include <syncopate/blocking_range.hpp>
#include <syncopate/context_var.hpp>
#include <syncopate/error.hpp>
#include <syncopate/options.hpp>
#include <syncopate/task_group.hpp>
#include <syncopate/thread_runner.hpp>
#include <syncopate/to_calling_thread.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using syncopate::AsyncGenerator;
using syncopate::Errc;
using syncopate::Options;
using syncopate::ReadAhead;
using syncopate::ThreadRunner;
using syncopate::to_calling_thread;
using ThreadId = std::thread::id;

asio::awaitable<ThreadId> calling_thread_id() {
    co_return co_await to_calling_thread(std::this_thread::get_id);
}

// What to_calling_thread ends with, in words.
asio::awaitable<std::string> outcome() {
    Tracked const frame;
    try {
        co_await calling_thread_id();
        co_return "called";
    } catch (std::system_error const& error) {
        co_return error.what();
    }
}

bool contains(std::string const& text, char const* part) {
    return text.find(part) != std::string::npos;
}

// Notes who enters it and who leaves it.
struct Noting {
    ThreadId* entered_by;
    ThreadId* left_by;

    asio::awaitable<void> aenter() {
        Tracked const frame;
        *entered_by = co_await calling_thread_id();
    }
    asio::awaitable<void> aexit(std::exception_ptr) {
        Tracked const frame;
        *left_by = co_await calling_thread_id();
    }
};

AsyncGenerator<ThreadId> calling_threads(int count) {
    Tracked const frame;
    for (int i = 0; i < count; ++i)
        co_yield co_await calling_thread_id();
}

// ---- Contexts

LOOP_TEST_CASE("Who enters a context, and who leaves it, is the calling thread", EveryLoop) {
    auto const self = std::this_thread::get_id();
    ThreadId entered;
    ThreadId left;
    AnyLoop loop;
    {
        auto const guard = loop.runner.wrap_context(Noting{&entered, &left});
        CHECK(entered == self);
        CHECK(left == ThreadId());
    }
    CHECK(left == self);

    entered = left = {};
    auto guard = loop.runner.wrap_context([&] { return Noting{&entered, &left}; });
    guard.close();
    CHECK(entered == self);
    CHECK(left == self);

    entered = left = {};
    loop.runner.with_context(Noting{&entered, &left}, [](Noting&) {});
    CHECK(entered == self);
    CHECK(left == self);
}

LOOP_TEST_CASE(
    "Another thread may leave the context, and is its calling thread then", TurningLoops) {
    ThreadId entered;
    ThreadId left;
    ThreadId other;
    AnyLoop loop;
    auto guard = loop.runner.wrap_context(Noting{&entered, &left});
    std::thread([&] {
        other = std::this_thread::get_id();
        guard.close();
    }).join();
    CHECK(entered == std::this_thread::get_id());
    CHECK(left == other);
}

LOOP_TEST_CASE(
    "Who closes the runner is the calling thread of the contexts that this leaves", EveryLoop) {
    auto const self = std::this_thread::get_id();
    ThreadId entered;
    ThreadId left;
    ThreadId guard_entered;
    ThreadId guard_left;
    AnyLoop loop;
    loop.runner.enter_context(Noting{&entered, &left});
    auto const guard = loop.runner.wrap_context(Noting{&guard_entered, &guard_left});
    CHECK(entered == self);
    loop.runner.close();
    CHECK(left == self);
    CHECK(guard_left == self);
}

TEST_CASE("Who destroys the runner is the calling thread of the contexts that this leaves") {
    ThreadId entered;
    ThreadId left;
    {
        ThreadRunner runner;
        runner.enter_context(Noting{&entered, &left});
    }
    CHECK(left == std::this_thread::get_id());
}

TEST_CASE("One of several threads that close a runner is the calling thread") {
    ThreadId entered;
    ThreadId left;
    ThreadRunner runner;
    runner.enter_context(Noting{&entered, &left});
    std::vector<std::jthread> closers;
    std::atomic<bool> found{false};
    for (int i = 0; i < 4; ++i)
        closers.emplace_back([&] {
            runner.close();
            if (left == std::this_thread::get_id())
                found = true;
        });
    closers.clear();
    CHECK(found);
}

TEST_CASE("A close() that gives up waiting leaves a context without a calling thread") {
    Gate begun;
    Gate go_on;
    std::string said;
    struct Slow {
        Gate* begun;
        Gate* go_on;
        std::string* said;
        asio::awaitable<void> aenter() { return nothing(); }
        asio::awaitable<void> aexit(std::exception_ptr) {
            Tracked const frame;
            co_await go_on->passed();
            *said = co_await outcome();
            begun->open();
        }
    };
    ThreadRunner runner;
    runner.enter_context(Slow{&begun, &go_on, &said});
    CHECK_FALSE(runner.close_for(1ms));
    go_on.open();
    begun.wait();
    runner.close();
    CHECK(contains(said, "no thread waits for that any more"));
}

LOOP_TEST_CASE("A context that is open has no calling thread, and says so", EveryLoop) {
    std::string said;
    struct Spawning {
        std::string* said;
        asio::awaitable<void> aenter() {
            Tracked const frame;
            auto child = [](std::string& text) -> asio::awaitable<void> {
                co_await sleep_for(1ms);
                text = co_await outcome();
            };
            asio::co_spawn(co_await asio::this_coro::executor, child(*said), asio::detached);
        }
        asio::awaitable<void> aexit(std::exception_ptr) { return nothing(); }
    };
    AnyLoop loop;
    auto const guard = loop.runner.wrap_context(Spawning{&said});
    while (loop.runner.call([&] { return said.empty(); }))
        loop.runner.run(twice_later(1));
    CHECK(contains(said, "a context that is open"));
}

LOOP_TEST_CASE("The children of a group that is a context find who leaves it", EveryLoop) {
    ThreadId found;
    AnyLoop loop;
    Gate leaving;
    {
        auto const group = loop.runner.wrap_context(syncopate::TaskGroup());
        loop.runner.call([&] {
            group->start_soon([&]() -> asio::awaitable<void> {
                co_await leaving.passed();
                // The thread that has opened this may not leave the context yet.
                for (int i = 0; i < 10'000 && found == ThreadId(); ++i) {
                    co_await sleep_for(1ms);
                    try {
                        found = co_await calling_thread_id();
                    } catch (std::system_error const&) {
                    }
                }
            });
        });
        leaving.open();
    }
    CHECK(found == std::this_thread::get_id());
}

LOOP_TEST_CASE("What the function throws on entering comes out of wrap_context", EveryLoop) {
    struct Failing {
        asio::awaitable<void> aenter() {
            return to_calling_thread([] { throw std::runtime_error("not now"); });
        }
        asio::awaitable<void> aexit(std::exception_ptr) { return nothing(); }
    };
    AnyLoop loop;
    CHECK(message_of<std::runtime_error>([&] {
              static_cast<void>(loop.runner.wrap_context(Failing()));
          }) == "not now");
}

TEST_CASE(
    "A guard that is destroyed on the loop's thread leaves its context without a calling thread") {
    ErrorLog errors;
    ThreadId entered;
    ThreadId left;
    ThreadRunner runner(Options().on_error(errors.handler()));
    std::optional guard(runner.wrap_context(Noting{&entered, &left}));
    runner.call([&] { guard.reset(); });
    errors.wait_for(1);
    CHECK(contains(errors.messages().front(), "a context that is open"));
}

// ---- Ranges

LOOP_TEST_CASE("Who takes the items is the calling thread of what makes them", EveryLoop) {
    std::size_t const count = GENERATE(0u, 1u, 8u);
    CAPTURE(count);
    AnyLoop loop;
    int items = 0;
    for (auto const id : loop.runner.wrap_iter(calling_threads(20), ReadAhead(count))) {
        if (id != std::this_thread::get_id())
            FAIL("an item was made with another thread");
        ++items;
    }
    CHECK(items == 20);
}

LOOP_TEST_CASE("Who waits in next_for is the calling thread, also after a time-out", EveryLoop) {
    std::size_t const count = GENERATE(0u, 8u);
    CAPTURE(count);
    Gate gate;
    auto const produce = [&]() -> AsyncGenerator<ThreadId> {
        co_await gate.passed();
        co_yield co_await calling_thread_id();
    };
    AnyLoop loop;
    auto range = loop.runner.wrap_iter(produce, ReadAhead(count));
    CHECK(code_of([&] { range.next_for(1ms); }) == Errc::timed_out);
    gate.open();
    loop.runner.run(twice_later(1));
    CHECK(range.next_for(1h) == std::this_thread::get_id());
}

LOOP_TEST_CASE("Who leaves a range is the calling thread of its clean-up", EveryLoop) {
    std::size_t const count = GENERATE(0u, 2u);
    CAPTURE(count);
    struct Closing {
        ThreadId* closed_by;
        asio::awaitable<std::optional<int>> anext() {
            Tracked const frame;
            co_return 1;
        }
        asio::awaitable<void> aclose() {
            Tracked const frame;
            *closed_by = co_await calling_thread_id();
        }
    };
    ThreadId closed_by;
    AnyLoop loop;
    for (int const item : loop.runner.wrap_iter(Closing{&closed_by}, ReadAhead(count)))
        if (item == 1)
            break;
    CHECK(closed_by == std::this_thread::get_id());
}

TEST_CASE("The items that are there do not keep a function waiting") {
    std::atomic<bool> was_called{false};
    auto const produce = [&]() -> AsyncGenerator<int> {
        auto child = [](std::atomic<bool>& done) -> asio::awaitable<void> {
            co_await to_calling_thread([&] { done = true; });
        };
        asio::co_spawn(co_await asio::this_coro::executor, child(was_called), asio::detached);
        for (int i = 0;; ++i)
            co_yield i;
    };
    ThreadRunner runner;
    for (int const item : runner.wrap_iter(produce, ReadAhead(4)))
        if (was_called || item > 1'000'000)
            break;
    CHECK(was_called);
}

LOOP_TEST_CASE("A function that nobody comes for is refused when its range is left", EveryLoop) {
    std::string said;
    auto const produce = [&]() -> AsyncGenerator<int> {
        struct Note {
            std::string& said;
            ~Note() { said += "left"; }
        } const note{said};
        co_yield 1;
        co_await to_calling_thread([&] { said += "called"; });
        co_yield 2;
    };
    AnyLoop loop;
    {
        auto range = loop.runner.wrap_iter(produce, ReadAhead(4));
        range.begin();
        loop.runner.run(twice_later(1));
    }
    CHECK((said == "left" || said == "calledleft"));
}

TEST_CASE("close() does not wait for a range that its own thread would have to read") {
    std::string said;
    Gate awaits;
    auto const produce = [&]() -> AsyncGenerator<int> {
        Tracked const frame;
        co_yield 1;
        awaits.open();
        try {
            co_await until_cancelled();
        } catch (...) {
        }
        co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
        said = co_await outcome();
    };
    std::size_t const count = GENERATE(0u, 4u);
    CAPTURE(count);
    ThreadRunner runner;
    auto range = runner.wrap_iter(produce, ReadAhead(count));
    range.begin();
    CHECK(code_of([&] { range.next_for(1ms); }) == Errc::timed_out);
    awaits.wait();
    runner.close();
    CHECK(contains(said, "whose runner is closed"));
}

LOOP_TEST_CASE("A function that waits for an item of its own range is refused", EveryLoop) {
    std::error_code refused;
    AnyLoop loop;
    std::optional<syncopate::BlockingRange<int>> range;
    auto const produce = [&]() -> AsyncGenerator<int> {
        co_await to_calling_thread([&] { refused = code_of([&] { range->next_for(1h); }); });
        co_yield 1;
    };
    std::size_t const count = GENERATE(0u, 4u);
    CAPTURE(count);
    range.emplace(loop.runner.wrap_iter(produce, ReadAhead(count)));
    CHECK(range->next_for(1h) == 1);
    CHECK(refused == Errc::would_deadlock);
}

// ---- Why not

LOOP_TEST_CASE("A task that nobody waits for says so", TurningLoops) {
    AnyLoop loop;
    CHECK(contains(loop.runner.run_as_future(outcome()).get(), "run_as_future() or start_soon()"));
    syncopate::ContextVar<int> const number{0};
    auto const scope = number.set(1);
    CHECK(contains(loop.runner.run_as_future(outcome()).get(), "run_as_future() or start_soon()"));
}

LOOP_TEST_CASE("What outlives its call says that this has ended", EveryLoop) {
    std::string said;
    AnyLoop loop;
    loop.runner.run([&]() -> asio::awaitable<void> {
        auto child = [](std::string& text) -> asio::awaitable<void> {
            co_await sleep_for(1ms);
            text = co_await outcome();
        };
        asio::co_spawn(co_await asio::this_coro::executor, child(said), asio::detached);
    });
    while (loop.runner.call([&] { return said.empty(); }))
        loop.runner.run(twice_later(1));
    CHECK(contains(said, "after the end of the call"));
}

}  // namespace
