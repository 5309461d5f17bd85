// An awaitable that has nothing to await: it was awaited or moved from before, or never made.

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/async_generator.hpp>
#include <syncopate/gather.hpp>
#include <syncopate/options.hpp>
#include <syncopate/shield.hpp>
#include <syncopate/task_group.hpp>
#include <syncopate/thread_runner.hpp>
#include <syncopate/timeout.hpp>

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <exception>
#include <future>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using syncopate::TaskGroup;
using syncopate::ThreadRunner;

template <class F>
bool is_refused(F&& f) {
    try {
        f();
    } catch (std::system_error const& error) {
        return error.code() == std::errc::invalid_argument;
    }
    return false;
}

asio::awaitable<int> empty() {
    return {};
}

struct EmptyContext {
    bool enters = true;
    asio::awaitable<void> aenter() {
        if (enters)
            return {};
        return nothing();
    }
    asio::awaitable<void> aexit(std::exception_ptr) { return {}; }
};

struct EmptyIterable {
    asio::awaitable<std::optional<int>> anext() { return {}; }
};

}  // namespace

LOOP_TEST_CASE("An awaitable that was awaited before is refused", EveryLoop) {
    AnyLoop loop;
    auto task = twice(21);
    CHECK(loop.runner.run(std::move(task)) == 42);
    CHECK(is_refused([&] { loop.runner.run(std::move(task)); }));
    CHECK(is_refused([&] { loop.runner.run_for(1h, std::move(task)); }));
    CHECK(loop.runner.run(twice(21)) == 42);
}

LOOP_TEST_CASE("An awaitable that was never made is refused", EveryLoop) {
    AnyLoop loop;
    CHECK(is_refused([&] { loop.runner.run(asio::awaitable<void>()); }));
    CHECK(is_refused([&] { loop.runner.run(empty); }));
    CHECK(is_refused([&] { loop.runner.with_context(EmptyContext(), [](auto&) {}); }));
    CHECK(is_refused([&] { loop.runner.with_context(EmptyContext{false}, [](auto&) {}); }));
    CHECK(is_refused(
        [&] { static_cast<void>(loop.runner.wrap_context(asio::awaitable<EmptyContext>())); }));
    CHECK(is_refused([&] { static_cast<void>(*loop.runner.wrap_iter(EmptyIterable()).begin()); }));
    CHECK(is_refused([&] {
        static_cast<void>(*loop.runner.wrap_iter(EmptyIterable(), syncopate::ReadAhead{2}).begin());
    }));
    CHECK(loop.runner.run(twice(21)) == 42);
}

TEST_CASE("An empty awaitable in the background is reported") {
    std::promise<bool> reported;
    ThreadRunner runner(ThreadRunner::Options().on_error([&](std::exception_ptr const& error) {
        reported.set_value(is_refused([&] { std::rethrow_exception(error); }));
    }));
    runner.start_soon(asio::awaitable<void>());
    CHECK(reported.get_future().get());
}

TEST_CASE("An empty awaitable fails whatever it is a part of") {
    ThreadRunner runner;
    CHECK(is_refused([&] { runner.run(syncopate::gather(twice(1), empty())); }));
    CHECK(is_refused([&] {
        std::vector<asio::awaitable<int>> tasks;
        tasks.push_back(twice(1));
        tasks.emplace_back();
        runner.run(syncopate::gather(std::move(tasks)));
    }));
    CHECK(is_refused([&] { runner.run(syncopate::fail_after(1h, empty())); }));
    CHECK(is_refused([&] { runner.run(syncopate::move_on_after(1h, empty())); }));
    CHECK(is_refused([&] { runner.run(syncopate::shield(empty())); }));

    auto const errors_of = [&](auto body) {
        try {
            runner.run(syncopate::with_task_group(std::move(body)));
        } catch (syncopate::TaskGroupError const& error) {
            return error.errors();
        }
        return std::vector<std::exception_ptr>();
    };
    auto const child = errors_of([](TaskGroup& group) -> asio::awaitable<void> {
        group.start_soon(empty());
        co_return;
    });
    REQUIRE(child.size() == 1);
    CHECK(is_refused([&] { std::rethrow_exception(child.front()); }));
    auto const body = errors_of([](TaskGroup&) { return asio::awaitable<void>(); });
    REQUIRE(body.size() == 1);
    CHECK(is_refused([&] { std::rethrow_exception(body.front()); }));
    auto const started = errors_of([](TaskGroup& group) -> asio::awaitable<void> {
        auto const start = [](syncopate::Ready<int>) { return asio::awaitable<void>(); };
        co_await group.start<int>(start);
    });
    REQUIRE(started.size() == 1);
    CHECK(is_refused([&] { std::rethrow_exception(started.front()); }));
}
