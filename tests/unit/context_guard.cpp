// wrap_context and the guard that it gives: what a context is made from, what it gives, and how it is
// left.
#include "support/audit.hpp"
#include "support/catch.hpp"
#include "support/contexts.hpp"
#include "support/errors.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/context_guard.hpp>
#include <syncopate/error.hpp>
#include <syncopate/options.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>

namespace {

namespace asio = boost::asio;
using support::code_of;
using support::Entries;
using support::ErrorLog;
using support::failing;
using support::Gate;
using support::Journal;
using support::loop_thread_of;
using support::message_of;
using support::NotedContext;
using support::Tracked;
using syncopate::Errc;
using syncopate::Options;
using syncopate::ThreadRunner;

static_assert(std::is_nothrow_move_constructible_v<syncopate::ContextGuard<int>>);
static_assert(std::is_nothrow_move_assignable_v<syncopate::ContextGuard<int>>);
static_assert(!std::is_copy_constructible_v<syncopate::ContextGuard<int>>);
static_assert(!std::is_copy_assignable_v<syncopate::ContextGuard<int>>);

// Gives a value instead of itself.
template <class V>
class Giving {
public:
    explicit Giving(std::function<V()> make) : make_(std::move(make)) {}

    asio::awaitable<V> aenter() {
        Tracked const frame;
        co_return make_();
    }
    asio::awaitable<void> aexit(std::exception_ptr) {
        Tracked const frame;
        co_return;
    }

private:
    std::function<V()> make_;
};

// Like a mutex, it stays where it was made.
class Immovable {
public:
    explicit Immovable(Journal& journal) : context_(journal, "immovable") {}
    Immovable(Immovable const&) = delete;
    Immovable& operator=(Immovable const&) = delete;

    asio::awaitable<void> aenter() { return context_.aenter(); }
    asio::awaitable<void> aexit(std::exception_ptr error) {
        return context_.aexit(std::move(error));
    }

private:
    NotedContext context_;
};

// Tells where it was destroyed.
class Probed {
public:
    explicit Probed(std::atomic<std::thread::id>& destroyed_on) : probe_(destroyed_on) {}

    asio::awaitable<void> aenter() { return support::nothing(); }
    asio::awaitable<void> aexit(std::exception_ptr) { return support::nothing(); }

private:
    support::DestructionProbe probe_;
};

asio::awaitable<NotedContext> made_later(Journal& journal) {
    Tracked const frame;
    co_await asio::post(asio::use_awaitable);
    co_return NotedContext(journal, "later");
}

asio::awaitable<NotedContext> never_made(Journal& journal) {
    Tracked const frame;
    throw std::runtime_error("not made");
    co_return NotedContext(journal, "never");
}

// ---- The scope

LOOP_TEST_CASE(
    "A context is entered before wrap_context returns and left with its guard",
    support::EveryLoop) {
    Journal journal;
    support::AnyLoop loop;
    {
        auto const guard = loop.runner.wrap_context(NotedContext(journal, "a"));
        CHECK(journal.entries() == Entries{"enter a"});
    }
    CHECK(journal.entries() == Entries{"enter a", "exit a: nothing"});
}

TEST_CASE("Contexts that are open at the same time are left as their guards go") {
    Journal journal;
    ThreadRunner runner;
    std::optional first(runner.wrap_context(NotedContext(journal, "first")));
    std::optional second(runner.wrap_context(NotedContext(journal, "second")));
    first.reset();
    second.reset();
    CHECK(
        journal.entries() ==
        Entries{"enter first", "enter second", "exit first: nothing", "exit second: nothing"});
}

// ---- What a context is made from

TEST_CASE("An rvalue context is owned by its guard and destroyed on the loop") {
    std::atomic<std::thread::id> destroyed_on;
    ThreadRunner runner;
    {
        auto const guard = runner.wrap_context(Probed(destroyed_on));
        CHECK(destroyed_on.load() == std::thread::id());
    }
    CHECK(destroyed_on.load() == loop_thread_of(runner));
}

TEST_CASE("An lvalue context is used in place") {
    Journal journal;
    ThreadRunner runner;
    NotedContext context(journal, "a");
    {
        auto const guard = runner.wrap_context(context);
        CHECK(&*guard == &context);
    }
    {
        auto const again = runner.wrap_context(context);
    }
    CHECK(journal.entries() == Entries{"enter a", "exit a: nothing", "enter a", "exit a: nothing"});
}

TEST_CASE("A factory of a context is called on the loop thread") {
    Journal journal;
    std::thread::id called_on;
    ThreadRunner runner;
    auto const guard = runner.wrap_context([&] {
        called_on = std::this_thread::get_id();
        return NotedContext(journal, "made");
    });
    CHECK(called_on == loop_thread_of(runner));
    CHECK(guard->name() == "made");
}

TEST_CASE("An lvalue factory of a context can be used again") {
    Journal journal;
    ThreadRunner runner;
    int calls = 0;
    auto const factory = [&] { return NotedContext(journal, std::to_string(++calls)); };
    auto const one = runner.wrap_context(factory);
    auto const two = runner.wrap_context(factory);
    CHECK(one->name() == "1");
    CHECK(two->name() == "2");
}

TEST_CASE("A factory may make a context that cannot be moved") {
    Journal journal;
    ThreadRunner runner;
    {
        auto const guard = runner.wrap_context([&] { return Immovable(journal); });
    }
    CHECK(journal.entries() == Entries{"enter immovable", "exit immovable: nothing"});
}

TEST_CASE("A context that a factory returns by reference is used in place") {
    Journal journal;
    ThreadRunner runner;
    NotedContext context(journal, "a");
    auto const guard = runner.wrap_context([&]() -> NotedContext& { return context; });
    CHECK(&*guard == &context);
}

TEST_CASE("A context may come from an awaitable") {
    Journal journal;
    ThreadRunner runner;
    {
        auto const guard = runner.wrap_context(made_later(journal));
        CHECK(guard->name() == "later");
    }
    CHECK(journal.entries() == Entries{"enter later", "exit later: nothing"});
}

TEST_CASE("A context may come from a factory of an awaitable, called on the loop thread") {
    Journal journal;
    std::thread::id called_on;
    ThreadRunner runner;
    auto const guard = runner.wrap_context([&] {
        called_on = std::this_thread::get_id();
        return made_later(journal);
    });
    CHECK(called_on == loop_thread_of(runner));
    CHECK(guard->name() == "later");
}

// ---- What a context gives

TEST_CASE("A guard gives the context itself where aenter gives nothing") {
    Journal journal;
    ThreadRunner runner;
    NotedContext context(journal, "a");
    auto guard = runner.wrap_context(context);
    STATIC_REQUIRE(std::is_same_v<decltype(guard), syncopate::ContextGuard<NotedContext&>>);
    CHECK(&*guard == &context);
    CHECK(guard.operator->() == &context);
}

TEST_CASE("A guard gives the object to which aenter gives a reference") {
    ThreadRunner runner;
    int object = 0;
    auto guard = runner.wrap_context(
        Giving<std::reference_wrapper<int>>([&object] { return std::ref(object); }));
    STATIC_REQUIRE(std::is_same_v<decltype(guard), syncopate::ContextGuard<int&>>);
    CHECK(&*guard == &object);
}

TEST_CASE("A guard keeps the value that aenter gives") {
    ThreadRunner runner;
    auto guard =
        runner.wrap_context(Giving<std::unique_ptr<int>>([] { return std::make_unique<int>(7); }));
    STATIC_REQUIRE(std::is_same_v<decltype(guard), syncopate::ContextGuard<std::unique_ptr<int>>>);
    CHECK(**guard == 7);
}

TEST_CASE("The value of a context is destroyed on the loop, when the context has been left") {
    std::atomic<std::thread::id> destroyed_on;
    ThreadRunner runner;
    auto const guard = runner.wrap_context(
        Giving<support::DestructionProbe>([&] { return support::DestructionProbe(destroyed_on); }));
    auto const loop_thread = loop_thread_of(runner);
    runner.close();
    CHECK(destroyed_on.load() == loop_thread);
}

// ---- Contexts that cannot be entered

TEST_CASE("A context whose aenter throws is not left") {
    Journal journal;
    ThreadRunner runner;
    auto const enter = [&] {
        auto const guard = runner.wrap_context(NotedContext(journal, "a", failing("no entry")));
        journal.add("the scope");
    };
    CHECK(message_of<std::runtime_error>(enter) == "no entry");
    CHECK(journal.entries() == Entries{"enter a"});
}

TEST_CASE("A context whose aenter throws is destroyed before the exception comes out") {
    Journal journal;
    ThreadRunner runner;
    auto const before = Tracked::alive();
    auto const enter = [&] {
        auto const guard = runner.wrap_context(NotedContext(journal, "a", failing("no entry")));
    };
    CHECK(message_of<std::runtime_error>(enter) == "no entry");
    CHECK(Tracked::alive() == before);
}

TEST_CASE("What a factory of a context throws comes out of wrap_context") {
    ThreadRunner runner;
    auto const enter = [&] {
        auto const guard =
            runner.wrap_context([]() -> NotedContext { throw std::runtime_error("not made"); });
    };
    CHECK(message_of<std::runtime_error>(enter) == "not made");
}

TEST_CASE("What an awaitable of a context throws comes out of wrap_context") {
    Journal journal;
    ThreadRunner runner;
    auto const enter = [&] { auto const guard = runner.wrap_context(never_made(journal)); };
    CHECK(message_of<std::runtime_error>(enter) == "not made");
}

// ---- Leaving

TEST_CASE("close() of a guard leaves the context") {
    Journal journal;
    ThreadRunner runner;
    auto guard = runner.wrap_context(NotedContext(journal, "a"));
    guard.close();
    CHECK(journal.entries() == Entries{"enter a", "exit a: nothing"});
}

TEST_CASE("A guard that was closed does not leave the context again") {
    Journal journal;
    ThreadRunner runner;
    {
        auto guard = runner.wrap_context(NotedContext(journal, "a"));
        guard.close();
        guard.close();
    }
    CHECK(journal.entries() == Entries{"enter a", "exit a: nothing"});
}

TEST_CASE("close() of a guard throws what aexit throws, once") {
    Journal journal;
    ThreadRunner runner;
    auto guard = runner.wrap_context(NotedContext(journal, "a", {}, failing("no exit")));
    CHECK(message_of<std::runtime_error>([&] { guard.close(); }) == "no exit");
    CHECK_NOTHROW(guard.close());
}

TEST_CASE("A guard that was closed has no value") {
    Journal journal;
    ThreadRunner runner;
    auto guard = runner.wrap_context(NotedContext(journal, "a"));
    guard.close();
    CHECK(code_of([&] { *guard; }) == Errc::runner_closed);
}

TEST_CASE("What aexit throws in a guard's destructor goes to on_error") {
    Journal journal;
    ErrorLog log;
    ThreadRunner runner(Options().on_error(log.handler()));
    {
        auto const guard = runner.wrap_context(NotedContext(journal, "a", {}, failing("no exit")));
    }
    CHECK(log.messages() == Entries{"no exit"});
}

TEST_CASE("aexit can wait for something") {
    Journal journal;
    ThreadRunner runner;
    auto const later = [] { return support::sleep_for(std::chrono::milliseconds(1)); };
    auto guard = runner.wrap_context(NotedContext(journal, "a", {}, later));
    CHECK_NOTHROW(guard.close());
}

TEST_CASE("aexit gets Errc::scope_unwound when an exception passes through the scope") {
    Journal journal;
    ThreadRunner runner;
    auto const scope = [&] {
        auto const guard = runner.wrap_context(NotedContext(journal, "a"));
        throw std::runtime_error("from the scope");
    };
    CHECK(message_of<std::runtime_error>(scope) == "from the scope");
    CHECK(journal.entries() == Entries{"enter a", "exit a: an exception passed through the scope"});
}

TEST_CASE("What aexit throws while an exception passes goes to on_error") {
    Journal journal;
    ErrorLog log;
    ThreadRunner runner(Options().on_error(log.handler()));
    auto const scope = [&] {
        auto const guard = runner.wrap_context(NotedContext(journal, "a", {}, failing("no exit")));
        throw std::runtime_error("from the scope");
    };
    CHECK(message_of<std::runtime_error>(scope) == "from the scope");
    CHECK(log.messages() == Entries{"no exit"});
}

TEST_CASE("A scope within the handling of another exception is left normally") {
    Journal journal;
    ThreadRunner runner;
    struct Unwound {
        ThreadRunner& runner;
        Journal& journal;
        ~Unwound() { auto const guard = runner.wrap_context(NotedContext(journal, "a")); }
    };
    auto const scope = [&] {
        Unwound const unwound{runner, journal};
        throw std::runtime_error("from the scope");
    };
    CHECK(message_of<std::runtime_error>(scope) == "from the scope");
    CHECK(journal.entries() == Entries{"enter a", "exit a: nothing"});
}

TEST_CASE("A guard that is moved leaves the context once, at the end of its new scope") {
    Journal journal;
    ThreadRunner runner;
    {
        auto outer = [&] {
            auto inner = runner.wrap_context(NotedContext(journal, "a"));
            auto moved = std::move(inner);
            return moved;
        }();
        journal.add("moved " + outer->name());
    }
    CHECK(journal.entries() == Entries{"enter a", "moved a", "exit a: nothing"});
}

TEST_CASE("A guard that is assigned to leaves the context that it held") {
    Journal journal;
    ThreadRunner runner;
    auto guard = runner.wrap_context(NotedContext(journal, "a"));
    guard = runner.wrap_context(NotedContext(journal, "b"));
    CHECK(guard->name() == "b");
    CHECK(journal.entries() == Entries{"enter a", "enter b", "exit a: nothing"});
}

// ---- One task

// A context that changes how its task is cancelled. Another task would not know of it.
class TaskBound {
public:
    explicit TaskBound(bool& same_task) : same_task_(&same_task) {}

    asio::awaitable<void> aenter() {
        Tracked const frame;
        co_await asio::this_coro::throw_if_cancelled(false);
    }
    asio::awaitable<void> aexit(std::exception_ptr) {
        Tracked const frame;
        *same_task_ = !co_await asio::this_coro::throw_if_cancelled();
    }

private:
    bool* same_task_;
};

TEST_CASE("aenter and aexit run in one task") {
    bool same_task = false;
    ThreadRunner runner;
    {
        auto const guard = runner.wrap_context(TaskBound(same_task));
    }
    CHECK(same_task);
}

// Starts a task on entry and joins it on exit, as a task group does.
class WithBackgroundTask {
public:
    explicit WithBackgroundTask(Gate& go) : state_(std::make_shared<State>(go)) {}

    asio::awaitable<void> aenter() {
        Tracked const frame;
        auto const executor = co_await asio::this_coro::executor;
        asio::co_spawn(executor, background(state_), [state = state_](std::exception_ptr e) {
            state->error = std::move(e);
            state->ended.open();
        });
    }
    asio::awaitable<void> aexit(std::exception_ptr) {
        Tracked const frame;
        co_await state_->ended.passed();
        if (state_->error)
            std::rethrow_exception(std::exchange(state_->error, nullptr));
    }

    Gate& ended() noexcept { return state_->ended; }

private:
    struct State {
        explicit State(Gate& gate) : go(gate) {}
        Gate& go;
        Gate ended;
        std::exception_ptr error;
    };

    static asio::awaitable<void> background(std::shared_ptr<State> state) {
        co_await state->go.passed();
        throw std::runtime_error("from the background");
    }

    std::shared_ptr<State> state_;
};

TEST_CASE("A background task of a context runs while the scope lasts and fails its exit") {
    Gate go;
    ThreadRunner runner;
    auto guard = runner.wrap_context(WithBackgroundTask(go));
    go.open();
    guard->ended().wait();
    CHECK(message_of<std::runtime_error>([&] { guard.close(); }) == "from the background");
}

// ---- On the loop's own thread

TEST_CASE("A guard that is destroyed on the loop thread is left as soon as the loop gets to it") {
    Journal journal;
    Gate left;
    ThreadRunner runner;
    auto const tell = [&]() -> asio::awaitable<void> {
        left.open();
        return support::nothing();
    };
    std::optional guard(runner.wrap_context(NotedContext(journal, "a", {}, tell)));
    runner.call([&] { guard.reset(); });
    left.wait();
    CHECK(journal.entries() == Entries{"enter a", "exit a: nothing"});
}

TEST_CASE("What aexit throws after its guard was destroyed on the loop thread goes to on_error") {
    Journal journal;
    ErrorLog log;
    ThreadRunner runner(Options().on_error(log.handler()));
    std::optional guard(runner.wrap_context(NotedContext(journal, "a", {}, failing("no exit"))));
    runner.call([&] { guard.reset(); });
    log.wait_for(1);
    CHECK(log.messages() == Entries{"no exit"});
}

TEST_CASE("close() of a guard on the loop thread is refused, and the guard stays open") {
    Journal journal;
    ThreadRunner runner;
    auto guard = runner.wrap_context(NotedContext(journal, "a"));
    CHECK(runner.call([&] { return code_of([&] { guard.close(); }); }) == Errc::would_deadlock);
    CHECK(guard->name() == "a");
    CHECK(journal.entries() == Entries{"enter a"});
}

}  // namespace
