// A portal to an io_context that was stopped, or ran out of work: nobody waits for it for ever.

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/blocking_portal.hpp>
#include <syncopate/error.hpp>
#include <syncopate/from_thread.hpp>
#include <syncopate/gather.hpp>
#include <syncopate/options.hpp>
#include <syncopate/to_thread.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <chrono>
#include <exception>
#include <future>
#include <memory>
#include <system_error>
#include <thread>
#include <vector>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using syncopate::BlockingPortal;
using syncopate::Errc;
using syncopate::Options;
using syncopate::to_thread;

/// An io_context that a thread runs, until it is stopped.
class Host {
public:
    ~Host() { stop(); }

    asio::io_context& get() { return context_; }
    void stop() {
        context_.stop();
        if (thread_.joinable())
            thread_.join();
    }
    void restart() {
        context_.restart();
        thread_ = std::thread([this] { context_.run(); });
    }

private:
    asio::io_context context_;
    asio::executor_work_guard<asio::io_context::executor_type> work_{context_.get_executor()};
    std::thread thread_{[this] { context_.run(); }};
};

// What nobody runs any more stays as it is, so nothing here is counted by the audit.

asio::awaitable<void> nap(std::chrono::steady_clock::duration duration) {
    asio::steady_timer timer(co_await asio::this_coro::executor, duration);
    co_await timer.async_wait(asio::use_awaitable);
}
asio::awaitable<void> nap_for_long() {
    return nap(24h);
}
asio::awaitable<void> nap_for_long(Gate& started) {
    started.open();
    co_await nap(24h);
}

/// Writes to its caller's frame when it goes on, and when it is destroyed.
asio::awaitable<void> use_frame_of_caller(Gate& started, int& place) {
    struct Writes {
        int& place;
        ~Writes() { ++place; }
    } const writes{place};
    started.open();
    co_await nap(20ms);
    ++place;
}

/// Stops the host as soon as the task has started.
class StopsHost {
public:
    explicit StopsHost(Host& host)
        : thread_([this, &host] {
              started.wait();
              host.stop();
          }) {}

    Gate started;

private:
    std::jthread thread_;
};

}  // namespace

TEST_CASE("Callers of an io_context that is stopped under them go on with an error") {
    Host host;
    BlockingPortal portal(host.get());
    StopsHost stops(host);
    auto const code_in_thread = [](auto call) {
        return std::async(std::launch::async, [call] { return code_of(call); });
    };
    std::vector<std::future<std::error_code>> codes;
    codes.push_back(code_in_thread([&] { portal.run(nap_for_long()); }));
    codes.push_back(code_in_thread([&] { portal.run_for(1h, nap_for_long()); }));
    codes.push_back(code_in_thread([&] { portal.run_for(300ms, nap_for_long()); }));
    codes.push_back(code_in_thread([&] { portal.run_as_future(nap_for_long()).get(); }));
    codes.push_back(code_in_thread(
        [&] { portal.run(syncopate::gather(nap_for_long(), nap_for_long(stops.started))); }));
    for (auto& code : codes)
        CHECK(code.get() == Errc::loop_failed);
    CHECK(code_of([&] { portal.run(nothing()); }) == Errc::loop_failed);
}

TEST_CASE("What is left of a call in a stopped io_context does not touch its caller's frame") {
    auto host = std::make_unique<Host>();
    {
        BlockingPortal portal(host->get());
        auto place = std::make_unique<int>(0);
        {
            StopsHost stops(*host);
            CHECK(code_of([&] {
                      portal.run(use_frame_of_caller(stops.started, *place));
                  }) == Errc::loop_failed);
        }
        CHECK(*place == 0);
    }
    host->restart();
    std::this_thread::sleep_for(50ms);
    BlockingPortal portal(host->get());
    CHECK(portal.run(twice(21)) == 42);
    portal.close();
    host.reset();
}

TEST_CASE("A call to an io_context that has stopped ends, and later ones run when it does") {
    Host host;
    BlockingPortal portal(host.get());
    host.stop();
    CHECK(code_of([&] { portal.run(nothing()); }) == Errc::loop_failed);
    CHECK(code_of([&] { portal.run_for(1ms, nothing()); }) == Errc::loop_failed);
    CHECK(code_of([&] { portal.call([] {}); }) == Errc::loop_failed);
    host.restart();
    CHECK(portal.run(twice(21)) == 42);
}

TEST_CASE("A call to a pool that was joined or stopped ends") {
    bool const is_stopped = GENERATE(false, true);
    asio::thread_pool pool(2);
    BlockingPortal portal(pool.get_executor());
    REQUIRE(portal.run(twice_later(21)) == 42);
    if (is_stopped)
        pool.stop();
    pool.join();
    CHECK(code_of([&] { portal.run(nothing()); }) == Errc::loop_failed);
    CHECK(code_of([&] { portal.run_for(1h, nothing()); }) == Errc::loop_failed);
    CHECK(code_of([&] { portal.run_as_future(nothing()).get(); }) == Errc::loop_failed);
    CHECK(code_of([&] { portal.call([] {}); }) == Errc::loop_failed);
}

TEST_CASE("A portal to an io_context that has stopped can be closed") {
    Host host;
    BlockingPortal portal(host.get(), Options().on_error([](std::exception_ptr const&) {}));
    Gate started;
    portal.start_soon(nap_for_long(started));
    started.wait();
    host.stop();
    portal.close();
    SUCCEED();
}

TEST_CASE("A host that polls its io_context now and then is not taken for one that has gone") {
    asio::io_context context;
    BlockingPortal portal(context);
    std::atomic<bool> enough = false;
    std::jthread const host([&] {
        while (!enough) {
            context.restart();
            context.poll();
            std::this_thread::sleep_for(10ms);
        }
    });
    CHECK(code_of([&] { portal.run_for(1500ms, nap_for_long()); }) == Errc::timed_out);
    CHECK(portal.run(twice_later(21)) == 42);
    enough = true;
}

TEST_CASE("A caller of an io_context that is stopped waits for its workers") {
    Host host;
    BlockingPortal portal(host.get());
    std::atomic<bool> returned = false;
    {
        StopsHost stops(host);
        auto const work = [&] {
            stops.started.open();
            std::this_thread::sleep_for(1500ms);
            returned = true;
        };
        CHECK(code_of([&] { portal.run(to_thread(work)); }) == Errc::loop_failed);
    }
    CHECK(returned);
}

TEST_CASE("A worker of an io_context that is stopped does not wait for it for ever") {
    Host host;
    BlockingPortal portal(host.get());
    std::atomic<bool> was_told = false;
    StopsHost stops(host);
    auto const work = [&] {
        was_told = code_of([&] { syncopate::from_thread::run(nap_for_long(stops.started)); }) ==
                   Errc::loop_failed;
    };
    CHECK(code_of([&] { portal.run(to_thread(work)); }) == Errc::loop_failed);
    CHECK(was_told);
}
