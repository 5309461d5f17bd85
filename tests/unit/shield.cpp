// Tasks that the cancellation of the awaiting one does not reach.

#include "support/audit.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/groups.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/error.hpp>
#include <syncopate/shield.hpp>
#include <syncopate/task_group.hpp>
#include <syncopate/timeout.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>

#include <memory>
#include <stdexcept>
#include <utility>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using syncopate::Errc;
using syncopate::shield;

asio::awaitable<std::unique_ptr<int>> boxed(int value) {
    co_return std::make_unique<int>(value);
}

// Lasts until the task that awaits it has been cancelled.
asio::awaitable<void> outlast(Gate& started, Gate& cancelled) {
    started.open();
    co_await cancelled.passed();
}

asio::awaitable<void> sleep_and_note(bool& done) {
    co_await sleep_for(10ms);
    done = true;
}

}  // namespace

LOOP_TEST_CASE("A shield gives what its task gives", EveryLoop) {
    AnyLoop loop;
    CHECK(loop.runner.run(shield(twice(1))) == 2);
    CHECK(loop.runner.run(shield([] { return twice_later(2); })) == 4);
    CHECK(*loop.runner.run(shield(boxed(3))) == 3);
    loop.runner.run([]() -> asio::awaitable<void> {
        asio::steady_timer timer(co_await asio::this_coro::executor, 1ms);
        auto wait = timer.async_wait(asio::deferred);
        co_await shield(std::move(wait));
    });
}

LOOP_TEST_CASE("A shielded task is not cancelled, and its awaiter after it", EveryLoop) {
    Gate started;
    Gate cancelled;
    bool aborted = false;
    AnyLoop loop;
    auto const task = [&]() -> asio::awaitable<void> {
        try {
            co_await shield(outlast(started, cancelled));
        } catch (boost::system::system_error const& error) {
            aborted = cancelled.is_open() && error.code() == asio::error::operation_aborted;
            throw;
        }
    };
    CHECK(code_of([&] { run_and_stop(loop.runner, started, cancelled, task); }) == Errc::cancelled);
    CHECK(aborted);
}

TEST_CASE("A shield inside a time-out is awaited, and the time-out then thrown") {
    bool done = false;
    OnRunner loop;
    CHECK(code_of([&] {
              loop.runner.run(syncopate::fail_after(1ms, shield(sleep_and_note(done))));
          }) == Errc::timed_out);
    CHECK(done);
}

TEST_CASE("A shield keeps the cancellation of a group off") {
    bool done = false;
    OnRunner loop;
    loop.runner.run(syncopate::with_task_group([&](syncopate::TaskGroup& group) {
        group.start_soon(shield(sleep_and_note(done)));
        group.cancel();
        return nothing();
    }));
    CHECK(done);
}

TEST_CASE("A shielded task that fails gives its failure, also if its awaiter was cancelled") {
    OnRunner loop;
    Gate started;
    Gate cancelled;
    auto const fail_when_awaiter_is_cancelled = [&]() -> asio::awaitable<void> {
        co_await outlast(started, cancelled);
        throw std::runtime_error("boom");
    };
    CHECK(message_of<std::runtime_error>([&] {
              loop.runner.run(shield(fail_later("boom")));
          }) == "boom");
    CHECK(message_of<std::runtime_error>([&] {
              run_and_stop(loop.runner, started, cancelled, shield(fail_when_awaiter_is_cancelled));
          }) == "boom");
}

TEST_CASE("A time-out inside a shield works") {
    OnRunner loop;
    CHECK_FALSE(loop.runner.run(shield(syncopate::move_on_after(1ms, forever()))));
}
