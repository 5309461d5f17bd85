// Options::on_stall: a loop that is blocked, and a task that does not heed its cancellation, are told of once.
#include "support/audit.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/gather.hpp>
#include <syncopate/label.hpp>
#include <syncopate/options.hpp>
#include <syncopate/runner_base.hpp>
#include <syncopate/stall.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <future>
#include <mutex>
#include <source_location>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using syncopate::label;
using syncopate::Options;
using syncopate::Stall;
using Kind = syncopate::Stall::Kind;

/// Takes stalls on the watching thread.
class Stalls {
public:
    /// Longer than a busy machine lets a thread wait for a processor.
    static constexpr auto usual = 100ms;

    Options options(std::chrono::milliseconds threshold = usual) {
        return Options().on_stall(threshold, [this](Stall const& stall) {
            std::lock_guard const lock(mutex_);
            all_.push_back(stall);
            more_.notify_all();
        });
    }

    /// Waits for the first of them.
    Stall first() {
        std::unique_lock lock(mutex_);
        more_.wait(lock, [this] { return !all_.empty(); });
        return all_.front();
    }

    std::vector<Stall> all() {
        std::lock_guard const lock(mutex_);
        return all_;
    }

private:
    std::mutex mutex_;
    std::condition_variable more_;
    std::vector<Stall> all_;
};

bool is_watched() {
    for (auto const& thread : std::filesystem::directory_iterator("/proc/self/task")) {
        std::ifstream comm(thread.path() / "comm");
        std::string name;
        if (std::getline(comm, name) && name == "syncopate watch")
            return true;
    }
    return false;
}

asio::awaitable<void> block_until(Gate& release) {
    release.wait();
    co_return;
}

}  // namespace

LOOP_TEST_CASE("on_stall names the task that blocks the loop, once", EveryLoop) {
    Stalls stalls;
    AnyLoop loop(stalls.options());
    Gate release;
    std::thread releaser([&] {
        stalls.first();
        std::this_thread::sleep_for(2 * Stalls::usual);
        release.open();
    });
    auto const line = std::source_location::current().line() + 1;
    loop.runner.run(label("culprit", block_until(release)));
    releaser.join();
    auto const all = stalls.all();
    REQUIRE(all.size() == 1);
    CHECK(all[0].kind == Kind::loop_blocked);
    CHECK(all[0].label == "culprit");
    CHECK(all[0].duration >= Stalls::usual);
    CHECK(all[0].location.line() == line);
}

LOOP_TEST_CASE("on_stall names the function that blocks the loop", EveryLoop) {
    Stalls stalls;
    AnyLoop loop(stalls.options());
    auto const line = std::source_location::current().line() + 1;
    loop.runner.call([&] { stalls.first(); });
    CHECK(stalls.first().kind == Kind::loop_blocked);
    CHECK(stalls.first().location.line() == line);
}

LOOP_TEST_CASE("on_stall names the task that Asio has resumed, and none that waits", EveryLoop) {
    Stalls stalls;
    AnyLoop loop(stalls.options());
    loop.runner.start_soon(label("waits", sleep_for(1h)));
    auto block_later = [&]() -> asio::awaitable<void> {
        co_await sleep_for(1ms);
        stalls.first();
    };
    loop.runner.run(label("culprit", [&]() -> asio::awaitable<void> {
        co_await syncopate::gather(sleep_for(1ms), block_later);
    }));
    CHECK(stalls.first().label == "culprit");
}

LOOP_TEST_CASE("on_stall names the task that nobody waits for, and that has no label", EveryLoop) {
    Stalls stalls;
    AnyLoop loop(stalls.options());
    loop.runner.start_soon(sleep_for(1h));
    auto block_later = [&]() -> asio::awaitable<void> {
        co_await sleep_for(1ms);
        stalls.first();
    };
    auto const line = std::source_location::current().line() + 1;
    auto blocked = loop.runner.run_as_future(block_later);
    while (blocked.wait_for(0s) != std::future_status::ready)
        loop.runner.run(nothing());
    CHECK(stalls.first().location.line() == line);
}

TEST_CASE("on_stall blames no task for a handler that the library does not know") {
    Stalls stalls;
    syncopate::ThreadRunner runner(stalls.options());
    runner.start_soon(label("waits", sleep_for(1h)));
    runner.run(nothing());
    asio::post(runner.get_loop(), [&] { stalls.first(); });
    CHECK(stalls.first().kind == Kind::loop_blocked);
    CHECK(stalls.first().label.empty());
}

LOOP_TEST_CASE("Each blockage is told of", TurningLoops) {
    Stalls stalls;
    AnyLoop loop(stalls.options());
    for (std::size_t count = 1; count <= 2; ++count)
        loop.runner.call([&] {
            while (stalls.all().size() < count)
                std::this_thread::sleep_for(1ms);
        });
    CHECK(stalls.all().size() == 2);
}

LOOP_TEST_CASE("on_stall names the task that goes on after it was cancelled", EveryLoop) {
    Stalls stalls;
    Gate started;
    Gate cancelled;
    Gate release;
    AnyLoop loop(stalls.options());
    std::jthread const releaser([&] {
        stalls.first();
        release.open();
    });
    CHECK(code_of([&] {
              loop.runner.run_for(1ms, label("slow", unwind_slowly(started, cancelled, release)));
          }) == syncopate::Errc::timed_out);
    auto all = stalls.all();
    std::erase_if(all, [](auto const& stall) { return stall.kind == Kind::loop_blocked; });
    REQUIRE(all.size() == 1);  // besides what a busy machine holds up
    CHECK(all[0].label == "slow");
}

LOOP_TEST_CASE("A loop that is idle or waits is no stall", EveryLoop) {
    Stalls stalls;
    AnyLoop loop(stalls.options(200ms));
    loop.runner.run(sleep_for(450ms));
    std::this_thread::sleep_for(450ms);
    CHECK(stalls.all().empty());
}

TEST_CASE("What on_stall throws is harmless") {
    Gate called;
    syncopate::ThreadRunner runner(Options().on_stall(10ms, [&](Stall const&) {
        called.open();
        throw std::runtime_error("from on_stall");
    }));
    runner.call([&] { called.wait(); });
    CHECK(runner.run(twice(21)) == 42);
}

TEST_CASE("on_stall may look at its runner, and is not called after that is gone") {
    std::string text;
    {
        Gate called;
        syncopate::ThreadRunner* watched = nullptr;
        syncopate::ThreadRunner runner(Options().on_stall(10ms, [&](Stall const&) {
            text = std::to_string(watched->tasks().size());
            called.open();
        }));
        watched = &runner;
        runner.call([&] { called.wait(); });
    }
    CHECK(text == "1");
}

TEST_CASE("One thread watches all runners, and only while there are any") {
    CHECK_FALSE(is_watched());
    {
        Stalls stalls;
        syncopate::ThreadRunner const first(stalls.options());
        syncopate::ThreadRunner const second(stalls.options());
        while (!is_watched())
            std::this_thread::yield();
    }
    CHECK_FALSE(is_watched());
    {
        Stalls stalls;
        syncopate::ThreadRunner runner(stalls.options());
        runner.call([&] { stalls.first(); });
    }
    CHECK_FALSE(is_watched());
}

TEST_CASE("Runners that are watched come and go on several threads") {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([] {
            for (int round = 0; round < 50; ++round) {
                syncopate::ThreadRunner runner(Options().on_stall(1s, [](Stall const&) {}));
                runner.run(nothing());
            }
        });
    threads.clear();
    CHECK_FALSE(is_watched());
}
