// Memory runs out at every point of a call in turn: the call throws, or succeeds all the same, and
// nothing is lost.

#include "support/audit.hpp"
#include "support/catch.hpp"
#include "support/failing_allocations.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/capacity_limiter.hpp>
#include <syncopate/context_var.hpp>
#include <syncopate/gather.hpp>
#include <syncopate/options.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/execution.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/require.hpp>
#include <boost/asio/this_coro.hpp>

#include <atomic>
#include <chrono>
#include <coroutine>
#include <exception>
#include <new>
#include <optional>
#include <stop_token>
#include <tuple>
#include <utility>

namespace {

// How many allocations of this thread succeed before the one that fails; none fails if negative.
thread_local constinit long allocations_left = -1;

}  // namespace

bool support::allocation_fails() noexcept {
    return allocations_left >= 0 && allocations_left-- == 0;
}

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using syncopate::CapacityLimiter;
using syncopate::Options;
using syncopate::ThreadRunner;

// Not the portals: when a strand of Asio's runs out of memory while it is being scheduled, it has
// queued the handler already, and never turns again.
using OwnLoops = std::tuple<OnThreadRunner, OnRunner>;

// Lets one allocation of this thread fail, while it lives.
class Shortage {
public:
    explicit Shortage(long allocations_before) noexcept { allocations_left = allocations_before; }
    Shortage(Shortage const&) = delete;
    Shortage& operator=(Shortage const&) = delete;
    ~Shortage() { allocations_left = -1; }

    bool came() const noexcept { return allocations_left < 0; }
};

// Never suspends: an Asio operation that runs out of memory when it is awaited is Asio's affair.
auto task() {
    return [capture = Tracked(21)]() -> asio::awaitable<int> {
        Tracked const local;
        co_return co_await twice(capture.value());
    };
}

// Goes on at once, and yet has been suspended.
struct ForeignNumber {
    Tracked number{42};
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> awaiting) const { awaiting.resume(); }
    int await_resume() const noexcept { return number.value(); }
};

// The operations, each made to give 42.
template <class Runner>
int run(Runner& runner) {
    return runner.run(task());
}
template <class Runner>
int run_stoppable(Runner& runner) {
    return runner.run(task(), std::stop_token());
}
template <class Runner>
int run_for(Runner& runner) {
    return runner.run_for(1h, task());
}
template <class Runner>
int run_interruptible(Runner& runner) {
    return runner.run_interruptible(task());
}
template <class Runner>
int call(Runner& runner) {
    return runner.call([capture = Tracked(42)] { return capture.value(); });
}
template <class Runner>
int start(Runner& runner) {
    runner.start_soon(task());
    return 42;
}

Options silent() {
    return Options().on_error([](std::exception_ptr) {});
}

// Has memory run out at the first, the second... allocation that the operation makes on this thread,
// until it makes no more. Returns how many times the operation did not come through.
template <class Runner, class Operation>
int failures_of(Runner& runner, Operation operation, long tracked_before = 0) {
    int failures = 0;
    for (long allocations = 0;; ++allocations) {
        std::optional<int> result;
        bool memory_ran_out = false;
        try {
            Shortage const shortage(allocations);
            result = operation(runner);
            memory_ran_out = shortage.came();
        } catch (std::bad_alloc const&) {
            memory_ran_out = true;
            ++failures;
        }
        if (result)
            REQUIRE(*result == 42);
        REQUIRE(runner.run(task()) == 42);
        REQUIRE(Tracked::alive() == tracked_before);
        if (!memory_ran_out)
            return failures;
    }
}

// The same on the thread of a ThreadRunner's loop.
template <class Operation>
int failures_on_loop(Operation operation) {
    ThreadRunner runner(silent());
    int failures = 0;
    for (long allocations = 0; allocations < 50; ++allocations) {
        runner.call([&] { allocations_left = allocations; });
        int result = 42;
        try {
            result = operation(runner);
        } catch (std::bad_alloc const&) {
            ++failures;
        }
        REQUIRE(result == 42);
        runner.call([] { allocations_left = -1; });
        REQUIRE(runner.run(task()) == 42);
        REQUIRE(Tracked::alive() == 0);
    }
    return failures;
}

}  // namespace

TEMPLATE_LIST_TEST_CASE("run throws when memory runs out", "", OwnLoops) {
    TestType loop(silent());
    failures_of(loop.runner, [](auto& runner) { return run(runner); });
    failures_of(loop.runner, [](auto& runner) { return run_stoppable(runner); });
    failures_of(loop.runner, [](auto& runner) { return run_for(runner); });
    failures_of(loop.runner, [](auto& runner) { return run_interruptible(runner); });
}

TEMPLATE_LIST_TEST_CASE("call throws when memory runs out", "", OwnLoops) {
    TestType loop(silent());
    failures_of(loop.runner, [](auto& runner) { return call(runner); });
}

TEMPLATE_LIST_TEST_CASE("What has context variables throws when memory runs out", "", OwnLoops) {
    syncopate::ContextVar<Tracked> const variable(Tracked(0));
    auto const to_default = Tracked::alive();
    TestType loop(silent());
    auto const failures = [&](auto operation) {
        return failures_of(
            loop.runner,
            [&](auto& runner) {
                auto const scope = variable.set(Tracked(42));
                auto const other = variable.set(Tracked(42));
                return operation(runner);
            },
            to_default);
    };
    CHECK(failures([](auto& runner) { return run(runner); }) > 3);
    CHECK(failures([](auto& runner) { return call(runner); }) > 3);
    CHECK(failures([](auto& runner) { return start(runner); }) > 3);
    CHECK(failures([&](auto& runner) {
              return runner.run([&]() -> asio::awaitable<int> {
                  auto const scope = variable.set(Tracked(2));
                  auto const [result] = co_await syncopate::gather([&]() -> asio::awaitable<int> {
                      auto const own = variable.set(Tracked(21));
                      co_return co_await twice(variable.get().value());
                  });
                  co_return result;
              });
          }) > 3);
    CHECK(variable.get().value() == 0);
}

TEMPLATE_LIST_TEST_CASE("start_soon throws when memory runs out", "", OwnLoops) {
    TestType loop(silent());
    CHECK(failures_of(loop.runner, [](auto& runner) { return start(runner); }) > 0);
}

TEST_CASE("run_as_future throws when memory runs out") {
    ThreadRunner runner(silent());
    CHECK(failures_of(runner, [](auto& loop) { return loop.run_as_future(task()).get(); }) > 0);
}

TEST_CASE("The first use throws when memory runs out, and the next one tries again") {
    int failures = 0;
    for (long allocations = 0;; ++allocations) {
        ThreadRunner runner;
        bool memory_ran_out = true;
        try {
            Shortage const shortage(allocations);
            runner.run(nothing());
            memory_ran_out = shortage.came();
        } catch (std::bad_alloc const&) {
            ++failures;
        }
        REQUIRE(runner.run(task()) == 42);
        if (!memory_ran_out)
            break;
    }
    CHECK(failures > 0);
}

TEST_CASE("A Runner's task ends when memory runs out on its loop") {
    OnRunner loop(silent());
    CHECK(failures_of(loop.runner, [](auto& runner) { return run(runner); }) > 0);
    CHECK(failures_of(loop.runner, [](auto& runner) { return run_interruptible(runner); }) > 0);
}

TEST_CASE("An awaitable of another library ends when memory runs out, and is destroyed") {
    auto const foreign = [](auto& runner) { return runner.run(ForeignNumber()); };
    OnRunner loop(silent());
    CHECK(failures_of(loop.runner, foreign) > 0);
    CHECK(failures_on_loop(foreign) > 0);
}

TEST_CASE("A ThreadRunner's task ends when memory runs out on its loop") {
    CHECK(failures_on_loop([](auto& runner) { return run(runner); }) > 0);
    CHECK(failures_on_loop([](auto& runner) { return run_interruptible(runner); }) > 0);
}

TEST_CASE("A task that waits for a limiter's token gets std::bad_alloc when memory runs out") {
    CapacityLimiter limiter(1);
    std::exception_ptr failure;
    std::optional<Shortage> shortage;
    auto const wait = [&](long allocations) -> asio::awaitable<void> {
        shortage.emplace(allocations);
        try {
            auto const token = co_await limiter.acquire();
        } catch (...) {
            failure = std::current_exception();
        }
    };
    int failures = 0;
    for (bool memory_ran_out = true; memory_ran_out; failures += failure ? 1 : 0) {
        failure = nullptr;
        auto token = limiter.try_acquire();
        asio::io_context context;  // not a runner's: the first wait on it makes what waits need
        asio::co_spawn(context, wait(failures), asio::detached);
        context.poll();
        memory_ran_out = shortage->came();
        shortage.reset();
        token.reset();
        context.run();
        REQUIRE(limiter.statistics().borrowed_tokens == 0);
        REQUIRE((failure != nullptr) == memory_ran_out);
        if (failure)
            REQUIRE_THROWS_AS(std::rethrow_exception(failure), std::bad_alloc);
    }
    CHECK(failures > 0);
}

TEMPLATE_LIST_TEST_CASE(
    "A task's executor on a portal takes no memory to be copied or changed", "", EveryPortal) {
    namespace execution = asio::execution;
    TestType loop;
    auto const take_copies = []() -> asio::awaitable<bool> {
        asio::any_io_executor const executor = co_await asio::this_coro::executor;
        Shortage const shortage(0);
        auto const copy = executor;
        auto const never = asio::require(copy, execution::blocking.never);
        auto const tracked = asio::prefer(never, execution::outstanding_work.tracked);
        auto const again = asio::prefer(tracked, execution::relationship.continuation);
        auto const back = asio::prefer(again, execution::outstanding_work.untracked);
        auto const plain = asio::prefer(
            asio::prefer(back, execution::relationship.fork), execution::blocking.possibly);
        co_return !shortage.came() && never != executor && again == again && plain == executor;
    };
    CHECK(loop.runner.run(take_copies));
    CHECK(loop.runner.run(take_copies));
}
