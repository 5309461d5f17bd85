// Several tasks at once, of which the first to end decides; each with its outcome; in the order in which they end.

#include "support/audit.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/groups.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/as_completed.hpp>
#include <syncopate/error.hpp>
#include <syncopate/gather_outcomes.hpp>
#include <syncopate/options.hpp>
#include <syncopate/race.hpp>
#include <syncopate/sleep.hpp>
#include <syncopate/timeout.hpp>

#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using syncopate::as_completed;
using syncopate::Errc;
using syncopate::fail_after;
using syncopate::gather_outcomes;
using syncopate::Options;
using syncopate::Outcome;
using syncopate::race;

static_assert(std::is_same_v<decltype(race(twice(1), twice(2))), asio::awaitable<int>>);
static_assert(std::is_same_v<decltype(race(nothing(), nothing())), asio::awaitable<void>>);
static_assert(std::is_same_v<
              decltype(race(twice(1), nothing())),
              asio::awaitable<std::variant<int, std::monostate>>>);
static_assert(std::is_same_v<
              decltype(gather_outcomes(twice(1), nothing())),
              asio::awaitable<std::tuple<Outcome<int>, Outcome<void>>>>);

asio::awaitable<std::unique_ptr<int>> boxed_later(int value) {
    co_return std::make_unique<int>(co_await twice_later(value));
}

asio::awaitable<int> forever_with_value(int& ended) {
    co_await forever_counted(ended);
    co_return 0;
}

// Completes although it is cancelled.
asio::awaitable<Tracked> complete_when_cancelled() {
    co_await until_cancelled();
    co_return Tracked(1);
}

asio::awaitable<Tracked> tracked_later(int value) {
    co_await nothing();
    co_return Tracked(co_await twice_later(value));
}

asio::awaitable<int> value_after(Gate& gate, int value) {
    co_await gate.passed();
    co_return value;
}

asio::awaitable<int> fail_after_gate(Gate& gate) {
    co_await gate.passed();
    throw std::runtime_error("failed");
}

}  // namespace

LOOP_TEST_CASE("sleep suspends for its time, and ends at once when it is cancelled", EveryLoop) {
    AnyLoop loop;
    auto const begin = std::chrono::steady_clock::now();
    loop.runner.run(syncopate::sleep(20ms));
    CHECK(std::chrono::steady_clock::now() - begin >= 20ms);
    loop.runner.run(syncopate::sleep(0s));
    loop.runner.run(syncopate::sleep(-1h));
    auto const for_ever = syncopate::sleep<std::chrono::hours::rep, std::chrono::hours::period>;
    CHECK(code_of([&] {
              loop.runner.run_for(1ms, for_ever(std::chrono::hours::max()));
          }) == Errc::timed_out);
}

LOOP_TEST_CASE("A race gives what the first to end gives, and awaits the others", EveryLoop) {
    int ended = 0;
    AnyLoop loop;
    CHECK(loop.runner.run(race(forever_with_value(ended), twice_later(2))) == 4);
    CHECK(ended == 1);
    CHECK(*loop.runner.run(race(boxed_later(3))) == 6);
    loop.runner.run(race(forever_counted(ended), nothing()));
    CHECK(ended == 2);

    auto const differing = loop.runner.run([&]() -> asio::awaitable<std::size_t> {
        asio::steady_timer timer(co_await asio::this_coro::executor, 1h);
        auto never = timer.async_wait(asio::deferred);
        auto const factory = [] { return boxed_later(1); };
        auto const won = co_await race(std::move(never), factory, forever_with_value(ended));
        co_return won.index() == 1 && *std::get<1>(won) == 2 ? 1 : 0;
    });
    CHECK(differing == 1);
    CHECK(ended == 3);
    auto const same_twice = loop.runner.run(race(forever_with_value(ended), twice(1), nothing()));
    CHECK(std::get<1>(same_twice) == 2);

    std::vector<asio::awaitable<int>> tasks;
    tasks.push_back(forever_with_value(ended));
    tasks.push_back(twice_later(5));
    CHECK(loop.runner.run(race(std::move(tasks))) == 10);
    CHECK_THROWS_AS(
        loop.runner.run(race(std::vector<asio::awaitable<int>>())), std::invalid_argument);
}

LOOP_TEST_CASE(
    "A task that wins before it suspends keeps those after it from starting", EveryLoop) {
    int started = 0;
    AnyLoop loop;
    auto const count = [&]() -> asio::awaitable<int> {
        ++started;
        co_return 0;
    };
    CHECK(loop.runner.run(race(twice(1), count, count)) == 2);
    std::vector<asio::awaitable<int>> tasks;
    tasks.push_back(twice(2));
    tasks.push_back(count());
    CHECK(loop.runner.run(race(std::move(tasks))) == 4);
    CHECK(started == 0);
    auto const failing = [&]() -> asio::awaitable<void> {
        co_await race(fail_at_once("first"), [&]() -> asio::awaitable<void> {
            ++started;
            co_return;
        });
    };
    CHECK(message_of<std::runtime_error>([&] { loop.runner.run(failing); }) == "first");
    CHECK(started == 0);
}

LOOP_TEST_CASE(
    "A race throws what the first to end throws, and reports later failures", EveryLoop) {
    ErrorLog log;
    AnyLoop loop(Options().on_error(log.handler()));
    CHECK(message_of<std::runtime_error>([&] {
              loop.runner.run(race(fail_later("first"), fail_when_cancelled("second")));
          }) == "first");
    log.wait_for(1);
    CHECK(log.messages() == std::vector<std::string>{"second"});

    // What a loser gives is destroyed.
    loop.runner.run([]() -> asio::awaitable<void> {
        auto const won = co_await race(complete_when_cancelled(), tracked_later(2));
        if (won.value() != 4)
            throw std::logic_error("the loser's value");
    });
}

LOOP_TEST_CASE("A race that is cancelled cancels its tasks", EveryLoop) {
    int ended = 0;
    AnyLoop loop;
    auto const task = [&] { return race(forever_counted(ended), forever_counted(ended)); };
    CHECK(code_of([&] { loop.runner.run_for(1ms, task); }) == Errc::timed_out);
    CHECK(ended == 2);
    // One that completes all the same has won.
    auto const outlasting = [&] { return race(complete_when_cancelled(), tracked_later(1)); };
    CHECK(loop.runner.run([&]() -> asio::awaitable<int> {
        auto const won =
            co_await race([] { return complete_when_cancelled(); }, fail_after(0s, outlasting));
        co_return won.value();
    }) == 2);
    auto const completes = []() -> asio::awaitable<int> {
        co_await until_cancelled();
        co_return 7;
    };
    CHECK(loop.runner.run_for(1ms, [&] { return race(completes); }) == 7);
    // Also after another has ended as it was told to.
    CHECK(
        loop.runner.run_for(1ms, [&] { return race(forever_with_value(ended), completes); }) == 7);
    CHECK(ended == 3);
}

LOOP_TEST_CASE("gather_outcomes gives the value or the error of each", EveryLoop) {
    AnyLoop loop;
    auto [one, broken, two, failed] =
        loop.runner.run(gather_outcomes(twice_later(1), fail_at_once("broken"), boxed_later(2), [] {
            return fail_later("failed");
        }));
    CHECK(one.has_value());
    CHECK(one);
    CHECK_FALSE(one.error());
    CHECK(one.value() == 2);
    CHECK(*std::move(two).value() == 4);
    CHECK_FALSE(broken.has_value());
    CHECK(message_of(broken.error()) == "broken");
    auto const& lasting = failed;
    for (int i = 0; i < 2; ++i)
        CHECK(message_of<std::runtime_error>([&] { lasting.value(); }) == "failed");

    std::vector<asio::awaitable<void>> tasks;
    tasks.push_back(nothing());
    tasks.push_back(fail_later("broken"));
    auto const outcomes = loop.runner.run(gather_outcomes(std::move(tasks)));
    REQUIRE(outcomes.size() == 2);
    outcomes[0].value();
    CHECK(message_of(outcomes[1].error()) == "broken");

    // A task that says by itself that it was cancelled has failed like any other.
    auto const aborted = []() -> asio::awaitable<void> {
        throw boost::system::system_error(asio::error::operation_aborted);
        co_return;
    };
    CHECK(std::get<0>(loop.runner.run(gather_outcomes(aborted))).error());
    std::vector<asio::awaitable<void>> one_task;
    one_task.push_back(aborted());
    CHECK(loop.runner.run(gather_outcomes(std::move(one_task))).at(0).error());
}

LOOP_TEST_CASE("gather_outcomes that is cancelled ends so, and loses no failure", EveryLoop) {
    ErrorLog log;
    int ended = 0;
    AnyLoop loop(Options().on_error(log.handler()));
    auto const task = [&] {
        return gather_outcomes(forever_counted(ended), fail_when_cancelled("lost"));
    };
    CHECK(code_of([&] { loop.runner.run_for(1ms, task); }) == Errc::timed_out);
    CHECK(ended == 1);
    log.wait_for(1);
    CHECK(log.messages() == std::vector<std::string>{"lost"});
    // All of them have ended by themselves.
    auto const completing = [] { return gather_outcomes(complete_when_cancelled()); };
    CHECK(std::get<0>(loop.runner.run_for(1ms, completing)).value().value() == 1);

    auto const losing = [&] {
        std::vector<asio::awaitable<void>> tasks;
        tasks.push_back(forever_counted(ended));
        tasks.push_back(fail_when_cancelled("lost, too"));
        return gather_outcomes(std::move(tasks));
    };
    CHECK(code_of([&] { loop.runner.run_for(1ms, losing); }) == Errc::timed_out);
    log.wait_for(2);
    CHECK(log.messages() == std::vector<std::string>{"lost", "lost, too"});
    std::vector<decltype(complete_when_cancelled())> all_complete;
    all_complete.push_back(complete_when_cancelled());
    auto outcomes = loop.runner.run_for(1ms, gather_outcomes(std::move(all_complete)));
    CHECK(outcomes.at(0).value().value() == 1);
}

LOOP_TEST_CASE("as_completed gives results in the order in which the tasks end", EveryLoop) {
    Gate first;
    Gate second;
    AnyLoop loop;
    auto const numbers = [&]() -> asio::awaitable<std::vector<int>> {
        std::vector<asio::awaitable<int>> tasks;
        tasks.push_back(value_after(second, 2));
        tasks.push_back(fail_after_gate(first));
        tasks.push_back(twice(0));
        auto completed = as_completed(std::move(tasks));
        std::vector<int> order;
        order.push_back((co_await completed.anext()).value_or(-1));
        bool timed_out = false;
        try {
            co_await fail_after(1ms, [&] { return completed.anext(); });
        } catch (std::system_error const& error) {
            timed_out = error.code() == Errc::timed_out;
        }
        order.push_back(timed_out ? 10 : -1);
        first.open();
        try {
            static_cast<void>(co_await completed.anext());
        } catch (std::runtime_error const&) {
            order.push_back(1);
        }
        second.open();
        order.push_back((co_await completed.anext()).value_or(-1));
        order.push_back((co_await completed.anext()).value_or(3));
        co_return order;
    };
    CHECK(loop.runner.run(numbers) == std::vector<int>{0, 10, 1, 2, 3});

    std::vector<asio::awaitable<int>> tasks;
    for (int i = 0; i < 100; ++i)
        tasks.push_back(i % 2 == 0 ? twice(1) : twice_later(1));
    int sum = 0;
    for (int const value : loop.runner.wrap_iter(as_completed(std::move(tasks))))
        sum += value;
    CHECK(sum == 200);
    CHECK_FALSE(loop.runner.run(as_completed(std::vector<asio::awaitable<void>>()).anext()));
}

LOOP_TEST_CASE("Who leaves as_completed early cancels the tasks that are left", EveryLoop) {
    ErrorLog log;
    int ended = 0;
    auto const some = [&] {
        std::vector<asio::awaitable<int>> tasks;
        tasks.push_back(forever_with_value(ended));
        tasks.push_back(twice_later(1));
        tasks.push_back(forever_with_value(ended));
        return as_completed(std::move(tasks));
    };
    {
        AnyLoop loop(Options().on_error(log.handler()));
        for (int const value : loop.runner.wrap_iter(some)) {
            CHECK(value == 2);
            break;
        }
        CHECK(ended == 2);
        loop.runner.run([&]() -> asio::awaitable<void> {
            auto completed = some();
            static_cast<void>(co_await completed.anext());
            auto moved = std::move(completed);
            // NOLINTNEXTLINE(bugprone-use-after-move): it is at its end
            if (co_await completed.anext())
                throw std::logic_error("moved from");
            std::vector<asio::awaitable<void>> more;
            more.push_back(nothing());
            more.push_back(fail_at_once("left"));
            more.push_back(forever_counted(ended));
            auto closed = as_completed(std::move(more));
            static_cast<void>(co_await closed.anext());
            co_await closed.aclose();
            auto const after_the_end = co_await closed.anext();
            if (after_the_end)
                throw std::logic_error("closed");
            std::vector<asio::awaitable<void>> tasks;
            tasks.push_back(fail_at_once("lost"));
            tasks.push_back(nothing());
            tasks.push_back(fail_at_once("lost, too"));
            auto failing = as_completed(std::move(tasks));
            try {
                static_cast<void>(co_await failing.anext());
            } catch (std::runtime_error const&) {
            }
        });
        CHECK(log.messages() == std::vector<std::string>{"left", "lost, too"});
        static_cast<void>(some());  // never begun
    }
    CHECK(ended == 5);
}

LOOP_TEST_CASE("A range whose portal was closed leaves its tasks to the loop", EveryPortal) {
    std::atomic<std::thread::id> ended_on;
    AnyLoop loop;
    auto const ends_where_it_is_cancelled = [&]() -> asio::awaitable<void> {
        DestructionProbe const probe(ended_on);
        co_await end_inside_cancellation();
    };
    {
        std::vector<asio::awaitable<void>> tasks;
        tasks.push_back(ends_where_it_is_cancelled());
        tasks.push_back(nothing());
        auto range = loop.runner.wrap_iter(as_completed(std::move(tasks)));
        static_cast<void>(range.begin());
        loop.runner.close();
    }
    for (int i = 0; i < 10'000 && ended_on.load() == std::thread::id(); ++i)
        std::this_thread::sleep_for(1ms);
    CHECK(ended_on.load() != std::thread::id());
    CHECK(ended_on.load() != std::this_thread::get_id());
}

// Not the portals: nobody knows there whether the loop goes on.
using OwnLoops = std::tuple<OnThreadRunner, OnRunner>;

LOOP_TEST_CASE("A task whose frame is lost is a failure, which cancels the others", OwnLoops) {
    AnyLoop loop;
    auto const lost = []() -> asio::awaitable<void> {
        co_await sleep_for(1ms);
        // As Asio does where it has no memory to resume the coroutine.
        co_await asio::async_initiate<asio::use_awaitable_t<> const, void()>(
            [](auto handler) { static_cast<void>(handler); }, asio::use_awaitable);
    };
    CHECK(code_of([&] { loop.runner.run(race(lost, forever())); }) == Errc::loop_failed);
    auto const two = [&] {
        std::vector<asio::awaitable<void>> tasks;
        tasks.push_back(lost());
        tasks.push_back(forever());
        return as_completed(std::move(tasks));
    };
    CHECK(code_of([&] {
              for (auto const& ended : loop.runner.wrap_iter(two()))
                  static_cast<void>(ended);
          }) == Errc::loop_failed);
}
