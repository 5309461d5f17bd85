// Awaitables of other libraries: run, awaited, iterated over.

#include "support/audit.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/foreign.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/as_awaitable.hpp>
#include <syncopate/async_generator.hpp>
#include <syncopate/error.hpp>
#include <syncopate/gather.hpp>
#include <syncopate/label.hpp>
#include <syncopate/options.hpp>
#include <syncopate/race.hpp>
#include <syncopate/runner_base.hpp>
#include <syncopate/stall.hpp>
#include <syncopate/task_group.hpp>
#include <syncopate/timeout.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/channel.hpp>
#include <boost/asio/experimental/coro.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <coroutine>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using syncopate::as_awaitable;
using syncopate::Errc;

using IoContextExecutor = asio::io_context::executor_type;

static_assert(std::is_same_v<syncopate::task_result_t<foreign::Task<int>>, int>);
static_assert(std::is_same_v<syncopate::task_result_t<foreign::OnNewThread>, std::thread::id>);
static_assert(!syncopate::Task<foreign::Task<int>&>);
static_assert(!syncopate::Task<std::vector<int>>);

struct ByReference : std::suspend_never {
    int& value;
    int& await_resume() const noexcept { return value; }
};
struct WithFreeOperator {
    int value;
};
auto operator co_await(WithFreeOperator const& operand) {
    struct Awaiter : std::suspend_never {
        int value;
        int await_resume() const noexcept { return value; }
    };
    return Awaiter{{}, operand.value};
}
static_assert(std::is_same_v<syncopate::task_result_t<ByReference>, std::reference_wrapper<int>>);

foreign::Task<std::unique_ptr<int>> on_other_thread(int value, DestructionProbe /*probe*/) {
    co_await foreign::OnNewThread{};
    if (value < 0)
        throw std::domain_error("negative");
    co_return std::make_unique<int>(value);
}
foreign::Task<int> at_once(int value) {
    co_return value;
}

foreign::Generator<std::string> letters(int count, bool fails) {
    std::string text;
    for (int i = 0; i < count; ++i) {
        co_await foreign::OnNewThread{};
        text += 'a';
        co_yield text;  // and it goes on with its text
    }
    if (fails)
        throw std::domain_error("no more");
}

asio::awaitable<int, IoContextExecutor> on_io_context(std::chrono::milliseconds duration) {
    constexpr asio::use_awaitable_t<IoContextExecutor> token;
    asio::steady_timer timer(co_await asio::this_coro::executor, duration);
    co_await timer.async_wait(token);
    co_return 5;
}

asio::experimental::coro<int> numbers(asio::any_io_executor /*executor*/, int count) {
    for (int i = 1; i <= count; ++i)
        co_yield i;
}
asio::experimental::coro<void, int> asio_coro(asio::any_io_executor executor) {
    asio::steady_timer timer(executor, 1ms);
    co_await timer.async_wait(asio::deferred);
    co_return 6;
}

using OneThread = std::tuple<OnThreadRunner, OnRunner>;

// Asks whoever awaits it for the slot of its cancellation, as Boost.Cobalt does.
struct UntilCancelled {
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> awaiting) {
        awaiting.promise().get_cancellation_slot().assign(
            [awaiting](asio::cancellation_type) { awaiting.resume(); });
    }
    void await_resume() const { throw boost::system::system_error(asio::error::operation_aborted); }
};

struct Abandons {
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> awaiting) const { awaiting.destroy(); }
    void await_resume() const noexcept {}
};

template <class Range>
auto all_of(Range&& range) {
    std::vector<typename std::remove_cvref_t<Range>::iterator::value_type> items;
    for (auto& item : range)
        items.push_back(std::move(item));
    return items;
}

}  // namespace

LOOP_TEST_CASE("An awaitable of another library is a task, and ends on the loop", EveryLoop) {
    std::atomic<std::thread::id> destroyed;
    AnyLoop loop;
    auto& runner = loop.runner;
    auto const make = [&](int value) {
        return on_other_thread(value, DestructionProbe(destroyed));
    };
    CHECK(*runner.run(make(1)) == 1);
    CHECK(*runner.run([&] { return make(2); }) == 2);
    CHECK(runner.run(foreign::OnNewThread{}) != runner.call([] {
        return std::this_thread::get_id();
    }));
    CHECK(message_of<std::domain_error>([&] { runner.run(make(-1)); }) == "negative");
    CHECK(runner.run(WithFreeOperator{3}) == 3);
    int number = 4;
    runner.run(ByReference{{}, number}).get() = 5;
    CHECK(number == 5);
    CHECK(code_of([&] { runner.run(Abandons{}); }) == Errc::cancelled);
    CHECK(runner.run_for(10s, syncopate::label("foreign", at_once(4))) == 4);
    auto const [one, other] =
        runner.run(syncopate::gather(at_once(1), syncopate::fail_after(10s, make(2))));
    CHECK(one + *other == 3);
    CHECK(runner.run(syncopate::race(at_once(8), at_once(8))) == 8);
    auto all = []() -> asio::awaitable<int> {
        auto body = [](syncopate::TaskGroup& group) -> asio::awaitable<int> {
            group.start_soon(at_once(1));
            co_return co_await as_awaitable(at_once(9));
        };
        co_return co_await syncopate::with_task_group(body);
    };
    CHECK(runner.run(all) == 9);
}

LOOP_TEST_CASE("A foreign frame is destroyed on the loop, wherever it has ended", OneThread) {
    std::atomic<std::thread::id> destroyed;
    AnyLoop loop;
    auto const thread = loop.runner.call([] { return std::this_thread::get_id(); });
    CHECK(*loop.runner.run(on_other_thread(1, DestructionProbe(destroyed))) == 1);
    CHECK(destroyed.load() == thread);
    destroyed = std::thread::id();
    auto future = loop.runner.run_as_future(on_other_thread(-1, DestructionProbe(destroyed)));
    loop.runner.run([&]() -> asio::awaitable<void> {
        while (destroyed.load() == std::thread::id())
            co_await sleep_for(100us);
    });
    CHECK(destroyed.load() == thread);
    CHECK_THROWS_AS(future.get(), std::domain_error);
}

LOOP_TEST_CASE("What cannot be cancelled is waited for, and named", EveryLoop) {
    std::coroutine_handle<> place;
    std::mutex mutex;
    std::condition_variable told;
    std::optional<syncopate::Stall> stall;
    AnyLoop loop(syncopate::Options().on_stall(5ms, [&](syncopate::Stall const& found) {
        if (found.kind != syncopate::Stall::Kind::ignores_cancellation)
            return;  // a busy machine
        std::lock_guard const lock(mutex);
        stall = found;
        told.notify_all();
    }));
    std::string waits_for;
    std::jthread const releaser([&] {
        std::unique_lock lock(mutex);
        told.wait(lock, [&] { return stall.has_value(); });
        for (auto const& task : loop.runner.tasks())
            waits_for += task.waits_for;
        place.resume();
    });
    CHECK(loop.runner.run_for(50ms, syncopate::label("kept", foreign::Kept{&place})) == 7);
    CHECK(stall->label == "kept");
    CHECK(waits_for.find("Kept") != std::string::npos);
}

LOOP_TEST_CASE("Who asks for the cancellation slot is cancelled", EveryLoop) {
    AnyLoop loop;
    CHECK(code_of([&] { loop.runner.run_for(1ms, UntilCancelled{}); }) == Errc::timed_out);
    auto const moves_on = []() -> asio::awaitable<bool> {
        co_return co_await syncopate::move_on_after(1ms, UntilCancelled{});
    };
    CHECK_FALSE(loop.runner.run(moves_on));
    // Cancelled before it was ever suspended.
    auto const cancels_itself = [] {
        auto body = [](syncopate::TaskGroup& group) -> asio::awaitable<void> {
            group.start_soon([&group]() -> asio::awaitable<void> {
                group.cancel();
                co_await as_awaitable(UntilCancelled{});
            });
            co_return;
        };
        return syncopate::with_task_group(body);
    };
    loop.runner.run(cancels_itself);
}

TEST_CASE("An awaitable of another executor's type runs where the loop has that executor") {
    OnThreadRunner own;
    OnIoContext portal;
    for (syncopate::RunnerBase* const runner :
         {static_cast<syncopate::RunnerBase*>(&own.runner),
          static_cast<syncopate::RunnerBase*>(&portal.runner)}) {
        CHECK(runner->run(on_io_context(1ms)) == 5);
        CHECK(runner->run([] { return on_io_context(0ms); }) == 5);
        CHECK(code_of([&] { runner->run_for(1ms, on_io_context(10min)); }) == Errc::timed_out);
        CHECK(*runner->run(syncopate::move_on_after(10s, on_io_context(0ms))) == 5);
    }
    OnThreadPool pool;
    CHECK(code_of([&] {
              pool.runner.run(on_io_context(0ms));
          }) == std::make_error_code(std::errc::invalid_argument));
}

LOOP_TEST_CASE("Generators, coroutines and channels of others are ranges", EveryLoop) {
    using syncopate::ReadAhead;
    using Numbers = std::vector<int>;
    AnyLoop loop;
    auto& runner = loop.runner;
    std::vector<std::string> const expected{"a", "aa", "aaa"};
    CHECK(all_of(runner.wrap_iter(letters(3, false))) == expected);
    CHECK(all_of(runner.wrap_iter([] { return letters(3, false); }, ReadAhead{2})) == expected);
    std::string got;
    CHECK_THROWS_AS(
        [&] {
            for (auto const& text : runner.wrap_iter(letters(2, true)))
                got += text;
        }(),
        std::domain_error);
    CHECK(got == "aaa");
    for (auto const& text : runner.wrap_iter(letters(3, false), ReadAhead{1}))
        if (text == "aa")
            break;

    asio::any_io_executor const executor =
        runner.run([]() -> asio::awaitable<asio::any_io_executor> {
            co_return co_await asio::this_coro::executor;
        });
    CHECK(runner.run(asio_coro(executor)) == 6);
    CHECK(all_of(runner.wrap_iter(numbers(executor, 3))) == Numbers{1, 2, 3});
    auto left = numbers(executor, 4);
    for (int const number : runner.wrap_iter(left))
        if (number == 2)
            break;
    CHECK(all_of(runner.wrap_iter(left)) == Numbers{3, 4});

    asio::experimental::channel<void(boost::system::error_code, int, std::string)> channel(
        executor, 2);
    runner.start_soon([&]() -> asio::awaitable<void> {
        for (int i = 0; i < 3; ++i)
            co_await channel.async_send({}, i, "text", asio::deferred);
        while (channel.ready())  // old Boosts lose what a channel keeps when it is closed
            co_await asio::post(asio::deferred);
        channel.close();
    });
    CHECK(all_of(runner.wrap_iter(channel)).size() == 3);
}

LOOP_TEST_CASE("An AsyncGenerator awaits what others have", EveryLoop) {
    AnyLoop loop;
    auto const generate = []() -> syncopate::AsyncGenerator<int> {
        co_yield co_await at_once(1);
        co_await foreign::OnNewThread{};
        co_yield 2;
    };
    CHECK(all_of(loop.runner.wrap_iter(generate())) == std::vector{1, 2});
}

TEST_CASE("A loop may end while a coroutine waits for what cannot be cancelled") {
    std::coroutine_handle<> place;
    auto const wait = [&]() -> asio::awaitable<void> {
        Tracked const frame;
        co_await as_awaitable(foreign::Kept{&place});
    };
    for (bool const on_strand : {false, true}) {
        {
            asio::io_context context;
            asio::any_io_executor executor = context.get_executor();
            if (on_strand)
                executor = asio::make_strand(context);
            asio::co_spawn(executor, wait, asio::detached);
            executor = {};
            context.poll();
        }
        CHECK(Tracked::alive() == 0);
        place.resume();  // a strand is not used any more: what it refers to is gone
    }
}
