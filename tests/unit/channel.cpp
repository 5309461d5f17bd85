// Items that go between threads and coroutines, in order, with a limit, and without loss.

#include "support/audit.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/groups.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/channel.hpp>
#include <syncopate/concepts.hpp>
#include <syncopate/error.hpp>
#include <syncopate/gather.hpp>
#include <syncopate/race.hpp>
#include <syncopate/runner.hpp>
#include <syncopate/task_group.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
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
using syncopate::Channel;
using syncopate::Errc;
using syncopate::gather;
using syncopate::race;
using syncopate::TaskGroup;
using syncopate::ThreadRunner;
using syncopate::with_task_group;

static_assert(std::ranges::input_range<Channel<std::unique_ptr<int>>>);
static_assert(syncopate::AsyncIterable<Channel<int>&>);

using Numbers = std::vector<int>;

asio::awaitable<Numbers> receive_all(Channel<int>& channel) {
    Numbers numbers;
    while (auto const number = co_await channel.async_receive())
        numbers.push_back(*number);
    co_return numbers;
}

asio::awaitable<void> send_all(Channel<int>& channel, int count) {
    for (int i = 0; i < count; ++i)
        co_await channel.async_send(i);
    channel.close();
}

Numbers up_to(int count) {
    Numbers numbers;
    for (int i = 0; i < count; ++i)
        numbers.push_back(i);
    return numbers;
}

// Moving it may fail.
struct Fragile {
    explicit Fragile(int number) : value(number) {}
    Fragile(Fragile&& other) : value(other.value) {
        if (std::exchange(other.fails, false))
            throw std::runtime_error("moved");
    }
    Fragile& operator=(Fragile&& other) noexcept(false) {
        value = other.value;
        return *this;
    }
    int value;
    bool fails = false;
    Tracked tracked;
};

}  // namespace

LOOP_TEST_CASE("A channel hands items on, from thread to coroutine and back", TurningLoops) {
    Channel<int> there{3};
    Channel<int> back{1};
    AnyLoop loop;
    auto received = loop.runner.run_as_future(receive_all(there));
    for (int i = 0; i < 1000; ++i)
        there.send(i);
    there.close();
    CHECK(received.get() == up_to(1000));

    loop.runner.start_soon([&] { return send_all(back, 1000); });
    Numbers numbers;
    for (int const number : back)
        numbers.push_back(number);
    CHECK(numbers == up_to(1000));
}

LOOP_TEST_CASE("Coroutines of one loop hand items to one another", EveryLoop) {
    AnyLoop loop;
    for (int const capacity : {1, 2, 1000}) {
        Channel<int> channel{capacity};
        auto const results = loop.runner.run(gather(receive_all(channel), send_all(channel, 600)));
        CHECK(std::get<0>(results) == up_to(600));
    }
    Channel<int> channel{600};
    loop.runner.run(send_all(channel, 600));
    Numbers numbers;
    for (int const number : loop.runner.wrap_iter(channel))
        numbers.push_back(number);
    CHECK(numbers == up_to(600));
}

TEST_CASE("A channel takes as many items as it has room for, and gives them in order") {
    Channel<std::unique_ptr<int>> channel{2};
    CHECK(channel.capacity() == 2);
    CHECK_FALSE(channel.try_receive());
    CHECK_FALSE(channel.receive_for(1ms));
    CHECK(channel.try_send(std::make_unique<int>(1)));
    channel.send(std::make_unique<int>(2));
    CHECK(channel.size() == 2);
    auto third = std::make_unique<int>(3);
    CHECK_FALSE(channel.try_send(third));
    CHECK_FALSE(channel.send_for(1ms, third));
    CHECK_FALSE(channel.send_for(-1h, third));
    REQUIRE(third);
    CHECK(**channel.receive() == 1);
    CHECK(channel.send_for(1h, third));
    CHECK_FALSE(third);
    CHECK_FALSE(channel.is_closed());
    channel.close();
    channel.close();
    CHECK(channel.is_closed());
    third = std::make_unique<int>(4);
    CHECK(code_of([&] { channel.try_send(third); }) == Errc::channel_closed);
    CHECK(code_of([&] { channel.send_for(1h, third); }) == Errc::channel_closed);
    CHECK(code_of([&] { channel.send(std::move(third)); }) == Errc::channel_closed);
    CHECK(**channel.receive_for(0s) == 2);
    CHECK(**channel.try_receive() == 3);
    CHECK_FALSE(channel.receive());
    CHECK_FALSE(channel.receive_for(1h));
    CHECK(channel.begin() == channel.end());
    CHECK_THROWS_AS(Channel<int>{0}, std::invalid_argument);
    CHECK_THROWS_AS(Channel<int>{-1}, std::invalid_argument);
}

TEST_CASE("A channel has room for exactly as many items as have been taken") {
    Channel<int> channel{64};
    int sent = 0;
    int received = 0;
    for (int const taken : {64, 1, 7, 40, 2, 64}) {
        while (sent < received + 100 && channel.try_send(int{sent}))
            ++sent;
        CHECK(sent == received + 64);
        CHECK(channel.size() == 64);
        for (int i = 0; i < taken; ++i)
            CHECK(channel.try_receive() == received++);
        CHECK(channel.size() == 64U - static_cast<unsigned>(taken));
    }
    CHECK_FALSE(channel.try_receive());
}

TEST_CASE("Items that stand behind one that is kept are everybody's, and their number is right") {
    Channel<int> channel{8};
    Numbers received;
    auto const receive = [&]() -> asio::awaitable<void> {
        received.push_back((co_await channel.async_receive()).value_or(-1));
    };
    syncopate::Runner().run(with_task_group([&](TaskGroup& group) -> asio::awaitable<void> {
        group.start_soon(receive);
        group.start_soon(receive);
        for (int i = 1; i <= 4; ++i)
            CHECK(channel.try_send(int{i}));
        received.push_back(channel.try_receive().value_or(-1));
        received.push_back(channel.try_receive().value_or(-1));
        CHECK_FALSE(channel.try_receive());
        CHECK(channel.size() == 2);
        co_return;
    }));
    CHECK(received == Numbers{1, 2, 3, 4});
    CHECK(channel.size() == 0);
}

TEST_CASE("A stream between threads keeps its order and the limit, whichever side is faster") {
    for (int const capacity : {1, 5, 64, 1024}) {
        Channel<std::unique_ptr<int>> channel{capacity};
        int const count = 40 * capacity + 2000;
        std::jthread const sender([&] {
            for (int i = 0; i < count; ++i) {
                channel.send(std::make_unique<int>(i));
                if (i % 1500 == 0)
                    std::this_thread::sleep_for(1ms);
            }
            channel.close();
        });
        int next = 0;
        bool in_order = true;
        for (auto const& item : channel) {
            in_order = in_order && *item == next;
            in_order = in_order && channel.size() <= static_cast<unsigned>(capacity);
            if (++next % 2000 == 0)
                std::this_thread::sleep_for(1ms);
        }
        CHECK(in_order);
        CHECK(next == count);
    }
}

TEST_CASE("A thread that waits in a channel goes on when it is closed") {
    Channel<int> empty{1};
    Channel<int> full{1};
    full.send(1);
    std::jthread const closer([&] {
        std::this_thread::sleep_for(2ms);
        empty.close();
        full.close();
    });
    CHECK_FALSE(empty.receive());
    CHECK(code_of([&] { full.send(2); }) == Errc::channel_closed);
    CHECK(full.receive() == 1);
    CHECK_FALSE(full.receive());
}

LOOP_TEST_CASE("A coroutine that waits in a channel goes on when it is closed", EveryLoop) {
    Channel<int> empty{1};
    Channel<int> full{1};
    full.send(1);
    AnyLoop loop;
    auto const close = [&]() -> asio::awaitable<void> {
        co_await asio::post(asio::use_awaitable);
        empty.close();
        full.close();
    };
    auto const send = [&]() -> asio::awaitable<bool> {
        try {
            co_await full.async_send(2);
        } catch (std::system_error const& error) {
            co_return error.code() == Errc::channel_closed;
        }
        co_return false;
    };
    auto const [item, was_refused, nothing_left] =
        loop.runner.run(gather(empty.async_receive(), send, close));
    static_cast<void>(nothing_left);
    CHECK_FALSE(item);
    CHECK(was_refused);
    CHECK(full.try_receive() == 1);
}

LOOP_TEST_CASE("A cancelled wait loses nothing, and doubles nothing", EveryLoop) {
    Channel<int> channel{1};
    AnyLoop loop;
    auto& runner = loop.runner;
    CHECK(code_of([&] { runner.run_for(1ms, channel.async_receive()); }) == Errc::timed_out);
    channel.send(1);
    CHECK(code_of([&] { runner.run_for(1ms, channel.async_send(2)); }) == Errc::timed_out);
    CHECK(channel.receive() == 1);
    CHECK(channel.size() == 0);

    // One that has been granted an item, or room, and is cancelled before it goes on, leaves that to the next.
    Channel<int> other{1};
    auto const both = [&]() -> asio::awaitable<Numbers> {
        Numbers got;
        co_await with_task_group([&](TaskGroup& group) -> asio::awaitable<void> {
            auto const receive = [&]() -> asio::awaitable<void> {
                got.push_back((co_await other.async_receive()).value_or(-1));
            };
            TaskGroup first;
            co_await first.aenter();
            first.start_soon(receive);
            group.start_soon(receive);
            co_await other.async_send(7);
            first.cancel();
            co_await first.aexit(nullptr);
            co_await other.async_send(8);
            TaskGroup second;
            co_await second.aenter();
            // `other` may still be full here, or not.
            second.start_soon([&] { return other.async_send(9); });
            second.cancel();
            co_await second.aexit(nullptr);
        });
        while (auto const left = other.try_receive())
            got.push_back(*left);
        co_return got;
    };
    auto got = runner.run(both);
    if (got.size() == 3)  // it has been sent before it was cancelled
        got.pop_back();
    CHECK(got == Numbers{7, 8});
}

TEST_CASE("What is kept for a coroutine that has not gone on yet, nobody else gets") {
    Channel<int> items{2};
    Channel<int> places{1};
    REQUIRE(places.try_send(1));
    std::vector<std::optional<int>> received;
    auto const receive = [&]() -> asio::awaitable<void> {
        auto const item = co_await items.async_receive();
        received.push_back(item);
    };
    syncopate::Runner().run(with_task_group([&](TaskGroup& group) -> asio::awaitable<void> {
        group.start_soon(receive);
        group.start_soon(receive);
        CHECK(items.try_send(1));
        CHECK_FALSE(items.try_receive());
        group.start_soon(places.async_send(2));
        CHECK(places.try_receive() == 1);
        CHECK_FALSE(places.try_send(3));
        items.close();  // the second receiver finds the end once the first has its item
        co_return;
    }));
    CHECK(received == std::vector<std::optional<int>>{1, std::nullopt});
    CHECK(places.try_receive() == 2);

    // Cancelled by then, it leaves that to the next.
    Channel<int> others{2};
    REQUIRE(places.try_send(4));
    std::optional<int> next;
    auto const receive_next = [&]() -> asio::awaitable<void> {
        next = co_await others.async_receive();
    };
    syncopate::Runner().run_for(
        10s, with_task_group([&](TaskGroup& group) -> asio::awaitable<void> {
            TaskGroup first;
            co_await first.aenter();
            first.start_soon(others.async_receive());
            first.start_soon(places.async_send(5));
            group.start_soon(receive_next);
            group.start_soon(places.async_send(6));
            others.try_send(7);
            others.close();
            places.try_receive();
            first.cancel();
            co_await first.aexit(nullptr);
        }));
    CHECK(next == 7);
    CHECK(places.try_receive() == 6);
}

TEST_CASE(
    "A coroutine that never has to wait in a channel lets others run, and sends nothing after its end") {
    Channel<int> channel{1000};
    for (int i = 0; i < 1000; ++i)
        channel.send(i);
    std::size_t left = 0;
    auto const look = [&]() -> asio::awaitable<void> {
        co_await asio::post(asio::use_awaitable);
        left = channel.size();
    };
    auto const receive = [&]() -> asio::awaitable<void> {
        while (channel.size() != 0)
            static_cast<void>(co_await channel.async_receive());
    };
    syncopate::Runner runner;
    runner.run(gather(look, receive));
    CHECK(left > 0);

    Channel<int> full{1};
    full.send(1);
    auto const sent_too_late = [&]() -> asio::awaitable<void> {
        co_await with_task_group([&](TaskGroup& group) -> asio::awaitable<void> {
            group.start_soon(full.async_send(2));
            full.try_receive();  // makes room for it, which it has not taken yet
            full.close();
            co_return;
        });
    };
    CHECK_THROWS_AS(runner.run(sent_too_late), syncopate::TaskGroupError);
    CHECK_FALSE(full.try_receive());
}

LOOP_TEST_CASE("race waits for several channels, and loses no item of the others", EveryLoop) {
    Channel<int> left{100};
    Channel<int> right{100};
    AnyLoop loop;
    auto const receive = [&]() -> asio::awaitable<int> {
        int count = 0;
        for (;;) {
            auto const item = co_await race(left.async_receive(), right.async_receive());
            if (!item)
                co_return count + static_cast<int>(left.size() + right.size());
            ++count;
        }
    };
    auto const send = [](Channel<int>& channel) -> asio::awaitable<void> {
        for (int i = 0; i < 500; ++i) {
            co_await channel.async_send(i);
            if (i % 7 == 0)
                co_await asio::post(asio::use_awaitable);
        }
    };
    auto const send_both = [&]() -> asio::awaitable<void> {
        co_await gather(send(left), send(right));
        left.close();
        right.close();
    };
    CHECK(std::get<0>(loop.runner.run(gather(receive, send_both))) == 1000);
}

TEST_CASE("A blocking member on the thread of a loop throws at once, and says what to do instead") {
    Channel<int> channel{2};
    ThreadRunner runner;
    CHECK_THAT(
        message_of<syncopate::DeadlockError>([&] { runner.call([&] { channel.receive(); }); }),
        Catch::Matchers::ContainsSubstring("ThreadRunner") &&
            Catch::Matchers::ContainsSubstring("co_await async_receive()"));
    CHECK_THROWS_AS(runner.call([&] { channel.send(1); }), syncopate::DeadlockError);
    CHECK_THROWS_AS(
        syncopate::Runner().call([&] { channel.receive_for(1h); }), syncopate::DeadlockError);
    runner.call([&] { CHECK_FALSE(channel.try_receive()); });
    // What a task waits for can be seen.
    auto const waiting = runner.run_as_future(channel.async_receive());
    while (runner.tasks().empty() || runner.tasks().front().waits_for.empty())
        std::this_thread::yield();
    CHECK(runner.tasks().front().waits_for == "an item of a Channel (0 of 2 items)");
    channel.close();
}

TEST_CASE("A runner may be closed, and a context destroyed, while a coroutine waits in a channel") {
    auto channel = std::make_unique<Channel<Tracked>>(1);
    {
        ThreadRunner runner;
        auto waiting = runner.run_as_future(channel->async_receive());
        runner.close();
        CHECK(code_of([&] { waiting.get(); }) == Errc::runner_closed);
    }
    {
        asio::io_context context;
        for (int i = 0; i < 2; ++i)
            asio::co_spawn(
                context,
                [&]() -> asio::awaitable<void> {
                    Tracked const frame;
                    co_await channel->async_receive();
                },
                asio::detached);
        context.poll();
        channel->send(Tracked(1));  // granted to a coroutine that will not go on
    }
    CHECK(channel->try_receive()->value() == 1);
    ThreadRunner runner;
    auto outliving = runner.run_as_future([&]() -> asio::awaitable<bool> {
        co_return (co_await channel->async_receive()).has_value();
    });
    while (runner.tasks().empty() || runner.tasks().front().waits_for.empty())
        std::this_thread::yield();
    channel.reset();
    CHECK_FALSE(outliving.get());
}

TEST_CASE("An item whose move fails is not half sent") {
    Channel<Fragile> channel{1};
    Fragile item(5);
    item.fails = true;
    CHECK_THROWS_AS(channel.try_send(item), std::runtime_error);
    CHECK(channel.size() == 0);
    CHECK(channel.try_send(item));
    CHECK_FALSE(channel.send_for(1ms, item));
    CHECK(channel.receive()->value == 5);
}
