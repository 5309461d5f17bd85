// A request to stop is repeated: it is not lost where it cannot be heard, and starves nobody where it is ignored.

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/capacity_limiter.hpp>
#include <syncopate/error.hpp>
#include <syncopate/gather.hpp>
#include <syncopate/task_group.hpp>
#include <syncopate/timeout.hpp>
#include <syncopate/to_thread.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/defer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
#include <stop_token>
#include <thread>

namespace {

namespace asio = boost::asio;
namespace this_coro = asio::this_coro;
using namespace std::chrono_literals;
using namespace support;
using syncopate::CapacityLimiter;
using syncopate::Errc;
using syncopate::TaskGroup;
using syncopate::to_thread;

/// Cannot be cancelled at first, opens `started` there, and then lasts until it is cancelled.
asio::awaitable<void> critical_first(Gate& started) {
    co_await this_coro::reset_cancellation_state(asio::disable_cancellation());
    started.open();
    co_await sleep_for(10ms);
    co_await this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
    co_await forever();
}
asio::awaitable<void> critical_first() {
    Gate started;
    co_await critical_first(started);
}

/// Tries again whatever happens, until `enough`.
asio::awaitable<void> try_for_ever(
    std::atomic<bool>& enough, std::function<asio::awaitable<void>()> attempt) {
    while (!enough) {
        try {
            co_await attempt();
        } catch (std::exception const&) {
        }
    }
}

/// Whether others go on beside a task that was cancelled and tries again and again.
bool others_go_on(std::function<asio::awaitable<void>()> attempt) {
    AnyLoop loop;
    std::atomic<bool> enough = false;
    std::jthread const culprit(
        [&] { code_of([&] { loop.runner.run_for(1ms, try_for_ever(enough, attempt)); }); });
    bool went_on = false;
    for (int i = 0; i < 20; ++i) {
        std::this_thread::sleep_for(1ms);
        went_on = loop.runner.run(twice_later(i)) == 2 * i;
    }
    enough = true;
    return went_on;
}

}  // namespace

LOOP_TEST_CASE("A time-out in a section without cancellation comes at its end", EveryLoop) {
    AnyLoop loop;
    CHECK(code_of([&] { loop.runner.run_for(1ms, critical_first()); }) == Errc::timed_out);
}

LOOP_TEST_CASE("A stop request in a section without cancellation comes at its end", EveryLoop) {
    Gate started;
    AnyLoop loop;
    CHECK(code_of([&] {
              run_and_stop(loop.runner, started, critical_first(started));
          }) == Errc::cancelled);
}

LOOP_TEST_CASE("A part's time-out in a section without cancellation comes at its end", EveryLoop) {
    AnyLoop loop;
    CHECK(code_of([&] {
              loop.runner.run(syncopate::fail_after(1ms, critical_first()));
          }) == Errc::timed_out);
    CHECK_FALSE(loop.runner.run(syncopate::move_on_after(1ms, critical_first())));
}

LOOP_TEST_CASE(
    "A group passes on what comes in a child's section without cancellation", EveryLoop) {
    AnyLoop loop;
    Gate started;
    loop.runner.run(syncopate::with_task_group([&](TaskGroup& group) -> asio::awaitable<void> {
        group.start_soon(critical_first(started));
        group.cancel();
        co_return;
    }));
    CHECK(started.is_open());
    CHECK(code_of([&] {
              loop.runner.run_for(1ms, syncopate::gather(critical_first(), critical_first()));
          }) == Errc::timed_out);
}

LOOP_TEST_CASE("Clean-up with a cancellation state of its own is not cancelled again", EveryLoop) {
    AnyLoop loop;
    bool cleaned = false;
    loop.runner.run_for(1ms, [&]() -> asio::awaitable<void> {
        try {
            co_await forever();
        } catch (std::exception const&) {
        }
        co_await this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
        co_await sleep_for(50ms);
        co_await syncopate::gather(sleep_for(1ms), sleep_for(1ms));
        cleaned = true;
    });
    CHECK(cleaned);
}

LOOP_TEST_CASE("A task that does not want to throw is cancelled once", EveryLoop) {
    AnyLoop loop;
    bool cleaned = false;
    loop.runner.run_for(1ms, [&]() -> asio::awaitable<void> {
        co_await this_coro::throw_if_cancelled(false);
        try {
            co_await forever();
        } catch (std::exception const&) {
        }
        co_await sleep_for(50ms);
        cleaned = true;
    });
    CHECK(cleaned);
}

LOOP_TEST_CASE("A task that goes on after its cancellation is cancelled there", EveryLoop) {
    AnyLoop loop;
    CHECK(code_of([&] {
              loop.runner.run_for(1ms, []() -> asio::awaitable<void> {
                  for (int i = 0; i < 3; ++i) {
                      try {
                          co_await forever();
                      } catch (std::exception const&) {
                      }
                  }
                  co_await forever();
              });
          }) == Errc::timed_out);
}

LOOP_TEST_CASE("A task that goes on after a wait for its children is cancelled there", EveryLoop) {
    auto const cleans_up = []() -> asio::awaitable<void> {
        try {
            co_await forever();
        } catch (std::exception const&) {
        }
        co_await this_coro::reset_cancellation_state(asio::disable_cancellation());
        co_await sleep_for(20ms);  // its parent waits, and is not told again meanwhile
    };
    AnyLoop loop;
    CHECK(code_of([&] {
              loop.runner.run_for(1ms, [&]() -> asio::awaitable<void> {
                  co_await syncopate::gather(cleans_up());
                  co_await forever();
              });
          }) == Errc::timed_out);
}

LOOP_TEST_CASE("A task that awaits what cannot be cancelled is cancelled there", EveryLoop) {
    AnyLoop loop;
    CHECK(code_of([&] {
              loop.runner.run_for(1ms, []() -> asio::awaitable<void> {
                  for (;;)
                      co_await asio::post(asio::use_awaitable);
              });
          }) == Errc::timed_out);
}

LOOP_TEST_CASE("A cancelled task that tries again leaves the loop to others", TurningLoops) {
    CHECK(others_go_on([] { return sleep_for(1ms); }));
    CHECK(others_go_on([]() -> asio::awaitable<void> {
        co_await asio::post(asio::use_awaitable);
        co_await sleep_for(1ms);
    }));
    CHECK(others_go_on([]() -> asio::awaitable<void> {
        co_await syncopate::gather(sleep_for(1ms), sleep_for(1ms));
    }));
    CHECK(others_go_on(
        []() -> asio::awaitable<void> { co_await syncopate::fail_after(2ms, sleep_for(1ms)); }));
    CHECK(others_go_on([]() -> asio::awaitable<void> { co_await to_thread([] {}); }));
    CapacityLimiter limiter(1);
    auto const token = limiter.try_acquire();
    CHECK(others_go_on(
        [&limiter]() -> asio::awaitable<void> { static_cast<void>(co_await limiter.acquire()); }));
}

LOOP_TEST_CASE(
    "A cancelled task that awaits posts for ever leaves the loop to others", TurningLoops) {
    CHECK(others_go_on([] { return asio::post(asio::use_awaitable); }));
    CHECK(others_go_on([] { return asio::defer(asio::use_awaitable); }));
    CHECK(others_go_on([]() -> asio::awaitable<void> {
        co_await asio::post(co_await this_coro::executor, asio::use_awaitable);
    }));
    CHECK(others_go_on([]() -> asio::awaitable<void> {
        co_await syncopate::gather(asio::post(asio::use_awaitable));
    }));
}
