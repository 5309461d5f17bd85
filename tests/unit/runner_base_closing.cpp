// The end of a runner: what close() refuses, wakes, cancels, waits for and destroys.
#include "support/audit.hpp"
#include "support/catch.hpp"
#include "support/contexts.hpp"
#include "support/errors.hpp"
#include "support/iterables.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/blocking_portal.hpp>
#include <syncopate/blocking_range.hpp>
#include <syncopate/context_guard.hpp>
#include <syncopate/error.hpp>
#include <syncopate/gather.hpp>
#include <syncopate/options.hpp>
#include <syncopate/runner.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>

#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
#include <latch>
#include <memory>
#include <optional>
#include <source_location>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using support::code_of;
using support::Count;
using support::CountState;
using support::Entries;
using support::ErrorLog;
using support::Gate;
using support::Journal;
using support::loop_thread_of;
using support::message_of;
using support::NotedContext;
using support::Tracked;
using syncopate::BlockingPortal;
using syncopate::Errc;
using syncopate::Options;
using syncopate::Runner;
using syncopate::ThreadRunner;

// Takes no notice of being cancelled, and ends when the gate is open.
asio::awaitable<void> stubborn(Gate& gate) {
    Tracked const frame;
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    co_await gate.passed();
}

// Starts a task that nobody waits for, and returns when it has got as far as it gets by itself.
template <class R, class T>
void start(R& runner, T&& task, std::source_location where = std::source_location::current()) {
    runner.start_soon(std::forward<T>(task), where);
    runner.run(support::twice_later(0));
}

// ---- close() as such

TEMPLATE_LIST_TEST_CASE("close() a second time does nothing", "", support::EveryLoop) {
    TestType loop;
    loop.runner.run(support::nothing());
    loop.runner.close();
    CHECK_NOTHROW(loop.runner.close());
    CHECK(loop.runner.close_for(0s));
}

TEST_CASE("A runner that was never used can be closed, and starts no thread for it") {
    support::Audit const audit;
    ThreadRunner runner;
    runner.close();
    CHECK(audit.leftovers(0s).empty());
}

TEST_CASE("A runner that was never used starts no thread in its destructor") {
    support::Audit const audit;
    {
        ThreadRunner const runner;
        CHECK(audit.leftovers(0s).empty());
    }
    CHECK(audit.leftovers(0s).empty());
}

TEST_CASE("Several threads can close a runner at once, and all of them return") {
    Gate release;
    ThreadRunner runner;
    start(runner, stubborn(release));
    std::latch all_here(4);
    std::atomic<int> closed = 0;
    std::vector<std::jthread> closers;
    for (int i = 0; i < 4; ++i)
        closers.emplace_back([&] {
            all_here.arrive_and_wait();
            runner.close();
            ++closed;
        });
    all_here.wait();
    CHECK(closed == 0);
    release.open();
    closers.clear();
    CHECK(closed == 4);
}

// The last that a thread does.
struct AtThreadExit {
    explicit AtThreadExit(std::atomic<bool>& flag) : ended(flag) {}
    ~AtThreadExit() {
        std::this_thread::sleep_for(20ms);
        ended = true;
    }
    std::atomic<bool>& ended;
};

TEST_CASE("The thread of the loop has ended when close() returns") {
    std::atomic<bool> ended{false};
    ThreadRunner runner;
    runner.call([&ended] { thread_local AtThreadExit const at_exit(ended); });
    runner.close();
    CHECK(ended);
}

TEST_CASE("close() on the loop thread is refused, and the runner stays open") {
    ThreadRunner runner;
    CHECK(runner.call([&] { return code_of([&] { runner.close(); }); }) == Errc::would_deadlock);
    CHECK(runner.run(support::twice(21)) == 42);
}

// ---- Afterwards

template <class R>
std::vector<std::function<void()>> all_calls(R& runner, Journal& journal, CountState& state) {
    using syncopate::ReadAhead;
    return {
        [&] { runner.run(support::nothing()); },
        [&] { runner.run(support::nothing(), std::stop_token()); },
        [&] { runner.run_for(1h, support::nothing()); },
        [&] { runner.run_until(std::chrono::steady_clock::now() + 1h, support::nothing()); },
        [&] { static_cast<void>(runner.run_as_future(support::nothing())); },
        [&] { runner.start_soon(support::nothing()); },
        [&] { runner.call([] {}); },
        [&] { static_cast<void>(runner.wrap_context(NotedContext(journal, "a"))); },
        [&] { runner.with_context(NotedContext(journal, "a"), [](NotedContext&) {}); },
        [&] { runner.enter_context(NotedContext(journal, "a")); },
        [&] { static_cast<void>(runner.wrap_iter(Count(state))); },
        [&] { static_cast<void>(runner.wrap_iter(Count(state), ReadAhead(4))); },
        [&] { static_cast<void>(runner.get_executor()); },
    };
}

TEMPLATE_LIST_TEST_CASE(
    "Every call after close() throws Errc::runner_closed, and starts nothing",
    "",
    support::EveryLoop) {
    Journal journal;
    CountState state;
    TestType loop;
    loop.runner.run(support::nothing());
    loop.runner.close();
    for (auto const& call : all_calls(loop.runner, journal, state))
        CHECK(code_of(call) == Errc::runner_closed);
    CHECK(journal.entries().empty());
    CHECK(state.begun == 0);
}

TEMPLATE_LIST_TEST_CASE(
    "Every call throws Errc::runner_closed after a close() without any use",
    "",
    support::EveryLoop) {
    Journal journal;
    CountState state;
    TestType loop;
    loop.runner.close();
    for (auto const& call : all_calls(loop.runner, journal, state))
        CHECK(code_of(call) == Errc::runner_closed);
}

TEST_CASE("get_loop() throws Errc::runner_closed after close()") {
    ThreadRunner runner;
    runner.close();
    CHECK(code_of([&] { runner.get_loop(); }) == Errc::runner_closed);
}

TEST_CASE("Every call throws Errc::runner_closed as soon as closing has begun") {
    Journal journal;
    CountState state;
    Gate release;
    ThreadRunner runner;
    start(runner, stubborn(release));
    CHECK_FALSE(runner.close_for(0s));
    for (auto const& call : all_calls(runner, journal, state))
        CHECK(code_of(call) == Errc::runner_closed);
    CHECK(journal.entries().empty());
    release.open();
}

TEST_CASE("A task of the loop can start nothing more once closing has begun") {
    std::error_code code;
    ThreadRunner runner;
    auto const task = [&]() -> asio::awaitable<void> {
        co_await support::until_cancelled();
        code = code_of([&] { runner.start_soon(support::nothing()); });
    };
    start(runner, task);
    runner.close();
    CHECK(code == Errc::runner_closed);
}

// ---- What was under way

TEMPLATE_LIST_TEST_CASE(
    "A call in flight ends with Errc::runner_closed", "", support::TurningLoops) {
    Gate started;
    TestType loop;
    std::jthread const closer([&] {
        started.wait();
        loop.runner.close();
    });
    CHECK(code_of([&] { loop.runner.run(support::forever(started)); }) == Errc::runner_closed);
}

TEST_CASE("close() waits for the clean-up of a cancelled task, which can wait itself") {
    bool cleaned_up = false;
    ThreadRunner runner;
    auto const task = [&]() -> asio::awaitable<void> {
        co_await support::until_cancelled();
        co_await support::sleep_for(1ms);
        cleaned_up = true;
    };
    start(runner, task);
    runner.close();
    CHECK(cleaned_up);
}

TEMPLATE_LIST_TEST_CASE("An aexit can wait while the runner is closed", "", support::EveryLoop) {
    Journal journal;
    TestType loop;
    auto const slowly = [&journal]() -> asio::awaitable<void> {
        co_await support::sleep_for(1ms);
        journal.add("left");
    };
    loop.runner.enter_context(NotedContext(journal, "a", {}, slowly));
    loop.runner.close();
    CHECK(journal.entries() == Entries{"enter a", "exit a: nothing", "left"});
}

TEST_CASE("Contexts are left before the tasks that still run are cancelled") {
    Journal journal;
    ThreadRunner runner;
    auto const slowly = [&]() -> asio::awaitable<void> {
        co_await support::sleep_for(1ms);
        journal.add("left");
    };
    auto const task = [&]() -> asio::awaitable<void> {
        co_await support::until_cancelled();
        journal.add("cancelled");
    };
    runner.enter_context(NotedContext(journal, "a", {}, slowly));
    start(runner, task);
    runner.close();
    CHECK(journal.entries() == Entries{"enter a", "exit a: nothing", "left", "cancelled"});
}

TEST_CASE("An aenter that waits while the runner is closed is cancelled, and there is no aexit") {
    Journal journal;
    Gate entering;
    ThreadRunner runner;
    auto const wait = [&] { return support::forever(entering); };
    std::jthread const closer([&] {
        entering.wait();
        runner.close();
    });
    auto const enter = [&] { auto guard = runner.wrap_context(NotedContext(journal, "a", wait)); };
    CHECK(code_of(enter) == Errc::runner_closed);
    CHECK(journal.entries() == Entries{"enter a"});
}

TEST_CASE("A context that is entered while the runner is closed is left at once") {
    Journal journal;
    Gate entering;
    ThreadRunner runner;
    auto const enter_all_the_same = [&]() -> asio::awaitable<void> {
        entering.open();
        co_await support::until_cancelled();
    };
    std::jthread const closer([&] {
        entering.wait();
        runner.close();
    });
    auto const enter = [&] {
        auto guard = runner.wrap_context(NotedContext(journal, "a", enter_all_the_same));
    };
    CHECK(code_of(enter) == Errc::runner_closed);
    CHECK(journal.entries() == Entries{"enter a", "exit a: the runner is closed"});
}

// Ends when it is cancelled, and leaves its task as cancelled as it is.
asio::awaitable<void> return_when_cancelled(Gate& started) {
    Tracked const frame;
    co_await asio::this_coro::throw_if_cancelled(false);
    asio::steady_timer timer(
        co_await asio::this_coro::executor, asio::steady_timer::time_point::max());
    started.open();
    boost::system::error_code ignored;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

TEST_CASE("An aexit does not see that its aenter was cancelled") {
    Journal journal;
    Gate entering;
    bool cancelled = true;
    ThreadRunner runner;
    auto const look = [&]() -> asio::awaitable<void> {
        auto const state = co_await asio::this_coro::cancellation_state;
        cancelled = state.cancelled() != asio::cancellation_type::none;
    };
    std::jthread const closer([&] {
        entering.wait();
        runner.close();
    });
    auto const enter = [&] {
        auto const wait = [&] { return return_when_cancelled(entering); };
        auto guard = runner.wrap_context(NotedContext(journal, "a", wait, look));
    };
    CHECK(code_of(enter) == Errc::runner_closed);
    CHECK_FALSE(cancelled);
}

TEST_CASE("A task that close() finds before it has started does not start, and is no error") {
    ErrorLog log;
    Gate blocking;
    Gate release;
    std::atomic<bool> ran{false};
    ThreadRunner runner(Options().on_error(log.handler()));
    asio::post(runner.get_executor(), [&] {
        blocking.open();
        release.wait();
    });
    blocking.wait();
    auto const task = [&]() -> asio::awaitable<void> {
        ran = true;
        return support::nothing();
    };
    runner.start_soon(task);
    CHECK_FALSE(runner.close_for(0s));
    release.open();
    runner.close();
    CHECK_FALSE(ran);
    CHECK(log.messages().empty());
}

// ---- Time

TEST_CASE("close() throws Errc::timed_out, which names what still runs by its call site") {
    Gate release;
    ThreadRunner runner(Options().name("slow").close_timeout(5ms));
    start(runner, stubborn(release));
    auto const line = std::source_location::current().line() - 1;
    auto const message = message_of<std::system_error>([&] { runner.close(); });
    release.open();
    CHECK_THAT(message, Catch::Matchers::ContainsSubstring("closing.cpp:" + std::to_string(line)));
    CHECK_THAT(message, Catch::Matchers::ContainsSubstring("slow"));
}

TEST_CASE("close() can be called again after Errc::timed_out") {
    Gate release;
    ThreadRunner runner(Options().close_timeout(5ms));
    start(runner, stubborn(release));
    CHECK(code_of([&] { runner.close(); }) == Errc::timed_out);
    CHECK(code_of([&] { runner.close(); }) == Errc::timed_out);
    release.open();
    CHECK(runner.close_for(1min));
    CHECK_NOTHROW(runner.close());
}

TEMPLATE_LIST_TEST_CASE(
    "close() cancels again what has dealt with an earlier close()", "", support::EveryLoop) {
    std::atomic<int> requests{0};
    auto const goes_on_once = [&]() -> asio::awaitable<void> {
        try {
            co_await support::forever();
        } catch (std::exception const&) {
            ++requests;
        }
        co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
        try {
            co_await support::forever();
        } catch (std::exception const&) {
            ++requests;
        }
    };
    TestType loop;
    loop.runner.start_soon(goes_on_once);
    loop.runner.start_soon(syncopate::gather(support::forever(), goes_on_once()));
    loop.runner.run(support::nothing());
    CHECK_FALSE(loop.runner.close_for(20ms));
    // A busy loop may take longer, and to what has not dealt with the first request, the next one is the same.
    for (int i = 0; i < 10'000 && requests < 2; ++i)
        std::this_thread::sleep_for(1ms);
    loop.runner.close();
    CHECK(requests == 4);
}

TEST_CASE("Errc::timed_out names an exit that does not end by where its context was entered") {
    Journal journal;
    Gate release;
    ThreadRunner runner(Options().close_timeout(5ms));
    auto const wait = [&] { return release.passed(); };
    runner.enter_context(NotedContext(journal, "a", {}, wait));
    auto const line = std::source_location::current().line() - 1;
    auto const message = message_of<std::system_error>([&] { runner.close(); });
    release.open();
    CHECK_THAT(message, Catch::Matchers::ContainsSubstring("closing.cpp:" + std::to_string(line)));
}

TEST_CASE("close() names a handler that blocks the loop for want of a task") {
    Gate blocking;
    Gate release;
    ThreadRunner runner(Options().close_timeout(5ms));
    asio::post(runner.get_executor(), [&] {
        blocking.open();
        release.wait();
    });
    blocking.wait();
    auto const message = message_of<std::system_error>([&] { runner.close(); });
    release.open();
    CHECK_THAT(message, Catch::Matchers::ContainsSubstring("a handler that blocks the loop"));
}

TEST_CASE("The destructor reports each close_timeout that passes, and goes on waiting") {
    ErrorLog log;
    Gate release;
    std::atomic<bool> destroyed{false};
    std::jthread owner([&] {
        std::optional<ThreadRunner> runner(
            std::in_place, Options().on_error(log.handler()).close_timeout(2ms));
        start(*runner, stubborn(release));
        runner.reset();
        destroyed = true;
    });
    log.wait_for(3);
    CHECK_FALSE(destroyed);
    release.open();
    owner.join();
    CHECK(destroyed);
    for (auto const& error : log.errors())
        CHECK(code_of(error) == Errc::timed_out);
}

TEMPLATE_LIST_TEST_CASE(
    "close_for() gives false while something runs, and true once it has ended",
    "",
    support::TurningLoops) {
    Gate release;
    TestType loop;
    start(loop.runner, stubborn(release));
    CHECK_FALSE(loop.runner.close_for(1ms));
    CHECK_FALSE(loop.runner.close_for(0s));
    CHECK_FALSE(loop.runner.close_for(-1s));
    release.open();
    CHECK(loop.runner.close_for(1min));
}

TEST_CASE("close_for() turns the loop of a Runner only for as long as it may") {
    Gate release;
    support::OnRunner loop;
    start(loop.runner, stubborn(release));
    CHECK_FALSE(loop.runner.close_for(1ms));
    release.open();
    CHECK(loop.runner.close_for(1min));
}

TEST_CASE("close_for() waits without an end if its duration is the longest there is") {
    ThreadRunner runner;
    start(runner, support::forever());
    CHECK(runner.close_for(std::chrono::hours::max()));
}

// ---- What users started on the loop without the library

// Held by a coroutine that a user spawned.
asio::awaitable<void> parked(std::atomic<std::thread::id>& destroyed_on, Gate& started) {
    Tracked const frame;
    support::DestructionProbe const probe(destroyed_on);
    co_await support::forever(started);
}

asio::awaitable<void> parked_deeper(
    std::atomic<std::thread::id>& destroyed_on,
    std::atomic<std::thread::id>& inner_destroyed_on,
    Gate& started) {
    Tracked const frame;
    support::DestructionProbe const probe(destroyed_on);
    co_await parked(inner_destroyed_on, started);
}

TEST_CASE("A coroutine that a user spawned is destroyed on the loop thread by close()") {
    std::atomic<std::thread::id> outer;
    std::atomic<std::thread::id> inner;
    Gate started;
    ThreadRunner runner;
    asio::co_spawn(runner.get_executor(), parked_deeper(outer, inner, started), asio::detached);
    started.wait();
    auto const loop_thread = loop_thread_of(runner);
    runner.close();
    CHECK(outer.load() == loop_thread);
    CHECK(inner.load() == loop_thread);
}

TEST_CASE("A handler that a user posted while the loop closes is destroyed on the loop thread") {
    std::atomic<std::thread::id> destroyed_on;
    ThreadRunner runner;
    auto const executor = runner.get_executor();
    auto const task = [&]() -> asio::awaitable<void> {
        co_await support::until_cancelled();
        // The loop does not get to the last of them.
        auto probe = std::make_shared<support::DestructionProbe>(destroyed_on);
        asio::post(executor, [executor, probe] { asio::post(executor, [probe] {}); });
    };
    start(runner, task);
    auto const loop_thread = loop_thread_of(runner);
    runner.close();
    CHECK(destroyed_on.load() == loop_thread);
}

TEST_CASE("A handler that throws goes to on_error, and the loop goes on") {
    ErrorLog log;
    ThreadRunner runner(Options().on_error(log.handler()));
    asio::post(runner.get_executor(), [] { throw std::runtime_error("from a handler"); });
    CHECK(runner.run(support::twice(21)) == 42);
    log.wait_for(1);
    CHECK(log.messages() == Entries{"from a handler"});
}

TEST_CASE("A handler that throws while the loop closes goes to on_error, too") {
    ErrorLog log;
    ThreadRunner runner(Options().on_error(log.handler()));
    auto const executor = runner.get_executor();
    auto const task = [&]() -> asio::awaitable<void> {
        co_await support::until_cancelled();
        asio::post(executor, [] { throw std::runtime_error("from a handler"); });
        co_await support::sleep_for(1ms);
    };
    start(runner, task);
    runner.close();
    CHECK(log.messages() == Entries{"from a handler"});
}

TEST_CASE("An exception that is not a std::exception goes to on_error like others") {
    ErrorLog log;
    ThreadRunner runner(Options().on_error(log.handler()));
    asio::post(runner.get_executor(), [] { throw 7; });
    log.wait_for(1);
    CHECK_THROWS_AS(std::rethrow_exception(log.errors().front()), int);
    CHECK(runner.run(support::twice(21)) == 42);
}

TEST_CASE("An error handler that throws does not end the loop") {
    ThreadRunner runner(
        Options().on_error([](std::exception_ptr error) { std::rethrow_exception(error); }));
    asio::post(runner.get_executor(), [] { throw std::runtime_error("from a handler"); });
    CHECK(runner.run(support::twice(21)) == 42);
}

// ---- A runner that its own loop destroys

TEST_CASE("A runner that a task of its own destroys ends by itself") {
    // Shared: nothing that is here waits for the loop to be done with them.
    struct Seen {
        Journal journal;
        Gate left;
        Gate cancelled;
    };
    auto const seen = std::make_shared<Seen>();
    auto const when_left = [seen]() -> asio::awaitable<void> {
        seen->left.open();
        return support::nothing();
    };
    auto const last_owner = [](std::shared_ptr<ThreadRunner> owned) -> asio::awaitable<void> {
        co_await asio::post(asio::use_awaitable);
        owned.reset();
    };
    support::Audit const audit;
    {
        auto runner = std::make_shared<ThreadRunner>();
        runner->enter_context(NotedContext(seen->journal, "a", {}, when_left));
        start(*runner, [seen]() -> asio::awaitable<void> {
            co_await support::until_cancelled();
            seen->cancelled.open();
        });
        auto& that = *runner;
        that.start_soon(last_owner(std::move(runner)));
    }
    seen->left.wait();
    seen->cancelled.wait();
    CHECK(seen->journal.entries() == Entries{"enter a", "exit a: nothing"});
    CHECK(audit.leftovers().find("thread") == std::string::npos);
}

TEST_CASE("What an exit throws is reported where a task of the loop destroys the runner") {
    support::ErrorLog log;
    Journal journal;
    support::Audit const audit;
    std::optional<ThreadRunner> runner(std::in_place, Options().on_error(log.handler()));
    // Nobody waits for the exit when it fails.
    auto const later = []() -> asio::awaitable<void> {
        support::Tracked const frame;
        co_await asio::post(asio::use_awaitable);
        throw std::runtime_error("no exit");
    };
    runner->enter_context(NotedContext(journal, "a", {}, later));
    asio::post(runner->get_executor(), [&] { runner.reset(); });
    log.wait_for(1);
    CHECK(log.messages() == std::vector<std::string>{"no exit"});
    CHECK(audit.leftovers().empty());
}

TEST_CASE("A Runner that a task of its own destroys comes to its end in the call that turns it") {
    Journal journal;
    auto runner = std::make_unique<syncopate::Runner>();
    runner->enter_context(NotedContext(journal, "a"));
    auto& that = *runner;
    that.call([&] { runner.reset(); });
    CHECK(journal.entries() == Entries{"enter a", "exit a: nothing"});
}

TEST_CASE("An open guard is left when a task of the loop destroys the runner") {
    Journal journal;
    support::Audit const audit;
    std::optional<ThreadRunner> runner(std::in_place);
    auto guard = runner->wrap_context(NotedContext(journal, "a"));
    asio::post(runner->get_executor(), [&] { runner.reset(); });
    CHECK(audit.leftovers().find("thread") == std::string::npos);
    CHECK(journal.entries() == Entries{"enter a", "exit a: the runner is closed"});
    CHECK_NOTHROW(guard.close());
}

}  // namespace

TEST_CASE("Messages call a runner without a name by its class") {
    auto const message = [](auto&& runner) {
        runner.close();
        return message_of<std::system_error>([&] { runner.run(support::twice(21)); });
    };
    Options const options = Options().close_timeout(1h);
    asio::io_context context;
    CHECK(message(ThreadRunner(options)) == "ThreadRunner: the runner is closed");
    CHECK(message(Runner(options)) == "Runner: the runner is closed");
    CHECK(message(BlockingPortal(context, options)) == "BlockingPortal: the runner is closed");
}
