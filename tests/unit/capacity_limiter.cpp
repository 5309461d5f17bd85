// CapacityLimiter: tokens, and who waits for them.

#include "support/audit.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/capacity_limiter.hpp>
#include <syncopate/error.hpp>
#include <syncopate/from_thread.hpp>
#include <syncopate/gather.hpp>
#include <syncopate/options.hpp>
#include <syncopate/shield.hpp>
#include <syncopate/timeout.hpp>
#include <syncopate/to_thread.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>

#include <atomic>
#include <chrono>
#include <future>
#include <latch>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;
namespace from_thread = syncopate::from_thread;
using namespace std::chrono_literals;
using namespace support;
using Catch::Matchers::ContainsSubstring;
using syncopate::CapacityLimiter;
using syncopate::DeadlockError;
using syncopate::Errc;
using syncopate::OnCancel;
using syncopate::to_thread;

asio::awaitable<void> take_and_note(CapacityLimiter& limiter, std::vector<int>& order, int number) {
    auto const token = co_await limiter.acquire();
    order.push_back(number);
}

asio::awaitable<void> take_and_give_back(CapacityLimiter& limiter) {
    static_cast<void>(co_await limiter.acquire());
}

void wait_until_waiting(CapacityLimiter const& limiter, std::size_t count) {
    while (limiter.statistics().tasks_waiting < count)
        std::this_thread::yield();
}

}  // namespace

TEST_CASE("A limiter counts its tokens, and who waits for one") {
    CapacityLimiter limiter(2);
    OnThreadRunner loop;
    std::optional<CapacityLimiter::Token> token = loop.runner.run(limiter.acquire());
    auto second = limiter.try_acquire();
    CHECK(second);
    CHECK_FALSE(limiter.try_acquire());
    auto waiting = loop.runner.run_as_future(limiter.acquire());
    wait_until_waiting(limiter, 1);
    auto const statistics = limiter.statistics();
    CHECK(statistics.total_tokens == 2);
    CHECK(statistics.borrowed_tokens == 2);
    CHECK(statistics.tasks_waiting == 1);
    token.reset();
    second = waiting.get();
    CHECK(limiter.statistics().borrowed_tokens == 1);
}

TEST_CASE("Tokens go to those who have waited longest") {
    std::vector<int> order;
    CapacityLimiter limiter(1);
    OnThreadRunner loop;
    auto token = limiter.try_acquire();
    std::vector<std::future<void>> all;
    for (int i = 0; i < 10; ++i)
        all.push_back(loop.runner.run_as_future(take_and_note(limiter, order, i)));
    wait_until_waiting(limiter, 10);
    token.reset();
    for (auto& one : all)
        one.get();
    CHECK(order == std::vector{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
}

TEST_CASE("Nobody overtakes those who wait") {
    CapacityLimiter limiter(1);
    OnThreadRunner loop;
    auto token = limiter.try_acquire();
    Gate taken;
    auto first = loop.runner.run_as_future([&]() -> asio::awaitable<bool> {
        auto const mine = co_await limiter.acquire();
        co_return limiter.try_acquire().has_value();
    });
    wait_until_waiting(limiter, 1);
    CHECK_FALSE(limiter.try_acquire());
    token.reset();
    CHECK_FALSE(first.get());
}

LOOP_TEST_CASE("A wait that is cancelled takes no token with it", EveryLoop) {
    CapacityLimiter limiter(1);
    AnyLoop loop;
    auto token = limiter.try_acquire();
    CHECK(code_of([&] {
              static_cast<void>(loop.runner.run_for(1ms, limiter.acquire()));
          }) == Errc::timed_out);
    CHECK(limiter.statistics().tasks_waiting == 0);
    token.reset();
    CHECK(limiter.statistics().borrowed_tokens == 0);
    CHECK(limiter.try_acquire());
}

TEST_CASE("A limiter holds for the tasks of several runners") {
    CapacityLimiter limiter(1);
    OnThreadRunner one;
    OnThreadRunner other;
    std::atomic<int> inside{0};
    std::atomic<int> most{0};
    auto const work = [&] {
        int const together = ++inside;
        if (together > most)
            most = together;
        std::this_thread::yield();
        --inside;
    };
    std::vector<std::future<void>> all;
    for (int i = 0; i < 100; ++i)
        all.push_back((i % 2 ? one : other).runner.run_as_future(to_thread(work, limiter)));
    for (auto& task : all)
        task.get();
    CHECK(most == 1);
    CHECK(limiter.statistics().borrowed_tokens == 0);
}

TEST_CASE("Abandoned work keeps its token until it has ended") {
    auto const started = std::make_shared<Gate>();
    auto const gate = std::make_shared<Gate>();
    CapacityLimiter limiter(1);
    {
        OnThreadRunner loop;
        auto work = [started, gate] {
            started->open();
            gate->wait();
        };
        CHECK(code_of([&] {
                  run_and_stop(loop.runner, *started, to_thread(work, limiter, OnCancel::abandon));
              }) == Errc::cancelled);
        CHECK(limiter.statistics().borrowed_tokens == 1);
        gate->open();
    }
    CHECK(limiter.statistics().borrowed_tokens == 0);
}

TEST_CASE("More tokens let more through, and fewer take none away") {
    CapacityLimiter limiter(1);
    OnThreadRunner loop;
    auto const first = limiter.try_acquire();
    auto second = loop.runner.run_as_future(limiter.acquire());
    wait_until_waiting(limiter, 1);
    limiter.set_total_tokens(2);
    auto token = std::optional(second.get());
    limiter.set_total_tokens(1);
    CHECK(limiter.statistics().borrowed_tokens == 2);
    token.reset();
    CHECK_FALSE(limiter.try_acquire());
}

TEST_CASE("A loop that ends gives back the tokens that its tasks were about to take") {
    CapacityLimiter limiter(1);
    auto token = limiter.try_acquire();
    {
        asio::io_context context;
        auto const body = [&]() -> asio::awaitable<void> {
            Tracked const frame;
            auto const mine = co_await limiter.acquire();
        };
        asio::co_spawn(context, body, asio::detached);
        asio::co_spawn(context, body, asio::detached);
        context.poll();
        CHECK(limiter.statistics().tasks_waiting == 2);
        token.reset();  // the first has it now, and will not go on
    }
    CHECK(limiter.statistics().tasks_waiting == 0);
    CHECK(limiter.statistics().borrowed_tokens == 0);
}

TEST_CASE("A wait that is cancelled twice, and whose loop ends before it hears of it, ends once") {
    CapacityLimiter limiter(1);
    auto const token = limiter.try_acquire();
    asio::cancellation_signal signal;
    {
        asio::io_context context;
        auto const body = [&]() -> asio::awaitable<void> {
            Tracked const frame;
            auto const mine = co_await limiter.acquire();
        };
        asio::co_spawn(context, body, asio::bind_cancellation_slot(signal.slot(), asio::detached));
        context.poll();
        signal.emit(asio::cancellation_type::terminal);
        signal.emit(asio::cancellation_type::terminal);
    }
    CHECK(limiter.statistics().tasks_waiting == 0);
    CHECK(limiter.statistics().borrowed_tokens == 1);
}

TEST_CASE("A limiter without tokens is refused") {
    CHECK_THROWS_AS(CapacityLimiter(0), std::invalid_argument);
    CHECK_THROWS_AS(CapacityLimiter(-1), std::invalid_argument);
    CapacityLimiter limiter(1);
    CHECK_THROWS_AS(limiter.set_total_tokens(0), std::invalid_argument);
}

TEST_CASE("A function that holds the only token does not wait for a task that needs another") {
    CapacityLimiter limiter(1);
    OnThreadRunner loop;
    auto const within = [&](auto blocking_call) {
        return loop.runner.run(
            to_thread([&] { return message_of<DeadlockError>(blocking_call); }, limiter));
    };
    CHECK_THAT(
        within([&] { from_thread::run(to_thread([] {}, limiter)); }),
        ContainsSubstring("each of which is held"));
    OnThreadRunner other;
    CHECK_FALSE(within([&] { other.runner.run(to_thread([] {}, limiter)); }).empty());
    CHECK_FALSE(within([&] { from_thread::run(take_and_give_back(limiter)); }).empty());
    CHECK_FALSE(within([&] {
                    from_thread::run(
                        to_thread([&] { from_thread::run(take_and_give_back(limiter)); }));
                }).empty());
    CHECK(limiter.statistics().borrowed_tokens == 0);
    loop.runner.run(take_and_give_back(limiter));
}

TEST_CASE("So it is whoever has started the function, or the task") {
    CapacityLimiter limiter(1);
    ErrorLog log;
    OnThreadRunner loop(syncopate::Options().on_error(log.handler()));
    auto const hold_one = [&] {
        return to_thread([&] { from_thread::run(to_thread([] {}, limiter)); }, limiter);
    };
    auto const is_refused = [&](auto blocking_call) {
        return !message_of<DeadlockError>(blocking_call).empty();
    };
    CHECK(is_refused([&] { loop.runner.run_as_future(hold_one()).get(); }));
    CHECK(is_refused([&] { loop.runner.run(syncopate::gather(hold_one(), nothing())); }));
    CHECK(is_refused([&] { loop.runner.run(syncopate::shield(hold_one())); }));
    CHECK(is_refused([&] {
        loop.runner.run(to_thread(
            [&] { from_thread::run(syncopate::gather(take_and_give_back(limiter), nothing())); },
            limiter));
    }));
    loop.runner.start_soon(hold_one());
    log.wait_for(1);
    CHECK(code_of(log.errors().front()) == Errc::would_deadlock);
    CHECK(limiter.statistics().borrowed_tokens == 0);
}

TEST_CASE("A coroutine that nobody awaits may wait for the token of the function that started it") {
    CapacityLimiter limiter(1);
    Gate has_it;
    OnThreadRunner loop;
    auto const wait_in_the_background = [&]() -> asio::awaitable<void> {
        auto take = [&]() -> asio::awaitable<void> {
            auto const token = co_await limiter.acquire();
            has_it.open();
        };
        asio::co_spawn(co_await asio::this_coro::executor, take, asio::detached);
    };
    loop.runner.run(to_thread([&] { from_thread::run(wait_in_the_background); }, limiter));
    has_it.wait();
    CHECK(limiter.statistics().tasks_waiting == 0);
}

TEST_CASE("Functions that hold all tokens do not all wait for one more") {
    CapacityLimiter limiter(2);
    OnThreadRunner loop;
    std::latch both_hold_one(2);
    auto const take_another = [&] {
        both_hold_one.arrive_and_wait();
        return !message_of<DeadlockError>([&] {
                    from_thread::run(to_thread([] {}, limiter));
                }).empty();
    };
    auto const hold_one = [&] { return loop.runner.run(to_thread(take_another, limiter)); };
    auto first = std::async(std::launch::async, hold_one);
    auto second = std::async(std::launch::async, hold_one);
    CHECK(first.get() != second.get());
    CHECK(limiter.statistics().borrowed_tokens == 0);
}

TEST_CASE("A function that holds a token may wait for a task that waits for another holder") {
    Gate held;
    CapacityLimiter limiter(2);
    OnThreadRunner loop;
    auto holder = loop.runner.run_as_future([&]() -> asio::awaitable<void> {
        auto const token = co_await limiter.acquire();
        co_await held.passed();
    });
    auto waiting = loop.runner.run_as_future(to_thread(
        [&] {
            from_thread::run(to_thread([] {}, limiter));
            return 42;
        },
        limiter));
    wait_until_waiting(limiter, 1);
    held.open();
    CHECK(waiting.get() == 42);
    holder.get();
}

TEST_CASE("A wait for a token that something else ends is not refused") {
    CapacityLimiter limiter(1);
    OnThreadRunner loop;
    auto const code_within = [&](auto blocking_call) {
        return loop.runner.run(to_thread([&] { return code_of(blocking_call); }, limiter));
    };
    CHECK(code_within([&] {
              loop.runner.run_for(5ms, take_and_give_back(limiter));
          }) == Errc::timed_out);
    CHECK(code_within([&] {
              from_thread::run(syncopate::fail_after(5ms, take_and_give_back(limiter)));
          }) == Errc::timed_out);
    CHECK(code_of([&] {
              loop.runner.run_for(
                  20ms, to_thread([&] { from_thread::run(take_and_give_back(limiter)); }, limiter));
          }) == Errc::timed_out);
    CHECK(limiter.statistics().borrowed_tokens == 0);
}
