// Children that are waited for until they are ready.

#include "support/audit.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/groups.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/error.hpp>
#include <syncopate/task_group.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using syncopate::Errc;
using syncopate::Ready;
using syncopate::TaskGroup;
using syncopate::with_task_group;

static_assert(std::is_copy_constructible_v<Ready<std::unique_ptr<int>>>);
static_assert(std::is_nothrow_move_constructible_v<Ready<void>>);

using Steps = std::vector<std::string>;

// Is ready at once, and goes on.
asio::awaitable<void> serve(Ready<int> ready) {
    Tracked const frame;
    ready(42);
    co_await forever();
}

asio::awaitable<void> serve_later(Ready<int> ready) {
    Tracked const frame;
    co_await asio::post(asio::use_awaitable);
    ready(42);
    co_await forever();
}

struct NoDefault {
    explicit NoDefault(std::unique_ptr<int> number) : value(std::move(number)) {}
    std::unique_ptr<int> value;
};

}  // namespace

LOOP_TEST_CASE("start gives the value with which the task is ready", EveryLoop) {
    AnyLoop loop;
    auto const body = [](TaskGroup& group) -> asio::awaitable<int> {
        int const first = co_await group.start<int>(serve);
        int const second = co_await group.start<int>(serve_later);
        group.cancel();
        co_return first + second;
    };
    CHECK(loop.runner.run(with_task_group(body)) == 84);
}

TEST_CASE("A task may be ready without a value, and with one that can only be moved") {
    OnRunner loop;
    auto const body = [](TaskGroup& group) -> asio::awaitable<int> {
        auto const plain = [](Ready<void> ready) -> asio::awaitable<void> {
            co_await asio::post(asio::use_awaitable);
            ready();
        };
        auto const boxed = [](Ready<NoDefault> ready) -> asio::awaitable<void> {
            ready(NoDefault(std::make_unique<int>(7)));
            co_return;
        };
        co_await group.start<void>(plain);
        auto const result = co_await group.start<NoDefault>(boxed);
        co_return *result.value;
    };
    CHECK(loop.runner.run(with_task_group(body)) == 7);
}

TEST_CASE("A task goes on after it is ready, before the one who waits for it does") {
    Steps steps;
    OnRunner loop;
    loop.runner.run(with_task_group([&](TaskGroup& group) -> asio::awaitable<void> {
        auto task = [&](Ready<void> ready) -> asio::awaitable<void> {
            co_await asio::post(asio::use_awaitable);
            steps.emplace_back("ready");
            ready();
            steps.emplace_back("after");
            co_await sleep_for(1ms);
            steps.emplace_back("end");
        };
        co_await group.start<void>(std::move(task));
        steps.emplace_back("started");
    }));
    CHECK(steps == Steps{"ready", "after", "started", "end"});
}

TEST_CASE("Only the first time that a task is ready counts") {
    OnRunner loop;
    auto const body = [](TaskGroup& group) -> asio::awaitable<int> {
        auto const task = [](Ready<int> ready) -> asio::awaitable<void> {
            co_await asio::post(asio::use_awaitable);
            auto const copy = ready;
            ready(1);
            copy(2);
            ready(3);
        };
        int const value = co_await group.start<int>(task);
        co_return value;
    };
    CHECK(loop.runner.run(with_task_group(body)) == 1);
}

TEST_CASE("A Ready may outlive its task, its group and its runner") {
    std::optional<Ready<int>> kept;
    std::optional<Ready<int>> unused;
    {
        OnRunner loop;
        auto const body = [&](TaskGroup& group) -> asio::awaitable<void> {
            auto const task = [&](Ready<int> ready) -> asio::awaitable<void> {
                kept = ready;
                ready(1);
                co_return;
            };
            auto const never = [&](Ready<int> ready) -> asio::awaitable<void> {
                unused = ready;
                co_return;
            };
            co_await group.start<int>(task);
            (*kept)(2);
            co_await group.start<int>(never);
        };
        CHECK_FALSE(failures_of_group(loop.runner, body).empty());
    }
    (*kept)(3);
    (*unused)(4);
}

TEST_CASE("start throws what the task threw before it was ready, and the group goes on") {
    std::string message;
    OnRunner loop;
    loop.runner.run(with_task_group([&](TaskGroup& group) -> asio::awaitable<void> {
        auto const task = [](Ready<int>) { return fail_later("boom"); };
        try {
            co_await group.start<int>(task);
        } catch (std::runtime_error const& error) {
            message = error.what();
        }
        co_await asio::post(asio::use_awaitable);
    }));
    CHECK(message == "boom");
}

TEST_CASE("start throws Errc::never_ready when the task just ends") {
    OnRunner loop;
    bool thrown = false;
    loop.runner.run(with_task_group([&](TaskGroup& group) -> asio::awaitable<void> {
        auto const at_once = [](Ready<int>) { return nothing(); };
        auto const later = [](Ready<void>) { return sleep_for(1ms); };
        int count = 0;
        try {
            co_await group.start<int>(at_once);
        } catch (std::system_error const& error) {
            count += error.code() == Errc::never_ready;
        }
        try {
            co_await group.start<void>(later);
        } catch (std::system_error const& error) {
            count += error.code() == Errc::never_ready;
        }
        thrown = count == 2;
    }));
    CHECK(thrown);
}

TEST_CASE("A task that fails after it was ready is a failure of the group") {
    OnRunner loop;
    CHECK(failures_of_group(loop.runner, [](TaskGroup& group) -> asio::awaitable<void> {
              auto const task = [](Ready<void> ready) -> asio::awaitable<void> {
                  ready();
                  co_await fail_later("boom");
              };
              co_await group.start<void>(task);
              co_await forever();
          }) == Failures{"boom"});
}

LOOP_TEST_CASE("To cancel a start is to cancel its task, and to wait", EveryLoop) {
    bool cleaned = false;
    bool aborted = false;
    AnyLoop loop;
    auto const body = [&](TaskGroup& group) -> asio::awaitable<void> {
        auto const task = [&](Ready<int> ready) -> asio::awaitable<void> {
            co_await until_cancelled();
            ready(1);  // too late
            co_await sleep_for(1ms);
            cleaned = true;
        };
        try {
            co_await group.start<int>(task);
        } catch (boost::system::system_error const& error) {
            aborted = cleaned && error.code() == asio::error::operation_aborted;
            throw;
        }
    };
    CHECK(code_of([&] { loop.runner.run_for(1ms, with_task_group(body)); }) == Errc::timed_out);
    CHECK(aborted);
}

TEST_CASE("What a task throws whose start is cancelled is not lost") {
    OnRunner loop;
    CHECK(failures_of([&] {
              loop.runner.run_for(
                  1ms, with_task_group([](TaskGroup& group) -> asio::awaitable<void> {
                      auto const task = [](Ready<int>) { return fail_when_cancelled("clean-up"); };
                      co_await group.start<int>(task);
                  }));
          }) == Failures{"clean-up"});
}

TEST_CASE("A start that one child waits for is cancelled with that child alone") {
    OnRunner loop;
    int ended = 0;
    bool is_other_alive = false;
    loop.runner.run(with_task_group([&](TaskGroup& group) -> asio::awaitable<void> {
        group.start_soon(forever_counted(ended));
        co_await with_task_group([&](TaskGroup& inner) -> asio::awaitable<void> {
            inner.start_soon([&]() -> asio::awaitable<void> {
                auto const task = [&](Ready<int>) { return forever_counted(ended); };
                co_await group.start<int>(task);
            });
            co_await asio::post(asio::use_awaitable);
            inner.cancel();
        });
        is_other_alive = ended == 1;
        group.cancel();
    }));
    CHECK(is_other_alive);
    CHECK(ended == 2);
}

TEST_CASE("A start in a cancelled group ends with its task, which may be at once") {
    OnRunner loop;
    int aborted = 0;
    loop.runner.run(with_task_group([&](TaskGroup& group) -> asio::awaitable<void> {
        auto const at_once = [](Ready<int>) { return end_inside_cancellation(); };
        auto const later = [](Ready<int>) { return forever(); };
        co_await asio::this_coro::throw_if_cancelled(false);
        group.cancel();
        try {
            co_await group.start<int>(at_once);
        } catch (boost::system::system_error const& error) {
            aborted += error.code() == asio::error::operation_aborted;
        }
        try {
            co_await group.start<int>(later);
        } catch (boost::system::system_error const& error) {
            aborted += error.code() == asio::error::operation_aborted;
        }
    }));
    CHECK(aborted == 2);
}

TEST_CASE("Starts one after another need no stack") {
    OnRunner loop;
    int count = 0;
    loop.runner.run(with_task_group([&](TaskGroup& group) -> asio::awaitable<void> {
        auto const task = [&](Ready<void> ready) -> asio::awaitable<void> {
            if (++count % 2 == 0)
                co_await asio::post(asio::use_awaitable);
            ready();
        };
        for (int i = 0; i < 100'000; ++i)
            co_await group.start<void>(task);
    }));
    CHECK(count == 100'000);
}
