// Options::on_event: when tasks, and functions that one thread calls for another, begin and end.
#include "support/audit.hpp"
#include "support/catch.hpp"
#include "support/contexts.hpp"
#include "support/errors.hpp"
#include "support/events.hpp"
#include "support/iterables.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/blocking_portal.hpp>
#include <syncopate/blocking_range.hpp>
#include <syncopate/context_guard.hpp>
#include <syncopate/error.hpp>
#include <syncopate/event.hpp>
#include <syncopate/from_thread.hpp>
#include <syncopate/label.hpp>
#include <syncopate/on_cancel.hpp>
#include <syncopate/options.hpp>
#include <syncopate/runner_base.hpp>
#include <syncopate/to_calling_thread.hpp>
#include <syncopate/to_thread.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <future>
#include <memory>
#include <optional>
#include <source_location>
#include <sstream>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include <pthread.h>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using syncopate::Errc;
using syncopate::Event;
using syncopate::label;
using syncopate::Options;
using syncopate::RunnerBase;
using syncopate::to_thread;
using Kind = Event::Kind;

unsigned line_here(std::source_location where = std::source_location::current()) {
    return where.line();
}

asio::awaitable<std::uint64_t> own_id(RunnerBase& runner) {
    Tracked const frame;
    co_return runner.tasks().at(0).id;
}

asio::awaitable<std::thread::id> ask_worker() {
    Tracked const frame;
    co_return co_await to_thread([] { return std::this_thread::get_id(); });
}

asio::awaitable<void> ask_worker_that_asks() {
    Tracked const frame;
    co_await to_thread([] {
        syncopate::from_thread::run(twice_later(1));
        syncopate::from_thread::call([] {});
    });
}

/// Blocks the loop.
asio::awaitable<void> block(Gate& blocked, Gate& release) {
    Tracked const frame;
    blocked.open();
    release.wait();
    co_return;
}

}  // namespace

// ---- What is told

LOOP_TEST_CASE("A task's begin and end are told before its caller goes on", EveryLoop) {
    EventLog log;
    AnyLoop loop(Options().name("told").on_event(log.function()));
    auto const line = line_here() + 1;
    auto const id = loop.runner.run(label("asks", own_id(loop.runner)));
    auto const [begin, end] = log.only(Kind::task);
    CHECK(begin.event.phase == Event::Phase::begin);
    CHECK(end.event.phase == Event::Phase::end);
    CHECK(begin.event.id == id);
    CHECK(begin.event.task == id);
    CHECK(begin.event.label == "asks");
    CHECK(begin.event.location.line() == line);
    CHECK(begin.event.runner == "told");
    CHECK(begin.event.may_be_suspended());
    CHECK(log.faults().empty());
}

LOOP_TEST_CASE("A task is begun while it is in tasks(), and has ended when it is not", EveryLoop) {
    AnyLoop* told = nullptr;
    std::size_t at_begin = 0;
    std::size_t at_end = 1;
    AnyLoop loop(Options().on_event([&](Event const& event) {
        // No lock is held: these would wait for it.
        std::ostringstream text;
        told->runner.dump(text);
        (event.phase == Event::Phase::begin ? at_begin : at_end) = told->runner.tasks().size();
    }));
    told = &loop;
    CHECK(loop.runner.run(twice_later(21)) == 42);
    CHECK(at_begin == 1);
    CHECK(at_end == 0);
}

LOOP_TEST_CASE("A function of call() has the id that tasks() gives it", EveryLoop) {
    EventLog log;
    AnyLoop loop(Options().on_event(log.function()));
    auto const line = line_here() + 1;
    auto const id = loop.runner.call([&] { return loop.runner.tasks().at(0).id; });
    auto const [begin, end] = log.only(Kind::call);
    CHECK(begin.event.id == id);
    CHECK(begin.event.location.line() == line);
    CHECK_FALSE(begin.event.may_be_suspended());
    CHECK(log.faults().empty());
}

LOOP_TEST_CASE("A worker's function is told of on its thread, with the task", EveryLoop) {
    EventLog log;
    AnyLoop loop(Options().on_event(log.function()));
    auto const worker = loop.runner.run(ask_worker());
    auto const [begin, end] = log.only(Kind::to_thread);
    CHECK(begin.thread == worker);
    CHECK(begin.event.task == log.only(Kind::task).begin.event.id);
    CHECK(begin.event.id != begin.event.task);
    CHECK(log.faults().empty());
}

LOOP_TEST_CASE("What a worker has the loop do is told of", EveryLoop) {
    EventLog log;
    AnyLoop loop(Options().on_event(log.function()));
    loop.runner.run(ask_worker_that_asks());
    auto const task = log.only(Kind::task).begin.event.id;
    CHECK(log.only(Kind::from_thread_run).begin.event.task == task);
    CHECK(log.only(Kind::from_thread_run).begin.event.may_be_suspended());
    CHECK(log.only(Kind::from_thread_call).begin.event.task == task);
    CHECK(log.entries().size() == 8);
    CHECK(log.faults().empty());
}

LOOP_TEST_CASE("The caller's function is told of on the caller's thread", EveryLoop) {
    EventLog log;
    AnyLoop loop(Options().on_event(log.function()));
    loop.runner.run([] { return syncopate::to_calling_thread([] {}); });
    auto const [begin, end] = log.only(Kind::to_calling_thread);
    CHECK(begin.thread == std::this_thread::get_id());
    CHECK(begin.event.task == log.only(Kind::task).begin.event.id);
    CHECK(log.faults().empty());
}

TEST_CASE("A function on an asio::thread_pool is told of") {
    EventLog log;
    asio::thread_pool pool(1);
    OnThreadRunner loop(Options().on_event(log.function()));
    loop.runner.run(syncopate::run_in_executor(pool, [] {}));
    CHECK(log.entries(Kind::to_thread).size() == 2);
    CHECK(log.faults().empty());
}

LOOP_TEST_CASE("A context is one task, from its aenter to its aexit", EveryLoop) {
    EventLog log;
    AnyLoop loop(Options().on_event(log.function()));
    Journal journal;
    {
        auto const guard = loop.runner.wrap_context(NotedContext(journal, "context"));
        CHECK(log.entries(Kind::task).size() == 1);
    }
    CHECK(log.entries(Kind::task).size() == 2);
    CHECK(log.faults().empty());
}

TEST_CASE("Nobody is told by default, and the reader gives what was set") {
    CHECK_FALSE(Options().on_event());
    CHECK(Options().on_event([](Event const&) {}).on_event());
}

// ---- Each begin has its end

LOOP_TEST_CASE("What fails has ended", EveryLoop) {
    EventLog log;
    AnyLoop loop(Options().on_event(log.function()));
    auto const fail = [] { throw std::runtime_error("no"); };
    CHECK_THROWS_AS(loop.runner.run(to_thread(fail)), std::runtime_error);
    CHECK_THROWS_AS(loop.runner.call(fail), std::runtime_error);
    CHECK(log.entries().size() == 6);
    CHECK(log.faults().empty());
}

LOOP_TEST_CASE("What is cancelled has ended", EveryLoop) {
    EventLog log;
    AnyLoop loop(Options().on_event(log.function()));
    Gate started;
    auto stopped = loop.runner.run_as_future(forever(started));
    loop.runner.run(started.passed());
    CHECK(code_of([&] { loop.runner.run_for(1ms, forever()); }) == Errc::timed_out);
    loop.runner.start_soon(forever());
    loop.runner.run(nothing());
    loop.runner.close();
    CHECK(code_of([&] { stopped.get(); }) == Errc::runner_closed);
    CHECK(log.entries(Kind::task).size() == 10);
    CHECK(log.faults().empty());
}

TEST_CASE("What has not begun when it is withdrawn is not told of") {
    EventLog log;
    std::optional<OnThreadRunner> loop(std::in_place, Options().on_event(log.function()));
    Gate blocked;
    Gate release;
    auto first = loop->runner.run_as_future(block(blocked, release));
    blocked.wait();
    std::stop_source stop;
    auto withdrawn = loop->runner.run_as_future(label("withdrawn", nothing()), stop.get_token());
    stop.request_stop();
    CHECK(code_of([&] { withdrawn.get(); }) == Errc::cancelled);
    auto closed = loop->runner.run_as_future(label("closed", nothing()));
    CHECK_FALSE(loop->runner.close_for(0ms));
    CHECK(code_of([&] { closed.get(); }) == Errc::runner_closed);
    auto const refused = [&] { loop->runner.run(label("refused", nothing())); };
    CHECK(code_of(refused) == Errc::runner_closed);
    release.open();
    loop.reset();
    CHECK(log.entries().size() == 2);
    CHECK_FALSE(log.has_label("withdrawn"));
    CHECK_FALSE(log.has_label("closed"));
    CHECK_FALSE(log.has_label("refused"));
    CHECK(log.faults().empty());
}

TEST_CASE("A function that waits for a worker in vain is not told of") {
    EventLog log;
    OnThreadRunner loop(Options().max_workers(1).on_event(log.function()));
    Gate started;
    Gate release;
    auto first = loop.runner.run_as_future(to_thread([&] {
        started.open();
        release.wait();
    }));
    started.wait();
    CHECK(code_of([&] { loop.runner.run_for(1ms, to_thread([] {})); }) == Errc::timed_out);
    release.open();
    first.get();
    CHECK(log.entries(Kind::to_thread).size() == 2);
    CHECK(log.faults().empty());
}

LOOP_TEST_CASE("A function that ends its thread has ended", EveryLoop) {
    EventLog log;
    AnyLoop loop(Options().on_event(log.function()));
    auto const work = [] { return to_thread([] { ::pthread_exit(nullptr); }); };
    CHECK(code_of([&] { loop.runner.run(work()); }) == Errc::worker_lost);
    CHECK(log.entries(Kind::to_thread).size() == 2);
    CHECK(log.faults().empty());
}

TEST_CASE("A function that was abandoned is told of when it ends, also after its runner") {
    EventLog log;
    auto const release = std::make_shared<Gate>();
    auto const started = std::make_shared<Gate>();
    {
        OnThreadRunner loop(
            Options().close_timeout(0ms).on_error([](auto) {}).on_event(log.function()));
        auto const work = [&] {
            return to_thread(
                [release, started] {
                    started->open();
                    release->wait();
                },
                syncopate::OnCancel::abandon);
        };
        CHECK(code_of([&] { run_and_stop(loop.runner, *started, work()); }) == Errc::cancelled);
        CHECK(log.entries(Kind::to_thread).size() == 1);
    }
    release->open();
    for (int i = 0; i < 10'000 && log.entries(Kind::to_thread).size() < 2; ++i)
        std::this_thread::sleep_for(1ms);
    CHECK(log.faults().empty());
}

TEST_CASE("A task that loses its io_context has ended") {
    EventLog log;
    std::optional<asio::io_context> context(std::in_place);
    std::optional<syncopate::BlockingPortal> portal(
        std::in_place, *context, Options().on_event(log.function()));
    auto lost = portal->run_as_future(forever());
    context->poll();
    CHECK(log.entries().size() == 1);
    context.reset();
    CHECK(code_of([&] { lost.get(); }) == Errc::loop_failed);
    portal.reset();
    CHECK(log.entries().size() == 2);
    CHECK(log.faults().empty());
}

TEST_CASE("Read-ahead is one task, which ends also when the range is left early") {
    EventLog log;
    CountState state;
    OnThreadRunner loop(Options().on_event(log.function()));
    for (int const item : loop.runner.wrap_iter(Count(state), syncopate::ReadAhead{4}))
        if (item == 3)
            break;
    CHECK(log.entries(Kind::task).size() == 2);
    CHECK(log.faults().empty());
}

// ---- The function's own failures

LOOP_TEST_CASE("What the function throws goes to on_error, and all goes on", EveryLoop) {
    std::atomic<int> reported{0};
    AnyLoop loop(
        Options().on_error([&](std::exception_ptr) { ++reported; }).on_event([](Event const&) {
            throw std::runtime_error("told");
        }));
    loop.runner.run(ask_worker_that_asks());
    loop.runner.call([] {});
    CHECK(reported == 10);
}
