// Ranges that are ended from outside: a stop token for the range, and next_for(), a time limit for one item.
#include "support/audit.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/iterables.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/async_generator.hpp>
#include <syncopate/blocking_range.hpp>
#include <syncopate/error.hpp>
#include <syncopate/options.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/post.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using support::code_of;
using support::Count;
using support::CountState;
using support::ErrorLog;
using support::EveryLoop;
using support::Gate;
using support::items_of;
using support::message_of;
using support::Tracked;
using syncopate::AsyncGenerator;
using syncopate::Errc;
using syncopate::Options;
using syncopate::ReadAhead;
using syncopate::ThreadRunner;
using Ints = std::vector<int>;

// 0, 1, and then waits until it is cancelled.
AsyncGenerator<int> two_and_no_more(Gate& waiting) {
    Tracked const frame;
    co_yield 0;
    co_yield 1;
    waiting.open();
    co_await support::forever();
}

// Its second item comes when the gate is open.
AsyncGenerator<int> gated(Gate& gate) {
    Tracked const frame;
    co_yield 0;
    co_await gate.passed();
    co_yield 1;
    co_yield 2;
}

// ---- Stop tokens

LOOP_TEST_CASE("A stop request ends a wait for an item with Errc::cancelled", EveryLoop) {
    bool const reads_ahead = GENERATE(false, true);
    CAPTURE(reads_ahead);
    Gate waiting;
    std::stop_source source;
    support::AnyLoop loop;
    std::jthread const stopper([&] {
        waiting.wait();
        source.request_stop();
    });
    auto range = loop.runner.wrap_iter(
        two_and_no_more(waiting), ReadAhead(reads_ahead ? 4 : 0), source.get_token());
    Ints items;
    CHECK(code_of([&] {
              for (int item : range)
                  items.push_back(item);
          }) == Errc::cancelled);
    if (!reads_ahead)
        CHECK(items == Ints{0, 1});
    CHECK(items_of(range).empty());
}

LOOP_TEST_CASE("A range that is stopped before it begins produces nothing", EveryLoop) {
    CountState state;
    std::stop_source source;
    source.request_stop();
    support::AnyLoop loop;
    auto range = loop.runner.wrap_iter(Count(state), source.get_token());
    CHECK(code_of([&] { range.begin(); }) == Errc::cancelled);
    CHECK(state.begun == 0);
    CHECK(range.begin() == range.end());
    auto ahead = loop.runner.wrap_iter(Count(state), ReadAhead(4), source.get_token());
    CHECK(code_of([&] { ahead.begin(); }) == Errc::cancelled);
    CHECK(ahead.begin() == ahead.end());
}

LOOP_TEST_CASE("A range that is stopped between two items gives no further one", EveryLoop) {
    std::size_t const count = GENERATE(0u, 8u);
    CAPTURE(count);
    CountState state;
    std::stop_source source;
    support::AnyLoop loop;
    {
        auto range = loop.runner.wrap_iter(Count(state), ReadAhead(count), source.get_token());
        auto position = range.begin();
        CHECK(*position == 0);
        source.request_stop();
        CHECK(code_of([&] { ++position; }) == Errc::cancelled);
        CHECK(position == range.end());
    }
    CHECK(state.closed == 1);
    CHECK(state.destroyed);
}

LOOP_TEST_CASE("A range that its busy loop has not begun ends at once", support::TurningLoops) {
    std::size_t const count = GENERATE(0u, 2u);
    bool const is_stopped = GENERATE(false, true);
    CAPTURE(count, is_stopped);
    Gate blocked;
    Gate release;
    Gate opened;
    std::stop_source source;
    support::AnyLoop loop;
    std::thread blocker([&] {
        loop.runner.call([&] {
            blocked.open();
            release.wait();
        });
    });
    blocked.wait();
    bool is_made = false;
    std::error_code code;
    {
        auto range = loop.runner.wrap_iter(
            [&] {
                is_made = true;
                return two_and_no_more(opened);
            },
            ReadAhead{count}, source.get_token());
        std::jthread const stopper([&] {
            if (is_stopped)
                source.request_stop();
        });
        code = is_stopped ? code_of([&] { return range.begin(); })
                          : code_of([&] { return range.next_for(1ms); });
    }
    release.open();
    blocker.join();
    CHECK(code == (is_stopped ? Errc::cancelled : Errc::timed_out));
    CHECK_FALSE(is_made);
}

TEST_CASE("A generator whose range was never begun gives all items to the next one") {
    std::size_t const count = GENERATE(0u, 2u);
    CAPTURE(count);
    Gate blocked;
    Gate release;
    Gate passed;
    passed.open();
    ThreadRunner runner;
    auto generator = gated(passed);
    std::thread blocker([&] {
        runner.call([&] {
            blocked.open();
            release.wait();
        });
    });
    blocked.wait();
    {
        auto range = runner.wrap_iter(generator, ReadAhead{count});
        CHECK(code_of([&] { return range.next_for(1ms); }) == Errc::timed_out);
    }
    release.open();
    blocker.join();
    CHECK(items_of(runner.wrap_iter(generator)) == Ints{0, 1, 2});
}

TEST_CASE("A stop request that comes after the range does nothing") {
    CountState state;
    std::stop_source source;
    ThreadRunner runner;
    CHECK(items_of(runner.wrap_iter(Count(state, 3), source.get_token())) == Ints{0, 1, 2});
    CHECK(
        items_of(runner.wrap_iter(Count(state, 3), ReadAhead(2), source.get_token())) ==
        Ints{0, 1, 2});
    source.request_stop();
    CHECK(runner.run(support::twice(21)) == 42);
}

TEST_CASE("An item that is made in spite of a stop request is given") {
    Gate waiting;
    std::stop_source source;
    ThreadRunner runner;
    auto const stubborn = [&]() -> AsyncGenerator<int> {
        waiting.open();
        try {
            co_await support::until_cancelled();
        } catch (...) {
        }
        co_yield 7;
    };
    std::jthread const stopper([&] {
        waiting.wait();
        source.request_stop();
    });
    auto range = runner.wrap_iter(stubborn, source.get_token());
    auto position = range.begin();
    CHECK(*position == 7);
    CHECK(code_of([&] { ++position; }) == Errc::cancelled);
}

TEST_CASE("The error with which an iterable answers a stop request comes out") {
    Gate waiting;
    std::stop_source source;
    ThreadRunner runner;
    auto const failing = [&]() -> AsyncGenerator<int> {
        waiting.open();
        try {
            co_await support::until_cancelled();
        } catch (...) {
        }
        throw std::runtime_error("clean-up failed");
        co_yield 7;
    };
    std::jthread const stopper([&] {
        waiting.wait();
        source.request_stop();
    });
    auto range = runner.wrap_iter(failing, source.get_token());
    CHECK(message_of<std::runtime_error>([&] { range.begin(); }) == "clean-up failed");
}

// ---- next_for

LOOP_TEST_CASE("next_for gives the items, and then nothing", EveryLoop) {
    std::size_t const count = GENERATE(0u, 2u);
    CAPTURE(count);
    CountState state;
    support::AnyLoop loop;
    auto range = loop.runner.wrap_iter(Count(state, 3), ReadAhead(count));
    CHECK(range.next_for(1h) == 0);
    CHECK(range.next_for(1h) == 1);
    CHECK(range.next_for(std::chrono::hours::max()) == 2);
    CHECK(range.next_for(1h) == std::nullopt);
    CHECK(range.next_for(1h) == std::nullopt);
    CHECK(range.begin() == range.end());
}

LOOP_TEST_CASE("next_for loses no item when the time is up", EveryLoop) {
    std::size_t const count = GENERATE(0u, 4u);
    CAPTURE(count);
    Gate gate;
    support::AnyLoop loop;
    auto range = loop.runner.wrap_iter(gated(gate), ReadAhead(count));
    CHECK(range.next_for(1h) == 0);
    CHECK(code_of([&] { range.next_for(1ms); }) == Errc::timed_out);
    CHECK(code_of([&] { range.next_for(0ms); }) == Errc::timed_out);
    CHECK(code_of([&] { range.next_for(-1ms); }) == Errc::timed_out);
    gate.open();
    CHECK(range.next_for(1h) == 1);
    CHECK(items_of(range) == Ints{2});
}

LOOP_TEST_CASE("After a time-out ++ gets the item that is being made", EveryLoop) {
    std::size_t const count = GENERATE(0u, 4u);
    CAPTURE(count);
    Gate gate;
    support::AnyLoop loop;
    auto range = loop.runner.wrap_iter(gated(gate), ReadAhead(count));
    auto position = range.begin();
    CHECK(code_of([&] { range.next_for(1ms); }) == Errc::timed_out);
    CHECK(*position == 0);
    gate.open();
    ++position;
    CHECK(*position == 1);
    ++position;
    CHECK(*position == 2);
    ++position;
    CHECK(position == range.end());
}

LOOP_TEST_CASE("Who polls with next_for gets the items in the end", EveryLoop) {
    std::size_t const count = GENERATE(0u, 4u);
    CAPTURE(count);
    CountState state;
    support::AnyLoop loop;
    auto range = loop.runner.wrap_iter(Count(state, 3), ReadAhead(count));
    Ints items;
    for (bool at_end = false; !at_end;) {
        try {
            auto const item = range.next_for(0ms);
            at_end = !item;
            if (item)
                items.push_back(*item);
        } catch (std::system_error const& error) {
            if (error.code() != Errc::timed_out)
                throw;
        }
    }
    CHECK(items == Ints{0, 1, 2});
}

TEST_CASE("next_for within a loop gets the item behind the loop's") {
    CountState state;
    ThreadRunner runner;
    auto range = runner.wrap_iter(Count(state, 6));
    Ints pairs;
    for (int item : range) {
        pairs.push_back(item);
        pairs.push_back(range.next_for(1h).value());
    }
    CHECK(pairs == Ints{0, 1, 2, 3, 4, 5});
}

TEST_CASE("A loop after next_for begins with the item behind") {
    CountState state;
    ThreadRunner runner;
    auto range = runner.wrap_iter(Count(state, 5));
    for (int item : range)
        if (item == 1)
            break;
    CHECK(range.next_for(1h) == 2);
    CHECK(items_of(range) == Ints{3, 4});
}

LOOP_TEST_CASE("What the iterable throws after a time-out comes out of the next call", EveryLoop) {
    std::size_t const count = GENERATE(0u, 4u);
    CAPTURE(count);
    Gate gate;
    support::AnyLoop loop;
    auto const failing = [&]() -> AsyncGenerator<int> {
        co_await gate.passed();
        throw std::runtime_error("no item");
        co_yield 1;
    };
    auto range = loop.runner.wrap_iter(failing, ReadAhead(count));
    CHECK(code_of([&] { range.next_for(1ms); }) == Errc::timed_out);
    gate.open();
    CHECK(message_of<std::runtime_error>([&] { range.next_for(1h); }) == "no item");
    CHECK(range.next_for(1h) == std::nullopt);
}

LOOP_TEST_CASE("A range is left while an item is being made that nobody waits for", EveryLoop) {
    std::size_t const count = GENERATE(0u, 4u);
    CAPTURE(count);
    ErrorLog errors;
    support::AnyLoop loop(Options().on_error(errors.handler()));
    {
        Gate gate;
        auto range = loop.runner.wrap_iter(gated(gate), ReadAhead(count));
        range.begin();
        CHECK(code_of([&] { range.next_for(1ms); }) == Errc::timed_out);
    }
    CHECK(errors.messages().empty());
}

TEST_CASE("A range that has timed out is destroyed on the loop's thread") {
    CountState state;
    ErrorLog errors;
    Gate gate;
    {
        ThreadRunner runner(Options().on_error(errors.handler()));
        auto const produce = [&](Count count) -> AsyncGenerator<int> {
            co_await gate.passed();
            co_yield (co_await count.anext()).value();
        };
        std::optional range(runner.wrap_iter(produce(Count(state))));
        CHECK(code_of([&] { range->next_for(1ms); }) == Errc::timed_out);
        runner.call([&] { range.reset(); });
    }
    CHECK(state.destroyed);
    CHECK(errors.messages().empty());
}

LOOP_TEST_CASE("close() ends the making of an item that nobody waits for", EveryLoop) {
    std::size_t const count = GENERATE(0u, 4u);
    CAPTURE(count);
    Gate gate;
    support::AnyLoop loop;
    auto range = loop.runner.wrap_iter(gated(gate), ReadAhead(count));
    range.begin();
    CHECK(code_of([&] { range.next_for(1ms); }) == Errc::timed_out);
    loop.runner.close();
    CHECK(code_of([&] { range.next_for(1h); }) == Errc::runner_closed);
}

LOOP_TEST_CASE("A stop request ends next_for, too", EveryLoop) {
    std::size_t const count = GENERATE(0u, 4u);
    CAPTURE(count);
    Gate gate;
    std::stop_source source;
    support::AnyLoop loop;
    auto range = loop.runner.wrap_iter(gated(gate), ReadAhead(count), source.get_token());
    range.begin();
    CHECK(code_of([&] { range.next_for(1ms); }) == Errc::timed_out);
    source.request_stop();
    CHECK(code_of([&] { range.next_for(1h); }) == Errc::cancelled);
    CHECK(range.next_for(1h) == std::nullopt);
}

TEST_CASE("next_for on the loop's own thread throws DeadlockError, and loses nothing") {
    std::size_t const count = GENERATE(0u, 4u);
    CAPTURE(count);
    CountState state;
    ThreadRunner runner;
    auto range = runner.wrap_iter(Count(state, 2), ReadAhead(count));
    auto const refused = runner.call([&] { return code_of([&] { range.next_for(1s); }); });
    CHECK(refused == Errc::would_deadlock);
    CHECK(items_of(range) == Ints{0, 1});
}

}  // namespace
