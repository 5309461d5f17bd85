// Task groups that are cancelled: by themselves, from outside, and while they end.

#include "support/audit.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/groups.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/error.hpp>
#include <syncopate/task_group.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/experimental/channel.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <stop_token>
#include <thread>
#include <type_traits>
#include <vector>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using syncopate::Errc;
using syncopate::TaskGroup;
using syncopate::with_task_group;

asio::awaitable<void> receive_for_ever() {
    Tracked const frame;
    asio::experimental::channel<void(boost::system::error_code, int)> channel(
        co_await asio::this_coro::executor);
    co_await channel.async_receive(asio::use_awaitable);
}

}  // namespace

LOOP_TEST_CASE("A group that cancels itself ends without an error", EveryLoop) {
    int ended = 0;
    AnyLoop loop;
    loop.runner.run(with_task_group([&](TaskGroup& group) -> asio::awaitable<void> {
        group.start_soon(forever_counted(ended));
        group.start_soon(receive_for_ever());
        group.start_soon(end_inside_cancellation());
        co_await asio::post(asio::use_awaitable);
        group.cancel();
        group.cancel();
        co_await forever();
    }));
    CHECK(ended == 1);
}

TEST_CASE("A group that cancels itself gives the value of a body that has one") {
    OnRunner loop;
    auto const body = [](TaskGroup& group) -> asio::awaitable<int> {
        group.start_soon(forever());
        group.cancel();
        co_return 42;
    };
    CHECK(loop.runner.run(with_task_group(body)) == 42);
}

TEST_CASE("A group that cancels itself and owes a value throws Errc::cancelled") {
    OnRunner loop;
    auto const body = [](TaskGroup& group) -> asio::awaitable<int> {
        group.cancel();
        co_await forever();
        co_return 42;
    };
    CHECK(code_of([&] { return loop.runner.run(with_task_group(body)); }) == Errc::cancelled);
}

TEST_CASE("A child cancels its group") {
    int ended = 0;
    OnRunner loop;
    loop.runner.run(with_task_group([&](TaskGroup& group) -> asio::awaitable<void> {
        group.start_soon(forever_counted(ended));
        group.start_soon([&]() -> asio::awaitable<void> {
            co_await asio::post(asio::use_awaitable);
            group.cancel();
            co_await forever();
        });
        co_await forever_counted(ended);
    }));
    CHECK(ended == 2);
}

TEST_CASE("A group is cancelled while its body is over and its children are awaited") {
    int ended = 0;
    OnRunner loop;
    loop.runner.run(with_task_group([&](TaskGroup& group) -> asio::awaitable<void> {
        group.start_soon(forever_counted(ended));
        group.start_soon(end_inside_cancellation());
        group.start_soon([&]() -> asio::awaitable<void> {
            for (int i = 0; i < 5; ++i)
                co_await asio::post(asio::use_awaitable);
            group.cancel();
        });
        co_return;
    }));
    CHECK(ended == 1);
}

TEST_CASE("A group that has failed may be cancelled") {
    OnRunner loop;
    CHECK(failures_of_group(loop.runner, [](TaskGroup& group) -> asio::awaitable<void> {
              group.start_soon(fail_later("boom"));
              co_await until_cancelled();
              group.cancel();
              co_await asio::post(asio::use_awaitable);
          }) == Failures{"boom"});
}

TEST_CASE("What fails while a cancelled group ends is a failure") {
    OnRunner loop;
    CHECK(failures_of_group(loop.runner, [](TaskGroup& group) -> asio::awaitable<void> {
              group.start_soon(fail_when_cancelled("clean-up"));
              group.cancel();
              co_return;
          }) == Failures{"clean-up"});
}

TEST_CASE("A child that cancels its group before it is suspended is cancelled there") {
    bool passed = false;
    OnRunner loop;
    loop.runner.run(with_task_group([&](TaskGroup& group) -> asio::awaitable<void> {
        group.start_soon([&]() -> asio::awaitable<void> {
            group.cancel();
            passed = true;
            co_await forever();
        });
        group.start_soon([&]() -> asio::awaitable<void> {
            group.cancel();
            co_return;
        });
        co_return;
    }));
    CHECK(passed);
}

TEST_CASE("What is started in a cancelled group runs up to its first suspension") {
    std::vector<int> steps;
    int ended = 0;
    OnRunner loop;
    loop.runner.run(with_task_group([&](TaskGroup& group) -> asio::awaitable<void> {
        group.cancel();
        for (int i = 0; i < 3; ++i)
            group.start_soon([&, i]() -> asio::awaitable<void> {
                NotesEnd const note(ended);
                steps.push_back(i);
                co_await forever();
                steps.push_back(-1);
            });
        group.start_soon(end_inside_cancellation());
        group.start_soon(nothing());
        co_return;
    }));
    CHECK(steps == std::vector{0, 1, 2});
    CHECK(ended == 3);
}

TEST_CASE("A child that is being cancelled starts children, which are awaited") {
    int ended = 0;
    OnRunner loop;
    loop.runner.run(with_task_group([&](TaskGroup& group) -> asio::awaitable<void> {
        group.start_soon([&]() -> asio::awaitable<void> {
            co_await until_cancelled();
            group.start_soon(forever_counted(ended));
            co_await asio::post(asio::use_awaitable);
            group.start_soon(forever_counted(ended));
        });
        group.cancel();
        co_return;
    }));
    CHECK(ended == 2);
}

TEST_CASE("A failure does not cancel the clean-up of a group that is cancelled already") {
    bool cleaned = false;
    OnRunner loop;
    auto const body = [&](TaskGroup& group) -> asio::awaitable<void> {
        group.start_soon([&]() -> asio::awaitable<void> {
            co_await asio::this_coro::throw_if_cancelled(false);
            try {
                co_await forever();
            } catch (...) {
                cleaned = false;
            }
            co_await sleep_for(5ms);
            cleaned = true;
        });
        group.cancel();
        co_await asio::this_coro::throw_if_cancelled(false);
        co_await asio::post(asio::use_awaitable);
        throw std::runtime_error("which cancels the group as well");
    };
    CHECK_THROWS_AS(loop.runner.run(with_task_group(body)), syncopate::TaskGroupError);
    CHECK(cleaned);
}

LOOP_TEST_CASE("A group that is cancelled once more cancels what went on", EveryLoop) {
    AnyLoop loop;
    bool went_on = false;
    loop.runner.run(with_task_group([&](TaskGroup& group) -> asio::awaitable<void> {
        group.start_soon([&]() -> asio::awaitable<void> {
            co_await until_cancelled();
            co_await asio::this_coro::reset_cancellation_state();
            went_on = true;
            co_await forever();
        });
        group.cancel();
        co_await asio::this_coro::reset_cancellation_state();
        while (!went_on)
            co_await asio::post(asio::use_awaitable);
        group.cancel();
    }));
    CHECK(went_on);
}

LOOP_TEST_CASE("To cancel the awaiting task is to cancel all of the group", EveryLoop) {
    std::atomic<bool> is_slow_one_ended = false;
    int ended = 0;
    Gate started;
    std::stop_source source;
    AnyLoop loop;
    std::jthread const stopper([&] {
        started.wait();
        source.request_stop();
    });
    auto const body = [&](TaskGroup& group) -> asio::awaitable<void> {
        group.start_soon(forever_counted(ended));
        group.start_soon(end_inside_cancellation());
        group.start_soon([&]() -> asio::awaitable<void> {
            co_await until_cancelled();
            co_await sleep_for(5ms);
            is_slow_one_ended = true;
        });
        co_await forever(started);
    };
    CHECK(code_of([&] {
              loop.runner.run(with_task_group(body), source.get_token());
          }) == Errc::cancelled);
    CHECK(ended == 1);
    CHECK(is_slow_one_ended);
}

TEST_CASE("A group that is cancelled from outside ends by operation_aborted") {
    OnRunner loop;
    bool aborted = false;
    CHECK(code_of([&] {
              loop.runner.run_for(1ms, [&]() -> asio::awaitable<void> {
                  auto const body = [](TaskGroup& group) -> asio::awaitable<int> {
                      group.start_soon(forever());
                      co_return 1;
                  };
                  try {
                      co_await with_task_group(body);
                  } catch (boost::system::system_error const& error) {
                      aborted = error.code() == asio::error::operation_aborted;
                      throw;
                  }
              });
          }) == Errc::timed_out);
    CHECK(aborted);
}

TEST_CASE("Failures that come up while a group is cancelled from outside are not lost") {
    OnRunner loop;
    CHECK(failures_of([&] {
              loop.runner.run_for(
                  1ms, with_task_group([](TaskGroup& group) -> asio::awaitable<void> {
                      group.start_soon(fail_when_cancelled("clean-up"));
                      co_await forever();
                  }));
          }) == Failures{"clean-up"});
}

TEST_CASE("A group is cancelled from outside by its own body, before it is suspended") {
    asio::cancellation_signal signal;
    OnRunner loop;
    bool aborted = false;
    loop.runner.run([&]() -> asio::awaitable<void> {
        auto const task = [&]() -> asio::awaitable<void> {
            auto const body = [&](TaskGroup& group) -> asio::awaitable<void> {
                group.start_soon(forever());
                signal.emit(asio::cancellation_type::terminal);
                co_await forever();
            };
            aborted = false;
            try {
                co_await with_task_group(body);
            } catch (boost::system::system_error const& error) {
                aborted = error.code() == asio::error::operation_aborted;
            }
        };
        auto const executor = co_await asio::this_coro::executor;
        co_await asio::co_spawn(
            executor, task, asio::bind_cancellation_slot(signal.slot(), asio::use_awaitable));
    });
    CHECK(aborted);
}

TEST_CASE("Clean-up that goes on after a cancellation may use a group") {
    OnRunner loop;
    bool cleaned = false;
    CHECK(code_of([&] {
              loop.runner.run_for(1ms, [&]() -> asio::awaitable<void> {
                  auto const body = [&](TaskGroup& group) -> asio::awaitable<void> {
                      group.start_soon(sleep_for(1ms));
                      co_await sleep_for(2ms);
                      cleaned = true;
                  };
                  co_await asio::this_coro::throw_if_cancelled(false);
                  try {
                      co_await forever();
                  } catch (...) {
                      cleaned = false;
                  }
                  co_await with_task_group(body);
                  throw boost::system::system_error(asio::error::operation_aborted);
              });
          }) == Errc::timed_out);
    CHECK(cleaned);
}

TEST_CASE("A group leaves the awaiting task's throw_if_cancelled as it was") {
    OnRunner loop;
    loop.runner.run([]() -> asio::awaitable<void> {
        auto const good = [](TaskGroup&) { return nothing(); };
        auto const bad = [](TaskGroup&) { return fail_at_once("boom"); };
        bool const values[] = {true, false};
        for (bool const value : values) {
            co_await asio::this_coro::throw_if_cancelled(value);
            co_await with_task_group(good);
            if (co_await asio::this_coro::throw_if_cancelled() != value)
                throw std::logic_error("after an end");
            try {
                co_await with_task_group(bad);
            } catch (syncopate::TaskGroupError const&) {
                static_cast<void>(value);
            }
            if (co_await asio::this_coro::throw_if_cancelled() != value)
                throw std::logic_error("after a failure");
        }
    });
}

TEMPLATE_LIST_TEST_CASE("Closing the runner ends its groups", "", EveryLoop) {
    std::atomic<int> ended = 0;
    Gate started;
    TestType loop;
    auto future =
        loop.runner.run_as_future(with_task_group([&](TaskGroup& group) -> asio::awaitable<void> {
            group.start_soon([&]() -> asio::awaitable<void> {
                co_await until_cancelled();
                ++ended;
            });
            co_await forever(started);
        }));
    if constexpr (!std::is_same_v<TestType, OnRunner>)
        started.wait();
    loop.runner.close();
    CHECK(code_of([&] { future.get(); }) == Errc::runner_closed);
    CHECK(ended == (started.is_open() ? 1 : 0));
}
