// Tasks that one coroutine carries, one after another: no task notices the one before.

#include "support/catch.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/blocking_portal.hpp>
#include <syncopate/runner_base.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;
namespace this_coro = asio::this_coro;
using namespace std::chrono_literals;
using namespace support;
using syncopate::BlockingPortal;
using syncopate::ThreadRunner;

struct CancellationSettings {
    bool throws;
    bool is_cancelled;
    bool has_slot;
};

asio::awaitable<CancellationSettings> cancellation_settings() {
    Tracked const frame;
    bool const throws = co_await this_coro::throw_if_cancelled();
    asio::cancellation_state const state = co_await this_coro::cancellation_state;
    co_return CancellationSettings{
        throws, state.cancelled() != asio::cancellation_type::none, state.slot().is_connected()};
}

asio::awaitable<void> change_everything() {
    Tracked const frame;
    co_await this_coro::throw_if_cancelled(false);
    co_await this_coro::reset_cancellation_state(asio::disable_cancellation());
}

asio::awaitable<void> fail() {
    Tracked const frame;
    co_await asio::post(asio::use_awaitable);
    throw std::runtime_error("");
}

asio::awaitable<std::thread::id> stay_in(asio::thread_pool& pool) {
    Tracked const frame;
    co_await asio::post(asio::bind_executor(pool, asio::use_awaitable));
    co_return std::this_thread::get_id();
}

/// Counts the loop's references to what the caller has. Goes so slowly that one that comes too late is
/// seen.
class Reference {
public:
    explicit Reference(std::atomic<int>& count) : count_(&count) { ++*count_; }
    Reference(Reference const& other) : Reference(*other.count_) {}
    Reference& operator=(Reference const&) = delete;
    ~Reference() {
        std::this_thread::sleep_for(200us);
        --*count_;
    }

private:
    std::atomic<int>* count_;
};

asio::awaitable<void> leave_references(std::atomic<int>& count) {
    Tracked const frame;
    Reference const reference(count);
    auto const filter = [reference](asio::cancellation_type type) { return type; };
    auto const request = this_coro::reset_cancellation_state(filter);
    co_await request;
    asio::cancellation_state const state = co_await this_coro::cancellation_state;
    asio::cancellation_slot slot = state.slot();
    auto handler = [reference](asio::cancellation_type) {};
    slot.assign(std::move(handler));
    co_await asio::post(asio::use_awaitable);
}

/// Waits for what no execution context knows of.
asio::awaitable<void> wait_in(std::function<void()>& go_on) {
    auto const keep = [&go_on](auto handler) {
        auto const kept = std::make_shared<decltype(handler)>(std::move(handler));
        go_on = [kept] { std::move (*kept)(); };
    };
    co_await asio::async_initiate<asio::use_awaitable_t<> const, void()>(keep, asio::use_awaitable);
}

// Whether a task finds everything as co_spawn makes it, and can be cancelled.
void check_next_task(syncopate::RunnerBase& runner) {
    auto const settings = runner.run(cancellation_settings());
    CHECK(settings.throws);
    CHECK_FALSE(settings.is_cancelled);
    CHECK(settings.has_slot);
    CHECK_THROWS_AS(runner.run_for(1ms, forever()), std::system_error);
    CHECK(runner.run(twice_later(21)) == 42);
}

}  // namespace

LOOP_TEST_CASE("The first task finds the cancellation state as co_spawn makes it", TurningLoops) {
    AnyLoop loop;
    auto& runner = loop.runner;
    check_next_task(runner);
}

LOOP_TEST_CASE(
    "A task that changed its cancellation state leaves nothing of that to the next", TurningLoops) {
    AnyLoop loop;
    auto& runner = loop.runner;
    runner.run(change_everything());
    check_next_task(runner);
}

LOOP_TEST_CASE("A task that failed leaves nothing to the next", TurningLoops) {
    AnyLoop loop;
    auto& runner = loop.runner;
    CHECK_THROWS_AS(runner.run(fail()), std::runtime_error);
    check_next_task(runner);
}

LOOP_TEST_CASE("A task that was cancelled leaves nothing to the next", TurningLoops) {
    AnyLoop loop;
    auto& runner = loop.runner;
    CHECK_THROWS_AS(runner.run_for(1ms, forever()), std::system_error);
    check_next_task(runner);
    runner.run_for(1ms, until_cancelled());
    check_next_task(runner);
}

TEST_CASE("A task that went to another thread leaves the next on the loop") {
    ThreadRunner runner;
    asio::thread_pool pool(1);
    auto const loop_thread = runner.call([] { return std::this_thread::get_id(); });
    CHECK(runner.run(stay_in(pool)) != loop_thread);
    auto const ran_on = runner.run(
        []() -> asio::awaitable<std::thread::id> { co_return std::this_thread::get_id(); });
    CHECK(ran_on == loop_thread);
    check_next_task(runner);
    pool.join();
}

LOOP_TEST_CASE(
    "What a task put into its cancellation state is gone when its caller goes on", TurningLoops) {
    AnyLoop loop;
    auto& runner = loop.runner;
    int left = 0;
    for (int i = 0; i < 20; ++i) {
        std::atomic<int> count{0};
        runner.run(leave_references(count));
        left += count;
    }
    CHECK(left == 0);
}

LOOP_TEST_CASE("A future of an earlier task is ready when a later call returns", TurningLoops) {
    AnyLoop loop;
    auto& runner = loop.runner;
    int ready = 0;
    for (int i = 0; i < 1000; ++i) {
        auto const future = runner.run_as_future(twice(i));
        runner.run(nothing());
        ready += future.wait_for(0s) == std::future_status::ready;
    }
    CHECK(ready == 1000);
}

LOOP_TEST_CASE("More tasks at once than coroutines are kept leave nothing behind", TurningLoops) {
    AnyLoop loop;
    auto& runner = loop.runner;
    for (int round = 0; round < 3; ++round) {
        Gate release;
        std::vector<std::future<void>> futures;
        for (int i = 0; i < 200; ++i)
            futures.push_back(runner.run_as_future([&release] { return release.passed(); }));
        release.open();
        for (auto& future : futures)
            future.get();
        check_next_task(runner);
    }
}

TEST_CASE(
    "A portal's task counts as work of its context, and a coroutine that waits for one does not") {
    asio::io_context context;
    BlockingPortal portal(context);
    for (int i = 0; i < 3; ++i) {
        std::function<void()> go_on;
        auto const end = portal.run_as_future([&go_on] { return wait_in(go_on); });
        context.restart();
        context.poll();
        CHECK_FALSE(context.stopped());
        asio::post(context, std::exchange(go_on, nullptr));
        context.run();  // returns: nothing is left to do
        CHECK(end.wait_for(0s) == std::future_status::ready);
    }
}

TEST_CASE(
    "The coroutines of a portal that wait for a task end with its context, or with the portal") {
    for (bool const context_ends_first : {true, false}) {
        auto context = std::make_unique<asio::io_context>();
        std::optional<BlockingPortal> portal(*context);
        auto result = portal->run_as_future(twice(21));
        context->run();
        CHECK(result.get() == 42);
        if (context_ends_first)
            context.reset();
        portal.reset();
    }
}
