// stats(): what a runner has done, in numbers; and the histogram behind its percentiles.
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/detail/loop/duration_histogram.hpp>
#include <syncopate/detail/wait/ticks.hpp>
#include <syncopate/options.hpp>
#include <syncopate/runner_base.hpp>
#include <syncopate/stats.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstdint>
#include <future>
#include <stop_token>
#include <thread>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using syncopate::Percentiles;
using syncopate::Stats;

void check_order(Percentiles const& time) {
    CHECK(time.p50 <= time.p90);
    CHECK(time.p90 <= time.p99);
    CHECK(time.p99 <= time.max);
}

// The counter's scale is compared with the clock over a short time here.
constexpr auto nearly = [](std::chrono::nanoseconds time) { return time * 9 / 10; };

}  // namespace

LOOP_TEST_CASE("stats() of a runner that has done nothing are zero", EveryLoop) {
    AnyLoop loop;
    auto const stats = loop.runner.stats();
    CHECK(stats.calls == 0);
    CHECK(stats.in_flight == 0);
    CHECK(stats.wake_ups_saved == 0);
    CHECK(stats.queue_time.max == 0ns);
    CHECK(stats.run_time.p50 == 0ns);
}

LOOP_TEST_CASE("stats() counts tasks and functions", EveryLoop) {
    AnyLoop loop;
    for (int i = 0; i < 10; ++i) {
        loop.runner.run(twice(i));
        loop.runner.call([] {});
    }
    loop.runner.start_soon(nothing());
    loop.runner.call([] {});
    auto const stats = loop.runner.stats();
    CHECK(stats.calls == 22);
    CHECK(stats.in_flight == 0);
    CHECK(stats.wake_ups + stats.wake_ups_saved >= stats.calls);
    check_order(stats.queue_time);
    check_order(stats.run_time);
    CHECK(stats.run_time.max > 0ns);
}

LOOP_TEST_CASE("stats() counts what has begun and what is queued as in flight", TurningLoops) {
    AnyLoop loop;
    std::stop_source stop;
    auto sleeping = loop.runner.run_as_future(forever(), stop.get_token());
    Gate begun;
    Gate release;
    std::thread caller([&] {
        loop.runner.call([&] {
            begun.open();
            release.wait();
        });
    });
    begun.wait();
    auto queued = loop.runner.run_as_future(nothing());
    auto const stats = loop.runner.stats();
    release.open();
    caller.join();
    queued.get();
    stop.request_stop();
    CHECK(code_of([&] { sleeping.get(); }) == syncopate::Errc::cancelled);
    CHECK(stats.calls == 3);
    CHECK(stats.in_flight == 3);
    CHECK(loop.runner.stats().calls == 3);
}

LOOP_TEST_CASE("stats() tells how long tasks have run, with what they waited for", EveryLoop) {
    AnyLoop loop;
    for (int i = 0; i < 3; ++i)
        loop.runner.run(sleep_for(20ms));
    auto const time = loop.runner.stats().run_time;
    check_order(time);
    CHECK(time.p50 >= nearly(20ms));
}

LOOP_TEST_CASE("stats() tells how long functions have run", EveryLoop) {
    AnyLoop loop;
    loop.runner.call([] { std::this_thread::sleep_for(20ms); });
    CHECK(loop.runner.stats().run_time.max >= nearly(20ms));
}

LOOP_TEST_CASE("stats() tells how long calls have been queued", TurningLoops) {
    AnyLoop loop;
    Gate begun;
    auto const before = std::chrono::steady_clock::now();
    std::thread caller([&] {
        loop.runner.call([&] {
            begun.open();
            std::this_thread::sleep_for(30ms);
        });
    });
    begun.wait();
    loop.runner.run(nothing());
    auto const waited = std::chrono::steady_clock::now() - before;
    caller.join();
    auto const stats = loop.runner.stats();
    CHECK(stats.queue_time.max > 0ns);
    CHECK(nearly(stats.queue_time.max) <= waited);
}

TEST_CASE("A burst of calls wakes a loop once") {
    syncopate::ThreadRunner runner(syncopate::Options().spin(0ns));
    runner.call([] {});
    Gate release;
    std::thread caller([&] { runner.call([&] { release.wait(); }); });
    std::future<void> last;
    for (int i = 0; i < 100; ++i)
        last = runner.run_as_future(nothing());
    release.open();
    last.get();
    caller.join();
    auto const stats = runner.stats();
    CHECK(stats.calls == 102);
    CHECK(stats.wake_ups < 90);
    CHECK(stats.wake_ups_saved == stats.calls - stats.wake_ups);
}

TEST_CASE("A histogram's percentiles are at most an eighth too long") {
    syncopate::detail::DurationHistogram histogram;
    syncopate::detail::TickScale const scale;
    constexpr std::uint64_t count = 1000;
    for (std::uint64_t i = 1; i <= count; ++i)
        histogram.add(i * 1'000'003);
    auto const time = histogram.percentiles(scale);
    auto const check = [&](std::chrono::nanoseconds measured, std::uint64_t rank) {
        auto const exact = scale(rank * 1'000'003);
        CHECK(measured >= exact);
        CHECK(measured <= exact + exact / 8);
    };
    check(time.p50, 500);
    check(time.p90, 900);
    check(time.p99, 990);
    CHECK(time.max == scale(count * 1'000'003));
}

TEST_CASE("A histogram holds the shortest and the longest durations") {
    syncopate::detail::DurationHistogram histogram;
    syncopate::detail::TickScale const scale;
    for (int i = 0; i < 9; ++i)
        histogram.add(0);
    CHECK(histogram.percentiles(scale).max == 0ns);
    histogram.add(~syncopate::detail::Ticks{0} >> 20);
    auto const time = histogram.percentiles(scale);
    CHECK(time.p90 == 0ns);
    CHECK(time.p99 == time.max);
}
