// Asynchronous objects for synchronous code, blocking objects for coroutines, and tasks that go on once they are ready.

#include "support/audit.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/groups.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/context_var.hpp>
#include <syncopate/error.hpp>
#include <syncopate/gather.hpp>
#include <syncopate/on_loop.hpp>
#include <syncopate/on_thread.hpp>
#include <syncopate/options.hpp>
#include <syncopate/ready.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using syncopate::Errc;
using syncopate::gather;
using syncopate::OnLoop;
using syncopate::OnThread;
using syncopate::Options;
using syncopate::Ready;
using syncopate::ThreadRunner;

using ThreadId = std::thread::id;

// As Beast's websocket::stream: it says that it can be made of nothing, and cannot.
struct TakesAnything {
    using executor_type = asio::any_io_executor;
    template <class... Args>
    explicit TakesAnything(Args const&... args) : executor(args...) {
        static_assert(sizeof...(Args) == 1);
    }
    asio::any_io_executor executor;
};

// Knows on which thread it is made, and tells on which it is destroyed. Cannot be moved.
class Counter {
public:
    Counter(ThreadId& destroyed_on, std::unique_ptr<int> start)
        : destroyed_on_(destroyed_on), number_(*start) {
        if (number_ < 0)
            throw std::domain_error("negative");
    }
    Counter(Counter const&) = delete;
    Counter& operator=(Counter const&) = delete;
    ~Counter() { destroyed_on_ = std::this_thread::get_id(); }

    int add(int number) { return number_ += number; }
    asio::awaitable<int> add_later(int number) {
        co_await twice_later(1);
        co_return number_ += number;
    }
    ThreadId made_on() const { return made_on_; }

private:
    ThreadId& destroyed_on_;
    ThreadId const made_on_ = std::this_thread::get_id();
    int number_;
    Tracked tracked_;
};

}  // namespace

LOOP_TEST_CASE("start returns when the task is ready, and the task goes on", EveryLoop) {
    ErrorLog log;
    Gate release;
    AnyLoop loop(Options().on_error(log.handler()));
    auto& runner = loop.runner;
    auto const serve = [&](Ready<std::unique_ptr<int>> ready) -> asio::awaitable<void> {
        co_await twice_later(1);
        ready(std::make_unique<int>(7));
        ready(std::make_unique<int>(8));
        co_await release.passed();
        throw std::runtime_error("after it was ready");
    };
    CHECK(*runner.start<std::unique_ptr<int>>(serve) == 7);
    CHECK(runner.tasks().size() == 1);
    release.open();
    while (log.messages().empty())
        runner.run(twice_later(1));
    CHECK(log.messages() == std::vector<std::string>{"after it was ready"});

    CHECK(message_of<std::runtime_error>([&] {
              runner.start<int>([](Ready<int>) { return fail_later("before"); });
          }) == "before");
    CHECK(code_of([&] {
              runner.start<void>([](Ready<void>) { return nothing(); });
          }) == Errc::never_ready);
    std::optional<Ready<void>> kept;
    runner.start<void>([&](Ready<void> ready) -> asio::awaitable<void> {
        kept = ready;
        ready();
        co_await forever();
    });
    runner.close();
    (*kept)();
    CHECK(log.messages().size() == 1);
    CHECK(code_of([&] {
              runner.start<void>([](Ready<void>) { return nothing(); });
          }) == Errc::runner_closed);
}

TEST_CASE("A runner that is closed ends a start, and on its own loop that is refused") {
    Gate started;
    ThreadRunner runner;
    std::jthread const closer([&] {
        started.wait();
        runner.close();
    });
    auto const never = [&](Ready<int>) { return forever(started); };
    CHECK_THROWS_AS(runner.call([&] { runner.start<int>(never); }), syncopate::DeadlockError);
    CHECK(code_of([&] { runner.start<int>(never); }) == Errc::runner_closed);
}

LOOP_TEST_CASE("OnLoop makes, uses and destroys its object on the loop", EveryLoop) {
    ThreadId destroyed_on;
    AnyLoop loop;
    {
        OnLoop<Counter> counter{loop.runner, destroyed_on, std::make_unique<int>(1)};
        CHECK(counter.run([](Counter& c) { return c.add_later(2); }) == 3);
        CHECK(counter.call([](Counter& c) { return c.add(4); }) == 7);
        counter.call([](Counter& c) -> Counter& { return c; }).add(1);
        auto const add = [](Counter& c) { return c.add_later(2); };
        CHECK(counter.run_for(1h, add) == 10);
        CHECK(code_of([&] {
                  counter.run_for(1ms, [](Counter&) { return forever(); });
              }) == Errc::timed_out);
        auto future = counter.run_as_future(add);
        CHECK(counter.run(add) == 14);
        CHECK(future.get() == 12);
        std::stop_source stop;
        stop.request_stop();
        CHECK(code_of([&] {
                  static_cast<void>(counter.run_as_future(add, stop.get_token()));
              }) == Errc::cancelled);
        CHECK(destroyed_on == ThreadId());
    }
    CHECK(destroyed_on != ThreadId());
    CHECK_THROWS_AS(
        (OnLoop<Counter>{loop.runner, destroyed_on, std::make_unique<int>(-1)}), std::domain_error);
    // Where there is no such constructor, the executor comes first.
    OnLoop<TakesAnything> taker{loop.runner};
    CHECK(taker.call([](TakesAnything& object) { return object.executor == nullptr; }) == false);
    OnLoop<asio::steady_timer> timer{loop.runner, 1ms};
    timer.run([](asio::steady_timer& t) { return t.async_wait(asio::deferred); });
}

TEST_CASE("The object of an OnLoop goes with its runner, if that goes first") {
    ThreadId destroyed_on;
    auto runner = std::make_unique<ThreadRunner>();
    auto const loop_thread = loop_thread_of(*runner);
    OnLoop<Counter> counter{*runner, destroyed_on, std::make_unique<int>(1)};
    CHECK(counter.call([](Counter& c) { return c.made_on(); }) == loop_thread);
    auto unfinished = counter.run_as_future([](Counter&) { return forever(); });
    runner->close();
    CHECK(destroyed_on == loop_thread);
    CHECK(code_of([&] { unfinished.get(); }) == Errc::runner_closed);
    CHECK(code_of([&] { counter.call([](Counter&) {}); }) == Errc::runner_closed);
    runner.reset();
    CHECK(code_of([&] {
              counter.run([](Counter& c) { return c.add_later(1); });
          }) == Errc::runner_closed);
}

TEST_CASE("A task keeps the object that it uses, when its OnLoop goes") {
    Gate release;
    ThreadId destroyed_on;
    ThreadRunner runner;
    std::optional<OnLoop<Counter>> counter;
    counter.emplace(runner, destroyed_on, std::make_unique<int>(1));
    auto using_it = counter->run_as_future([&](Counter& c) -> asio::awaitable<int> {
        co_await release.passed();
        co_return c.add(1);
    });
    runner.run(nothing());
    counter->close();
    CHECK(code_of([&] { counter->call([](Counter&) {}); }) == Errc::runner_closed);
    counter.reset();
    CHECK(destroyed_on == ThreadId());
    release.open();
    CHECK(using_it.get() == 2);
    runner.close();
    CHECK(destroyed_on != ThreadId());
}

LOOP_TEST_CASE("What OnLoop starts in the background ends before the object does", EveryLoop) {
    static syncopate::ContextVar<int> number;
    ErrorLog log;
    ThreadId destroyed_on;
    int ended = 0;
    AnyLoop loop(Options().on_error(log.handler()));
    auto const add_and_stay = [&](Counter& c) -> asio::awaitable<void> {
        struct AtEnd {
            ~AtEnd() { ended += destroyed_on == ThreadId() ? 1 : 100; }
            int& ended;
            ThreadId& destroyed_on;
        } const at_end{ended, destroyed_on};
        c.add(number.get());
        co_await forever();
    };
    {
        OnLoop<Counter> counter{loop.runner, destroyed_on, std::make_unique<int>(1)};
        auto const scope = number.set(4);
        counter.start_soon(add_and_stay);
        CHECK(counter.call([](Counter& c) { return c.add(0); }) == 5);
        counter.start_soon([](Counter&) { return fail_later("alone"); });
        counter.start_soon([](Counter& c) { return c.add_later(1); });
        counter.start_soon([](Counter&) -> asio::awaitable<void> {
            throw std::system_error(make_error_code(asio::error::operation_aborted));
            co_return;
        });
        while (log.messages().empty() || counter.call([](Counter& c) { return c.add(0); }) != 6)
            loop.runner.run(twice_later(1));
        CHECK(ended == 0);
    }
    CHECK(ended == 1);
    CHECK(log.messages() == std::vector<std::string>{"alone"});

    destroyed_on = ThreadId();
    OnLoop<Counter> counter{loop.runner, destroyed_on, std::make_unique<int>(1)};
    counter.start_soon(add_and_stay);
    counter.close();
    CHECK(ended == 2);
    CHECK(code_of([&] { counter.start_soon(add_and_stay); }) == Errc::runner_closed);
    destroyed_on = ThreadId();
    OnLoop<Counter> other{loop.runner, destroyed_on, std::make_unique<int>(1)};
    other.start_soon(add_and_stay);
    loop.runner.close();
    CHECK(ended == 3);
    CHECK(code_of([&] { other.start_soon(add_and_stay); }) == Errc::runner_closed);
    CHECK(log.messages().size() == 1);
}

LOOP_TEST_CASE("OnThread uses its object on one thread, which is its own", EveryLoop) {
    ThreadId destroyed_on;
    AnyLoop loop;
    auto& runner = loop.runner;
    auto const here = [](Counter& c) {
        return c.made_on() == std::this_thread::get_id() ? c.made_on() : ThreadId();
    };
    ThreadId thread;
    {
        OnThread<Counter> counter{std::ref(destroyed_on), std::make_unique<int>(1)};
        thread = runner.run(counter.run(here));
        CHECK(thread != std::this_thread::get_id());
        CHECK(thread != runner.call([] { return std::this_thread::get_id(); }));
        std::vector<asio::awaitable<int>> additions;
        for (int i = 1; i <= 100; ++i)
            additions.push_back(counter.run([](Counter& c) { return c.add(1); }));
        auto const sums = runner.run(gather(std::move(additions)));
        for (std::size_t i = 0; i < sums.size(); ++i)
            CHECK(sums[i] == static_cast<int>(i) + 2);
        auto const fails = [](Counter&) -> int { throw std::domain_error("failed"); };
        CHECK_THROWS_AS(runner.run(counter.run(fails)), std::domain_error);
        CHECK(runner.run(counter.run(here)) == thread);
        CHECK(destroyed_on == ThreadId());
    }
    CHECK(destroyed_on == thread);

    OnThread<Counter> negative{std::ref(destroyed_on), std::make_unique<int>(-1)};
    for (int i = 0; i < 2; ++i)
        CHECK_THROWS_AS(runner.run(negative.run(here)), std::domain_error);
    negative.close();
    CHECK(code_of([&] { runner.run(negative.run(here)); }) == Errc::runner_closed);
    OnThread<std::string> const unused{"never made"};
}
