// Ranges that block, iterated by coroutines.

#include "support/audit.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/error.hpp>
#include <syncopate/iterate_in_thread.hpp>
#include <syncopate/on_cancel.hpp>
#include <syncopate/timeout.hpp>
#include <syncopate/to_thread.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <ranges>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <pthread.h>

// Not in the unnamed namespace: GCC warns of coroutines in headers that have a part of it.
namespace counted {

// Counts on the calling thread, which it notes.
inline auto counting(
    std::atomic<int>& made, std::atomic<std::thread::id>& thread, int failing_item = -1) {
    return std::views::iota(0) | std::views::transform([&made, &thread, failing_item](int item) {
               thread = std::this_thread::get_id();
               if (item == failing_item)
                   throw std::runtime_error("item " + std::to_string(item));
               made = item + 1;
               return item;
           });
}

inline auto owning(std::shared_ptr<int> owned) {
    return syncopate::iterate_in_thread(
        std::views::iota(1) | std::views::transform([owned](int item) { return item * *owned; }),
        syncopate::ReadAhead{2});
}

// Its first item is made when the gate is open.
inline auto stopping(std::shared_ptr<int> owned, support::Gate& making, support::Gate& release) {
    return syncopate::iterate_in_thread(
        std::views::iota(1) | std::views::transform([owned, &making, &release](int item) {
            making.open();
            release.wait();
            return item * *owned;
        }));
}

}  // namespace counted

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using counted::counting;
using syncopate::Errc;
using syncopate::iterate_in_thread;
using syncopate::OnCancel;
using syncopate::ReadAhead;

static_assert(syncopate::ClosableIterable<decltype(iterate_in_thread(std::vector<int>()))>);

}  // namespace

LOOP_TEST_CASE("A worker pulls the items of a range, in order and not too far ahead", EveryLoop) {
    std::atomic<int> made{0};
    std::atomic<std::thread::id> thread;
    AnyLoop loop;
    auto& runner = loop.runner;
    std::istringstream words("one two three");
    std::string all;
    for (auto const& word :
         runner.wrap_iter(iterate_in_thread(std::views::istream<std::string>(words))))
        all += word + ' ';
    CHECK(all == "one two three ");

    std::vector<std::string> mine{"a", "b"};
    for (auto const& one : runner.wrap_iter(iterate_in_thread(mine, ReadAhead{0})))
        all += one;
    CHECK(all == "one two three ab");
    CHECK(mine.front() == "a");

    int count = 0;
    for (int const item :
         runner.wrap_iter(iterate_in_thread(counting(made, thread), ReadAhead{3}))) {
        CHECK(item == count);
        // One that is being sent, and one that is being made.
        CHECK(made <= count + 6);
        if (++count == 100)
            break;
    }
    CHECK(thread.load() != std::this_thread::get_id());
    CHECK(thread.load() != runner.call([] { return std::this_thread::get_id(); }));
    int const made_in_the_end = made;
    runner.run(twice_later(1));
    CHECK(made == made_in_the_end);  // the range has been left
}

LOOP_TEST_CASE("What a pulled range throws comes after the items before it", EveryLoop) {
    std::atomic<int> made{0};
    std::atomic<std::thread::id> thread;
    AnyLoop loop;
    int count = 0;
    auto const iterate = [&] {
        for ([[maybe_unused]] int const item :
             loop.runner.wrap_iter(iterate_in_thread(counting(made, thread, 5))))
            ++count;
    };
    CHECK(message_of<std::runtime_error>(iterate) == "item 5");
    CHECK(count == 5);
    auto const moved = [&]() -> asio::awaitable<bool> {
        auto first = iterate_in_thread(std::vector<int>{1});
        auto second = std::move(first);
        // NOLINTNEXTLINE(bugprone-use-after-move): it is at its end
        bool const is_at_end = !co_await first.anext();
        co_await second.aclose();
        bool const is_closed = !co_await second.anext();
        co_return is_at_end&& is_closed;
    };
    CHECK(loop.runner.run(moved));
}

LOOP_TEST_CASE("A range that blocks does not hold up the loop, and may be abandoned", EveryLoop) {
    auto const release = std::make_shared<Gate>();
    auto const blocks = std::views::iota(0) | std::views::transform([release](int item) {
                            if (item == 1)
                                release->wait();
                            return item;
                        });
    AnyLoop loop;
    auto const patient = [&]() -> asio::awaitable<int> {
        auto items = iterate_in_thread(blocks);
        static_cast<void>(co_await items.anext());
        bool timed_out = false;
        try {
            static_cast<void>(co_await syncopate::fail_after(1ms, [&] { return items.anext(); }));
        } catch (std::system_error const& error) {
            timed_out = error.code() == Errc::timed_out;
        }
        auto abandoned = iterate_in_thread(
            std::remove_cvref_t<decltype(blocks)>(blocks), ReadAhead{1}, OnCancel::abandon);
        static_cast<void>(co_await abandoned.anext());
        co_await abandoned.aclose();
        release->open();
        auto const second = co_await items.anext();
        co_await items.aclose();
        auto const third = co_await items.anext();
        co_return timed_out && !third ? second.value_or(-1) : -1;
    };
    CHECK(loop.runner.run(patient) == 1);
}

LOOP_TEST_CASE("A worker lets go of its range at the end, and when nobody wants more", EveryLoop) {
    AnyLoop loop;
    auto const finite = [](std::weak_ptr<int>& range, int last) {
        auto const owned = std::make_shared<int>(1);
        range = owned;
        return iterate_in_thread(
            std::views::iota(0, last) |
                std::views::transform([owned](int item) { return item * *owned; }),
            ReadAhead{2});
    };
    auto const take_all = [&]() -> asio::awaitable<bool> {
        std::weak_ptr<int> range;
        auto items = finite(range, 3);
        for (auto item = co_await items.anext(); item; item = co_await items.anext()) {
        }
        co_return range.expired();
    };
    CHECK(loop.runner.run(take_all));
    auto const take_one = [&]() -> asio::awaitable<void> {
        std::weak_ptr<int> range;
        {
            auto items = finite(range, 1'000'000);
            static_cast<void>(co_await items.anext());
        }
        while (!range.expired())
            co_await sleep_for(1ms);
    };
    loop.runner.run_for(10s, take_one);
}

TEMPLATE_TEST_CASE(
    "A loop ends, though a worker waits for room in an iterable that lives on",
    "",
    OnThreadRunner,
    OnRunner) {
    std::weak_ptr<int> range;
    {
        auto owned = std::make_shared<int>(1);
        range = owned;
        auto items = counted::owning(std::move(owned));
        TestType loop;  // ends first
        CHECK(loop.runner.run(items.anext()) == 1);
    }
    CHECK(range.expired());
}

TEST_CASE("A context ends while a coroutine waits for an item that its worker is making") {
    Gate making;
    Gate release;
    std::weak_ptr<int> range;
    std::jthread releaser;
    {
        asio::io_context context;
        auto const take = [&]() -> asio::awaitable<void> {
            Tracked const frame;
            auto owned = std::make_shared<int>(1);
            range = owned;
            auto items = counted::stopping(std::move(owned), making, release);
            static_cast<void>(co_await items.anext());
        };
        asio::co_spawn(context, take, asio::detached);
        context.poll();
        making.wait();
        // The end of the context waits for the worker.
        releaser = std::jthread([&] {
            std::this_thread::sleep_for(10ms);
            release.open();
        });
    }
    CHECK(release.is_open());
    CHECK(range.expired());
}

LOOP_TEST_CASE("A range that ends its worker's thread fails with worker_lost", EveryLoop) {
    AnyLoop loop;
    auto const pull = []() -> asio::awaitable<int> {
        auto items = iterate_in_thread(std::views::iota(0) | std::views::transform([](int item) {
                                           if (item == 2)
                                               ::pthread_exit(nullptr);
                                           return item;
                                       }));
        int count = 0;
        for (auto item = co_await items.anext(); item; item = co_await items.anext())
            ++count;
        co_return count;
    };
    CHECK(code_of([&] { loop.runner.run(pull); }) == Errc::worker_lost);
    CHECK(loop.runner.run(syncopate::to_thread([] { return 42; })) == 42);
}
