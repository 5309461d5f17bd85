// ContextVar: which values a task sees, whose they are, and how long they last.

#include "support/audit.hpp"
#include "support/catch.hpp"
#include "support/groups.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/async_generator.hpp>
#include <syncopate/capacity_limiter.hpp>
#include <syncopate/context_var.hpp>
#include <syncopate/from_thread.hpp>
#include <syncopate/gather.hpp>
#include <syncopate/run.hpp>
#include <syncopate/shield.hpp>
#include <syncopate/task_group.hpp>
#include <syncopate/thread_runner.hpp>
#include <syncopate/timeout.hpp>
#include <syncopate/to_calling_thread.hpp>
#include <syncopate/to_thread.hpp>
#include <syncopate/worker_pool.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <exception>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using syncopate::AsyncGenerator;
using syncopate::ContextVar;
using syncopate::gather;
using syncopate::ReadAhead;
using syncopate::Ready;
using syncopate::TaskGroup;
using syncopate::ThreadRunner;
using syncopate::to_thread;
using syncopate::with_task_group;
namespace from_thread = syncopate::from_thread;

using Scope = ContextVar<std::string>::Scope;

ContextVar<std::string> const request_id{"-"};
ContextVar<int> const depth;

static_assert(std::is_same_v<decltype(request_id.get()), std::string const&>);
static_assert(!std::is_copy_constructible_v<Scope> && std::is_nothrow_move_assignable_v<Scope>);

std::string id() {
    return request_id.get();
}

asio::awaitable<void> pause_by_post() {
    co_await asio::post(asio::use_awaitable);
}

asio::awaitable<void> pause_by_timer() {
    asio::steady_timer timer(co_await asio::this_coro::executor, 1us);
    co_await timer.async_wait(asio::use_awaitable);
}

// What the variable is here, and after a pause.
asio::awaitable<std::string> id_twice() {
    std::string const before = id();
    co_await pause_by_timer();
    co_return before + ' ' + id();
}

// Sets the variable, and lets others run.
asio::awaitable<void> set_for_a_while(std::string value) {
    auto const scope = request_id.set(std::move(value));
    co_await pause_by_post();
    co_await pause_by_timer();
}

// The number of times that a task with a value of its own saw another's.
asio::awaitable<int> strangers_seen(int number) {
    int strangers = 0;
    auto const look = [&](std::string const& expected) { strangers += id() != expected; };
    auto const own = std::to_string(number);
    auto const scope = request_id.set(own);
    for (int round = 0; round < 5; ++round) {
        co_await pause_by_post();
        look(own);
        co_await pause_by_timer();
        look(own);
        {
            auto const inner = request_id.set(own + "-inner");
            co_await pause_by_post();
            look(own + "-inner");
            strangers += co_await to_thread([] { return id(); }) != own + "-inner";
            look(own + "-inner");
            auto const both = co_await gather(id_twice(), set_for_a_while("gathered"));
            strangers += std::get<0>(both) != own + "-inner " + own + "-inner";
            look(own + "-inner");
        }
        look(own);
    }
    co_return strangers;
}

}  // namespace

TEST_CASE("A variable has its default until it is set, and again after the scope") {
    CHECK(request_id.get() == "-");
    CHECK(depth.get() == 0);
    {
        auto const scope = request_id.set("42");
        CHECK(request_id.get() == "42");
        CHECK(depth.get() == 0);
        auto const other = depth.set(1);
        auto const inner = request_id.set("43");
        CHECK(request_id.get() == "43");
        CHECK(depth.get() == 1);
    }
    CHECK(request_id.get() == "-");
    CHECK(depth.get() == 0);
}

TEST_CASE("A value need neither be copyable nor have a default") {
    struct Number {
        explicit Number(int n) : value(n) {}
        Number(Number&&) = default;
        int value;
    };
    ContextVar<Number> const number(Number(1));
    ContextVar const deduced(2);
    static_assert(std::is_same_v<decltype(deduced.get()), int const&>);
    CHECK(number.get().value == 1);
    auto const scope = number.set(Number(3));
    CHECK(number.get().value == 3);
    CHECK(deduced.get() == 2);
}

TEST_CASE("A thread does not see what another has set") {
    auto const scope = request_id.set("42");
    CHECK(std::async(std::launch::async, id).get() == "-");
}

TEST_CASE("A variable does not have the values of one that was at its address before") {
    std::optional<ContextVar<int>> variable(std::in_place, 1);
    auto const scope = variable->set(2);
    variable.emplace(3);
    CHECK(variable->get() == 3);
}

TEST_CASE("Scopes may end in any order: each takes back its own value only") {
    std::optional<Scope> first(request_id.set("first"));
    std::optional<Scope> second(request_id.set("second"));
    std::optional<Scope> third(request_id.set("third"));
    second.reset();
    CHECK(id() == "third");
    third.reset();
    CHECK(id() == "first");
    std::optional<Scope> fourth(request_id.set("fourth"));
    first.reset();
    CHECK(id() == "fourth");
    fourth.reset();
    CHECK(id() == "-");
}

TEST_CASE("A scope that is assigned takes back the value that it had") {
    auto first = request_id.set("first");
    auto second = request_id.set("second");
    second = std::move(first);
    CHECK(id() == "first");
    auto const third = std::move(second);
    CHECK(id() == "first");
    first = request_id.set("again");
    CHECK(id() == "again");
}

TEST_CASE("A value goes with its scope, and not later") {
    ContextVar<std::shared_ptr<int>> const pointer;
    auto const number = std::make_shared<int>(1);
    OnThreadRunner loop;
    {
        auto const scope = pointer.set(number);
        CHECK(number.use_count() == 2);
        syncopate::run(nothing());
        loop.runner.run(nothing());
    }
    loop.runner.call([] {});  // the loop has done with the task
    CHECK(number.use_count() == 1);
}

LOOP_TEST_CASE("What a call was given to see is let go of when it has ended", EveryLoop) {
    ContextVar<std::shared_ptr<int>> const pointer;
    auto const number = std::make_shared<int>(1);
    {
        AnyLoop loop;
        auto const scope = pointer.set(number);
        loop.runner.run(pause_by_post());
        loop.runner.run(to_thread([] {}));
        loop.runner.call([] {});
        for (int const item : loop.runner.wrap_iter([]() -> AsyncGenerator<int> { co_yield 1; }()))
            CHECK(item == 1);
    }
    CHECK(number.use_count() == 1);
}

LOOP_TEST_CASE("A task sees the values of the thread that started it", EveryLoop) {
    AnyLoop loop;
    CHECK(loop.runner.run(id_twice()) == "- -");
    auto const scope = request_id.set("42");
    CHECK(loop.runner.run(id_twice()) == "42 42");
    CHECK(loop.runner.run([] { return id_twice(); }) == "42 42");
    CHECK(loop.runner.run_for(1h, id_twice()) == "42 42");
    CHECK(loop.runner.call(id) == "42");
    CHECK(id() == "42");
}

LOOP_TEST_CASE("A task sees the values as they were when it was started", EveryLoop) {
    AnyLoop loop;
    Gate gate;
    std::promise<std::string> background;
    auto const late = [&]() -> asio::awaitable<std::string> {
        co_await gate.passed();
        co_return id();
    };
    std::future<std::string> future;
    {
        auto const scope = request_id.set("42");
        future = loop.runner.run_as_future(late);
        loop.runner.start_soon(
            [&]() -> asio::awaitable<void> { background.set_value(co_await late()); });
    }
    auto const scope = request_id.set("later");
    gate.open();
    loop.runner.run([&]() -> asio::awaitable<void> {
        while (future.wait_for(0s) != std::future_status::ready)
            co_await pause_by_timer();
    });
    CHECK(future.get() == "42");
    CHECK(background.get_future().get() == "42");
}

LOOP_TEST_CASE("What a task sets is its own", EveryLoop) {
    AnyLoop loop;
    auto const scope = request_id.set("42");
    loop.runner.run(set_for_a_while("task"));
    CHECK(id() == "42");
    loop.runner.call([] { auto const in_function = request_id.set("function"); });
    CHECK(loop.runner.run(id_twice()) == "42 42");
    auto const seen = loop.runner.run([]() -> asio::awaitable<std::string> {
        auto const results = co_await gather(set_for_a_while("other"), id_twice());
        co_return std::get<1>(results) + ' ' + id();
    });
    CHECK(seen == "42 42 42");
}

LOOP_TEST_CASE("A hundred tasks that take turns each see their own values", EveryLoop) {
    AnyLoop loop;
    auto const scope = request_id.set("starter");
    auto const strangers = loop.runner.run([]() -> asio::awaitable<int> {
        std::vector<asio::awaitable<int>> tasks;
        for (int i = 0; i < 100; ++i)
            tasks.push_back(strangers_seen(i));
        int sum = id() != "starter";
        for (int const seen : co_await gather(std::move(tasks)))
            sum += seen;
        co_return sum + (id() != "starter");
    });
    CHECK(strangers == 0);
    CHECK(id() == "starter");
}

LOOP_TEST_CASE("A hundred calls in flight each see their own values", TurningLoops) {
    AnyLoop loop;
    std::vector<std::future<int>> calls;
    for (int i = 0; i < 100; ++i)
        calls.push_back(loop.runner.run_as_future(strangers_seen(i)));
    int strangers = 0;
    for (auto& call : calls)
        strangers += call.get();
    CHECK(strangers == 0);
}

LOOP_TEST_CASE("The children of groups see the values of the task that starts them", EveryLoop) {
    AnyLoop loop;
    auto const seen = loop.runner.run([]() -> asio::awaitable<std::vector<std::string>> {
        std::vector<std::string> ids;
        auto const note = [&]() -> asio::awaitable<void> { ids.push_back(co_await id_twice()); };
        auto const scope = request_id.set("outer");
        co_await with_task_group([&](TaskGroup& group) -> asio::awaitable<void> {
            auto const inner = request_id.set("inner");
            group.start_soon(note);
            co_await group.start<int>([&](Ready<int> ready) -> asio::awaitable<void> {
                auto const own = request_id.set("child");
                ready(1);
                co_await note();
            });
            ids.push_back(id());
        });
        ids.push_back(co_await syncopate::fail_after(1h, id_twice()));
        ids.push_back((co_await syncopate::move_on_after(1h, id_twice())).value());
        ids.push_back(co_await syncopate::shield(id_twice()));
        ids.push_back(std::get<0>(co_await gather(id_twice())));
        co_return ids;
    });
    std::vector<std::string> const expected{"inner",       "inner inner", "child child",
                                            "outer outer", "outer outer", "outer outer",
                                            "outer outer"};
    CHECK(seen.size() == expected.size());
    // The order of the group's two is not to be known.
    CHECK((seen == expected || std::is_permutation(seen.begin(), seen.end(), expected.begin())));
}

LOOP_TEST_CASE("A child keeps its value after the scope in which it was started", EveryLoop) {
    AnyLoop loop;
    auto const seen = loop.runner.run([]() -> asio::awaitable<std::string> {
        std::string of_child;
        co_await with_task_group([&](TaskGroup& group) -> asio::awaitable<void> {
            auto const scope = request_id.set("42");
            group.start_soon([&]() -> asio::awaitable<void> {
                co_await pause_by_post();
                co_await pause_by_post();
                of_child = id();
            });
            co_return;
        });
        co_return of_child + ' ' + id();
    });
    CHECK(seen == "42 -");
}

LOOP_TEST_CASE("Workers see the values of the task, and what they set is their own", EveryLoop) {
    AnyLoop loop;
    syncopate::WorkerPool pool(1);
    asio::thread_pool asio_pool(1);
    syncopate::CapacityLimiter limiter(1);
    auto const scope = request_id.set("42");
    auto const set = [] {
        auto const in_worker = request_id.set("worker");
        return id();
    };
    auto const seen = loop.runner.run([&]() -> asio::awaitable<std::string> {
        std::string ids = co_await syncopate::run_in_executor(pool, id);
        ids += ' ' + co_await syncopate::run_in_executor(pool, set);
        ids += ' ' + co_await syncopate::run_in_executor(asio_pool, id);
        ids += ' ' + co_await syncopate::to_thread(id, limiter);
        ids += ' ' + co_await to_thread(set);
        ids += ' ' + id();
        ids += ' ' + co_await to_thread(id);
        co_return ids;
    });
    CHECK(seen == "42 worker 42 42 worker 42 42");
    CHECK(syncopate::run(syncopate::run_in_executor(pool, id)) == "42");
}

LOOP_TEST_CASE("from_thread sees the values of the worker", EveryLoop) {
    AnyLoop loop;
    auto const seen = loop.runner.run([]() -> asio::awaitable<std::string> {
        auto const scope = request_id.set("task");
        auto ids = co_await to_thread([] {
            auto const in_worker = request_id.set("worker");
            auto result = from_thread::run(id_twice()) + ' ' + from_thread::call(id);
            from_thread::run(set_for_a_while("inner"));
            return result + ' ' + id();
        });
        co_return ids + ' ' + id();
    });
    CHECK(seen == "worker worker worker worker task");
}

LOOP_TEST_CASE(
    "to_calling_thread sees the values of the task, and the caller keeps its own", EveryLoop) {
    AnyLoop loop;
    auto const scope = request_id.set("caller");
    auto const seen = loop.runner.run([]() -> asio::awaitable<std::string> {
        auto const own = request_id.set("task");
        auto ids = co_await syncopate::to_calling_thread([] {
            auto const in_function = request_id.set("function");
            return id();
        });
        ids += ' ' + co_await syncopate::to_calling_thread(id);
        co_return ids + ' ' + id();
    });
    CHECK(seen == "function task task");
    CHECK(id() == "caller");
}

namespace {

AsyncGenerator<std::string> ids_of_generator() {
    co_yield id();
    auto const scope = request_id.set("generator");
    co_yield id();
    co_await pause_by_timer();
    co_yield id();
    co_yield co_await to_thread(id);
}

}  // namespace

LOOP_TEST_CASE(
    "A range sees the values of the thread that made it, and what it sets is its own", EveryLoop) {
    AnyLoop loop;
    auto const collect = [](auto range) {
        std::string ids;
        for (auto const& item : range)
            ids += item + ':' + id() + ' ';
        return ids;
    };
    auto const scope = request_id.set("42");
    auto const* const expected = "42:42 generator:42 generator:42 generator:42 ";
    CHECK(collect(loop.runner.wrap_iter(ids_of_generator())) == expected);
    CHECK(collect(loop.runner.wrap_iter(ids_of_generator(), ReadAhead{2})) == expected);
    for (auto const& item : loop.runner.wrap_iter(ids_of_generator()))
        if (item == "generator")
            break;
    CHECK(id() == "42");
}

TEST_CASE("What a generator that is left half-way destroys sees the values of its last task") {
    struct NoteAtEnd {
        std::string& seen;
        ~NoteAtEnd() { seen = id(); }
    };
    std::string seen;
    ThreadRunner runner;
    {
        auto const body = [&]() -> AsyncGenerator<int> {
            NoteAtEnd const note{seen};
            co_yield 1;
        };
        auto generator = body();
        auto const scope = request_id.set("42");
        auto const first = runner.run([&] { return generator.anext(); });
        CHECK(first == 1);
    }
    // It is destroyed on the loop, soon.
    bool is_destroyed = false;
    for (int tries_left = 10'000; !is_destroyed && tries_left != 0; --tries_left)
        is_destroyed = runner.call([&] { return !seen.empty(); });
    CHECK(seen == "42");
}

LOOP_TEST_CASE("A generator is a part of the task that iterates over it", EveryLoop) {
    AnyLoop loop;
    auto const scope = request_id.set("42");
    auto const seen = loop.runner.run([]() -> asio::awaitable<std::string> {
        std::string ids;
        {
            auto generator = ids_of_generator();
            while (auto const item = co_await generator.anext())
                ids += *item + ' ';
        }
        co_return ids + id();
    });
    CHECK(seen == "42 generator generator generator 42");
}

namespace {

// Sets the variable for as long as it is entered.
class Setting {
public:
    explicit Setting(std::string& ids) : ids_(ids) {}

    asio::awaitable<void> aenter() {
        ids_ += id();
        scope_.emplace(request_id.set("context"));
        co_await pause_by_post();
    }
    asio::awaitable<void> aexit(std::exception_ptr) {
        co_await pause_by_post();
        ids_ += ' ' + id();
        scope_.reset();
        ids_ += ' ' + id();
    }

private:
    std::string& ids_;
    std::optional<Scope> scope_;
};

}  // namespace

LOOP_TEST_CASE("A context sees the values of the thread that entered it, to its exit", EveryLoop) {
    AnyLoop loop;
    std::string ids;
    {
        std::optional<Scope> scope(request_id.set("42"));
        auto const guard = loop.runner.wrap_context(Setting(ids));
        scope.reset();
        CHECK(id() == "-");
        CHECK(loop.runner.run(id_twice()) == "- -");
    }
    CHECK(ids == "42 context 42");
    ids.clear();
    auto const scope = request_id.set("43");
    loop.runner.with_context(Setting(ids), [](Setting&) { CHECK(id() == "43"); });
    CHECK(ids == "43 context 43");
}

LOOP_TEST_CASE(
    "A task that waited for others, or for a token, has its own values again", EveryLoop) {
    AnyLoop loop;
    syncopate::CapacityLimiter limiter(1);
    auto const holder = [&]() -> asio::awaitable<std::string> {
        auto const scope = request_id.set("holder");
        auto const token = co_await limiter.acquire();
        co_await pause_by_timer();
        co_return id();
    };
    auto const waiter = [&]() -> asio::awaitable<std::string> {
        auto const scope = request_id.set("waiter");
        auto const token = co_await limiter.acquire();
        co_return id();
    };
    auto const seen = loop.runner.run([&]() -> asio::awaitable<std::string> {
        auto const [first, second] = co_await gather(holder(), waiter());
        co_return first + ' ' + second + ' ' + id();
    });
    CHECK(seen == "holder waiter -");
}

LOOP_TEST_CASE("A task that is cancelled has its own values while it ends", EveryLoop) {
    AnyLoop loop;
    auto const until_cancelled_with = [](std::string value,
                                         std::string& seen) -> asio::awaitable<void> {
        auto const scope = request_id.set(std::move(value));
        try {
            co_await end_inside_cancellation();
        } catch (boost::system::system_error const&) {
            seen += id() + ' ';
            throw;
        }
    };
    auto const seen = loop.runner.run([&]() -> asio::awaitable<std::string> {
        std::string ids;
        co_await with_task_group([&](TaskGroup& group) -> asio::awaitable<void> {
            group.start_soon(until_cancelled_with("first", ids));
            group.start_soon(until_cancelled_with("second", ids));
            co_await pause_by_post();
            auto const scope = request_id.set("body");
            group.cancel();
            ids += id();
        });
        co_return ids + ' ' + id();
    });
    CHECK(seen == "first second body -");
}

LOOP_TEST_CASE(
    "A coroutine that is spawned on the task's executor is a part of the task", EveryLoop) {
    AnyLoop loop;
    auto const scope = request_id.set("42");
    auto const seen = loop.runner.run([]() -> asio::awaitable<std::string> {
        auto const executor = co_await asio::this_coro::executor;
        auto const own = request_id.set("task");
        auto ids = co_await asio::co_spawn(executor, id_twice(), asio::use_awaitable);
        auto const strand = asio::make_strand(executor);
        ids += ' ' + co_await asio::co_spawn(strand, id_twice(), asio::use_awaitable);
        co_return ids + ' ' + id();
    });
    CHECK(seen == "task task task task task");
}

LOOP_TEST_CASE(
    "What a task has left behind keeps the values that the task had inherited", EveryLoop) {
    AnyLoop loop;
    Gate gate;
    std::promise<std::string> left_behind;
    {
        auto const scope = request_id.set("42");
        loop.runner.run([&]() -> asio::awaitable<void> {
            auto const later = [](Gate& passed,
                                  std::promise<std::string>& seen) -> asio::awaitable<void> {
                co_await passed.passed();
                seen.set_value(id());
            };
            asio::co_spawn(
                co_await asio::this_coro::executor, later(gate, left_behind), asio::detached);
        });
    }
    auto const scope = request_id.set("later");
    gate.open();
    auto future = left_behind.get_future();
    loop.runner.run([&]() -> asio::awaitable<void> {
        while (future.wait_for(0s) != std::future_status::ready)
            co_await pause_by_timer();
    });
    CHECK(future.get() == "42");
}

TEST_CASE("A handler that is posted to a loop sees what its thread has set") {
    OnThreadRunner loop;
    auto const scope = request_id.set("42");
    std::promise<std::string> seen;
    asio::post(loop.runner.get_executor(), [&] { seen.set_value(id()); });
    CHECK(seen.get_future().get() == "-");
}

LOOP_TEST_CASE("A task sees the values of the handler that has started it", TurningLoops) {
    AnyLoop loop;
    std::promise<std::string> seen;
    loop.runner.call([&] {
        auto const scope = request_id.set("function");
        loop.runner.start_soon(
            [&]() -> asio::awaitable<void> { seen.set_value(co_await id_twice()); });
    });
    CHECK(seen.get_future().get() == "function function");
}

TEST_CASE("A call that a worker makes to another loop sees the values of the worker") {
    OnThreadRunner loop;
    OnThreadRunner other;
    auto const scope = request_id.set("42");
    auto const call = [&] {
        auto const in_worker = request_id.set("worker");
        return other.runner.run(id_twice()) + ' ' + syncopate::run(id_twice());
    };
    CHECK(loop.runner.run(to_thread(call)) == "worker worker worker worker");
}

TEST_CASE("A scope that ends on another thread takes the value back on its own") {
    std::optional<Scope> scope(request_id.set("42"));
    auto const inner = depth.set(1);
    auto seen = std::async(std::launch::async, [&] {
        auto const own = request_id.set("other");
        scope.reset();
        return id();
    });
    CHECK(seen.get() == "other");
    CHECK(id() == "-");
    CHECK(syncopate::run(id_twice()) == "- -");
    CHECK(depth.get() == 1);
}

TEST_CASE("A scope may end after the thread that has set the value") {
    std::optional<Scope> scope;
    std::optional<Scope> second;
    std::thread([&] {
        scope.emplace(request_id.set("42"));
        second.emplace(request_id.set("43"));
    }).join();
    CHECK(id() == "-");
    scope.reset();
    auto const own = request_id.set("own");
    second.reset();
    CHECK(id() == "own");
}

LOOP_TEST_CASE(
    "A scope that ends in another task takes the value back in the one that has set it",
    EveryLoop) {
    AnyLoop loop;
    auto const seen = loop.runner.run([]() -> asio::awaitable<std::string> {
        std::optional<Scope> scope;
        std::string ids;
        auto const setter = [&]() -> asio::awaitable<void> {
            auto const outer = request_id.set("outer");
            scope.emplace(request_id.set("inner"));
            ids += id() + ' ';
            co_await pause_by_post();
            co_await pause_by_post();
            co_await pause_by_post();
            ids += id() + ' ';
            ids += co_await id_twice() + ' ';
            ids += std::get<0>(co_await gather(id_twice())) + ' ';
        };
        auto const ender = [&]() -> asio::awaitable<void> {
            auto const own = request_id.set("ender");
            scope.reset();
            ids += id() + ' ';
            co_return;
        };
        co_await gather(setter, ender);
        co_return ids + id();
    });
    CHECK(seen == "inner ender outer outer outer outer outer -");
}

LOOP_TEST_CASE("A scope may end after the task that has set the value", EveryLoop) {
    AnyLoop loop;
    auto scope = loop.runner.run(
        []() -> asio::awaitable<std::optional<Scope>> { co_return request_id.set("task"); });
    CHECK(id() == "-");
    CHECK(loop.runner.run(id_twice()) == "- -");
    scope.reset();
    CHECK(id() == "-");
}

TEST_CASE("A task may start one after another, each with another value, without end") {
    struct Chain {
        OnThreadRunner& loop;
        std::promise<int>& end;
        int left;

        asio::awaitable<void> operator()() {
            auto const scope = depth.set(depth.get() + 1);
            if (left == 0)
                end.set_value(depth.get());
            else
                loop.runner.start_soon(Chain{loop, end, left - 1});
            co_return;
        }
    };
    OnThreadRunner loop;
    std::promise<int> end;
    loop.runner.start_soon(Chain{loop, end, 10'000});
    CHECK(end.get_future().get() == 10'001);
}

TEST_CASE("Many values of one variable, one in another, are taken back in any order") {
    std::vector<Scope> scopes;
    for (int i = 0; i < 100'000; ++i)
        scopes.push_back(request_id.set(std::to_string(i)));
    CHECK(syncopate::run(id_twice()) == "99999 99999");
    scopes.clear();
    CHECK(id() == "-");
}
