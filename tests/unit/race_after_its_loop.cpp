// The io_context is destroyed while races, as_completed, gather_outcomes, sleep and with_context are suspended on it: what
// they consist of is destroyed once, and nothing of it is resumed.

#include "support/audit.hpp"
#include "support/catch.hpp"
#include "support/groups.hpp"
#include "support/tasks.hpp"
#include <syncopate/as_completed.hpp>
#include <syncopate/gather_outcomes.hpp>
#include <syncopate/race.hpp>
#include <syncopate/sleep.hpp>
#include <syncopate/with_context.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <exception>
#include <optional>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using syncopate::as_completed;
using syncopate::AsCompleted;
using syncopate::race;

using Tasks = std::vector<asio::awaitable<void>>;

Tasks two_for_ever(int& ended) {
    Tasks tasks;
    tasks.push_back(forever_counted(ended));
    tasks.push_back(forever_counted(ended));
    return tasks;
}

asio::awaitable<void> later() {
    co_await twice_later(1);
}

// One that ends, and two that do not.
AsCompleted<void> three(int& ended) {
    auto tasks = two_for_ever(ended);
    tasks.push_back(later());
    return as_completed(std::move(tasks));
}

asio::awaitable<void> take(AsCompleted<void>& completed, int count) {
    Tracked const frame;
    for (; count != 0; --count)
        static_cast<void>(co_await completed.anext());
}

// Suspended for ever where it is told to be.
struct Context {
    enum class Stays { in_aenter, in_body, in_aexit };

    asio::awaitable<void> aenter() {
        if (stays == Stays::in_aenter)
            co_await forever_counted(*ended);
    }
    asio::awaitable<void> aexit(std::exception_ptr) {
        ++*exits;
        co_await forever_counted(*ended);
    }

    Stays stays;
    int* ended;
    int* exits;
    Tracked tracked{};
};

}  // namespace

TEST_CASE("A race goes with its loop") {
    int ended = 0;
    auto const two = [&] { return race(forever_counted(ended), forever_counted(ended)); };
    abandon(two);
    CHECK(ended == 2);
    abandon_on_strand(two);
    CHECK(ended == 4);
    abandon([&] { return race(two_for_ever(ended)); });
    CHECK(ended == 6);
}

TEST_CASE("A race that is decided, and waits for those that have lost, goes with its loop") {
    int ended = 0;
    abandon([&] { return race(forever_despite_cancellation(ended), twice_later(1)); });
    CHECK(ended == 1);
    abandon([&]() -> asio::awaitable<void> {
        NotesEnd const note(ended);
        Tasks tasks;
        tasks.push_back(forever_despite_cancellation(ended));
        tasks.push_back(fail_later("the first to end"));
        co_await race(std::move(tasks));
    });
    CHECK(ended == 3);
}

TEST_CASE("as_completed goes with its loop, as does who waits for its next result") {
    int ended = 0;
    auto const wait = [&]() -> asio::awaitable<void> {
        auto completed = three(ended);
        co_await take(completed, 2);
    };
    abandon(wait);
    CHECK(ended == 2);
    abandon_on_strand(wait);
    CHECK(ended == 4);
    // In aclose(), which waits for a task that takes its time.
    abandon([&]() -> asio::awaitable<void> {
        Tasks tasks;
        tasks.push_back(forever_despite_cancellation(ended));
        tasks.push_back(nothing());
        auto completed = as_completed(std::move(tasks));
        co_await take(completed, 1);
        co_await completed.aclose();
    });
    CHECK(ended == 5);
}

TEST_CASE("as_completed may outlive its loop") {
    int ended = 0;
    {
        auto completed = three(ended);
        abandon([&] { return take(completed, 2); });
        CHECK(ended == 2);
    }
    {
        auto completed = three(ended);
        abandon([&] { return take(completed, 1); });  // nobody waits for what is left
        CHECK(ended == 4);
    }
    CHECK(ended == 4);
}

TEST_CASE("as_completed that is destroyed before its loop leaves its tasks to it") {
    int ended = 0;
    asio::io_context context;
    std::optional completed = three(ended);
    auto const take_one = [&] { return take(*completed, 1); };
    asio::co_spawn(context, take_one, asio::detached);
    context.poll();
    CHECK(ended == 0);
    completed.reset();
    context.poll();
    CHECK(ended == 2);
}

TEST_CASE("gather_outcomes and sleep go with their loop") {
    int ended = 0;
    abandon([&]() -> asio::awaitable<void> {
        auto outcomes = syncopate::gather_outcomes(
            forever_counted(ended), twice(1), fail_at_once("kept"), forever_counted(ended));
        static_cast<void>(co_await std::move(outcomes));
    });
    CHECK(ended == 2);
    abandon([&] { return syncopate::gather_outcomes(two_for_ever(ended)); });
    CHECK(ended == 4);
    abandon([&]() -> asio::awaitable<void> {
        NotesEnd const note(ended);
        co_await syncopate::sleep(1h);
    });
    CHECK(ended == 5);
}

TEST_CASE("A context that a coroutine has entered goes with its loop, and is not left") {
    using Stays = Context::Stays;
    int ended = 0;
    int exits = 0;
    auto const stay = [&](Stays stays) {
        abandon([&ended, &exits, stays]() -> asio::awaitable<void> {
            auto body = [&ended, stays](Context&) -> asio::awaitable<void> {
                if (stays == Stays::in_body)
                    co_await forever_counted(ended);
            };
            auto make = [&ended, &exits, stays] { return Context{stays, &ended, &exits}; };
            co_await syncopate::with_context(std::move(make), std::move(body));
        });
    };
    stay(Stays::in_aenter);
    CHECK(ended == 1);
    stay(Stays::in_body);
    CHECK(ended == 2);
    CHECK(exits == 0);
    stay(Stays::in_aexit);
    CHECK(ended == 3);
    CHECK(exits == 1);
}
