// wrap_iter: an asynchronous iterable as a range of synchronous code.
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
#include <concepts>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace iteration_test {

// OnParentCancel the unnamed namespace, for the sake of GCC, which warns of such a type in a coroutine's frame.
struct Wrapped {
    explicit Wrapped(int i) : value(i) {}
    int value;
};

}  // namespace iteration_test

namespace {

using iteration_test::Wrapped;
namespace asio = boost::asio;
using support::code_of;
using support::Count;
using support::CountState;
using support::ErrorLog;
using support::Gate;
using support::items_of;
using support::loop_thread_of;
using support::message_of;
using support::Tracked;
using syncopate::AsyncGenerator;
using syncopate::BlockingRange;
using syncopate::Errc;
using syncopate::Options;
using syncopate::ThreadRunner;
using Ints = std::vector<int>;

using Range = BlockingRange<int>;
static_assert(std::ranges::input_range<Range>);
static_assert(!std::ranges::forward_range<Range>);
static_assert(std::ranges::view<Range>);
static_assert(std::is_nothrow_move_constructible_v<Range>);
static_assert(std::is_nothrow_move_assignable_v<Range>);
static_assert(!std::is_copy_constructible_v<Range>);
static_assert(std::input_iterator<Range::iterator>);
static_assert(!std::copyable<Range::iterator>);
static_assert(std::sentinel_for<std::default_sentinel_t, Range::iterator>);
static_assert(std::is_same_v<std::ranges::range_value_t<Range>, int>);
static_assert(std::is_same_v<std::ranges::range_reference_t<Range>, int&>);
static_assert(std::ranges::input_range<BlockingRange<std::unique_ptr<int>>>);

AsyncGenerator<int> numbers(int first, int last) {
    Tracked const frame;
    for (int i = first; i <= last; ++i) {
        co_await asio::post(asio::deferred);
        co_yield i;
    }
}

AsyncGenerator<int> endless() {
    Tracked const frame;
    for (int i = 0;; ++i)
        co_yield i;
}

// ---- Items

LOOP_TEST_CASE("A range gives the items of an iterable in order", support::EveryLoop) {
    CountState state;
    support::AnyLoop loop;
    CHECK(items_of(loop.runner.wrap_iter(Count(state, 5))) == Ints{0, 1, 2, 3, 4});
}

TEST_CASE("A range gives the items of an AsyncGenerator in order") {
    ThreadRunner runner;
    CHECK(items_of(runner.wrap_iter(numbers(1, 5))) == Ints{1, 2, 3, 4, 5});
}

TEST_CASE("A range over nothing is empty") {
    ThreadRunner runner;
    CHECK(items_of(runner.wrap_iter(numbers(1, 0))).empty());
}

TEST_CASE("Nothing is produced before the first item is asked for") {
    CountState state;
    ThreadRunner runner;
    auto range = runner.wrap_iter(Count(state));
    runner.run(support::nothing());
    CHECK(state.begun == 0);
    range.begin();
    CHECK(state.begun == 1);
}

TEST_CASE("An infinite range can be left with break") {
    ThreadRunner runner;
    Ints items;
    for (int item : runner.wrap_iter(endless())) {
        items.push_back(item);
        if (item == 3)
            break;
    }
    CHECK(items == Ints{0, 1, 2, 3});
}

TEST_CASE("Items are produced on the loop thread") {
    std::thread::id produced_on;
    ThreadRunner runner;
    auto const produce = [&]() -> AsyncGenerator<int> {
        produced_on = std::this_thread::get_id();
        co_yield 1;
    };
    CHECK(items_of(runner.wrap_iter(produce())) == Ints{1});
    CHECK(produced_on == loop_thread_of(runner));
}

TEST_CASE("An item may be of a type that can only be moved") {
    ThreadRunner runner;
    auto const pointers = []() -> AsyncGenerator<std::unique_ptr<int>> {
        co_yield std::make_unique<int>(1);
        co_yield std::make_unique<int>(2);
    };
    Ints items;
    for (std::unique_ptr<int>& item : runner.wrap_iter(pointers()))
        items.push_back(*std::unique_ptr<int>(std::move(item)));
    CHECK(items == Ints{1, 2});
}

TEST_CASE("An item may be of a type that is not default-constructible") {
    ThreadRunner runner;
    auto const produce = []() -> AsyncGenerator<Wrapped> {
        co_yield Wrapped(1);
        co_yield Wrapped(2);
    };
    Ints items;
    for (Wrapped const& item : runner.wrap_iter(produce()))
        items.push_back(item.value);
    CHECK(items == Ints{1, 2});
}

// ---- Several ranges at once

TEST_CASE("Two ranges can be read in turns") {
    ThreadRunner runner;
    auto small = runner.wrap_iter(numbers(1, 3));
    auto large = runner.wrap_iter(numbers(10, 12));
    auto i = small.begin();
    auto j = large.begin();
    Ints items;
    for (; i != small.end(); ++i, ++j) {
        items.push_back(*i);
        items.push_back(*j);
    }
    CHECK(items == Ints{1, 10, 2, 11, 3, 12});
    CHECK(j == large.end());
}

TEST_CASE("Ranges of two runners can be read in turns") {
    ThreadRunner here;
    ThreadRunner there;
    auto evens = here.wrap_iter(numbers(1, 2));
    Ints items;
    auto j = evens.begin();
    for (int item : there.wrap_iter(numbers(10, 11))) {
        items.push_back(item);
        items.push_back(*j);
        ++j;
    }
    CHECK(items == Ints{10, 1, 11, 2});
}

TEST_CASE("The end of the shorter one ends a walk over two ranges") {
    CountState state;
    ThreadRunner runner;
    Ints sums;
    {
        auto endless_range = runner.wrap_iter(Count(state));
        auto other = endless_range.begin();
        for (int item : runner.wrap_iter(numbers(1, 3))) {
            sums.push_back(item + *other);
            ++other;
        }
    }
    CHECK(sums == Ints{1, 3, 5});
    CHECK(state.closed == 1);
}

TEST_CASE("One iteration can be nested in another") {
    ThreadRunner runner;
    Ints products;
    for (int i : runner.wrap_iter(numbers(1, 2)))
        for (int j : runner.wrap_iter(numbers(1, 3)))
            products.push_back(i * j);
    CHECK(products == Ints{1, 2, 3, 2, 4, 6});
}

// ---- Ranges as values

TEST_CASE("std::views::take ends an infinite range") {
    ThreadRunner runner;
    CHECK(items_of(runner.wrap_iter(endless()) | std::views::take(3)) == Ints{0, 1, 2});
}

TEST_CASE("std::views::filter and transform apply to a range") {
    ThreadRunner runner;
    auto const is_odd = [](int i) { return i % 2 == 1; };
    auto const squared = [](int i) { return i * i; };
    auto view = runner.wrap_iter(numbers(1, 5)) | std::views::filter(is_odd) |
                std::views::transform(squared);
    CHECK(items_of(view) == Ints{1, 9, 25});
}

TEST_CASE("begin() called again gives the position where the iteration is") {
    ThreadRunner runner;
    auto range = runner.wrap_iter(numbers(1, 3));
    auto first = range.begin();
    ++first;
    CHECK(*range.begin() == 2);
}

TEST_CASE("The iterators of a range that is moved stay valid") {
    ThreadRunner runner;
    auto range = runner.wrap_iter(numbers(1, 3));
    auto position = range.begin();
    ++position;
    auto moved = std::move(range);
    CHECK(*position == 2);
    CHECK(items_of(moved) == Ints{2, 3});
}

TEST_CASE("A range that is assigned to cleans up what it iterated over") {
    CountState old;
    ThreadRunner runner;
    auto range = runner.wrap_iter(Count(old));
    range.begin();
    range = runner.wrap_iter(numbers(7, 7));
    CHECK(old.closed == 1);
    CHECK(items_of(range) == Ints{7});
}

// ---- The iterable's life

TEST_CASE("An rvalue iterable is destroyed on the loop at its end, before the range") {
    CountState state;
    ThreadRunner runner;
    auto range = runner.wrap_iter(Count(state, 2));
    CHECK(items_of(range) == Ints{0, 1});
    CHECK(state.destroyed);
    CHECK(state.destroyed_on.load() == loop_thread_of(runner));
}

TEST_CASE("An lvalue iterable is used in place") {
    CountState state;
    ThreadRunner runner;
    Count count(state);
    for (int item : runner.wrap_iter(count))
        if (item == 2)
            break;
    CHECK_FALSE(state.destroyed);
    CHECK(*runner.wrap_iter(count).begin() == 3);
}

LOOP_TEST_CASE(
    "An iteration that is given up is cleaned up on the loop before the range is gone",
    support::EveryLoop) {
    CountState state;
    support::AnyLoop loop;
    for (int item : loop.runner.wrap_iter(Count(state)))
        if (item == 2)
            break;
    CHECK(state.closed == 1);
    CHECK(state.destroyed);
    CHECK(state.destroyed_on.load() == state.closed_on.load());
    CHECK(state.begun == 3);
}

TEST_CASE("The body of an AsyncGenerator ends on the loop when its range is given up") {
    std::atomic<std::thread::id> destroyed_on;
    ThreadRunner runner;
    auto const produce = [&destroyed_on]() -> AsyncGenerator<int> {
        support::DestructionProbe const probe(destroyed_on);
        for (int i = 0;; ++i)
            co_yield i;
    };
    for (int item : runner.wrap_iter(produce()))
        if (item == 2)
            break;
    CHECK(destroyed_on.load() == loop_thread_of(runner));
}

TEST_CASE("A range that ends by itself is not cleaned up a second time") {
    CountState state;
    ThreadRunner runner;
    CHECK(items_of(runner.wrap_iter(Count(state, 2))) == Ints{0, 1});
    CHECK(state.closed == 0);
}

TEST_CASE("A range that was never read is cleaned up") {
    CountState state;
    ThreadRunner runner;
    {
        auto const range = runner.wrap_iter(Count(state));
    }
    CHECK(state.closed == 1);
    CHECK(state.begun == 0);
}

class FailingToClose {
public:
    asio::awaitable<std::optional<int>> anext() {
        Tracked const frame;
        co_return 1;
    }
    asio::awaitable<void> aclose() {
        Tracked const frame;
        throw std::runtime_error("not closed");
        co_return;
    }
};

TEST_CASE("What the clean-up of a range throws goes to on_error") {
    ErrorLog log;
    ThreadRunner runner(Options().on_error(log.handler()));
    for (int item : runner.wrap_iter(FailingToClose()))
        if (item == 1)
            break;
    CHECK(log.messages() == std::vector<std::string>{"not closed"});
}

TEST_CASE(
    "A range that is destroyed on the loop thread is cleaned up before the runner is closed") {
    CountState state;
    ErrorLog log;
    {
        ThreadRunner runner(Options().on_error(log.handler()));
        std::optional range(runner.wrap_iter(Count(state)));
        range->begin();
        runner.call([&] { range.reset(); });
    }
    CHECK(state.closed == 1);
    CHECK(state.destroyed);
    CHECK(log.messages().empty());
}

// ---- Exceptions

LOOP_TEST_CASE(
    "An exception instead of item 3 comes after three items, and then the end",
    support::EveryLoop) {
    CountState state;
    support::AnyLoop loop;
    auto range = loop.runner.wrap_iter(Count(state, Count::never, 3));
    Ints items;
    auto const read = [&] {
        for (int item : range)
            items.push_back(item);
    };
    CHECK(message_of<std::runtime_error>(read) == "item 3");
    CHECK(items == Ints{0, 1, 2});
    CHECK(range.begin() == range.end());
}

TEST_CASE("An exception instead of the first item comes out of begin()") {
    CountState state;
    ThreadRunner runner;
    auto range = runner.wrap_iter(Count(state, Count::never, 0));
    CHECK(message_of<std::runtime_error>([&] { range.begin(); }) == "item 0");
    CHECK(range.begin() == range.end());
}

TEST_CASE("++ after an exception finds the end") {
    CountState state;
    ThreadRunner runner;
    auto range = runner.wrap_iter(Count(state, Count::never, 1));
    auto position = range.begin();
    CHECK(message_of<std::runtime_error>([&] { ++position; }) == "item 1");
    ++position;
    CHECK(position == range.end());
}

TEST_CASE("An exception in the loop's body cleans the iteration up") {
    CountState state;
    ThreadRunner runner;
    auto const read = [&] {
        for (int item : runner.wrap_iter(Count(state)))
            if (item == 2)
                throw std::runtime_error("from the body");
    };
    CHECK(message_of<std::runtime_error>(read) == "from the body");
    CHECK(state.closed == 1);
}

// ---- The runner's end

LOOP_TEST_CASE("++ throws Errc::runner_closed once the runner is closed", support::EveryLoop) {
    CountState state;
    support::AnyLoop loop;
    auto range = loop.runner.wrap_iter(Count(state));
    auto position = range.begin();
    loop.runner.close();
    CHECK(code_of([&] { ++position; }) == Errc::runner_closed);
    CHECK(position == range.end());
}

TEST_CASE("close() wakes a thread that waits for an item with Errc::runner_closed") {
    Gate waiting;
    ThreadRunner runner;
    auto const produce = [&]() -> AsyncGenerator<int> {
        co_yield 1;
        waiting.open();
        co_await support::forever();
    };
    std::jthread closer([&] {
        waiting.wait();
        runner.close();
    });
    auto range = runner.wrap_iter(produce());
    auto position = range.begin();
    CHECK(code_of([&] { ++position; }) == Errc::runner_closed);
}

LOOP_TEST_CASE("A range may outlive its runner", support::EveryLoop) {
    CountState state;
    std::optional<support::AnyLoop> loop(std::in_place);
    {
        auto range = loop->runner.wrap_iter(Count(state));
        auto position = range.begin();
        loop.reset();
        CHECK(code_of([&] { ++position; }) == Errc::runner_closed);
    }
    CHECK(state.destroyed);
}

TEST_CASE("A generator that is suspended when its runner is closed ends on the loop thread") {
    std::atomic<std::thread::id> destroyed_on;
    ThreadRunner runner;
    auto const produce = [&destroyed_on]() -> AsyncGenerator<int> {
        support::DestructionProbe const probe(destroyed_on);
        for (int i = 0;; ++i)
            co_yield i;
    };
    auto range = runner.wrap_iter(produce());
    range.begin();
    auto const loop_thread = loop_thread_of(runner);
    runner.close();
    CHECK(destroyed_on.load() == loop_thread);
}

// Its clean-up waits for a gate.
class ClosingSlowly {
public:
    ClosingSlowly(Gate& closing, Gate& go_on, std::atomic<bool>& closed)
        : closing_(&closing), go_on_(&go_on), closed_(&closed) {}

    asio::awaitable<std::optional<int>> anext() {
        Tracked const frame;
        co_return 1;
    }
    asio::awaitable<void> aclose() {
        Tracked const frame;
        closing_->open();
        co_await go_on_->passed();
        *closed_ = true;
    }

private:
    Gate* closing_;
    Gate* go_on_;
    std::atomic<bool>* closed_;
};

TEST_CASE("close() does not cancel the clean-up of a range, but waits for it") {
    ErrorLog log;
    Gate closing;
    Gate others_cancelled;
    Gate go_on;
    std::atomic<bool> closed{false};
    ThreadRunner runner(Options().on_error(log.handler()));
    auto const other = [&]() -> asio::awaitable<void> {
        co_await support::until_cancelled();
        others_cancelled.open();
    };
    runner.start_soon(other);
    std::jthread closer([&] {
        closing.wait();
        static_cast<void>(runner.close_for(std::chrono::nanoseconds(0)));
        others_cancelled.wait();
        go_on.open();
        runner.close();
    });
    {
        auto range = runner.wrap_iter(ClosingSlowly(closing, go_on, closed));
        range.begin();
    }
    closer.join();
    CHECK(closed);
    CHECK(log.messages().empty());
}

}  // namespace
