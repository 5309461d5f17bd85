// Where an OnLoop is used: on the thread of its loop, on a worker, by a task of another loop, by functions that a task has
// its caller call.

#include "support/audit.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/groups.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/error.hpp>
#include <syncopate/on_loop.hpp>
#include <syncopate/thread_runner.hpp>
#include <syncopate/to_calling_thread.hpp>
#include <syncopate/to_thread.hpp>
#include <syncopate/wrap_future.hpp>

#include <boost/asio/awaitable.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using syncopate::DeadlockError;
using syncopate::OnLoop;
using syncopate::ThreadRunner;

struct Number {
    explicit Number(int first) : value(first) {}
    Number(Number const&) = delete;
    Number& operator=(Number const&) = delete;

    int value;
    Tracked tracked;
};

/// Tells on which thread it goes.
class Probe {
public:
    explicit Probe(std::atomic<std::thread::id>& destroyed_on) : destroyed_on_(destroyed_on) {}
    Probe(Probe const&) = delete;
    Probe& operator=(Probe const&) = delete;
    ~Probe() { destroyed_on_ = std::this_thread::get_id(); }

private:
    std::atomic<std::thread::id>& destroyed_on_;
};

asio::awaitable<int> add(Number& number) {
    co_await twice_later(1);
    co_return ++number.value;
}

}  // namespace

LOOP_TEST_CASE(
    "An OnLoop refuses to wait on its loop's thread, and what needs no wait works there",
    EveryLoop) {
    AnyLoop loop;
    auto& runner = loop.runner;
    OnLoop<Number> number{runner, 1};
    std::vector<std::function<void()>> const waits{
        [&] { OnLoop<Number> const other{runner, 1}; },
        [&] { number.run(add); },
        [&] { number.run(add, std::stop_token()); },
        [&] { number.run_for(1h, add); },
        [&] { number.call([](Number& n) { return n.value; }); },
        [&] { number.start_soon(add); },
        [&] { number.close(); }};
    for (auto const& wait : waits)
        CHECK_FALSE(runner.call([&] { return message_of<DeadlockError>(wait); }).empty());
    CHECK(Tracked::alive() == 1);
    auto future = runner.call([&] { return number.run_as_future(add); });
    while (future.wait_for(0s) != std::future_status::ready)
        runner.run(twice_later(1));
    CHECK(future.get() == 2);
    CHECK(number.run(add) == 3);
}

LOOP_TEST_CASE(
    "An OnLoop that is destroyed on its loop's thread does not wait for its object", EveryLoop) {
    std::atomic<std::thread::id> destroyed_on;
    std::atomic<int> ended{0};
    AnyLoop loop;
    auto probe = std::make_optional<OnLoop<Probe>>(loop.runner, destroyed_on);
    probe->start_soon([&](Probe&) -> asio::awaitable<void> {
        struct AtEnd {
            ~AtEnd() { ended = destroyed_on.load() == std::thread::id() ? 1 : 100; }
            std::atomic<int>& ended;
            std::atomic<std::thread::id>& destroyed_on;
        } const at_end{ended, destroyed_on};
        co_await forever();
    });
    CHECK(loop.runner.call([&] {
        probe.reset();
        return ended == 0;
    }));
    while (destroyed_on.load() == std::thread::id())
        loop.runner.run(twice_later(1));
    CHECK(ended == 1);
    CHECK(loop.runner.tasks().empty());
}

LOOP_TEST_CASE("A worker, and a task of another loop, use an OnLoop", TurningLoops) {
    AnyLoop loop;
    std::optional<OnLoop<Number>> number;
    auto const make_and_use = [&] {
        number.emplace(loop.runner, 1);
        return number->run(add) + number->call([](Number& n) { return n.value; });
    };
    CHECK(loop.runner.run(syncopate::to_thread(make_and_use)) == 4);
    ThreadRunner other;
    auto const add_from_there = [&]() -> asio::awaitable<int> {
        co_return co_await syncopate::wrap_future(number->run_as_future(add));
    };
    auto sum = other.run_as_future(add_from_there);
    while (sum.wait_for(0s) != std::future_status::ready)
        loop.runner.run(twice_later(1));
    CHECK(sum.get() == 3);
    loop.runner.run(syncopate::to_thread([&] { number.reset(); }));
    CHECK(Tracked::alive() == 0);
}

LOOP_TEST_CASE(
    "A function that a task has its caller call may use an OnLoop of that loop", TurningLoops) {
    AnyLoop loop;
    OnLoop<Number> number{loop.runner, 1};
    auto const add_on_caller = [&] { return number.run(add); };
    CHECK(loop.runner.run(syncopate::to_calling_thread(add_on_caller)) == 2);
}
