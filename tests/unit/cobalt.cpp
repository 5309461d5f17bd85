// Boost.Cobalt's coroutines: tasks, promises and generators. Built where Boost.Cobalt is.

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/loops.hpp"
#include <syncopate/as_awaitable.hpp>
#include <syncopate/blocking_range.hpp>
#include <syncopate/cobalt.hpp>
#include <syncopate/error.hpp>
#include <syncopate/gather.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/cobalt/generator.hpp>
#include <boost/cobalt/op.hpp>
#include <boost/cobalt/promise.hpp>
#include <boost/cobalt/task.hpp>
#include <boost/cobalt/this_coro.hpp>

#include <chrono>
#include <stdexcept>
#include <tuple>
#include <vector>

namespace {

namespace asio = boost::asio;
namespace cobalt = boost::cobalt;
using namespace std::chrono_literals;
using namespace support;
using syncopate::Errc;

// Cobalt's coroutines belong to one thread.
using OneThread = std::tuple<OnThreadRunner, OnRunner, OnIoContext>;

cobalt::task<int> twice_in_cobalt(int number) {
    asio::steady_timer timer(co_await cobalt::this_coro::executor, 1ms);
    co_await timer.async_wait(cobalt::use_op);
    if (number < 0)
        throw std::domain_error("negative");
    co_return 2 * number;
}
cobalt::task<void> nap() {
    asio::steady_timer timer(co_await cobalt::this_coro::executor, 10min);
    co_await timer.async_wait(cobalt::use_op);
}
cobalt::promise<int> begun(int number) {
    co_return co_await twice_in_cobalt(number);
}
cobalt::generator<int> count(int until) {
    for (int i = 0; i < until; ++i)
        co_yield co_await twice_in_cobalt(i);
    co_return -1;
}

}  // namespace

LOOP_TEST_CASE("Cobalt's tasks and promises run on the loop, and are cancelled", OneThread) {
    AnyLoop loop;
    auto& runner = loop.runner;
    for (int round = 0; round < 2; ++round) {
        CHECK(runner.run(twice_in_cobalt(2)) == 4);
        CHECK(runner.run([] { return begun(3); }) == 6);
        CHECK(
            message_of<std::domain_error>([&] { runner.run(twice_in_cobalt(-1)); }) == "negative");
        CHECK(code_of([&] { runner.run_for(1ms, nap()); }) == Errc::timed_out);
    }
    auto const [one, other] =
        runner.run(syncopate::gather(twice_in_cobalt(1), [] { return begun(2); }));
    CHECK(one + other == 6);
    auto const awaits = []() -> asio::awaitable<int> {
        co_return co_await syncopate::as_awaitable(twice_in_cobalt(5));
    };
    CHECK(runner.run(awaits) == 10);
}

LOOP_TEST_CASE("Cobalt's generators are ranges", OneThread) {
    AnyLoop loop;
    std::vector<int> numbers;
    for (int const number : loop.runner.wrap_iter([] { return count(3); }))
        numbers.push_back(number);
    CHECK(numbers == std::vector{0, 2, 4});
    for (int const number :
         loop.runner.wrap_iter([] { return count(100); }, syncopate::ReadAhead{2}))
        if (number == 4)
            break;
    CHECK(loop.runner.run(twice_in_cobalt(1)) == 2);
}
