// Exceptions on their way from the loop to the caller, and those that have no caller.

#include "support/audit.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/options.hpp>
#include <syncopate/runner.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <atomic>
#include <chrono>
#include <exception>
#include <future>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

// std::promise keeps the value inside std::call_once. An exception that passes through that leaves
// ThreadSanitizer's pthread_once locked for ever.
#ifdef __SANITIZE_THREAD__
#define SYNCOPATE_UNDER_THREAD_SANITIZER
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SYNCOPATE_UNDER_THREAD_SANITIZER
#endif
#endif

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
