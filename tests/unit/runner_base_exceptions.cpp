// Exceptions on their way from the loop to the caller, and those that have no caller.

#include "support/audit.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/groups.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include "support/thread_sanitizer.hpp"
#include <syncopate/capacity_limiter.hpp>
#include <syncopate/gather.hpp>
#include <syncopate/options.hpp>
#include <syncopate/runner.hpp>
#include <syncopate/shield.hpp>
#include <syncopate/task_group.hpp>
#include <syncopate/thread_runner.hpp>
#include <syncopate/timeout.hpp>
#include <syncopate/to_thread.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
#include <future>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using syncopate::Options;
using syncopate::Runner;
using syncopate::ThreadRunner;

struct Odd {
    int number;
};

// Tells on which thread it is destroyed.
class Thrown {
public:
    explicit Thrown(std::atomic<std::thread::id>& destroyed_on) noexcept
        : destroyed_on_(&destroyed_on) {}
    Thrown(Thrown const&) = delete;
    Thrown& operator=(Thrown const&) = delete;
    ~Thrown() { *destroyed_on_ = std::this_thread::get_id(); }

private:
    std::atomic<std::thread::id>* destroyed_on_;
};

struct MoveFailed {};

// Can be moved so many times, and then throws.
class MovesSometimes {
public:
    explicit MovesSometimes(int moves) noexcept : moves_left_(moves) {}
    MovesSometimes(MovesSometimes&& other)
        : moves_left_(other.moves_left_ - 1), tracked_(other.tracked_) {
        if (moves_left_ < 0)
            throw MoveFailed();
    }
    MovesSometimes& operator=(MovesSometimes&&) = delete;

private:
    int moves_left_;
    Tracked tracked_;
};

// Gives the operation a result that can be moved 0, 1, 2... times, until it comes through. Returns how
// often it did not.
template <class Operation>
int failed_moves_of(Operation operation) {
    for (int moves = 0;; ++moves) {
        try {
            operation(moves);
            return moves;
        } catch (MoveFailed const&) {
        }
    }
}

asio::awaitable<MovesSometimes> moving(int moves) {
    co_return MovesSometimes(moves);
}

template <class E>
asio::awaitable<int> fail(E error) {
    co_await asio::post(asio::use_awaitable);
    throw error;
}

asio::awaitable<void> fail_later() {
    co_await asio::post(asio::use_awaitable);
    throw std::runtime_error("the task's own");
}

asio::awaitable<void> fail_in_a_group() {
    co_await syncopate::with_task_group([](syncopate::TaskGroup& group) -> asio::awaitable<void> {
        group.start_soon(nothing());
        co_return;
    });
    throw std::runtime_error("the task's own");
}

asio::awaitable<void> fail_after_a_token() {
    syncopate::CapacityLimiter limiter(1);
    auto held = limiter.try_acquire();
    asio::post(co_await asio::this_coro::executor, [&] { held.reset(); });
    auto const token = co_await limiter.acquire();
    throw std::runtime_error("the task's own");
}

// Each has been resumed by the library when it fails.
std::vector<std::function<asio::awaitable<void>()>> tasks_that_fail_when_resumed() {
    using syncopate::gather, syncopate::fail_after, syncopate::shield, syncopate::to_thread;
    return {
        []() -> asio::awaitable<void> { co_await gather(fail_later()); },
        []() -> asio::awaitable<void> { co_await fail_after(1h, fail_later()); },
        []() -> asio::awaitable<void> { co_await shield(fail_later()); },
        []() -> asio::awaitable<void> {
            co_await to_thread([] { throw std::runtime_error("the task's own"); });
        },
        fail_in_a_group,
        fail_after_a_token,
    };
}

// The completion handler of the examples of Asio.
void rethrow(std::exception_ptr error) {
    if (error)
        std::rethrow_exception(error);
}

}  // namespace

LOOP_TEST_CASE("A task's exception comes out with its type", EveryLoop) {
    AnyLoop loop;
    CHECK_THROWS_AS(loop.runner.run(fail(std::out_of_range("far"))), std::out_of_range);
    CHECK_THROWS_WITH(loop.runner.run(fail(std::out_of_range("far"))), "far");
}

LOOP_TEST_CASE("An exception need not be a std::exception", EveryLoop) {
    AnyLoop loop;
    std::optional<int> caught;
    try {
        loop.runner.run(fail(Odd{42}));
    } catch (Odd const& odd) {
        caught = odd.number;
    }
    CHECK(caught == 42);
}

LOOP_TEST_CASE("The caller catches the very object that the task threw", EveryLoop) {
    AnyLoop loop;
    void const* thrown = nullptr;
    void const* caught = nullptr;
    try {
        loop.runner.run([&]() -> asio::awaitable<void> {
            try {
                co_await fail(std::runtime_error("failed"));
            } catch (std::runtime_error const& error) {
                thrown = &error;
                throw;
            }
        });
    } catch (std::runtime_error const& error) {
        caught = &error;
    }
    CHECK(thrown != nullptr);
    CHECK(caught == thrown);
}

LOOP_TEST_CASE("The exception is destroyed on the caller's thread", EveryLoop) {
    AnyLoop loop;
    std::atomic<std::thread::id> destroyed_on;
    std::thread::id destroyed_before_catch;
    try {
        loop.runner.run([&]() -> asio::awaitable<void> {
            throw Thrown(destroyed_on);
            co_return;
        });
    } catch (Thrown const&) {
        destroyed_before_catch = destroyed_on;
    }
    CHECK(destroyed_before_catch == std::thread::id());
    CHECK(destroyed_on.load() == std::this_thread::get_id());
}

LOOP_TEST_CASE("The exception of call is destroyed on the caller's thread", EveryLoop) {
    AnyLoop loop;
    std::atomic<std::thread::id> destroyed_on;
    CHECK_THROWS_AS(loop.runner.call([&] { throw Thrown(destroyed_on); }), Thrown);
    CHECK(destroyed_on.load() == std::this_thread::get_id());
}

LOOP_TEST_CASE("A factory that throws is a task that throws", EveryLoop) {
    AnyLoop loop;
    auto const factory = []() -> asio::awaitable<int> { throw std::out_of_range("far"); };
    auto const plain = [&](bool fails) {
        return fails ? throw std::out_of_range("far") : twice(1);
    };
    CHECK_THROWS_AS(loop.runner.run(factory), std::out_of_range);
    CHECK_THROWS_AS(loop.runner.run([&] { return plain(true); }), std::out_of_range);
    CHECK(loop.runner.run([&] { return plain(false); }) == 2);
}

LOOP_TEST_CASE("A function's exception comes out of call", EveryLoop) {
    AnyLoop loop;
    CHECK_THROWS_WITH(loop.runner.call([] { throw std::runtime_error("failed"); }), "failed");
    CHECK_THROWS_AS(loop.runner.call([]() -> int { throw Odd{1}; }), Odd);
}

LOOP_TEST_CASE("A task that aborts by itself was not cancelled by anybody", EveryLoop) {
    AnyLoop loop;
    auto const aborted = [&] {
        return fail(boost::system::system_error(asio::error::operation_aborted));
    };
    CHECK_THROWS_AS(loop.runner.run(aborted()), boost::system::system_error);
    CHECK_THROWS_AS(
        loop.runner.run(aborted(), std::stop_source().get_token()), boost::system::system_error);
    CHECK_THROWS_AS(loop.runner.run_for(1h, aborted()), boost::system::system_error);
}

LOOP_TEST_CASE("A loop goes on after a task's exception", EveryLoop) {
    AnyLoop loop;
    CHECK_THROWS_AS(loop.runner.run(fail(Odd{1})), Odd);
    CHECK(loop.runner.run(twice(21)) == 42);
}

LOOP_TEST_CASE("A result that fails to move is an exception of run", EveryLoop) {
    AnyLoop loop;
    CHECK(failed_moves_of([&](int moves) { return loop.runner.run(moving(moves)); }) > 0);
    CHECK(Tracked::alive() == 0);
}

LOOP_TEST_CASE("A result that fails to move is an exception of call", EveryLoop) {
    AnyLoop loop;
    CHECK(failed_moves_of([&](int moves) {
              return loop.runner.call([moves] { return MovesSometimes(moves); });
          }) > 0);
    CHECK(Tracked::alive() == 0);
}

// std::promise keeps the value inside std::call_once. An exception that passes through that leaves
// ThreadSanitizer's pthread_once locked for ever.
#ifndef SYNCOPATE_UNDER_THREAD_SANITIZER
TEST_CASE("A result that fails to move is an exception of the future") {
    ThreadRunner runner;
    CHECK(
        failed_moves_of([&](int moves) { return runner.run_as_future(moving(moves)).get(); }) > 0);
}
#endif

TEST_CASE("A handler that throws does not end the loop") {
    ErrorLog log;
    ThreadRunner runner(Options().on_error(log.handler()));
    asio::post(runner.get_loop(), [] { throw std::runtime_error("first"); });
    asio::post(runner.get_loop(), [] { throw Odd{1}; });
    asio::post(runner.get_loop(), [] { throw std::runtime_error("third"); });
    CHECK(runner.run(twice(21)) == 42);
    CHECK(log.errors().size() == 3);
}

TEST_CASE("A handler that throws while a task is suspended does not disturb the task") {
    ErrorLog log;
    ThreadRunner runner(Options().on_error(log.handler()));
    int const value = runner.run([&]() -> asio::awaitable<int> {
        asio::post(runner.get_loop(), [] { throw std::runtime_error("failed"); });
        co_return co_await twice_later(21);
    });
    CHECK(value == 42);
    CHECK(log.messages() == std::vector<std::string>{"failed"});
}

TEST_CASE("A handler that throws does not end the loop of a Runner") {
    ErrorLog log;
    Runner runner(Options().on_error(log.handler()));
    asio::post(runner.get_loop(), [] { throw std::runtime_error("first"); });
    asio::post(runner.get_loop(), [] { throw std::runtime_error("second"); });
    CHECK(runner.run(twice_later(21)) == 42);
    CHECK(log.messages() == std::vector<std::string>{"first", "second"});
}

TEST_CASE("What a completion handler throws leaves the io_context, whatever its task has awaited") {
    for (auto const& task : tasks_that_fail_when_resumed()) {
        asio::io_context context;
        asio::co_spawn(asio::make_strand(context), task, rethrow);
        CHECK_THROWS_WITH(context.run(), "the task's own");
        CHECK_NOTHROW(context.run());
    }
}

TEST_CASE("What a completion handler throws is reported, and its runner lives") {
    for (auto const& task : tasks_that_fail_when_resumed()) {
        ErrorLog log;
        ThreadRunner runner(Options().on_error(log.handler()));
        asio::co_spawn(asio::make_strand(runner.get_loop()), task, rethrow);
        log.wait_for(1);
        CHECK(log.messages() == std::vector<std::string>{"the task's own"});
        CHECK(runner.run(twice(21)) == 42);
    }
}

TEST_CASE("What a completion handler throws inside a cancellation does not unwind who cancels") {
    asio::io_context context;
    auto const strand = asio::make_strand(context);
    asio::cancellation_signal signal;
    bool has_returned = false;
    asio::co_spawn(
        strand,
        []() -> asio::awaitable<void> { co_await syncopate::gather(end_inside_cancellation()); },
        asio::bind_cancellation_slot(signal.slot(), rethrow));
    asio::post(strand, [&] {
        signal.emit(asio::cancellation_type::all);
        has_returned = true;
    });
    CHECK_THROWS_AS(context.run(), boost::system::system_error);
    CHECK(has_returned);
}
