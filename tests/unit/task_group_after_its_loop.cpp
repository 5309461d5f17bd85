// The io_context is destroyed while groups, gathers, time-outs and shields are suspended on it: what
// they consist of is destroyed once, and nothing of it is resumed.

#include "support/audit.hpp"
#include "support/catch.hpp"
#include "support/groups.hpp"
#include "support/tasks.hpp"
#include <syncopate/gather.hpp>
#include <syncopate/shield.hpp>
#include <syncopate/task_group.hpp>
#include <syncopate/timeout.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <optional>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using syncopate::TaskGroup;
using syncopate::with_task_group;

}  // namespace

TEST_CASE("A group goes with its loop, body and children") {
    int ended = 0;
    auto const task = [&] {
        return with_task_group([&](TaskGroup& group) -> asio::awaitable<void> {
            for (int i = 0; i < 3; ++i)
                group.start_soon(forever_counted(ended));
            group.start_soon([&ended, note = NotesEnd(ended)] { return forever_counted(ended); });
            co_await forever_counted(ended);
        });
    };
    abandon(task);
    CHECK(ended == 6);
    abandon_on_strand(task);
    CHECK(ended == 12);
}

TEST_CASE("A group whose body is over goes with its loop") {
    int ended = 0;
    abandon([&] {
        return with_task_group([&](TaskGroup& group) -> asio::awaitable<void> {
            group.start_soon(forever_counted(ended));
            group.start_soon(nothing());
            co_return;
        });
    });
    CHECK(ended == 1);
}

TEST_CASE("Groups within groups go with their loop") {
    int ended = 0;
    auto const inner = [&](TaskGroup& group) -> asio::awaitable<void> {
        group.start_soon(forever_counted(ended));
        co_await forever_counted(ended);
    };
    abandon([&] {
        return with_task_group([&](TaskGroup& group) -> asio::awaitable<void> {
            group.start_soon(with_task_group(inner));
            group.start_soon(with_task_group(inner));
            co_await with_task_group(inner);
        });
    });
    CHECK(ended == 6);
}

TEST_CASE("A group whose children are being cancelled goes with its loop") {
    int ended = 0;
    abandon([&] {
        return with_task_group([&](TaskGroup& group) -> asio::awaitable<void> {
            group.start_soon(forever_despite_cancellation(ended));
            group.start_soon(fail_at_once("boom"));
            group.cancel();
            co_return;
        });
    });
    CHECK(ended == 1);
}

TEST_CASE("A group that is held by a coroutine goes with it, before or after its children") {
    int ended = 0;
    abandon([&]() -> asio::awaitable<void> {
        TaskGroup group;
        co_await group.aenter();
        group.start_soon(forever_counted(ended));
        co_await forever_counted(ended);
    });
    abandon([&]() -> asio::awaitable<void> {
        TaskGroup group;
        co_await group.aenter();
        group.start_soon(forever_counted(ended));
        co_await group.aexit(nullptr);
    });
    CHECK(ended == 3);
}

TEST_CASE("A group that outlives its loop is empty") {
    int ended = 0;
    TaskGroup group;
    abandon([&]() -> asio::awaitable<void> {
        co_await group.aenter();
        group.start_soon(forever_counted(ended));
        co_await group.aexit(nullptr);
    });
    CHECK(ended == 1);
}

TEST_CASE("A group that is destroyed before its loop leaves its children to it") {
    int ended = 0;
    asio::io_context context;
    std::optional<TaskGroup> group(std::in_place);
    asio::co_spawn(
        context,
        [&]() -> asio::awaitable<void> {
            co_await group->aenter();
            group->start_soon(forever_counted(ended));
            group->start_soon(sleep_for(0ms));
            co_await group->aexit(nullptr);
        },
        asio::detached);
    context.poll();
    group.reset();
    context.poll();
    CHECK(ended == 0);
}

TEST_CASE("A task that is started and not ready goes with its loop") {
    int ended = 0;
    auto const abandon_start = [&](auto task) {
        abandon([&] {
            return with_task_group([&](TaskGroup& group) -> asio::awaitable<void> {
                NotesEnd const note(ended);
                co_await group.start<int>(task);
            });
        });
    };
    abandon_start([&](syncopate::Ready<int>) { return forever_counted(ended); });
    CHECK(ended == 2);
    std::optional<syncopate::Ready<int>> kept;
    abandon_start([&](syncopate::Ready<int> ready) {
        kept = std::move(ready);
        return forever_counted(ended);
    });
    (*kept)(1);
    CHECK(ended == 4);
}

TEST_CASE("What was ready when its loop ended goes with it") {
    int ended = 0;
    {
        asio::io_context context;
        auto const body = [&](TaskGroup& group) -> asio::awaitable<void> {
            auto task = [&](syncopate::Ready<int> ready) -> asio::awaitable<void> {
                co_await asio::post(asio::use_awaitable);
                ready(1);
                context.stop();
                co_await forever_counted(ended);
            };
            NotesEnd const note(ended);
            co_await group.start<int>(std::move(task));
            ended = 100;
        };
        asio::co_spawn(context, [&] { return with_task_group(body); }, asio::detached);
        context.run();
    }
    CHECK(ended == 2);
}

TEST_CASE("gather goes with its loop") {
    int ended = 0;
    abandon([&] {
        return syncopate::gather(forever_counted(ended), twice(1), forever_counted(ended));
    });
    CHECK(ended == 2);
    abandon([&] {
        std::vector<asio::awaitable<void>> tasks;
        tasks.push_back(forever_counted(ended));
        tasks.push_back(forever_counted(ended));
        return syncopate::gather(std::move(tasks));
    });
    CHECK(ended == 4);
}

TEST_CASE("Time-outs and shields go with their loop") {
    int ended = 0;
    abandon([&] { return syncopate::fail_after(1h, forever_counted(ended)); });
    abandon([&] { return syncopate::move_on_after(1h, forever_counted(ended)); });
    abandon([&] { return syncopate::shield(forever_counted(ended)); });
    CHECK(ended == 3);
}
