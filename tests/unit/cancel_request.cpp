// A request to stop is repeated: it is not lost where it cannot be heard, and starves nobody where it is ignored.

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/capacity_limiter.hpp>
#include <syncopate/channel.hpp>
#include <syncopate/error.hpp>
#include <syncopate/gather.hpp>
#include <syncopate/task_group.hpp>
#include <syncopate/thread_runner.hpp>
#include <syncopate/timeout.hpp>
#include <syncopate/to_thread.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/compose.hpp>
#include <boost/asio/defer.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/channel.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>

#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <stop_token>
#include <thread>
#include <utility>

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

namespace {

/// Makes an operation that is done when it begins, so that no turn is left in which it could be cancelled.
template <class Token>
std::function<asio::awaitable<void>()> receives_at_once(Token token) {
    using Channel = asio::experimental::channel<void(boost::system::error_code, int)>;
    return [token, channel = std::shared_ptr<Channel>()]() mutable -> asio::awaitable<void> {
        if (!channel)
            channel = std::make_shared<Channel>(co_await this_coro::executor, 1);
        channel->try_send(boost::system::error_code(), 1);
        co_await channel->async_receive(token);
    };
}

/// Awaits what is always there, and nothing else.
template <class Token>
asio::awaitable<void> receive_for_ever(Token token) {
    using Channel = asio::experimental::channel<void(boost::system::error_code, int)>;
    Channel channel(co_await this_coro::executor, 1);
    for (;;) {
        channel.try_send(boost::system::error_code(), 1);
        co_await channel.async_receive(token);
    }
}

/// The same with a coroutine for each, which has an end of its own.
asio::awaitable<void> receive_in_steps() {
    for (auto step = receives_at_once(asio::deferred);;)
        co_await step();
}

/// Waits until a task has been asked so often that it has been seen what it is.
bool others_go_on_later(std::function<asio::awaitable<void>()> attempt) {
    AnyLoop loop;
    std::atomic<bool> enough = false;
    std::jthread const culprit(
        [&] { code_of([&] { loop.runner.run_for(1ms, try_for_ever(enough, attempt)); }); });
    std::this_thread::sleep_for(400ms);
    bool const went_on = loop.runner.run(twice_later(21)) == 42;
    enough = true;
    return went_on;
}

}  // namespace

LOOP_TEST_CASE("A cancelled task ends where each operation is done at once", EveryLoop) {
    AnyLoop loop;
    auto const ended_by = [&](asio::awaitable<void> task) {
        return code_of([&] { loop.runner.run_for(1ms, std::move(task)); });
    };
    CHECK(ended_by(receive_for_ever(asio::use_awaitable)) == Errc::timed_out);
    CHECK(ended_by(receive_in_steps()) == Errc::timed_out);
}

TEST_CASE("A cancelled task whose own operations are done at once ends after some seconds") {
    syncopate::ThreadRunner runner;
    CHECK(
        code_of([&] { runner.run_for(1ms, receive_for_ever(asio::deferred)); }) == Errc::timed_out);
}

LOOP_TEST_CASE(
    "A cancelled task that tries again what is done at once leaves the loop to others",
    TurningLoops) {
    CHECK(others_go_on_later(receives_at_once(asio::use_awaitable)));
    CHECK(others_go_on_later(receives_at_once(asio::deferred)));
    syncopate::Channel<int> channel(1);
    CHECK(others_go_on_later([&]() -> asio::awaitable<void> {
        int item = 1;
        static_cast<void>(channel.try_send(item));
        static_cast<void>(co_await channel.async_receive());
    }));
}

// --- coroutines that bind_executor has moved to other threads

namespace {

auto in_layers() {
    return asio::bind_allocator(std::allocator<void>(), asio::as_tuple(asio::use_awaitable));
}

/// Calls the function in its second step, on the executor of its token.
template <class Function, class Token>
auto call_in_second_step(asio::any_io_executor const& executor, Function function, Token&& token) {
    return asio::async_compose<Token, void(boost::system::error_code)>(
        [timer = std::make_shared<asio::steady_timer>(executor, 0s), function,
         step = 0](auto& self, boost::system::error_code error = {}) mutable {
            if (error)
                return self.complete(error);
            if (++step == 2)
                function(self.get_cancellation_state());
            if (step == 2)
                timer->expires_after(1h);
            timer->async_wait(std::move(self));
        },
        token);
}

/// Returns when the loop has had the occasion to cancel.
void ask_and_wait(std::stop_source& stop, asio::any_io_executor const& home) {
    stop.request_stop();
    Gate is_asked;
    asio::post(home, [&] { is_asked.open(); });
    is_asked.wait();
}

asio::awaitable<void> hop_for_ever(asio::thread_pool& pool) {
    for (;;) {
        co_await asio::post(asio::bind_executor(pool, asio::use_awaitable));
        co_await asio::post(asio::bind_executor(pool, asio::deferred));
        co_await asio::post(asio::bind_executor(pool, asio::as_tuple(asio::use_awaitable)));
        co_await asio::post(asio::as_tuple(asio::bind_executor(pool, asio::use_awaitable)));
        co_await asio::post(asio::bind_executor(pool, in_layers()));
        co_await asio::post(asio::use_awaitable);
    }
}

}  // namespace

LOOP_TEST_CASE("A task that runs on other threads is left alone until it awaits", EveryLoop) {
    AnyLoop loop;
    asio::thread_pool pool(2);  // joined first: the end of a step there refers to the loop
    std::stop_source stop;
    auto state = asio::cancellation_type::all;
    auto const task = [&]() -> asio::awaitable<void> {
        auto const home = co_await this_coro::executor;
        co_await asio::post(asio::bind_executor(pool, in_layers()));
        ask_and_wait(stop, home);
        state = (co_await this_coro::cancellation_state).cancelled();
        co_await hop_for_ever(pool);
    };
    CHECK(code_of([&] { loop.runner.run(task, stop.get_token()); }) == Errc::cancelled);
    CHECK(state == asio::cancellation_type::none);
}

LOOP_TEST_CASE("An operation with steps on other threads is left alone during each", EveryLoop) {
    AnyLoop loop;
    asio::thread_pool pool(2);  // joined first: the end of a step there refers to the loop
    std::stop_source stop;
    auto state = asio::cancellation_type::all;
    auto const task = [&]() -> asio::awaitable<void> {
        auto const home = co_await this_coro::executor;
        auto const step = [&, home](asio::cancellation_state const& here) {
            ask_and_wait(stop, home);
            state = here.cancelled();
        };
        co_await call_in_second_step(home, step, asio::bind_executor(pool, asio::use_awaitable));
    };
    CHECK(code_of([&] { loop.runner.run(task, stop.get_token()); }) == Errc::cancelled);
    CHECK(state == asio::cancellation_type::none);
}

LOOP_TEST_CASE("What a task awaits on other threads is cancelled", EveryLoop) {
    AnyLoop loop;
    asio::thread_pool pool(2);  // joined first: the end of a step there refers to the loop
    auto const wait = [&]() -> asio::awaitable<void> {
        asio::steady_timer timer(pool, 1h);
        co_await timer.async_wait(asio::bind_executor(pool, asio::use_awaitable));
    };
    auto const together = [&](TaskGroup& group) -> asio::awaitable<void> {
        group.start_soon(wait);
        group.start_soon(hop_for_ever(pool));
        co_return;
    };
    for (int i = 0; i < 3; ++i) {
        CHECK(code_of([&] { loop.runner.run_for(1ms, wait); }) == Errc::timed_out);
        CHECK(code_of([&] { loop.runner.run_for(1ms, hop_for_ever(pool)); }) == Errc::timed_out);
        auto const both = [&] { return syncopate::with_task_group(together); };
        CHECK(code_of([&] { loop.runner.run_for(1ms, both); }) == Errc::timed_out);
    }
}

TEST_CASE("What a task on other threads awaits of the library begins on its loop") {
    asio::thread_pool pool(2);
    OnThreadRunner loop;
    auto const hop = [&] { return asio::post(asio::bind_executor(pool, asio::use_awaitable)); };
    CapacityLimiter limiter(1);
    auto const task = [&]() -> asio::awaitable<bool> {
        auto const home = std::this_thread::get_id();
        std::thread::id begun_on;
        auto const note = [&]() -> asio::awaitable<void> {
            begun_on = std::this_thread::get_id();
            co_return;
        };
        co_await hop();
        co_await syncopate::gather(note(), hop());
        bool is_right = begun_on == home;
        co_await hop();
        co_await to_thread([] {});
        is_right &= std::this_thread::get_id() == home;
        co_await hop();
        co_await syncopate::to_calling_thread([] {});
        co_await hop();
        auto const token = co_await limiter.acquire();
        co_await hop();
        co_await syncopate::fail_after(1h, note());
        co_return is_right&& begun_on == home;
    };
    CHECK(loop.runner.run(task));
}
