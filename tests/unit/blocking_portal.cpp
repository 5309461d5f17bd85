// BlockingPortal: a loop that somebody else runs, and may stop running.

#include "support/audit.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/blocking_portal.hpp>
#include <syncopate/error.hpp>
#include <syncopate/options.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <chrono>
#include <exception>
#include <future>
#include <optional>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using syncopate::BlockingPortal;
using syncopate::Errc;
using syncopate::Options;

// An io_context that somebody runs for a while and then destroys.
class MortalContext {
public:
    MortalContext() { context_.emplace(); }

    asio::io_context& get() { return *context_; }
    void run_until(Gate& gate) {
        auto const work = asio::make_work_guard(*context_);
        while (!gate.is_open())
            context_->run_one_for(1ms);
    }
    void destroy() { context_.reset(); }

private:
    std::optional<asio::io_context> context_;
};

}  // namespace

TEST_CASE("A portal takes whatever leads to an executor") {
    asio::thread_pool pool(1);
    BlockingPortal of_context(pool);
    BlockingPortal of_executor(pool.get_executor());
    BlockingPortal of_strand(asio::make_strand(pool));
    BlockingPortal of_any{asio::any_io_executor(pool.get_executor())};
    CHECK(of_context.run(twice(1)) == 2);
    CHECK(of_executor.run(twice(2)) == 4);
    CHECK(of_strand.run(twice(3)) == 6);
    CHECK(of_any.run(twice(4)) == 8);
}

TEST_CASE("Tasks run on the threads of the portal's executor") {
    RunningContext context;
    BlockingPortal portal(context.get());
    auto const ran_on = portal.run([]() -> asio::awaitable<std::thread::id> {
        co_await twice_later(1);
        co_return std::this_thread::get_id();
    });
    CHECK(ran_on == context.thread_id());
}

TEST_CASE("The tasks of a portal run one at a time, however many threads there are") {
    asio::thread_pool pool(4);
    BlockingPortal portal(pool);
    std::atomic<int> running = 0;
    std::atomic<bool> overlapped = false;
    int steps = 0;
    auto const task = [&]() -> asio::awaitable<void> {
        for (int i = 0; i < 100; ++i) {
            if (++running > 1)
                overlapped = true;
            ++steps;
            std::this_thread::yield();
            --running;
            co_await asio::post(asio::use_awaitable);
        }
    };
    std::vector<std::future<void>> futures;
    for (int i = 0; i < 20; ++i)
        futures.push_back(portal.run_as_future(task));
    for (auto& future : futures)
        future.get();
    CHECK(!overlapped);
    CHECK(steps == 2000);
}

TEST_CASE("Functions called through a portal do not run beside its tasks") {
    asio::thread_pool pool(4);
    BlockingPortal portal(pool);
    int count = 0;
    std::vector<std::jthread> callers;
    for (int i = 0; i < 4; ++i)
        callers.emplace_back([&] {
            for (int k = 0; k < 250; ++k)
                portal.call([&] { ++count; });
        });
    callers.clear();
    CHECK(count == 1000);
}

TEST_CASE("What is posted to a portal's executor does not run beside its tasks") {
    asio::thread_pool pool(4);
    BlockingPortal portal(pool);
    int count = 0;
    for (int i = 0; i < 500; ++i) {
        asio::post(portal.get_executor(), [&] { ++count; });
        portal.start_soon([&]() -> asio::awaitable<void> {
            ++count;
            co_return;
        });
    }
    CHECK(portal.call([&] { return count; }) == 1000);
}

TEST_CASE("Two portals of a pool are independent") {
    asio::thread_pool pool(2);
    BlockingPortal a(pool);
    BlockingPortal b(pool);
    CHECK(a.call([&] { return b.run(twice(21)); }) == 42);
}

TEST_CASE("A call waits for a loop that does not turn yet") {
    asio::io_context context;
    BlockingPortal portal(context);
    auto const work = asio::make_work_guard(context);
    std::promise<int> result;
    std::jthread const caller([&] { result.set_value(portal.run(twice(21))); });
    auto future = result.get_future();
    while (future.wait_for(0s) != std::future_status::ready)
        context.run_one_for(1ms);
    CHECK(future.get() == 42);
}

TEST_CASE("A portal that was never used closes without a turn of its loop") {
    asio::io_context context;
    BlockingPortal portal(context);
    portal.close();
    CHECK(code_of([&] { portal.run(nothing()); }) == Errc::runner_closed);
}

TEST_CASE("A portal with nothing under way closes without a turn of its loop") {
    asio::io_context context;
    BlockingPortal portal(context);
    auto future = portal.run_as_future(twice(21));
    context.run();
    CHECK(future.get() == 42);
    portal.close();
}

TEST_CASE("A portal leaves its loop as it was") {
    RunningContext context;
    {
        BlockingPortal(context.get()).run(nothing());
    }
    std::promise<void> ran;
    asio::post(context.get(), [&] { ran.set_value(); });
    CHECK(ran.get_future().wait_for(1min) == std::future_status::ready);
}

TEST_CASE("A portal does not keep its loop running") {
    asio::io_context context;
    BlockingPortal portal(context);
    auto future = portal.run_as_future(twice_later(21));
    context.run();
    CHECK(context.stopped());
    CHECK(future.get() == 42);
}

TEST_CASE("A closed portal has no executor") {
    RunningContext context;
    BlockingPortal portal(context.get());
    portal.close();
    CHECK(code_of([&] { portal.get_executor(); }) == Errc::runner_closed);
}

TEST_CASE("Closing cancels what runs on the portal, and nothing else") {
    RunningContext context;
    BlockingPortal portal(context.get());
    BlockingPortal other(context.get());
    Gate started;
    Gate release;
    auto cancelled = portal.run_as_future(forever(started));
    auto untouched = other.run_as_future(release.passed());
    started.wait();
    portal.close();
    CHECK(code_of([&] { cancelled.get(); }) == Errc::runner_closed);
    release.open();
    untouched.get();
}

TEST_CASE("A call that waits when the io_context is destroyed fails") {
    MortalContext context;
    BlockingPortal portal(context.get(), Options().name("door"));
    Gate started;
    std::promise<std::string> message;
    std::jthread const caller([&] {
        message.set_value(message_of<std::system_error>([&] { portal.run(forever(started)); }));
    });
    context.run_until(started);
    context.destroy();
    CHECK(message.get_future().get() == "door: the event loop failed");
}

TEST_CASE("Every kind of call fails when the io_context is destroyed") {
    MortalContext context;
    BlockingPortal portal(context.get());
    std::stop_source source;
    Gate all_have_started;
    int started = 0;
    auto const wait = [&]() -> asio::awaitable<void> {
        if (++started == 5)
            all_have_started.open();
        co_await forever();
    };
    std::vector<std::future<std::error_code>> errors;
    auto const start = [&](auto call) {
        errors.push_back(std::async(std::launch::async, [call] { return code_of(call); }));
    };
    auto future = portal.run_as_future(wait);
    start([&] { portal.run(wait); });
    start([&] { portal.run(wait, source.get_token()); });
    start([&] { portal.run_for(1h, wait); });
    start([&] { portal.run_interruptible(wait); });
    context.run_until(all_have_started);
    context.destroy();
    for (auto& error : errors)
        CHECK(error.get() == Errc::loop_failed);
    CHECK(code_of([&] { future.get(); }) == Errc::loop_failed);
    CHECK(Tracked::alive() == 0);
}

TEST_CASE("The loss of a background task with its io_context is reported") {
    ErrorLog log;
    MortalContext context;
    BlockingPortal portal(context.get(), Options().on_error(log.handler()));
    portal.start_soon(forever());
    context.destroy();
    CHECK(log.errors().size() == 1);
}

TEST_CASE("A call that was not begun when the io_context is destroyed fails") {
    MortalContext context;
    BlockingPortal portal(context.get());
    auto future = portal.run_as_future([capture = Tracked()] { return nothing(); });
    context.destroy();
    CHECK(code_of([&] { future.get(); }) == Errc::loop_failed);
    CHECK(Tracked::alive() == 0);
}

TEST_CASE("A portal whose io_context was destroyed under it fails every later call") {
    MortalContext context;
    BlockingPortal portal(context.get());
    auto future = portal.run_as_future(forever());
    context.destroy();
    CHECK(code_of([&] { future.get(); }) == Errc::loop_failed);
    CHECK(code_of([&] { portal.run(nothing()); }) == Errc::loop_failed);
    CHECK(code_of([&] { portal.run_for(1h, nothing()); }) == Errc::loop_failed);
    CHECK(code_of([&] { portal.run_interruptible(nothing()); }) == Errc::loop_failed);
    CHECK(code_of([&] { portal.call([] {}); }) == Errc::loop_failed);
    CHECK(code_of([&] { return portal.run_as_future(nothing()); }) == Errc::loop_failed);
    CHECK(code_of([&] { portal.start_soon(nothing()); }) == Errc::loop_failed);
}

TEST_CASE("A portal with nothing under way notices that its io_context was destroyed") {
    MortalContext context;
    BlockingPortal portal(context.get());
    context.destroy();
    CHECK(code_of([&] { portal.run(nothing()); }) == Errc::loop_failed);
    CHECK(code_of([&] { portal.call([] {}); }) == Errc::loop_failed);
    portal.close();
}

TEST_CASE("A portal whose io_context was destroyed under it can be closed") {
    MortalContext context;
    BlockingPortal portal(context.get());
    auto future = portal.run_as_future(forever());
    context.destroy();
    portal.close();
    CHECK(code_of([&] { future.get(); }) == Errc::loop_failed);
}

TEST_CASE("close() says that nobody turns the loop of the portal's host") {
    MortalContext context;
    BlockingPortal portal(context.get(), Options().close_timeout(1ms));
    portal.start_soon(forever());
    auto const message = message_of<std::system_error>([&] { portal.close(); });
    context.destroy();
    portal.close();
    CHECK_THAT(message, Catch::Matchers::ContainsSubstring("its host does not turn the loop"));
}

TEST_CASE(
    "A context that is entered when the io_context is destroyed does not keep close waiting") {
    struct Context {
        asio::awaitable<void> aenter() { co_return; }
        asio::awaitable<void> aexit(std::exception_ptr) { co_return; }
    };
    MortalContext context;
    BlockingPortal portal(context.get());
    Gate entered;
    std::jthread runner([&] { context.run_until(entered); });
    portal.enter_context([] { return Context(); });
    entered.open();
    runner.join();
    context.destroy();
    portal.close();
    SUCCEED();
}
