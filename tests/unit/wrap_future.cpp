// Futures of the standard library that coroutines wait for.

#include "support/audit.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/error.hpp>
#include <syncopate/gather.hpp>
#include <syncopate/wrap_future.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <future>
#include <memory>
#include <stdexcept>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using syncopate::Errc;
using syncopate::gather;
using syncopate::wrap_future;

static_assert(std::is_same_v<
              decltype(wrap_future(std::declval<std::shared_future<int&>>())),
              asio::awaitable<std::reference_wrapper<int>>>);

template <class F>
auto in_thread(F function) {
    return std::async(std::launch::async, std::move(function));
}

}  // namespace

LOOP_TEST_CASE("wrap_future gives what the future holds", EveryLoop) {
    int number = 1;
    AnyLoop loop;
    auto& runner = loop.runner;
    CHECK(*runner.run(wrap_future(in_thread([] { return std::make_unique<int>(7); }))) == 7);
    runner.run(wrap_future(in_thread([] { std::this_thread::sleep_for(2ms); })));
    runner.run(wrap_future(in_thread([&]() -> int& { return number; }))).get() = 2;
    CHECK(number == 2);
    auto const fails = []() -> int { throw std::domain_error("failed"); };
    CHECK(message_of<std::domain_error>([&] {
              runner.run(wrap_future(in_thread(fails)));
          }) == "failed");
    std::promise<int> promise;
    promise.set_value(3);
    CHECK(runner.run(wrap_future(promise.get_future())) == 3);

    std::shared_future<int> const shared = in_thread([] { return 4; }).share();
    auto const [one, other] = runner.run(gather(wrap_future(shared), wrap_future(shared)));
    CHECK(one + other + shared.get() == 12);

    auto abandoned = std::make_unique<std::promise<void>>();
    auto broken = abandoned->get_future();
    std::jthread const breaker([&] { abandoned.reset(); });
    CHECK_THROWS_AS(runner.run(wrap_future(std::move(broken))), std::future_error);
    CHECK_THROWS_AS(runner.run(wrap_future(std::future<void>())), std::future_error);
}

LOOP_TEST_CASE("A deferred future is computed on a worker", EveryLoop) {
    std::thread::id thread;
    AnyLoop loop;
    auto deferred = std::async(std::launch::deferred, [&] {
        thread = std::this_thread::get_id();
        return 5;
    });
    CHECK(loop.runner.run(wrap_future(std::move(deferred))) == 5);
    CHECK(thread != std::thread::id());
    CHECK(thread != std::this_thread::get_id());
    CHECK(thread != loop.runner.call([] { return std::this_thread::get_id(); }));
}

LOOP_TEST_CASE("A cancelled wait leaves the future alone, and the loop free", EveryLoop) {
    auto const release = std::make_shared<Gate>();
    AnyLoop loop;
    // The future of std::async waits for its thread when it is destroyed.
    auto waiting = in_thread([release] {
        release->wait();
        return Tracked(1);
    });
    auto task = [&] { return wrap_future(std::move(waiting)); };
    CHECK(code_of([&] { loop.runner.run_for(1ms, task); }) == Errc::timed_out);
    CHECK(loop.runner.run(twice(1)) == 2);
    std::promise<int> promise;
    std::shared_future<int> const shared = promise.get_future().share();
    CHECK(code_of([&] { loop.runner.run_for(0ms, wrap_future(shared)); }) == Errc::timed_out);
    promise.set_value(8);
    CHECK(loop.runner.run(wrap_future(shared)) == 8);
    release->open();
}

LOOP_TEST_CASE("A runner that is closed does not wait for a future, which lives on", EveryLoop) {
    auto const release = std::make_shared<Gate>();
    {
        AnyLoop loop;
        loop.runner.start_soon(wrap_future(in_thread([release] {
            release->wait();
            return Tracked(1);
        })));
        auto waiting = loop.runner.run_as_future(wrap_future(in_thread([release] {
            release->wait();
            return Tracked(1);
        })));
        loop.runner.run(twice_later(1));
        loop.runner.close();
        CHECK(code_of([&] { waiting.get(); }) == Errc::runner_closed);
    }
    CHECK_FALSE(release->is_open());
    release->open();
}

TEST_CASE("Thousands of futures take one thread") {
    constexpr std::size_t many = 10'000;
    std::vector<std::promise<std::size_t>> promises(many);
    syncopate::ThreadRunner runner;
    auto sum = runner.run_as_future([&]() -> asio::awaitable<std::size_t> {
        std::vector<asio::awaitable<std::size_t>> waits;
        for (auto& promise : promises)
            waits.push_back(wrap_future(promise.get_future()));
        std::size_t total = 0;
        for (auto const one : co_await gather(std::move(waits)))
            total += one;
        co_return total;
    });
    for (std::size_t i = many; i-- != 0;)
        promises[i].set_value(i);
    CHECK(sum.get() == many * (many - 1) / 2);
}

TEST_CASE("A loop may end while a coroutine waits for a future") {
    std::promise<Tracked> promise;
    {
        asio::io_context context;
        asio::co_spawn(
            context,
            [&]() -> asio::awaitable<void> {
                Tracked const frame;
                co_await wrap_future(promise.get_future());
            },
            asio::detached);
        context.poll();
    }
    promise.set_value(Tracked(1));
}
