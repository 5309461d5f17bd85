// Blocking objects for coroutines: what is cancelled, closed, or goes first.

#include "support/audit.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/error.hpp>
#include <syncopate/on_cancel.hpp>
#include <syncopate/on_thread.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/asio/awaitable.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <system_error>
#include <thread>
#include <utility>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using syncopate::Errc;
using syncopate::OnCancel;
using syncopate::OnThread;
using syncopate::ThreadRunner;

/// Knows how often it was used, and tells that it has gone.
struct Device {
    explicit Device(std::shared_ptr<std::atomic<bool>> gone_flag) : gone(std::move(gone_flag)) {}
    Device(Device const&) = delete;
    Device& operator=(Device const&) = delete;
    ~Device() { *gone = true; }

    std::shared_ptr<std::atomic<bool>> const gone;
    int uses = 0;
    Tracked tracked{};
};

int use(Device& device) {
    return ++device.uses;
}

}  // namespace

LOOP_TEST_CASE("A function that waits for its turn is not called once it is cancelled", EveryLoop) {
    Gate release;
    Gate started;
    auto const gone = std::make_shared<std::atomic<bool>>(false);
    OnThread<Device> device{gone};
    ThreadRunner elsewhere;
    AnyLoop loop;
    auto blocked = elsewhere.run_as_future(device.run([&](Device& d) {
        started.open();
        release.wait();
        return use(d);
    }));
    started.wait();
    CHECK(code_of([&] { loop.runner.run_for(1ms, device.run(use)); }) == Errc::timed_out);
    release.open();
    CHECK(blocked.get() == 1);
    CHECK(loop.runner.run(device.run(use)) == 2);
}

LOOP_TEST_CASE("A cancelled task waits for its function, or leaves it alone", EveryLoop) {
    auto const release = std::make_shared<Gate>();
    auto const gone = std::make_shared<std::atomic<bool>>(false);
    OnThread<Device> device{gone};
    AnyLoop loop;
    std::atomic<bool> has_ended{false};
    Gate started;
    auto const last_long = [&](Device& d) {
        started.open();
        std::this_thread::sleep_for(30ms);
        has_ended = true;
        return use(d);
    };
    CHECK(code_of([&] {
              run_and_stop(loop.runner, started, device.run(last_long));
          }) == Errc::cancelled);
    CHECK(has_ended);
    auto const also_started = std::make_shared<Gate>();
    auto const wait = [also_started, release](Device& d) {
        also_started->open();
        release->wait();
        return use(d);
    };
    CHECK(code_of([&] {
              run_and_stop(loop.runner, *also_started, device.run(wait, OnCancel::abandon));
          }) == Errc::cancelled);
    // Its thread still has the object.
    CHECK(code_of([&] { loop.runner.run_for(20ms, device.run(use)); }) == Errc::timed_out);
    release->open();
    CHECK(loop.runner.run(device.run(use)) == 3);
}

TEST_CASE("An object that is closed ends what waits for its turn, and is gone then") {
    Gate started;
    Gate release;
    auto const gone = std::make_shared<std::atomic<bool>>(false);
    OnThread<Device> device{gone};
    ThreadRunner runner;
    auto first = runner.run_as_future(device.run([&](Device& d) {
        started.open();
        release.wait();
        return use(d);
    }));
    started.wait();
    auto second = runner.run_as_future(device.run(use));
    runner.run(nothing());
    std::jthread const releaser([&] {
        std::this_thread::sleep_for(10ms);
        release.open();
    });
    device.close();
    CHECK(*gone);
    CHECK(first.get() == 1);
    CHECK(code_of([&] { second.get(); }) == Errc::runner_closed);
    CHECK(code_of([&] { runner.run(device.run(use)); }) == Errc::runner_closed);
}

LOOP_TEST_CASE("A runner may end first, and another use the object", EveryLoop) {
    auto const gone = std::make_shared<std::atomic<bool>>(false);
    OnThread<Device> device{gone};
    {
        AnyLoop loop;
        auto const stay = [](Device& d) {
            std::this_thread::sleep_for(10ms);
            return use(d);
        };
        loop.runner.start_soon(device.run(stay));
        CHECK(loop.runner.run(device.run(use)) >= 1);
        loop.runner.start_soon(device.run(stay));
    }
    CHECK(!*gone);
    AnyLoop other;
    CHECK(other.runner.run(device.run(use)) >= 2);
}

LOOP_TEST_CASE("A task may own the object that it uses, and end where it waits for it", EveryLoop) {
    auto const gone = std::make_shared<std::atomic<bool>>(false);
    AnyLoop loop;
    auto const own = [&]() -> asio::awaitable<int> {
        OnThread<Device> device{gone};
        static_cast<void>(co_await device.run(use));
        co_return co_await device.run([](Device& d) {
            std::this_thread::sleep_for(20ms);
            return use(d);
        });
    };
    CHECK(loop.runner.run(own) == 2);
    CHECK(*gone);
    *gone = false;
    CHECK(code_of([&] { loop.runner.run_for(5ms, own); }) == Errc::timed_out);
    // It may not have come as far as to make one.
    CHECK(Tracked::alive() == 0);
}

TEST_CASE("An object cannot be closed by its own thread") {
    auto const gone = std::make_shared<std::atomic<bool>>(false);
    OnThread<Device> device{gone};
    ThreadRunner runner;
    auto const close = [&](Device&) { device.close(); };
    CHECK_THROWS_AS(runner.run(device.run(close)), syncopate::DeadlockError);
    CHECK(runner.run(device.run(use)) == 1);
}

LOOP_TEST_CASE("An object may go on its own thread, with the function that owns it", EveryLoop) {
    auto const gone = std::make_shared<std::atomic<bool>>(false);
    AnyLoop loop;
    auto device = std::make_shared<OnThread<Device>>(gone);
    auto& used = *device;
    auto last_use = [device = std::move(device)](Device& d) mutable {
        device.reset();
        return use(d);
    };
    CHECK(loop.runner.run(used.run(std::move(last_use))) == 1);
    // Its thread ends by itself, and with it goes the object.
    for (int i = 0; i < 10'000 && !*gone; ++i)
        std::this_thread::sleep_for(1ms);
    CHECK(*gone);
}

LOOP_TEST_CASE(
    "An object that is closed on a loop ends what waits there, and later uses", EveryLoop) {
    Gate started;
    auto const gone = std::make_shared<std::atomic<bool>>(false);
    AnyLoop loop;
    OnThread<Device> device{gone};
    ThreadRunner elsewhere;
    auto running = elsewhere.run_as_future(device.run([&](Device& d) {
        started.open();
        std::this_thread::sleep_for(10ms);
        return use(d);
    }));
    started.wait();
    loop.runner.start_soon([&]() -> asio::awaitable<void> {
        device.close();  // waits for the other loop's function, and holds up this one meanwhile
        co_return;
    });
    CHECK(code_of([&] { loop.runner.run(device.run(use)); }) == Errc::runner_closed);
    CHECK(*gone);
    CHECK(running.get() == 1);
}
