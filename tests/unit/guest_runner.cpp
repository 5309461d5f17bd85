// GuestRunner: coroutines on the thread of a loop that knows nothing of them.

#include "support/audit.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/host_queue.hpp"
#include "support/tasks.hpp"
#include <syncopate/error.hpp>
#include <syncopate/guest_runner.hpp>
#include <syncopate/options.hpp>
#include <syncopate/to_thread.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/connect_pipe.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/readable_pipe.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/writable_pipe.hpp>
#include <boost/asio/write.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include <sys/wait.h>
#include <unistd.h>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using syncopate::DeadlockError;
using syncopate::Errc;
using syncopate::GuestRunner;
using syncopate::Options;

/// A main loop as a game has one.
class Host {
public:
    Host() = default;
    Host(Host const&) = delete;
    Host& operator=(Host const&) = delete;
    ~Host() { queue_->end(); }

    void post(std::function<void()> function) { queue_->push(std::move(function)); }
    auto poster() { return queue_->poster(); }

    std::function<void()> take_last() {
        std::lock_guard const lock(queue_->mutex);
        auto function = std::move(queue_->functions.back());
        queue_->functions.pop_back();
        return function;
    }

    /// Waits for one function, and calls it.
    void turn() {
        std::unique_lock lock(queue_->mutex);
        queue_->changed.wait(lock, [this] { return !queue_->functions.empty(); });
        auto const function = std::move(queue_->functions.front());
        queue_->functions.pop_front();
        lock.unlock();
        function();
    }
    template <class Done>
    void turn_until(Done done) {
        while (!done())
            turn();
    }
    void drop_all() { queue_->drop_all(); }

private:
    std::shared_ptr<HostQueue> const queue_ = std::make_shared<HostQueue>();
};

/// One that turns on a thread of its own.
struct RunningHost : Host {
    ~RunningHost() { stop(); }
    /// What comes later is queued, and neither called nor dropped.
    void stop() {
        if (!thread.joinable())
            return;
        post([this] { is_over = true; });
        thread.join();
    }
    bool is_over = false;
    std::thread thread{[this] { turn_until([this] { return is_over; }); }};
};

asio::awaitable<std::string> through_pipe() {
    auto const executor = co_await asio::this_coro::executor;
    asio::readable_pipe from(executor);
    asio::writable_pipe to(executor);
    asio::connect_pipe(from, to);
    co_await asio::async_write(to, asio::buffer("ping", 4), asio::use_awaitable);
    std::string text(4, ' ');
    auto const count = co_await from.async_read_some(asio::buffer(text), asio::use_awaitable);
    text.resize(count);
    co_return text;
}

}  // namespace

TEST_CASE("Tasks run on the thread of the host, with timers, input and workers") {
    RunningHost host;
    auto const thread = host.thread.get_id();
    GuestRunner guest(host.poster());
    bool const was_there = guest.run([&]() -> asio::awaitable<bool> {
        bool there = std::this_thread::get_id() == thread;
        co_await sleep_for(1ms);
        there = there && std::this_thread::get_id() == thread;
        auto function = [] { return std::this_thread::get_id(); };
        auto const worker = co_await syncopate::to_thread(std::move(function));
        co_return there&& worker != thread&& std::this_thread::get_id() == thread;
    });
    CHECK(was_there);
    CHECK(guest.run(through_pipe()) == "ping");
    CHECK(guest.call([] { return std::this_thread::get_id(); }) == thread);
    CHECK_THROWS_AS(
        guest.run([]() -> asio::awaitable<void> {
            co_await twice_later(1);
            throw std::domain_error("own");
        }),
        std::domain_error);
    CHECK(code_of([&] { guest.run_for(1ms, forever()); }) == Errc::timed_out);
    guest.close();
    CHECK(code_of([&] { guest.run(twice(1)); }) == Errc::runner_closed);
}

TEST_CASE("On the host's thread a blocking call is refused, and what does not block works") {
    Host host;
    GuestRunner guest(host.poster());
    CHECK_THROWS_AS(guest.run(twice(1)), DeadlockError);
    auto future = guest.run_as_future([&]() -> asio::awaitable<int> {
        auto const refused = message_of<DeadlockError>([&] { guest.run(twice(1)); });
        co_await sleep_for(1ms);
        co_return refused.empty() ? 0 : 1;
    });
    host.turn_until([&] { return future.wait_for(0s) == std::future_status::ready; });
    CHECK(future.get() == 1);
    CHECK_THROWS_AS(guest.run(twice(1)), DeadlockError);
}

TEST_CASE("With a turn of the host a blocking call on its thread turns its loop") {
    Host host;
    int ticks = 0;
    GuestRunner guest(host.poster(), [&] { host.turn(); });
    guest.start_soon([&]() -> asio::awaitable<void> {
        for (;;) {
            ++ticks;
            co_await sleep_for(1ms);
        }
    });
    CHECK(guest.run([]() -> asio::awaitable<int> {
        co_await sleep_for(10ms);
        co_return 7;
    }) == 7);
    CHECK(ticks > 1);
    CHECK(code_of([&] { guest.run_for(5ms, forever()); }) == Errc::timed_out);
    guest.close();
    CHECK(code_of([&] { guest.run(twice(1)); }) == Errc::runner_closed);
}

TEST_CASE("The steps of a task share the turns of the host, which is soon asked again") {
    Host host;
    int posts = 0;
    GuestRunner guest(
        [&, post = host.poster()](std::function<void()> function) {
            ++posts;
            post(std::move(function));
        },
        [&] { host.turn(); });
    guest.run([]() -> asio::awaitable<void> {
        for (int i = 0; i < 1000; ++i)
            co_await asio::post(asio::use_awaitable);
    });
    CHECK(posts < 500);

    bool is_over = false;
    bool has_had_its_turn = false;
    guest.start_soon([&]() -> asio::awaitable<void> {
        while (!is_over)
            co_await asio::post(asio::use_awaitable);
    });
    host.turn();  // the task goes on for as long as it is let
    host.post([&] { has_had_its_turn = true; });
    host.turn_until([&] { return has_had_its_turn; });
    is_over = true;
    guest.close();
}

TEST_CASE(
    "A guest that is destroyed on its host's thread does not wait, and unwinds as the host goes on") {
    Host host;
    bool unwound = false;
    std::optional<GuestRunner> guest(std::in_place, host.poster());
    guest->start_soon([&]() -> asio::awaitable<void> {
        Tracked const frame;
        try {
            co_await forever();
        } catch (...) {
            unwound = true;
            throw;
        }
    });
    bool is_destroyed = false;
    host.post([&] {
        guest.reset();
        is_destroyed = true;
    });
    host.turn_until([&] { return is_destroyed && unwound; });
    // What the last handlers have left.
    bool is_over = false;
    host.post([&] { is_over = true; });
    host.turn_until([&] { return is_over; });
    CHECK(unwound);
}

TEST_CASE("A host that ends drops what it was given, and whoever waits is told") {
    ErrorLog log;
    Host host;
    std::optional<GuestRunner> guest(
        std::in_place, host.poster(), std::function<void()>(), Options().on_error(log.handler()));
    Gate started;
    auto waiting = std::async(
        std::launch::async, [&] { return code_of([&] { guest->run(forever(started)); }); });
    host.turn_until([&] { return started.is_open(); });
    guest->start_soon(twice_later(1));  // is in the queue, and never called
    host.drop_all();
    CHECK(waiting.get() == Errc::loop_failed);
    guest.reset();
}

TEST_CASE("What a handler of the host's guest throws is reported, and the host goes on") {
    ErrorLog log;
    RunningHost host;
    GuestRunner guest(host.poster(), {}, Options().on_error(log.handler()));
    asio::post(guest.get_executor(), [] { throw std::runtime_error("posted"); });
    log.wait_for(1);
    CHECK(log.messages().front() == "posted");
    CHECK(guest.run(twice(2)) == 4);
}

TEST_CASE("A host that calls nothing any more is waited for as long as that makes sense") {
    ErrorLog log;
    RunningHost host;
    std::optional<GuestRunner> guest(
        std::in_place, host.poster(), std::function<void()>(), Options().on_error(log.handler()));
    CHECK(guest->run(twice(1)) == 2);
    SECTION("for nothing that has not begun") {
        host.stop();
        CHECK(code_of([&] { guest->run_for(1ms, forever()); }) == Errc::timed_out);
        guest->start_soon(twice_later(1));
        auto const kept = host.take_last();
        guest.reset();
        kept();
        CHECK(log.messages().empty());
    }
    SECTION("for its tasks until close_timeout has passed") {
        guest.emplace(
            host.poster(), std::function<void()>(),
            Options().on_error(log.handler()).close_timeout(1ms));
        Gate started;
        auto future = guest->run_as_future(forever(started));
        guest->run(started.passed());
        host.stop();
        guest.reset();
        CHECK(code_of([&] { future.get(); }) == Errc::loop_failed);
        std::string reported;
        for (auto const& message : log.messages())
            reported += message + '\n';
        CHECK_THAT(
            reported,
            Catch::Matchers::ContainsSubstring("the host does not call functions any more"));
    }
}

TEST_CASE("A host that throws instead of taking a function has ended") {
    ErrorLog log;
    RunningHost host;
    std::atomic<int> throws{0};
    GuestRunner guest(
        [&](std::function<void()> function) {
            if (throws == 2)
                throw std::runtime_error("the window is gone");
            if (throws.exchange(0) == 1)
                throw std::bad_alloc();
            host.post(std::move(function));
        },
        {}, Options().on_error(log.handler()));
    CHECK(guest.run(twice_later(1)) == 2);
    throws = 1;  // without memory it is asked again
    CHECK(guest.run(twice_later(1)) == 2);
    // On the guest's own thread, and on a caller's.
    auto const from_timer = [&]() -> asio::awaitable<void> {
        throws = 2;
        co_await sleep_for(1ms);
    };
    CHECK(code_of([&] { guest.run(from_timer); }) == Errc::loop_failed);
    CHECK(code_of([&] { guest.run(twice(1)); }) == Errc::loop_failed);
    CHECK(log.messages().front() == "the window is gone");
}

TEST_CASE("The child of a fork has no guest, whether that was used or not") {
    Host host;
    bool const is_used = GENERATE(false, true);
    std::optional<GuestRunner> guest(std::in_place, host.poster(), [&] { host.turn(); });
    if (is_used)
        CHECK(guest->run(twice_later(1)) == 2);
    pid_t const child = ::fork();
    if (child == 0) {
        ::alarm(10);
        bool const is_refused = code_of([&] { guest->run(twice(1)); }) == Errc::forked;
        guest.reset();
        ::_exit(is_refused ? 0 : 1);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
    CHECK(guest->run(twice_later(1)) == 2);
}
