// tasks() and dump(): what runs on a loop, and what it waits for, told to any thread at any time.
#include "support/audit.hpp"
#include "support/catch.hpp"
#include "support/contexts.hpp"
#include "support/errors.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/async_generator.hpp>
#include <syncopate/blocking_range.hpp>
#include <syncopate/capacity_limiter.hpp>
#include <syncopate/context_guard.hpp>
#include <syncopate/from_thread.hpp>
#include <syncopate/gather.hpp>
#include <syncopate/label.hpp>
#include <syncopate/options.hpp>
#include <syncopate/runner_base.hpp>
#include <syncopate/task_info.hpp>
#include <syncopate/to_calling_thread.hpp>
#include <syncopate/to_thread.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <future>
#include <latch>
#include <optional>
#include <set>
#include <source_location>
#include <sstream>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using Catch::Matchers::ContainsSubstring;
using syncopate::label;
using syncopate::Options;
using syncopate::RunnerBase;
using syncopate::TaskInfo;
using syncopate::TaskState;

std::string dump_of(RunnerBase const& runner) {
    std::ostringstream text;
    runner.dump(text);
    return text.str();
}

/// The only task that has this label.
TaskInfo labelled(RunnerBase const& runner, std::string_view name) {
    std::vector<TaskInfo> found;
    for (auto const& task : runner.tasks())
        if (task.label == name)
            found.push_back(task);
    REQUIRE(found.size() == 1);
    return found.front();
}

/// Turns the loop until it has no task left.
void finish(RunnerBase& runner) {
    for (int i = 0; i < 1000 && !runner.tasks().empty(); ++i)
        runner.run(twice_later(0));
    CHECK(runner.tasks().empty());
}

std::string place(std::source_location where = std::source_location::current()) {
    return "runner_base_tasks.cpp:" + std::to_string(where.line());
}

/// Blocks the thread that runs it, and with it the loop.
asio::awaitable<void> block(Gate& blocked, Gate& release) {
    Tracked const frame;
    blocked.open();
    release.wait();
    co_return;
}

/// A loop that a task labelled "stuck" blocks, for which a thread of its own waits.
class BlockedLoop {
public:
    BlockedLoop() { blocked_.wait(); }
    ~BlockedLoop() { release(); }

    void release() {
        release_.open();
        if (caller_.joinable())
            caller_.join();
    }

    RunnerBase& runner() noexcept { return loop_.runner; }

private:
    AnyLoop loop_{Options().name("blocked loop")};
    Gate blocked_;
    Gate release_;
    std::thread caller_{[this] { loop_.runner.run(label("stuck", block(blocked_, release_))); }};
};

/// A caller of run(), on a thread of its own, until the end of the scope. `release` ends what it waits for.
class Caller {
public:
    template <class T>
    Caller(AnyLoop& loop, T task, Gate& release)
        : release_(release), thread_([&loop, task = std::move(task)]() mutable {
              loop.runner.run(label("caller's", std::move(task)));
          }) {}
    ~Caller() {
        release_.open();
        thread_.join();
    }

private:
    Gate& release_;
    std::thread thread_;
};

/// What that caller's task waits for, as soon as this is in it.
void check_waits_for(AnyLoop& loop, std::string const& part) {
    std::string waits_for;
    for (auto const end = std::chrono::steady_clock::now() + 10s;
         std::chrono::steady_clock::now() < end; std::this_thread::sleep_for(1ms))
        for (auto const& task : loop.runner.tasks())
            if (task.label == "caller's" &&
                (waits_for = task.waits_for).find(part) != std::string::npos)
                return;
    CHECK_THAT(waits_for, ContainsSubstring(part));
}

asio::awaitable<void> ask_worker(Gate& release) {
    Tracked const frame;
    co_await syncopate::to_thread([&release] { release.wait(); });
}

asio::awaitable<void> ask_caller(Gate& release) {
    Tracked const frame;
    co_await asio::post(asio::use_awaitable);
    co_await syncopate::to_calling_thread([&release] { release.wait(); });
}

asio::awaitable<void> ask_limiter(syncopate::CapacityLimiter& limiter) {
    Tracked const frame;
    auto const token = co_await limiter.acquire();
}

asio::awaitable<void> ask_children(Gate& release) {
    Tracked const frame;
    co_await syncopate::gather(release.passed(), release.passed());
}

/// Its worker asks the loop, whose task asks another worker.
asio::awaitable<void> ask_worker_that_asks(Gate& release) {
    Tracked const frame;
    co_await syncopate::to_thread(
        [&release] { syncopate::from_thread::run([&release] { return ask_worker(release); }); });
}

/// Asks a worker after a wait of Asio's own.
asio::awaitable<void> ask_worker_later(Gate& release) {
    Tracked const frame;
    co_await asio::post(asio::use_awaitable);
    co_await ask_worker(release);
}

asio::awaitable<std::vector<TaskInfo>> look(RunnerBase& runner) {
    Tracked const frame;
    co_return runner.tasks();
}

syncopate::AsyncGenerator<int> numbers() {
    for (int i = 0;; ++i)
        co_yield i;
}

}  // namespace

// ---- While the loop is blocked

LOOP_TEST_CASE(
    "dump() names a stuck task by label and call site while the loop is blocked", EveryLoop) {
    Gate blocked;
    Gate release;
    AnyLoop loop(Options().name("main loop"));
    std::string line;
    std::thread caller(
        [&] { line = place(), loop.runner.run(label("fetch prices", block(blocked, release))); });
    blocked.wait();
    auto const text = dump_of(loop.runner);
    release.open();
    caller.join();
    CHECK_THAT(text, ContainsSubstring("\"main loop\": 1 task\n"));
    CHECK_THAT(text, ContainsSubstring(" \"fetch prices\" running, "));
    CHECK_THAT(text, ContainsSubstring(line));
    CHECK(loop.runner.tasks().empty());
}

LOOP_TEST_CASE("What a blocked loop has not begun is queued", EveryLoop) {
    BlockedLoop loop;
    auto const line = place();
    auto future = loop.runner().run_as_future(label("second", nothing()));
    loop.runner().start_soon(label("third", nothing()));
    auto const tasks = loop.runner().tasks();
    auto const third = labelled(loop.runner(), "third");
    loop.release();
    REQUIRE(tasks.size() == 3);
    CHECK(tasks[0].label == "stuck");
    CHECK(tasks[0].state == TaskState::running);
    CHECK(tasks[1].label == "second");
    CHECK(tasks[1].state == TaskState::queued);
    CHECK(tasks[2].label == "third");
    CHECK(tasks[2].state == TaskState::queued);
    CHECK(tasks[2].id == third.id);
}

LOOP_TEST_CASE("dump() says for how long nothing was begun", EveryLoop) {
    BlockedLoop loop;
    loop.runner().start_soon(nothing());
    CHECK_THAT(dump_of(loop.runner()), !ContainsSubstring("nothing was begun"));
    std::this_thread::sleep_for(150ms);
    CHECK_THAT(
        dump_of(loop.runner()),
        ContainsSubstring("nothing was begun for 1") && ContainsSubstring("blocks the loop"));
}

LOOP_TEST_CASE(
    "A function of call() that blocks the loop is listed with its call site", EveryLoop) {
    Gate blocked;
    Gate release;
    AnyLoop loop;
    std::string line;
    std::thread caller([&] {
        line = place(), loop.runner.call([&] {
            blocked.open();
            release.wait();
        });
    });
    blocked.wait();
    auto const tasks = loop.runner.tasks();
    auto const text = dump_of(loop.runner);
    release.open();
    caller.join();
    REQUIRE(tasks.size() == 1);
    CHECK(tasks[0].state == TaskState::running);
    CHECK_THAT(text, ContainsSubstring(line));
    CHECK(loop.runner.tasks().empty());
}

LOOP_TEST_CASE(
    "What was asked to stop before a blocked loop has begun it is not listed any more", EveryLoop) {
    BlockedLoop loop;
    auto const before = loop.runner().tasks().size();
    std::stop_source stop;
    auto future = loop.runner().run_as_future(label("stopped", forever()), stop.get_token());
    CHECK(labelled(loop.runner(), "stopped").state == TaskState::queued);
    stop.request_stop();
    CHECK(loop.runner().tasks().size() == before);
    loop.release();
    finish(loop.runner());
}

// ---- States, ages and names

LOOP_TEST_CASE(
    "A task that has been suspended is suspended, and has ended once it is cancelled", EveryLoop) {
    AnyLoop loop;
    std::stop_source stop;
    auto future = loop.runner.run_as_future(label("sleeper", forever()), stop.get_token());
    loop.runner.run(twice_later(0));
    auto const sleeper = labelled(loop.runner, "sleeper");
    CHECK(sleeper.state == TaskState::suspended);
    CHECK(sleeper.waits_for.empty());
    stop.request_stop();
    finish(loop.runner);
}

LOOP_TEST_CASE("A task that goes on after it was asked to stop is cancelling", EveryLoop) {
    Gate started;
    Gate cancelled;
    Gate release;
    AnyLoop loop;
    std::stop_source stop;
    auto future = loop.runner.run_as_future(
        label("slow", unwind_slowly(started, cancelled, release)), stop.get_token());
    loop.runner.run(started.passed());
    stop.request_stop();
    CHECK(labelled(loop.runner, "slow").state == TaskState::cancelling);
    loop.runner.run(cancelled.passed());
    CHECK(labelled(loop.runner, "slow").state == TaskState::cancelling);
    release.open();
    finish(loop.runner);
}

LOOP_TEST_CASE("A task's age is the time since it was handed over", EveryLoop) {
    AnyLoop loop;
    auto future = loop.runner.run_as_future(label("sleeper", forever()));
    loop.runner.run(nothing());
    std::this_thread::sleep_for(60ms);
    auto const age = labelled(loop.runner, "sleeper").age;
    CHECK(age > 40ms);
    CHECK(age < 10s);
}

LOOP_TEST_CASE("A task keeps its id, and no other task gets it", EveryLoop) {
    AnyLoop loop;
    auto first = loop.runner.run_as_future(label("first", forever()));
    auto const before = labelled(loop.runner, "first");
    loop.runner.run(nothing());
    auto const after = labelled(loop.runner, "first");
    auto second = loop.runner.run_as_future(label("second", forever()));
    loop.runner.run(nothing());
    CHECK(before.id == after.id);
    CHECK(labelled(loop.runner, "second").id != after.id);
}

TEST_CASE("Tasks of two runners have different ids") {
    OnThreadRunner one;
    OnThreadRunner other;
    std::set<std::uint64_t> ids;
    for (auto* const runner : {&one.runner, &other.runner}) {
        runner->start_soon(forever());
        for (auto const& task : runner->run(look(*runner)))
            ids.insert(task.id);
    }
    CHECK(ids.size() == 4);
}

LOOP_TEST_CASE("A task without a label is listed by its call site", EveryLoop) {
    AnyLoop loop;
    auto const line = place(), text = loop.runner.run([&]() -> asio::awaitable<std::string> {
        co_return dump_of(loop.runner);
    });
    CHECK_THAT(text, ContainsSubstring(line));
    CHECK_THAT(text, !ContainsSubstring(" \"\" "));
}

// ---- When and where one may ask

LOOP_TEST_CASE("A task may ask on the loop's own thread, and finds itself running", EveryLoop) {
    AnyLoop loop;
    auto const tasks = loop.runner.run(label("curious", look(loop.runner)));
    REQUIRE(tasks.size() == 1);
    CHECK(tasks[0].label == "curious");
    CHECK(tasks[0].state == TaskState::running);
}

LOOP_TEST_CASE("Before the first use there are no tasks, and after close() neither", EveryLoop) {
    AnyLoop loop(Options().name("main loop"));
    CHECK(loop.runner.tasks().empty());
    CHECK(dump_of(loop.runner) == "\"main loop\": 0 tasks\n");
    loop.runner.start_soon(forever());
    loop.runner.run(nothing());
    loop.runner.close();
    CHECK(loop.runner.tasks().empty());
    CHECK(dump_of(loop.runner) == "\"main loop\" (closed): 0 tasks\n");
}

LOOP_TEST_CASE("What close_for() has not ended is cancelling", TurningLoops) {
    Gate started;
    Gate cancelled;
    Gate release;
    AnyLoop loop;
    loop.runner.start_soon(label("slow", unwind_slowly(started, cancelled, release)));
    loop.runner.run(started.passed());
    CHECK_FALSE(loop.runner.close_for(1ms));
    cancelled.wait();
    CHECK(labelled(loop.runner, "slow").state == TaskState::cancelling);
    release.open();
    loop.runner.close();
}

TEST_CASE("close() that timed out names tasks by their labels") {
    Gate release;
    OnThreadRunner loop(Options().close_timeout(1ms).on_error([](auto const&) {}));
    loop.runner.start_soon(label("stubborn", [&release]() -> asio::awaitable<void> {
        co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
        co_await release.passed();
    }));
    loop.runner.run(nothing());
    auto const message = message_of<std::system_error>([&] { loop.runner.close(); });
    release.open();
    CHECK_THAT(message, ContainsSubstring("stubborn: runner_base_tasks.cpp:"));
}

LOOP_TEST_CASE("10,000 tasks are listed, each once", EveryLoop) {
    constexpr std::size_t count = 10'000;
    AnyLoop loop;
    for (std::size_t i = 0; i < count / 2; ++i)
        loop.runner.start_soon(forever());
    loop.runner.run(nothing());
    BlockedLoop blocked;
    for (std::size_t i = 0; i < count / 2; ++i)
        blocked.runner().start_soon(nothing());
    std::set<std::uint64_t> ids;
    for (auto const* const runner : {&loop.runner, &blocked.runner()})
        for (auto const& task : runner->tasks())
            ids.insert(task.id);
    CHECK(ids.size() == count + 1);
    auto const text = dump_of(blocked.runner());
    CHECK(static_cast<std::size_t>(std::ranges::count(text, '\n')) >= count / 2);
}

// ---- What tasks wait for

LOOP_TEST_CASE("A task waits for a function on a worker thread", EveryLoop) {
    Gate release;
    AnyLoop loop;
    Caller const caller(loop, ask_worker_later(release), release);
    check_waits_for(loop, "a function on a worker thread (runner_base_tasks.cpp:");
    CHECK_THAT(
        dump_of(loop.runner),
        ContainsSubstring("workers: ") && ContainsSubstring("-1: runner_base_tasks.cpp:"));
}

LOOP_TEST_CASE("A task waits for a function in a pool's queue", EveryLoop) {
    Gate release;
    AnyLoop loop(Options().max_workers(1));
    Caller const caller(
        loop,
        [&]() -> asio::awaitable<void> {
            co_await syncopate::gather(ask_worker(release), ask_worker(release));
        },
        release);
    check_waits_for(loop, "its turn on a worker thread (runner_base_tasks.cpp:");
}

LOOP_TEST_CASE("A task waits for a function on the calling thread", EveryLoop) {
    Gate release;
    AnyLoop loop;
    Caller const caller(loop, ask_caller(release), release);
    check_waits_for(loop, "a function on the calling thread (runner_base_tasks.cpp:");
}

LOOP_TEST_CASE("A task waits for what a worker has the loop run for it", EveryLoop) {
    Gate release;
    AnyLoop loop;
    Caller const caller(loop, ask_worker_that_asks(release), release);
    check_waits_for(loop, "); a function on a worker thread (");
}

LOOP_TEST_CASE("A task waits for a token of a limiter", EveryLoop) {
    AnyLoop loop;
    syncopate::CapacityLimiter limiter(1);
    Gate release;
    auto token = limiter.try_acquire();
    Caller const caller(
        loop,
        [&]() -> asio::awaitable<void> {
            co_await asio::post(asio::use_awaitable);
            co_await syncopate::gather(ask_limiter(limiter), release.passed());
        },
        release);
    check_waits_for(loop, "a token of a CapacityLimiter (1 of 1 are held, 1 task waits)");
    token.reset();
}

LOOP_TEST_CASE("It is told which tasks have taken the tokens of a limiter", EveryLoop) {
    AnyLoop loop;
    syncopate::CapacityLimiter limiter(2);
    Gate release;
    auto token = limiter.try_acquire();
    Caller const caller(
        loop,
        [&]() -> asio::awaitable<void> {
            static_cast<void>(co_await limiter.acquire());
            auto const held = co_await limiter.acquire();
            co_await syncopate::gather(ask_limiter(limiter), release.passed());
        },
        release);
    check_waits_for(loop, "(2 of 2 are held, taken by task ");
    auto const id = std::to_string(loop.runner.tasks().at(0).id);
    check_waits_for(loop, "taken by task " + id + " and others, 1 task waits)");
    token.reset();
}

LOOP_TEST_CASE("A task waits for tasks that it has started, until they have ended", EveryLoop) {
    Gate children;
    Gate release;
    AnyLoop loop;
    Caller const caller(
        loop,
        [&]() -> asio::awaitable<void> {
            co_await ask_children(children);
            co_await ask_worker(release);
        },
        release);
    check_waits_for(loop, "tasks that it has started");
    children.open();
    check_waits_for(loop, "a function on a worker thread");
    CHECK_THAT(
        labelled(loop.runner, "caller's").waits_for,
        !ContainsSubstring("tasks that it has started"));
}

LOOP_TEST_CASE(
    "A task that nobody waits for is told what it waits for in its first stretch", EveryLoop) {
    Gate release;
    AnyLoop loop;
    loop.runner.start_soon(label("background", ask_worker(release)));
    loop.runner.run(twice_later(0));
    auto const waits_for = labelled(loop.runner, "background").waits_for;
    release.open();
    CHECK_THAT(waits_for, ContainsSubstring("worker thread (runner_base_tasks.cpp:"));
}

LOOP_TEST_CASE("A task that a worker resumes is told what it waits for next", EveryLoop) {
    Gate release;
    AnyLoop loop;
    syncopate::CapacityLimiter limiter(1);
    auto token = limiter.try_acquire();
    loop.runner.start_soon(label("background", [&]() -> asio::awaitable<void> {
        co_await ask_worker(release);
        co_await ask_limiter(limiter);
    }));
    release.open();
    while (limiter.statistics().tasks_waiting == 0)
        loop.runner.run(nothing());
    CHECK_THAT(
        labelled(loop.runner, "background").waits_for, ContainsSubstring("a CapacityLimiter"));
    token.reset();
    finish(loop.runner);
}

LOOP_TEST_CASE(
    "What some coroutine waits for is in the dump where its task is not known", EveryLoop) {
    Gate release;
    AnyLoop loop;
    loop.runner.start_soon(ask_worker_later(release));
    for (int i = 0; i < 3; ++i)
        loop.runner.run(twice_later(0));
    auto const tasks = loop.runner.tasks();
    auto const text = dump_of(loop.runner);
    release.open();
    REQUIRE(tasks.size() == 1);
    CHECK(tasks[0].waits_for.empty());
    CHECK_THAT(text, ContainsSubstring("\n  a coroutine waits for "));
}

LOOP_TEST_CASE("A task with a label is told what it waits for after a wait of Asio's", EveryLoop) {
    Gate release;
    AnyLoop loop;
    loop.runner.start_soon(label("background", ask_worker_later(release)));
    for (int i = 0; i < 3; ++i)
        loop.runner.run(twice_later(0));
    auto const waits_for = labelled(loop.runner, "background").waits_for;
    release.open();
    CHECK_THAT(waits_for, ContainsSubstring("on a worker thread"));
}

LOOP_TEST_CASE("A task that Asio has resumed is running, in run() and with a label", EveryLoop) {
    AnyLoop loop;
    auto const look = [&]() -> asio::awaitable<TaskState> {
        co_await sleep_for(1ms);
        co_return labelled(loop.runner, "looks").state;
    };
    CHECK(loop.runner.run(label("looks", look)) == TaskState::running);
    auto state = loop.runner.run_as_future(label("looks", look));
    while (state.wait_for(0s) != std::future_status::ready)
        loop.runner.run(nothing());
    CHECK(state.get() == TaskState::running);
}

LOOP_TEST_CASE("A context waits for the end of its scope", EveryLoop) {
    AnyLoop loop;
    Journal journal;
    {
        auto const guard = loop.runner.wrap_context(NotedContext(journal, "session"));
        loop.runner.run(nothing());
        auto const tasks = loop.runner.tasks();
        REQUIRE(tasks.size() == 1);
        CHECK(tasks[0].state == TaskState::suspended);
        CHECK(tasks[0].waits_for == "the end of its scope");
    }
    CHECK(loop.runner.tasks().empty());
}

LOOP_TEST_CASE("A range that is far enough ahead waits for its items to be taken", TurningLoops) {
    AnyLoop loop;
    auto const range = loop.runner.wrap_iter(numbers(), syncopate::ReadAhead{2});
    std::vector<TaskInfo> tasks;
    do
        tasks = loop.runner.tasks();
    while (tasks.size() != 1 || tasks[0].waits_for.empty());
    CHECK(tasks[0].waits_for == "its items to be taken");
}
