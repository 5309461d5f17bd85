// A task group as a context: its scope is a piece of synchronous code, or of another context.

#include "support/audit.hpp"
#include "support/catch.hpp"
#include "support/contexts.hpp"
#include "support/errors.hpp"
#include "support/groups.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/context_guard.hpp>
#include <syncopate/error.hpp>
#include <syncopate/task_group.hpp>

#include <boost/asio/awaitable.hpp>

#include <exception>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using syncopate::Errc;
using syncopate::TaskGroup;
using syncopate::TaskGroupError;

// Has a task of its own while it is entered.
class Service {
public:
    asio::awaitable<void> aenter() {
        co_await group_.aenter();
        group_.start_soon([this] { return beat(); });
    }
    asio::awaitable<void> aexit(std::exception_ptr error) {
        group_.cancel();
        co_await group_.aexit(std::move(error));
    }

    TaskGroup& group() noexcept { return group_; }
    int beats() const noexcept { return beats_; }

private:
    asio::awaitable<void> beat() {
        for (;;) {
            ++beats_;
            co_await sleep_for(1ms);
        }
    }

    TaskGroup group_;
    int beats_ = 0;
};

template <class Runner>
void start_soon(Runner& runner, TaskGroup& group, asio::awaitable<void> task) {
    runner.call([&] { group.start_soon(std::move(task)); });
}

}  // namespace

LOOP_TEST_CASE("A group is left when its children have ended", EveryLoop) {
    int ended = 0;
    AnyLoop loop;
    int const result = loop.runner.with_context(TaskGroup(), [&](TaskGroup& group) {
        loop.runner.call([&] {
            group.start_soon([&]() -> asio::awaitable<void> {
                NotesEnd const note(ended);
                co_await sleep_for(1ms);
            });
        });
        return 42;
    });
    CHECK(result == 42);
    CHECK(ended == 1);
}

LOOP_TEST_CASE("A guard of a group waits for the children", EveryLoop) {
    int ended = 0;
    AnyLoop loop;
    {
        auto group = loop.runner.wrap_context(TaskGroup());
        start_soon(loop.runner, *group, forever_counted(ended));
        loop.runner.call([&] { group->cancel(); });
    }
    CHECK(ended == 1);
}

LOOP_TEST_CASE("A child that fails while the body runs surfaces at the exit", EveryLoop) {
    int ended = 0;
    AnyLoop loop;
    CHECK(failures_of([&] {
              loop.runner.with_context(TaskGroup(), [&](TaskGroup& group) {
                  start_soon(loop.runner, group, forever_counted(ended));
                  start_soon(loop.runner, group, fail_later("boom"));
                  while (loop.runner.call([&] { return ended; }) == 0)
                      loop.runner.run(sleep_for(1ms));
              });
          }) == Failures{"boom"});
    CHECK(ended == 1);
}

TEST_CASE("An exception in the body cancels the children, and passes") {
    int ended = 0;
    OnThreadRunner loop;
    auto const run = [&] {
        loop.runner.with_context(TaskGroup(), [&](TaskGroup& group) {
            start_soon(loop.runner, group, forever_counted(ended));
            throw std::invalid_argument("body");
        });
    };
    CHECK_THROWS_AS(run(), std::invalid_argument);
    CHECK(ended == 1);
}

TEST_CASE("Where the body fails and a child fails, the one is nested in the other") {
    OnThreadRunner loop;
    std::string outer;
    std::string inner;
    try {
        loop.runner.with_context(TaskGroup(), [&](TaskGroup& group) {
            start_soon(loop.runner, group, fail_when_cancelled("clean-up"));
            throw std::invalid_argument("body");
        });
    } catch (TaskGroupError const& error) {
        outer = error.what();
        inner = message_of<std::invalid_argument>([&] { std::rethrow_if_nested(error); });
    }
    CHECK(outer == "1 task of the group failed: clean-up");
    CHECK(inner == "body");
}

LOOP_TEST_CASE("A context of one's own may hold a group", EveryLoop) {
    AnyLoop loop;
    int const beats = loop.runner.with_context(Service(), [&](Service& service) {
        loop.runner.run(sleep_for(5ms));
        return loop.runner.call([&] { return service.beats(); });
    });
    CHECK(beats > 0);
    CHECK(failures_of([&] {
              loop.runner.with_context(Service(), [&](Service& service) {
                  start_soon(loop.runner, service.group(), fail_at_once("boom"));
              });
          }) == Failures{"boom"});
}

TEST_CASE("A group that is no longer open takes no tasks, and says so") {
    TaskGroup group;
    OnThreadRunner loop;
    auto const start = [&] { start_soon(loop.runner, group, nothing()); };
    auto const starting = [&] {
        loop.runner.run([&]() -> asio::awaitable<void> {
            auto const task = [](syncopate::Ready<void>) { return nothing(); };
            co_await group.start<void>(task);
        });
    };
    CHECK(code_of(start) == Errc::runner_closed);
    loop.runner.with_context(group, [&](TaskGroup&) { start(); });
    CHECK(code_of(start) == Errc::runner_closed);
    CHECK(code_of(starting) == Errc::runner_closed);
    CHECK_THAT(
        message_of<std::system_error>(start), Catch::Matchers::ContainsSubstring("TaskGroup"));
}

TEST_CASE("A group may be entered again, and has forgotten what was before") {
    TaskGroup group;
    OnThreadRunner loop;
    CHECK(failures_of([&] {
              loop.runner.with_context(
                  group, [&](TaskGroup&) { start_soon(loop.runner, group, fail_at_once("boom")); });
          }) == Failures{"boom"});
    loop.runner.with_context(
        group, [&](TaskGroup&) { start_soon(loop.runner, group, sleep_for(1ms)); });
}

LOOP_TEST_CASE("Closing the runner leaves its open groups", EveryLoop) {
    int ended = 0;
    {
        AnyLoop loop;
        auto& group = loop.runner.enter_context([] { return TaskGroup(); });
        start_soon(loop.runner, group, sleep_for(1ms));
        auto guard = loop.runner.wrap_context(TaskGroup());
        start_soon(loop.runner, *guard, forever_counted(ended));
        loop.runner.close();
    }
    CHECK(ended == 1);
}

TEST_CASE("Children of a group that is destroyed instead of left go on by themselves") {
    int ended = 0;
    ErrorLog log;
    {
        OnThreadRunner loop(syncopate::Options().on_error(log.handler()));
        Gate gate;
        loop.runner.run([&]() -> asio::awaitable<void> {
            TaskGroup group;
            co_await group.aenter();
            group.start_soon([&]() -> asio::awaitable<void> {
                NotesEnd const note(ended);
                co_await gate.passed();
                throw std::runtime_error("on its own");
            });
        });
        gate.open();
        log.wait_for(1);
    }
    CHECK(ended == 1);
    CHECK(log.messages() == std::vector<std::string>{"on its own"});
}

TEST_CASE("A group that is moved keeps its children, and the new one has not been entered") {
    int ended = 0;
    int ended_before_exit = 0;
    std::error_code refusal;
    OnThreadRunner loop;
    loop.runner.run([&]() -> asio::awaitable<void> {
        TaskGroup group;
        co_await group.aenter();
        group.start_soon(forever_counted(ended));
        TaskGroup moved(std::move(group));
        refusal = code_of([&] { moved.start_soon(forever_counted(ended)); });
        co_await sleep_for(1ms);
        ended_before_exit = ended;
        // NOLINTNEXTLINE(bugprone-use-after-move): that is the point
        group.cancel();
        co_await group.aexit(nullptr);
    });
    CHECK(refusal == Errc::runner_closed);
    CHECK(ended_before_exit == 0);
    CHECK(ended == 1);
}
