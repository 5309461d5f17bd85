// Task groups: what is started in them, what they give, and what they throw.

#include "support/audit.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/groups.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/error.hpp>
#include <syncopate/task_group.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using syncopate::Errc;
using syncopate::TaskGroup;
using syncopate::TaskGroupError;
using syncopate::with_task_group;

static_assert(std::is_nothrow_copy_constructible_v<TaskGroupError>);
static_assert(std::is_base_of_v<std::runtime_error, TaskGroupError>);
static_assert(syncopate::AsyncContext<TaskGroup>);

using Numbers = std::vector<int>;

asio::awaitable<void> add_later(Numbers& numbers, int number) {
    Tracked const frame;
    co_await asio::post(asio::use_awaitable);
    numbers.push_back(number);
}

asio::awaitable<void> add(Numbers& numbers, int number) {
    numbers.push_back(number);
    co_return;
}

asio::awaitable<std::unique_ptr<int>> boxed(int value) {
    co_return std::make_unique<int>(value);
}

struct NoDefault {
    explicit NoDefault(int number) : value(number) {}
    int value;
};

asio::awaitable<NoDefault> no_default(int value) {
    co_return NoDefault(value);
}

}  // namespace

LOOP_TEST_CASE("A group ends when all its children have", EveryLoop) {
    Numbers numbers;
    AnyLoop loop;
    loop.runner.run(with_task_group([&](TaskGroup& group) -> asio::awaitable<void> {
        for (int i = 0; i < 5; ++i)
            group.start_soon(add_later(numbers, i));
        co_return;
    }));
    CHECK(numbers == Numbers{0, 1, 2, 3, 4});
}

LOOP_TEST_CASE("A group without children gives what its body gives", EveryLoop) {
    AnyLoop loop;
    auto const body = [](TaskGroup&) { return twice_later(21); };
    CHECK(loop.runner.run(with_task_group(body)) == 42);
    CHECK(loop.runner.run(with_task_group([](TaskGroup&) { return twice(4); })) == 8);
    loop.runner.run(with_task_group([](TaskGroup&) { return nothing(); }));
}

TEST_CASE("A group gives what can only be moved, and what has no default") {
    OnRunner loop;
    auto const moved = loop.runner.run(with_task_group([](TaskGroup&) { return boxed(3); }));
    CHECK(*moved == 3);
    auto const made = [](TaskGroup&) { return no_default(4); };
    CHECK(loop.runner.run([&]() -> asio::awaitable<int> {
        auto const result = co_await with_task_group(made);
        co_return result.value;
    }) == 4);
}

LOOP_TEST_CASE("Every kind of task can be started in a group", EveryLoop) {
    Numbers numbers;
    AnyLoop loop;
    loop.runner.run(with_task_group([&](TaskGroup& group) -> asio::awaitable<void> {
        asio::steady_timer timer(co_await asio::this_coro::executor, 1ms);
        auto const factory = [&] { return add(numbers, 1); };
        group.start_soon(factory);
        group.start_soon(factory);
        group.start_soon([&] { return add(numbers, 2); });
        group.start_soon(add(numbers, 3));
        group.start_soon(boxed(4));
        group.start_soon([] { return no_default(5); });
        group.start_soon(timer.async_wait(asio::deferred));
        group.start_soon(asio::post(asio::deferred));
        co_await add_later(numbers, 6);
        co_await timer.async_wait(asio::deferred);
    }));
    CHECK(numbers == Numbers{1, 1, 2, 3, 6});
}

TEST_CASE("A child runs up to its first suspension when it is started") {
    Numbers numbers;
    OnRunner loop;
    loop.runner.run(with_task_group([&](TaskGroup& group) -> asio::awaitable<void> {
        group.start_soon([&]() -> asio::awaitable<void> {
            numbers.push_back(1);
            co_await asio::post(asio::use_awaitable);
            numbers.push_back(3);
        });
        numbers.push_back(2);
        co_return;
    }));
    CHECK(numbers == Numbers{1, 2, 3});
}

LOOP_TEST_CASE("Children start children", EveryLoop) {
    Numbers numbers;
    AnyLoop loop;
    loop.runner.run(with_task_group([&](TaskGroup& group) -> asio::awaitable<void> {
        group.start_soon([&]() -> asio::awaitable<void> {
            co_await asio::post(asio::use_awaitable);
            group.start_soon([&]() -> asio::awaitable<void> {
                group.start_soon(add_later(numbers, 2));
                co_await add_later(numbers, 3);
            });
            numbers.push_back(1);
        });
        co_return;
    }));
    CHECK(numbers == Numbers{1, 2, 3});
}

TEST_CASE("A child and what it captured are gone before the group is") {
    int ended = 0;
    int seen = 0;
    OnRunner loop;
    loop.runner.run([&]() -> asio::awaitable<void> {
        auto const body = [&](TaskGroup& group) -> asio::awaitable<void> {
            group.start_soon([note = NotesEnd(ended)] { return twice_later(1); });
            co_return;
        };
        co_await with_task_group(body);
        seen = ended;
    });
    CHECK(seen == 1);
}

TEST_CASE("What the body captured lives as long as its children") {
    OnRunner loop;
    int seen = 0;
    loop.runner.run(with_task_group([&seen, kept = std::make_unique<int>(7)](TaskGroup& group) {
        group.start_soon([&]() -> asio::awaitable<void> {
            co_await asio::post(asio::use_awaitable);
            seen = *kept;
        });
        return nothing();
    }));
    CHECK(seen == 7);
}

LOOP_TEST_CASE("The first failure cancels the other children", EveryLoop) {
    int ended = 0;
    AnyLoop loop;
    auto const run = [&] {
        loop.runner.run(with_task_group([&](TaskGroup& group) -> asio::awaitable<void> {
            group.start_soon(forever_counted(ended));
            group.start_soon(forever_counted(ended));
            group.start_soon(fail_later("boom"));
            group.start_soon(forever_counted(ended));
            co_return;
        }));
    };
    CHECK(failures_of(run) == Failures{"boom"});
    CHECK(ended == 3);
}

LOOP_TEST_CASE("The failure of a child cancels the body", EveryLoop) {
    AnyLoop loop;
    CHECK(failures_of_group(loop.runner, [](TaskGroup& group) -> asio::awaitable<int> {
              group.start_soon(fail_later("boom"));
              co_await forever();
              co_return 1;
          }) == Failures{"boom"});
}

LOOP_TEST_CASE("The failure of the body cancels the children", EveryLoop) {
    int ended = 0;
    AnyLoop loop;
    CHECK(failures_of_group(loop.runner, [&](TaskGroup& group) -> asio::awaitable<void> {
              group.start_soon(forever_counted(ended));
              co_await asio::post(asio::use_awaitable);
              throw std::runtime_error("body");
          }) == Failures{"body"});
    CHECK(ended == 1);
}

TEST_CASE("A body that is no coroutine may fail") {
    OnRunner loop;
    CHECK(failures_of_group(loop.runner, [](TaskGroup& group) -> asio::awaitable<void> {
              group.start_soon(forever());
              throw std::runtime_error("no coroutine");
          }) == Failures{"no coroutine"});
}

TEST_CASE("Every failure is in the error: the body's first, then the children's as they came") {
    OnRunner loop;
    CHECK(failures_of_group(loop.runner, [](TaskGroup& group) -> asio::awaitable<void> {
              group.start_soon(fail_when_cancelled("second"));
              group.start_soon(fail_later("first"));
              group.start_soon(fail_when_cancelled("third"));
              co_await until_cancelled();
              co_await asio::post(asio::use_awaitable);
              throw std::runtime_error("body");
          }) == Failures{"body", "first", "second", "third"});
}

TEST_CASE("A failure is the same object that was thrown") {
    auto const thrown = std::make_exception_ptr(std::runtime_error("boom"));
    OnRunner loop;
    try {
        loop.runner.run(with_task_group([&](TaskGroup& group) -> asio::awaitable<void> {
            group.start_soon([&]() -> asio::awaitable<void> { std::rethrow_exception(thrown); });
            co_return;
        }));
        FAIL("nothing was thrown");
    } catch (TaskGroupError const& error) {
        CHECK(error.errors() == std::vector{thrown});
    }
}

TEST_CASE("The error says how many tasks failed, and how the first did") {
    OnRunner loop;
    auto const run = [&](int count) {
        return message_of<TaskGroupError>([&] {
            loop.runner.run(with_task_group([count](TaskGroup& group) -> asio::awaitable<void> {
                for (int i = 0; i < count; ++i)
                    group.start_soon(fail_at_once("failure " + std::to_string(i)));
                co_return;
            }));
        });
    };
    CHECK(run(1) == "1 task of the group failed: failure 0");
    CHECK(run(2) == "2 tasks of the group failed; the first: failure 0");
}

TEST_CASE("What is thrown need not be a std::exception") {
    OnRunner loop;
    auto const message = message_of<TaskGroupError>([&] {
        loop.runner.run(with_task_group([](TaskGroup& group) -> asio::awaitable<void> {
            group.start_soon([]() -> asio::awaitable<void> {
                throw 42;
                co_return;
            });
            co_return;
        }));
    });
    CHECK(message == "1 task of the group failed: an exception that is not a std::exception");
}

TEST_CASE("A child that ends by operation_aborted and was not cancelled has failed") {
    OnRunner loop;
    auto const aborted = [](TaskGroup& group) -> asio::awaitable<void> {
        group.start_soon([]() -> asio::awaitable<void> {
            co_await asio::post(asio::use_awaitable);
            throw boost::system::system_error(asio::error::operation_aborted);
        });
        co_return;
    };
    CHECK(failures_of_group(loop.runner, aborted) == Failures{"aborted"});
}

TEST_CASE("A factory that throws is a child that fails") {
    OnRunner loop;
    CHECK(failures_of_group(loop.runner, [](TaskGroup& group) {
              group.start_soon(
                  []() -> asio::awaitable<void> { throw std::runtime_error("factory"); });
              return nothing();
          }) == Failures{"factory"});
}

LOOP_TEST_CASE("A failing group is the failure of the group around it", EveryLoop) {
    int ended = 0;
    AnyLoop loop;
    CHECK(failures_of_group(loop.runner, [&](TaskGroup& outer) -> asio::awaitable<void> {
              outer.start_soon(forever_counted(ended));
              co_await with_task_group([&](TaskGroup& inner) -> asio::awaitable<void> {
                  inner.start_soon(forever_counted(ended));
                  inner.start_soon(fail_later("boom"));
                  co_return;
              });
          }) == Failures{"1 task of the group failed: boom"});
    CHECK(ended == 2);
}

LOOP_TEST_CASE("A child comes back from the thread to which it moved", EveryLoop) {
    asio::thread_pool pool(1);
    AnyLoop loop;
    int ended = 0;  // without a lock, and watched by ThreadSanitizer
    loop.runner.run(with_task_group([&](TaskGroup& group) -> asio::awaitable<void> {
        for (int i = 0; i < 20; ++i)
            group.start_soon([&]() -> asio::awaitable<void> {
                NotesEnd const note(ended);
                co_await asio::post(asio::bind_executor(pool, asio::use_awaitable));
                co_await asio::post(asio::use_awaitable);
            });
        group.start_soon([&]() -> asio::awaitable<void> {
            co_await asio::post(asio::bind_executor(pool, asio::use_awaitable));
        });
        co_return;
    }));
    CHECK(ended == 20);
}

TEST_CASE("A million children that end at once need no stack") {
    OnRunner loop;
    int count = 0;
    loop.runner.run(with_task_group([&](TaskGroup& group) -> asio::awaitable<void> {
        for (int i = 0; i < 1'000'000; ++i)
            group.start_soon([&]() -> asio::awaitable<void> {
                ++count;
                co_return;
            });
        co_return;
    }));
    CHECK(count == 1'000'000);
}

TEST_CASE("A long chain of children, each started by the one before, needs no stack") {
    OnThreadRunner loop;
    int count = 0;
    std::function<asio::awaitable<void>(TaskGroup&, int)> const link =
        [&](TaskGroup& group, int more) -> asio::awaitable<void> {
        ++count;
        if (more > 0)
            group.start_soon([&, more] { return link(group, more - 1); });
        co_return;
    };
    loop.runner.run(with_task_group([&](TaskGroup& group) { return link(group, 100'000); }));
    CHECK(count == 100'001);
}

TEST_CASE("Many groups inside one another need no stack, also when they are cancelled") {
    OnThreadRunner loop;
    std::stop_source stop;
    std::function<asio::awaitable<int>(int, bool)> const nested =
        [&](int more, bool is_stopped) -> asio::awaitable<int> {
        if (more == 0 && is_stopped) {
            stop.request_stop();
            co_await forever();
        }
        if (more == 0)
            co_return 0;
        co_return 1 +
            co_await with_task_group([&](TaskGroup&) { return nested(more - 1, is_stopped); });
    };
    CHECK(loop.runner.run(nested(20'000, false)) == 20'000);
    CHECK(code_of([&] {
              loop.runner.run(nested(2'000, true), stop.get_token());
          }) == Errc::cancelled);
}

TEST_CASE("Groups one after another need no stack") {
    OnRunner loop;
    int count = 0;
    loop.runner.run([&]() -> asio::awaitable<void> {
        auto const body = [&](TaskGroup& group) -> asio::awaitable<void> {
            group.start_soon(nothing());
            if (++count % 2 == 0)
                co_await asio::post(asio::use_awaitable);
        };
        for (int i = 0; i < 100'000; ++i)
            co_await with_task_group(body);
    });
    CHECK(count == 100'000);
}
