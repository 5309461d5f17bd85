// What wrap_iter takes: an iterable, a function that makes one, or an awaitable of one; and what becomes of an
// iterable that is used in place.
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
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
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
using support::loop_thread_of;
using support::message_of;
using support::Tracked;
using syncopate::AsyncGenerator;
using syncopate::Errc;
using syncopate::Options;
using syncopate::ReadAhead;
using syncopate::ThreadRunner;
using Ints = std::vector<int>;

AsyncGenerator<int> numbers(int first, int last) {
    Tracked const frame;
    for (int i = first; i <= last; ++i)
        co_yield i;
}

// Takes the items up to this one, and leaves the range.
template <class Range>
Ints up_to(int last, Range range) {
    Ints items;
    for (int item : range) {
        items.push_back(item);
        if (item == last)
            break;
    }
    return items;
}

// ---- Sources

LOOP_TEST_CASE("A range is made from a function that makes an iterable", EveryLoop) {
    std::size_t const count = GENERATE(0u, 4u);
    CAPTURE(count);
    support::AnyLoop loop;
    CHECK(
        items_of(loop.runner.wrap_iter([] { return numbers(1, 3); }, ReadAhead(count))) ==
        Ints{1, 2, 3});
}

LOOP_TEST_CASE("A range is made from an awaitable of an iterable", EveryLoop) {
    std::size_t const count = GENERATE(0u, 4u);
    CAPTURE(count);
    auto const open = [](int last) -> asio::awaitable<AsyncGenerator<int>> {
        co_await asio::post(asio::use_awaitable);
        co_return numbers(1, last);
    };
    support::AnyLoop loop;
    CHECK(items_of(loop.runner.wrap_iter(open(3), ReadAhead(count))) == Ints{1, 2, 3});
    CHECK(items_of(loop.runner.wrap_iter([&] { return open(2); }, ReadAhead(count))) == Ints{1, 2});
}

TEST_CASE("The function is called on the loop, when the first item is asked for") {
    std::thread::id called_on;
    ThreadRunner runner;
    auto range = runner.wrap_iter([&] {
        called_on = std::this_thread::get_id();
        return numbers(1, 1);
    });
    CHECK(runner.call([&] { return called_on; }) == std::thread::id());
    range.begin();
    CHECK(called_on == loop_thread_of(runner));
}

TEST_CASE("The captures of a lambda that is a generator live as long as the range") {
    std::size_t const count = GENERATE(0u, 4u);
    CAPTURE(count);
    ThreadRunner runner;
    auto const make_range = [&] {
        auto text = std::make_unique<std::string>("a text that is too long to lie in the string");
        return runner.wrap_iter(
            [text = std::move(text)]() -> AsyncGenerator<char> {
                for (char const c : *text)
                    co_yield c;
            },
            ReadAhead(count));
    };
    std::string read;
    for (char const c : make_range())
        read += c;
    CHECK(read == "a text that is too long to lie in the string");
}

TEST_CASE("A function that is an lvalue is used in place, and again") {
    int calls = 0;
    ThreadRunner runner;
    auto make = [&calls, only_movable = std::make_unique<int>(2)] {
        ++calls;
        return numbers(1, *only_movable);
    };
    CHECK(items_of(runner.wrap_iter(make)) == Ints{1, 2});
    CHECK(items_of(runner.wrap_iter(make, ReadAhead(1))) == Ints{1, 2});
    CHECK(calls == 2);
}

TEST_CASE("What the function throws comes out of begin(), and the range is at its end") {
    std::size_t const count = GENERATE(0u, 4u);
    CAPTURE(count);
    ThreadRunner runner;
    auto const fail = []() -> AsyncGenerator<int> { throw std::runtime_error("no iterable"); };
    auto const fail_later = []() -> asio::awaitable<AsyncGenerator<int>> {
        throw std::runtime_error("no iterable");
        co_return numbers(1, 1);
    };
    auto range = runner.wrap_iter([&] { return fail(); }, ReadAhead(count));
    CHECK(message_of<std::runtime_error>([&] { range.begin(); }) == "no iterable");
    CHECK(range.begin() == range.end());
    auto later = runner.wrap_iter(fail_later(), ReadAhead(count));
    CHECK(message_of<std::runtime_error>([&] { later.begin(); }) == "no iterable");
    CHECK(later.begin() == later.end());
}

TEST_CASE("A range whose function was never called is destroyed without calling it") {
    bool was_called = false;
    ThreadRunner runner;
    {
        auto const range = runner.wrap_iter([&] {
            was_called = true;
            return numbers(1, 1);
        });
    }
    CHECK_FALSE(was_called);
}

TEST_CASE("An iterable that a function has made is closed and destroyed on the loop") {
    std::size_t const count = GENERATE(0u, 4u);
    CAPTURE(count);
    CountState state;
    ThreadRunner runner;
    CHECK(up_to(1, runner.wrap_iter([&] { return Count(state); }, ReadAhead(count))) == Ints{0, 1});
    CHECK(state.closed == 1);
    CHECK(state.destroyed_on.load() == loop_thread_of(runner));
}

TEST_CASE("A function may give a reference to an iterable, which is used in place") {
    ThreadRunner runner;
    auto generator = numbers(1, 4);
    auto const give = [&]() -> AsyncGenerator<int>& { return generator; };
    CHECK(up_to(2, runner.wrap_iter(give)) == Ints{1, 2});
    CHECK(items_of(runner.wrap_iter(give, ReadAhead(2))) == Ints{3, 4});
}

// ---- An iterable that is used in place

LOOP_TEST_CASE("A second range over a generator goes on where the first was left", EveryLoop) {
    std::size_t const first = GENERATE(0u, 1u, 3u, 100u);
    std::size_t const second = GENERATE(0u, 2u, 100u);
    CAPTURE(first, second);
    support::AnyLoop loop;
    auto generator = numbers(0, 9);
    CHECK(up_to(2, loop.runner.wrap_iter(generator, ReadAhead(first))) == Ints{0, 1, 2});
    CHECK(up_to(4, loop.runner.wrap_iter(generator, ReadAhead(second))) == Ints{3, 4});
    CHECK(items_of(loop.runner.wrap_iter(generator, ReadAhead(first))) == Ints{5, 6, 7, 8, 9});
}

TEST_CASE("What was read ahead of a generator is found by its anext(), too") {
    ThreadRunner runner;
    auto generator = numbers(0, 3);
    CHECK(up_to(0, runner.wrap_iter(generator, ReadAhead(100))) == Ints{0});
    CHECK(runner.run(generator.anext()) == 1);
    auto later = generator.anext();
    auto moved = std::move(generator);
    CHECK(runner.run(std::move(later)) == 2);
    CHECK(runner.run(moved.anext()) == 3);
    CHECK(runner.run(moved.anext()) == std::nullopt);
}

TEST_CASE("aclose() drops what was read ahead of a generator") {
    ThreadRunner runner;
    auto generator = numbers(0, 9);
    CHECK(up_to(2, runner.wrap_iter(generator, ReadAhead(4))) == Ints{0, 1, 2});
    runner.run(generator.aclose());
    CHECK(items_of(runner.wrap_iter(generator)).empty());
}

TEST_CASE("An exception that was read ahead of a generator comes at its place in the next range") {
    ThreadRunner runner;
    auto const failing = []() -> AsyncGenerator<int> {
        co_yield 0;
        co_yield 1;
        throw std::runtime_error("no third");
    };
    auto generator = failing();
    {
        auto range = runner.wrap_iter(generator, ReadAhead(8));
        CHECK(*range.begin() == 0);
        runner.run(support::twice_later(1));
    }
    auto rest = runner.wrap_iter(generator);
    auto position = rest.begin();
    CHECK(*position == 1);
    CHECK(message_of<std::runtime_error>([&] { ++position; }) == "no third");
    CHECK(position == rest.end());
}

TEST_CASE("A generator that is left while it awaits its next item says so to the next range") {
    Gate gate;
    Gate awaits;
    auto const produce = [&]() -> AsyncGenerator<int> {
        co_yield 0;
        co_yield 1;
        awaits.open();
        co_await gate.passed();
        co_yield 2;
    };
    ThreadRunner runner;
    auto generator = produce();
    {
        auto range = runner.wrap_iter(generator, ReadAhead(8));
        CHECK(*range.begin() == 0);
        awaits.wait();
    }
    auto rest = runner.wrap_iter(generator);
    auto position = rest.begin();
    CHECK(*position == 1);
    CHECK(code_of([&] { ++position; }) == Errc::cancelled);
    CHECK(position == rest.end());
}

TEST_CASE("A generator that next_for has left half-way says so to the next range") {
    Gate gate;
    std::atomic<bool> is_half_way{false};
    auto const produce = [&]() -> AsyncGenerator<int> {
        co_yield 0;
        is_half_way = true;
        co_await gate.passed();
        co_yield 1;
    };
    ThreadRunner runner;
    auto generator = produce();
    {
        auto range = runner.wrap_iter(generator);
        CHECK(*range.begin() == 0);
        while (!is_half_way)  // on a busy machine the step may not have begun
            CHECK(code_of([&] { range.next_for(1ms); }) == Errc::timed_out);
    }
    auto rest = runner.wrap_iter(generator);
    CHECK(code_of([&] { rest.begin(); }) == Errc::cancelled);
}

TEST_CASE("An item that next_for came too early for is found by the next range") {
    Gate gate;
    auto const produce = [&]() -> AsyncGenerator<int> {
        co_await gate.passed();
        co_yield 0;
        co_yield 1;
    };
    ThreadRunner runner;
    auto generator = produce();
    {
        auto range = runner.wrap_iter(generator);
        CHECK(code_of([&] { range.next_for(1ms); }) == Errc::timed_out);
        gate.open();
        for (int i = 0; i < 20; ++i)
            runner.run(support::twice_later(i));
    }
    CHECK(items_of(runner.wrap_iter(generator)) == Ints{0, 1});
}

// Goes on from where it is, and cannot be closed.
class Counter {
public:
    asio::awaitable<std::optional<int>> anext() {
        Tracked const frame;
        co_return next_++;
    }

private:
    int next_ = 0;
};

TEST_CASE("That items were read ahead of another iterable, and are lost, is reported") {
    ErrorLog errors;
    ThreadRunner runner(Options().on_error(errors.handler()));
    Counter counter;
    {
        auto range = runner.wrap_iter(counter, ReadAhead(4));
        CHECK(*range.begin() == 0);
        for (int i = 0; i < 20; ++i)
            runner.run(support::twice_later(i));
    }
    int const lost = *runner.wrap_iter(counter).begin() - 1;
    CHECK(lost >= 3);
    REQUIRE(errors.messages().size() == 1);
    CHECK(errors.messages().front().find(std::to_string(lost) + " items are lost") == 0);
}

}  // namespace
