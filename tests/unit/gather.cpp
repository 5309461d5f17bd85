// Several tasks at once: their results, their failures, and how they are cancelled.

#include "support/audit.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/groups.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/error.hpp>
#include <syncopate/gather.hpp>
#include <syncopate/options.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include <exception>
#include <functional>
#include <iostream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using syncopate::Errc;
using syncopate::gather;
using syncopate::Options;

struct NoDefault {
    explicit NoDefault(std::unique_ptr<int> number) : value(std::move(number)) {}
    std::unique_ptr<int> value;
};

asio::awaitable<NoDefault> no_default(int value) {
    co_await asio::post(asio::use_awaitable);
    co_return NoDefault(std::make_unique<int>(value));
}

asio::awaitable<std::reference_wrapper<int>> refer_to(int& number) {
    co_return std::ref(number);
}

static_assert(std::is_same_v<
              decltype(gather(twice(1), nothing())),
              asio::awaitable<std::tuple<int, std::monostate>>>);
static_assert(
    std::is_same_v<decltype(gather(std::vector<asio::awaitable<void>>())), asio::awaitable<void>>);

// What was written to std::clog while the object lived.
class Clog {
public:
    Clog() : before_(std::clog.rdbuf(stream_.rdbuf())) {}
    ~Clog() { std::clog.rdbuf(before_); }
    std::string text() const { return stream_.str(); }

private:
    std::ostringstream stream_;
    std::streambuf* before_;
};

}  // namespace

LOOP_TEST_CASE("gather gives all results in the order of the tasks", EveryLoop) {
    int number = 3;
    AnyLoop loop;
    auto const results = loop.runner.run([&]() -> asio::awaitable<std::string> {
        auto const factory = [] { return twice_later(1); };
        asio::steady_timer timer(co_await asio::this_coro::executor, 1ms);
        auto operation = timer.async_wait(asio::deferred);
        auto const gathered = co_await gather(
            no_default(1), nothing(), factory, std::move(operation), refer_to(number),
            [] { return twice(4); });
        std::get<4>(gathered).get() = 7;
        static_cast<void>(std::get<1>(gathered) == std::monostate());
        static_cast<void>(std::get<3>(gathered) == std::monostate());
        co_return std::to_string(*std::get<0>(gathered).value) +
            std::to_string(std::get<2>(gathered)) + std::to_string(std::get<5>(gathered));
    });
    CHECK(results == "128");
    CHECK(number == 7);
}

LOOP_TEST_CASE("gather runs its tasks at the same time", EveryLoop) {
    Gate first;
    Gate second;
    AnyLoop loop;
    auto const open_and_pass = [](Gate& mine, Gate& other) -> asio::awaitable<int> {
        mine.open();
        co_await other.passed();
        co_return 1;
    };
    auto const [one, other] = loop.runner.run(
        [&] { return gather(open_and_pass(first, second), open_and_pass(second, first)); });
    CHECK(one + other == 2);
}

LOOP_TEST_CASE("gather takes a vector of tasks", EveryLoop) {
    AnyLoop loop;
    std::vector<asio::awaitable<int>> numbers;
    std::vector<asio::awaitable<NoDefault>> objects;
    std::vector<asio::awaitable<void>> nothings;
    for (int i = 0; i < 10; ++i) {
        numbers.push_back(i % 2 == 0 ? twice(i) : twice_later(i));
        objects.push_back(no_default(i));
        nothings.push_back(sleep_for(1ms));
    }
    CHECK(
        loop.runner.run(gather(std::move(numbers))) ==
        std::vector{0, 2, 4, 6, 8, 10, 12, 14, 16, 18});
    CHECK(*loop.runner.run(gather(std::move(objects)))[9].value == 9);
    loop.runner.run(gather(std::move(nothings)));
}

TEST_CASE("gather of no tasks gives no results") {
    OnRunner loop;
    CHECK(loop.runner.run(gather()) == std::tuple<>());
    CHECK(loop.runner.run(gather(std::vector<asio::awaitable<int>>())).empty());
    loop.runner.run(gather(std::vector<asio::awaitable<void>>()));
}

TEST_CASE("gather of many tasks needs no stack") {
    OnRunner loop;
    std::vector<asio::awaitable<int>> tasks;
    for (int i = 0; i < 100'000; ++i)
        tasks.push_back(i % 2 == 0 ? twice(i) : twice_later(i));
    auto const results = loop.runner.run(gather(std::move(tasks)));
    CHECK(results.size() == 100'000);
    CHECK(results[99'999] == 199'998);
}

TEST_CASE("One gather after another needs no stack") {
    OnRunner loop;
    long sum = 0;
    loop.runner.run([&]() -> asio::awaitable<void> {
        for (int i = 0; i < 100'000; ++i) {
            auto const [one, other] = co_await gather(twice(1), twice_later(i % 2));
            sum += one + other;
        }
    });
    CHECK(sum == 300'000);
}

LOOP_TEST_CASE("gather throws the first failure when all have ended", EveryLoop) {
    int ended = 0;
    AnyLoop loop;
    auto const run = [&] {
        return loop.runner.run(
            gather(forever_counted(ended), fail_later("boom"), forever_counted(ended), twice(1)));
    };
    CHECK(message_of<std::runtime_error>(run) == "boom");
    CHECK(ended == 2);
}

TEST_CASE("gather throws the object that was thrown") {
    auto const thrown = std::make_exception_ptr(std::runtime_error("boom"));
    std::exception_ptr caught;
    OnRunner loop;
    try {
        loop.runner.run(
            gather(twice(1), [&]() -> asio::awaitable<int> { std::rethrow_exception(thrown); }));
    } catch (...) {
        caught = std::current_exception();
    }
    CHECK(caught == thrown);
}

TEST_CASE("A vector of tasks of which one fails is cancelled") {
    int ended = 0;
    OnRunner loop;
    std::vector<asio::awaitable<void>> tasks;
    tasks.push_back(forever_counted(ended));
    tasks.push_back(fail_at_once("boom"));
    tasks.push_back(forever_counted(ended));
    CHECK(message_of<std::runtime_error>([&] {
              loop.runner.run(gather(std::move(tasks)));
          }) == "boom");
    CHECK(ended == 2);
}

LOOP_TEST_CASE("Failures after the first are reported to the runner", EveryLoop) {
    ErrorLog log;
    AnyLoop loop(Options().on_error(log.handler()));
    auto const run = [&] {
        return loop.runner.run(gather(
            fail_when_cancelled("second"), fail_later("first"), fail_when_cancelled("third"),
            forever()));
    };
    CHECK(message_of<std::runtime_error>(run) == "first");
    // On a loop of several threads they fail in either order.
    CHECK_THAT(log.messages(), Catch::Matchers::UnorderedEquals<std::string>({"second", "third"}));
}

TEST_CASE("Failures after the first are logged on a loop without a runner") {
    asio::io_context context;
    Clog const log;
    auto future = asio::co_spawn(
        context, [] { return gather(fail_at_once("first"), fail_when_cancelled("second")); },
        asio::use_future);
    context.run();
    CHECK(message_of<std::runtime_error>([&] { future.get(); }) == "first");
    CHECK(log.text() == "syncopate: event loop: second\n");
}

LOOP_TEST_CASE("To cancel a gather is to cancel its tasks", EveryLoop) {
    int ended = 0;
    AnyLoop loop;
    auto const run = [&] {
        return loop.runner.run_for(
            1ms, gather(forever_counted(ended), end_inside_cancellation(), twice(1)));
    };
    CHECK(code_of(run) == Errc::timed_out);
    CHECK(ended == 1);
}

TEST_CASE("A gather whose tasks complete although they are cancelled gives their results") {
    OnRunner loop;
    auto const stubborn = [](int value) -> asio::awaitable<int> {
        co_await until_cancelled();
        co_return value;
    };
    CHECK(loop.runner.run_for(1ms, gather(stubborn(1), stubborn(2))) == std::tuple(1, 2));
}

TEST_CASE("A gather that is cancelled throws what its tasks throw then") {
    OnRunner loop;
    auto const run = [&] {
        return loop.runner.run_for(1ms, gather(fail_when_cancelled("clean-up"), forever()));
    };
    CHECK(message_of<std::runtime_error>(run) == "clean-up");
}

TEST_CASE("What a task of gather captured is gone when gather gives its results") {
    int ended = 0;
    int seen = 0;
    OnRunner loop;
    loop.runner.run([&]() -> asio::awaitable<void> {
        auto task = [note = NotesEnd(ended)] { return twice_later(1); };
        co_await gather(std::move(task), twice(1));
        seen = ended;
    });
    CHECK(seen == 1);
}
