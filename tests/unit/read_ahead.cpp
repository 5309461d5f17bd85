// wrap_iter with ReadAhead: how far the loop runs ahead of the consumer, and what becomes of what it
// has made when the consumer or the runner goes.
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
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <limits>
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

namespace {

namespace asio = boost::asio;
using support::code_of;
using support::Count;
using support::CountState;
using support::ErrorLog;
using support::Gate;
using support::message_of;
using support::Tracked;
using syncopate::AsyncGenerator;
using syncopate::Errc;
using syncopate::Options;
using syncopate::ReadAhead;
using syncopate::ThreadRunner;
using Ints = std::vector<int>;

// A number is no capacity by accident.
static_assert(!std::is_convertible_v<int, ReadAhead>);

// Lets go of the processor until the loop has got so far. Whoever waits in vain hangs.
template <class Condition>
void wait_until(Condition condition) {
    while (!condition())
        std::this_thread::yield();
}

// Whatever the loop can do without waiting, it has done afterwards.
template <class R>
void let_loop_run(R& runner) {
    for (int i = 0; i < 20; ++i)
        runner.run(support::twice_later(i));
}

LOOP_TEST_CASE("Items that are read ahead come in order", support::EveryLoop) {
    support::AnyLoop loop;
    std::size_t const capacity = GENERATE(1u, 2u, 3u, 1024u);
    CAPTURE(capacity);
    CountState state;
    int expected = 0;
    for (int item : loop.runner.wrap_iter(Count(state, 2000), ReadAhead(capacity)))
        if (item != expected++)
            FAIL("got item " << item << " instead of " << expected - 1);
    CHECK(expected == 2000);
}

TEST_CASE("An iterable that never suspends can be read ahead") {
    ThreadRunner runner;
    auto const produce = []() -> AsyncGenerator<int> {
        for (int i = 0; i < 10000; ++i)
            co_yield i;
    };
    auto range = runner.wrap_iter(produce(), ReadAhead(16));
    int expected = 0;
    for (int item : range)
        if (item != expected++)
            FAIL("got item " << item << " instead of " << expected - 1);
    CHECK(expected == 10000);
}

TEST_CASE("What is derived from a generator is read ahead by its own anext()") {
    struct Doubling : AsyncGenerator<int> {
        explicit Doubling(AsyncGenerator<int> numbers) : AsyncGenerator<int>(std::move(numbers)) {}
        asio::awaitable<std::optional<int>> anext() {
            auto number = co_await AsyncGenerator<int>::anext();
            if (number)
                *number *= 2;
            co_return number;
        }
    };
    auto const numbers = []() -> AsyncGenerator<int> {
        for (int i = 1; i <= 3; ++i)
            co_yield i;
    };
    ThreadRunner runner;
    Ints items;
    for (int item : runner.wrap_iter(Doubling(numbers()), ReadAhead(4)))
        items.push_back(item);
    CHECK(items == Ints{2, 4, 6});
}

TEST_CASE("An iterable that never suspends lets the loop do other things before it is far ahead") {
    std::atomic<int> made{0};
    std::atomic<int> made_before_others{0};
    ThreadRunner runner;
    auto const executor = runner.get_executor();
    auto const produce = [&]() -> AsyncGenerator<int> {
        asio::post(executor, [&] { made_before_others = made.load(); });
        for (;;)
            co_yield ++made;
    };
    int const capacity = 1 << 14;
    auto const range = runner.wrap_iter(produce(), ReadAhead(capacity));
    wait_until([&] { return made >= capacity; });
    CHECK(made_before_others > 0);
    CHECK(made_before_others < capacity);
}

TEST_CASE("A range over nothing is empty with ReadAhead, too") {
    CountState state;
    ThreadRunner runner;
    auto range = runner.wrap_iter(Count(state, 0), ReadAhead(4));
    CHECK(range.begin() == range.end());
}

TEST_CASE("Items that can only be moved can be read ahead") {
    ThreadRunner runner;
    auto const produce = []() -> AsyncGenerator<std::unique_ptr<int>> {
        for (int i = 0; i < 5; ++i)
            co_yield std::make_unique<int>(i);
    };
    Ints items;
    for (auto& item : runner.wrap_iter(produce(), ReadAhead(2)))
        items.push_back(*std::unique_ptr<int>(std::move(item)));
    CHECK(items == Ints{0, 1, 2, 3, 4});
}

TEST_CASE("An lvalue iterable is used in place by ReadAhead, too") {
    CountState state;
    ThreadRunner runner;
    Count count(state, 3);
    auto range = runner.wrap_iter(count, ReadAhead(2));
    CHECK(std::ranges::distance(range.begin(), range.end()) == 3);
    CHECK_FALSE(state.destroyed);
}

// ---- How far ahead

TEST_CASE("Memory is taken for the items that wait, not for those that may") {
    ThreadRunner runner;
    auto const most = GENERATE(std::size_t(100'000'000), std::numeric_limits<std::size_t>::max());
    CAPTURE(most);
    struct Page {
        std::array<char, 4096> text{};
    };
    auto const produce = []() -> AsyncGenerator<Page> {
        for (char c : {'a', 'b', 'c'}) {
            Page page;
            page.text.fill(c);
            co_yield page;
        }
    };
    std::string first_bytes;
    for (Page const& page : runner.wrap_iter(produce(), ReadAhead(most)))
        first_bytes += page.text.back();
    CHECK(first_bytes == "abc");
}

TEST_CASE("A consumer that is far behind gets all items in order") {
    CountState state;
    ThreadRunner runner;
    auto range = runner.wrap_iter(Count(state, 5000), ReadAhead(4000));
    wait_until([&] { return state.made >= 4000; });
    int expected = 0;
    for (int item : range)
        if (item != expected++)
            FAIL("got item " << item << " instead of " << expected - 1);
    CHECK(expected == 5000);
}

TEST_CASE("Reading ahead begins before the first item is asked for") {
    CountState state;
    ThreadRunner runner;
    auto const range = runner.wrap_iter(Count(state), ReadAhead(3));
    wait_until([&] { return state.made >= 3; });
    SUCCEED();
}

TEST_CASE("ReadAhead(0) produces nothing ahead") {
    CountState state;
    ThreadRunner runner;
    auto range = runner.wrap_iter(Count(state), ReadAhead(0));
    let_loop_run(runner);
    CHECK(state.begun == 0);
    range.begin();
    let_loop_run(runner);
    CHECK(state.begun == 1);
}

LOOP_TEST_CASE(
    "At most n items wait while nobody asks, and one more is in the making", support::EveryLoop) {
    support::AnyLoop loop;
    int const capacity = GENERATE(1, 2, 3);
    CAPTURE(capacity);
    CountState state;
    auto const range =
        loop.runner.wrap_iter(Count(state), ReadAhead(static_cast<std::size_t>(capacity)));
    let_loop_run(loop.runner);
    CHECK(state.made == capacity);
    CHECK(state.begun <= capacity + 1);
}

// Keeps the most that was ever finished beyond what had been asked for.
class CountingLead {
public:
    CountingLead(std::atomic<int> const& asked, std::atomic<int>& lead)
        : asked_(&asked), lead_(&lead) {}

    asio::awaitable<std::optional<int>> anext() {
        Tracked const frame;
        if (next_ % 7 == 0)
            co_await asio::post(asio::use_awaitable);
        auto const finished = next_ + 1;
        *lead_ = std::max(lead_->load(), finished - asked_->load());
        co_return next_++;
    }

private:
    std::atomic<int> const* asked_;
    std::atomic<int>* lead_;
    int next_ = 0;
};

TEST_CASE("The loop is never more than n items ahead of a consumer that goes on") {
    int const capacity = GENERATE(1, 2, 3, 64);
    CAPTURE(capacity);
    std::atomic<int> asked{0};
    std::atomic<int> lead{0};
    ThreadRunner runner;
    auto range =
        runner.wrap_iter(CountingLead(asked, lead), ReadAhead(static_cast<std::size_t>(capacity)));
    wait_until([&] { return lead == capacity; });
    ++asked;
    auto position = range.begin();
    for (int i = 1; i < 3000; ++i) {
        ++asked;
        ++position;
    }
    CHECK(*position == 2999);
    CHECK(lead == capacity);
}

// ---- Exceptions

LOOP_TEST_CASE(
    "An exception instead of item 3 comes after three items that were read ahead",
    support::EveryLoop) {
    CountState state;
    support::AnyLoop loop;
    auto range = loop.runner.wrap_iter(Count(state, Count::never, 3), ReadAhead(8));
    let_loop_run(loop.runner);
    Ints items;
    auto const read = [&] {
        for (int item : range)
            items.push_back(item);
    };
    CHECK(message_of<std::runtime_error>(read) == "item 3");
    CHECK(items == Ints{0, 1, 2});
    CHECK(range.begin() == range.end());
}

TEST_CASE("++ after an exception of an item that was read ahead finds the end") {
    CountState state;
    ThreadRunner runner;
    auto range = runner.wrap_iter(Count(state, Count::never, 1), ReadAhead(2));
    auto position = range.begin();
    CHECK(message_of<std::runtime_error>([&] { ++position; }) == "item 1");
    ++position;
    CHECK(position == range.end());
}

// ---- Dropped ranges

LOOP_TEST_CASE(
    "A range that is dropped with items read ahead is cleaned up on the loop first",
    support::EveryLoop) {
    CountState state;
    support::AnyLoop loop;
    for (int item : loop.runner.wrap_iter(Count(state), ReadAhead(4)))
        if (item == 2)
            break;
    CHECK(state.closed == 1);
    CHECK(state.destroyed);
    CHECK(state.destroyed_on.load() == state.closed_on.load());
}

TEST_CASE("A range whose producer waits for room can be dropped") {
    CountState state;
    ThreadRunner runner;
    {
        auto const range = runner.wrap_iter(Count(state), ReadAhead(2));
        let_loop_run(runner);
    }
    CHECK(state.closed == 1);
    CHECK(state.destroyed);
}

TEST_CASE("A range whose next item is in the making can be dropped, and that is cancelled") {
    Gate making;
    ThreadRunner runner;
    auto const produce = [&making]() -> AsyncGenerator<int> {
        Tracked const frame;
        co_yield 0;
        co_await support::forever(making);
    };
    auto const before = Tracked::alive();
    {
        auto range = runner.wrap_iter(produce(), ReadAhead(2));
        making.wait();
    }
    CHECK(Tracked::alive() == before);
}

class ClosingLater {
public:
    explicit ClosingLater(std::atomic<bool>& closed) : closed_(&closed) {}

    asio::awaitable<std::optional<int>> anext() {
        Tracked const frame;
        co_return 0;
    }
    asio::awaitable<void> aclose() {
        Tracked const frame;
        co_await support::sleep_for(std::chrono::milliseconds(1));
        *closed_ = true;
    }

private:
    std::atomic<bool>* closed_;
};

TEST_CASE("The clean-up of a range that was read ahead can wait for something") {
    std::atomic<bool> closed{false};
    ThreadRunner runner;
    {
        auto const range = runner.wrap_iter(ClosingLater(closed), ReadAhead(2));
        let_loop_run(runner);
    }
    CHECK(closed);
}

TEST_CASE("What the clean-up of a range that was read ahead throws goes to on_error") {
    struct Failing {
        asio::awaitable<std::optional<int>> anext() {
            Tracked const frame;
            co_return 0;
        }
        asio::awaitable<void> aclose() {
            Tracked const frame;
            throw std::runtime_error("not closed");
            co_return;
        }
    };
    ErrorLog log;
    ThreadRunner runner(Options().on_error(log.handler()));
    for (int item : runner.wrap_iter(Failing(), ReadAhead(2)))
        if (item == 0)
            break;
    CHECK(log.messages() == std::vector<std::string>{"not closed"});
}

TEST_CASE("A range that is read ahead can be destroyed on the loop thread") {
    CountState state;
    ErrorLog log;
    {
        ThreadRunner runner(Options().on_error(log.handler()));
        std::optional range(runner.wrap_iter(Count(state), ReadAhead(2)));
        range->begin();
        runner.call([&] { range.reset(); });
    }
    CHECK(state.closed == 1);
    CHECK(state.destroyed);
    CHECK(log.messages().empty());
}

TEST_CASE("++ on the loop thread throws DeadlockError, although an item waits") {
    CountState state;
    ThreadRunner runner;
    auto range = runner.wrap_iter(Count(state), ReadAhead(4));
    auto position = range.begin();
    let_loop_run(runner);
    CHECK(runner.call([&] { return code_of([&] { ++position; }); }) == Errc::would_deadlock);
}

// ---- The runner's end

LOOP_TEST_CASE(
    "++ throws Errc::runner_closed after close(), although items were read ahead",
    support::EveryLoop) {
    CountState state;
    support::AnyLoop loop;
    auto range = loop.runner.wrap_iter(Count(state), ReadAhead(4));
    auto position = range.begin();
    let_loop_run(loop.runner);
    loop.runner.close();
    CHECK(code_of([&] { ++position; }) == Errc::runner_closed);
    CHECK(position == range.end());
}

TEST_CASE("close() wakes a consumer that waits for an item to be read ahead") {
    Gate making;
    ThreadRunner runner;
    auto const produce = [&making]() -> AsyncGenerator<int> {
        Tracked const frame;
        co_yield 0;
        co_await support::forever(making);
    };
    auto range = runner.wrap_iter(produce(), ReadAhead(2));
    auto position = range.begin();
    std::jthread closer([&] {
        making.wait();
        runner.close();
    });
    CHECK(code_of([&] { ++position; }) == Errc::runner_closed);
}

LOOP_TEST_CASE(
    "close() cleans up an iterable that is read ahead, on the loop", support::EveryLoop) {
    CountState state;
    support::AnyLoop loop;
    auto range = loop.runner.wrap_iter(Count(state), ReadAhead(4));
    range.begin();
    let_loop_run(loop.runner);
    loop.runner.close();
    CHECK(state.closed == 1);
    CHECK(state.destroyed);
    CHECK(state.destroyed_on.load() == state.closed_on.load());
}

LOOP_TEST_CASE("A range that is read ahead may outlive its runner", support::EveryLoop) {
    CountState state;
    std::optional<support::AnyLoop> loop(std::in_place);
    auto range = loop->runner.wrap_iter(Count(state), ReadAhead(4));
    auto position = range.begin();
    loop.reset();
    CHECK(state.destroyed);
    CHECK(code_of([&] { ++position; }) == Errc::runner_closed);
}

}  // namespace
