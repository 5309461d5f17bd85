// Runners among the objects with static storage: the process ends cleanly, and who comes too late is
// told so. What goes wrong after main can only be told by the exit status.
#include "support/tasks.hpp"
#include <syncopate/blocking_range.hpp>
#include <syncopate/context_guard.hpp>
#include <syncopate/default_runner.hpp>
#include <syncopate/error.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <optional>
#include <system_error>
#include <utility>

namespace {

namespace asio = boost::asio;
using syncopate::Errc;
using syncopate::ThreadRunner;

void require(bool condition, char const* what) {
    if (condition)
        return;
    std::fprintf(stderr, "FAILED: %s\n", what);
    std::_Exit(EXIT_FAILURE);
}

bool is_refused(std::function<void()> const& call) {
    try {
        call();
    } catch (std::system_error const& error) {
        return error.code() == Errc::runner_closed;
    }
    return false;
}

bool context_was_left = false;

struct Context {
    asio::awaitable<void> aenter() { return support::nothing(); }
    asio::awaitable<void> aexit(std::exception_ptr) {
        context_was_left = true;
        return support::nothing();
    }
};

struct Numbers {
    int next = 0;
    asio::awaitable<std::optional<int>> anext() { co_return next++; }
};

// Destroyed in the opposite order: `last` after the runner, whose guards and ranges it has kept.
struct Last {
    std::optional<syncopate::ContextGuard<Context&>> guard;
    std::optional<syncopate::BlockingRange<int>> range;

    ~Last() {
        require(context_was_left, "the destructor of a static runner leaves its contexts");
        require(is_refused([&] { **guard; }), "a guard that outlives a static runner is spent");
        require(
            is_refused([&] { ++range->begin(); }), "a range that outlives a static runner ends");
        require(
            is_refused([] { syncopate::default_runner().run(support::nothing()); }),
            "default_runner() refuses calls after main");
        require(
            is_refused([] { syncopate::default_runner().get_loop(); }),
            "default_runner() has no loop after main");
        guard.reset();
        range.reset();
        std::puts("the last static object is gone");
    }
};

Last last;
ThreadRunner runner;
ThreadRunner never_used;

// A runner that is closed at the end of main, and can be named for longer.
ThreadRunner& closed_at_exit() {
    static ThreadRunner& instance = *new ThreadRunner;
    return instance;
}

struct AfterMain {
    ~AfterMain() {
        require(runner.run(support::twice(21)) == 42, "a static runner works until its own end");
        closed_at_exit().close();
        require(
            is_refused([] { closed_at_exit().run(support::nothing()); }),
            "a runner that was closed after main refuses calls");
    }
} const after_main;

}  // namespace

int main() {
    require(runner.run(support::twice_later(21)) == 42, "a static runner runs tasks");
    require(closed_at_exit().run(support::twice(21)) == 42, "a leaked runner runs tasks");
    require(
        syncopate::default_runner().run(support::twice(21)) == 42, "default_runner() runs tasks");
    syncopate::default_runner().start_soon(support::forever());
    runner.start_soon(support::forever());
    asio::co_spawn(runner.get_executor(), support::forever(), asio::detached);
    last.guard.emplace(runner.wrap_context(Context()));
    last.range.emplace(runner.wrap_iter(Numbers()));
    require(*last.range->begin() == 0, "a range begins");
    return 0;
}
