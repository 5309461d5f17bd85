// A program that uses everything is cancelled after the first, the second, ... handler that its loop runs, in each way
// in which it can be: nothing is lost, nothing is left, what was entered is left once, and the runner works afterwards.
//
//   stress_every_suspension [CANCELLATIONS]: so many at most, spread over all of them

#include "support/audit.hpp"
#include "support/errors.hpp"
#include "support/iterables.hpp"
#include "support/stress.hpp"
#include "support/tasks.hpp"
#include <syncopate/async_generator.hpp>
#include <syncopate/blocking_portal.hpp>
#include <syncopate/blocking_range.hpp>
#include <syncopate/capacity_limiter.hpp>
#include <syncopate/error.hpp>
#include <syncopate/from_thread.hpp>
#include <syncopate/gather.hpp>
#include <syncopate/options.hpp>
#include <syncopate/shield.hpp>
#include <syncopate/task_group.hpp>
#include <syncopate/timeout.hpp>
#include <syncopate/to_calling_thread.hpp>
#include <syncopate/to_thread.hpp>
#include <syncopate/with_context.hpp>
#include <syncopate/worker_pool.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

namespace {

namespace asio = boost::asio;
namespace from_thread = syncopate::from_thread;
using namespace std::chrono_literals;
using namespace support;
using syncopate::BlockingPortal;
using syncopate::Errc;
using syncopate::ReadAhead;
using syncopate::TaskGroup;

// --- the program

struct World {
    std::atomic<int> entered{0};
    std::atomic<int> left{0};
    std::atomic<int> working{0};
    syncopate::CapacityLimiter limiter{1};
    TaskGroup* group = nullptr;  // of the program, while it runs
    BlockingPortal* portal = nullptr;
};

class Context {
public:
    explicit Context(World& world) : world_(&world) {}

    asio::awaitable<void> aenter() {
        Tracked const frame;
        co_await asio::post(asio::use_awaitable);
        co_await group_.aenter();
        group_.start_soon(forever());
        ++world_->entered;
    }
    asio::awaitable<void> aexit(std::exception_ptr error) {
        Tracked const frame;
        ++world_->left;
        group_.cancel();
        co_await group_.aexit(error);
        co_await asio::post(asio::use_awaitable);
    }

private:
    World* world_;
    TaskGroup group_;
    Tracked tracked_;
};

syncopate::AsyncGenerator<int> numbers(int count) {
    Tracked const frame;
    for (int i = 0; i < count; ++i) {
        if (i % 2 == 0)
            co_await asio::post(asio::deferred);
        co_yield int(i);
    }
}

/// On a worker, which is a caller of the loop as any thread is.
int use_portal(World& world) {
    int sum = 0;
    auto const closed = code_of([&] {
        for (int i : world.portal->wrap_iter(numbers(6), ReadAhead(2)))
            sum += i;
        for (int i : world.portal->wrap_iter(numbers(6)))
            if (i == 3)
                break;
        auto const guard = world.portal->wrap_context(Context(world));
    });
    require(!closed || closed == Errc::runner_closed, "nothing else ends what a worker calls");
    return sum;
}

asio::awaitable<int> in_workers(World& world) {
    Tracked const frame;
    int const back = co_await syncopate::to_thread([&world] {
        ++world.working;
        auto const ended =
            std::unique_ptr<World, void (*)(World*)>(&world, [](World* w) { --w->working; });
        from_thread::call([] {});
        return from_thread::run(twice_later(1)) + from_thread::run(twice(1));
    });
    int const blocking = co_await syncopate::to_thread([&world] { return use_portal(world); });
    int const here = co_await syncopate::to_calling_thread([] { return 1; });
    int const limited = co_await syncopate::to_thread([] { return 1; }, world.limiter);
    co_return back + blocking + here + limited;
}

asio::awaitable<int> hold_token(World& world) {
    Tracked const frame;
    auto const token = co_await world.limiter.acquire();
    co_return co_await twice_later(1);
}

asio::awaitable<int> in_context(World& world) {
    Tracked const frame;
    auto const body = [](Context&) { return twice_later(1); };
    co_return co_await syncopate::with_context(Context(world), body);
}

asio::awaitable<int> in_time() {
    Tracked const frame;
    int sum = co_await syncopate::fail_after(1h, twice_later(1));
    if (!co_await syncopate::move_on_after(0s, forever()))
        ++sum;
    co_return sum + co_await syncopate::shield(twice_later(1));
}

asio::awaitable<int> read() {
    Tracked const frame;
    int sum = 0;
    auto generator = numbers(4);
    while (auto const item = co_await generator.anext())
        sum += *item;
    co_await generator.aclose();
    co_return sum;
}

asio::awaitable<void> be_ready(syncopate::Ready<int> ready) {
    Tracked const frame;
    co_await asio::post(asio::use_awaitable);
    ready(1);
    co_await asio::post(asio::use_awaitable);
}

asio::awaitable<void> add(int& sum, std::function<asio::awaitable<int>()> task) {
    Tracked const frame;
    sum += co_await task();
}

asio::awaitable<void> body(World& world, int& sum, TaskGroup& group) {
    Tracked const frame;
    world.group = &group;
    group.start_soon([&] { return add(sum, [&] { return in_workers(world); }); });
    group.start_soon([&] { return add(sum, [&] { return in_context(world); }); });
    group.start_soon([&] { return add(sum, in_time); });
    sum += co_await group.start<int>(be_ready);
    auto const [first, second, third] =
        co_await syncopate::gather(hold_token(world), hold_token(world), read());
    sum += first + second + third;
}

asio::awaitable<int> program(World& world) {
    Tracked const frame;
    int sum = 0;
    auto const in_group = [&](TaskGroup& group) { return body(world, sum, group); };
    std::exception_ptr error;
    try {
        co_await syncopate::with_task_group(in_group);
    } catch (...) {
        error = std::current_exception();
    }
    world.group = nullptr;
    if (error)
        std::rethrow_exception(error);
    co_return sum;
}

// in_workers: 2 + 2, 15, 1, 1; in_context: 2; in_time: 2 + 1 + 2; ready: 1; tokens: 2 + 2; read: 6.
constexpr int result = 21 + 2 + 5 + 1 + 4 + 6;

// --- its cancellation

enum class Way { not_at_all, stop_request, time_out, inner_time_out, close, group };

/// An io_context that counts its handlers, and calls a function after one of them.
class CountingLoop {
public:
    CountingLoop(long at, std::function<void()> function)
        : at_(at), function_(std::move(function)) {}
    ~CountingLoop() {
        work_.reset();
        thread_.join();
    }

    asio::io_context& context() noexcept { return context_; }
    long handlers() const noexcept { return handlers_; }

private:
    void turn() {
        while (context_.run_one() != 0)
            if (++handlers_ == at_)
                function_();
    }

    long const at_;
    std::function<void()> const function_;
    std::atomic<long> handlers_{0};
    asio::io_context context_;
    asio::executor_work_guard<asio::io_context::executor_type> work_{context_.get_executor()};
    std::thread thread_{[this] { turn(); }};
};

constexpr auto time_limit = 15ms;

/// Cancels the program after so many handlers. Returns how many there were in all.
long cancel(Way way, long at, std::shared_ptr<syncopate::WorkerPool> const& workers) {
    using Clock = std::chrono::steady_clock;
    World world;
    std::stop_source stop;
    std::thread closer;
    std::atomic<BlockingPortal*> closing{nullptr};
    auto const deadline = Clock::now() + time_limit;
    std::mutex mutex;
    bool is_over = false;
    auto const act = [&] {
        std::lock_guard const lock(mutex);
        if (is_over)
            return;
        switch (way) {
        case Way::not_at_all: return;
        case Way::stop_request: stop.request_stop(); return;
        case Way::time_out:
        case Way::inner_time_out: return std::this_thread::sleep_until(deadline + 100us);
        case Way::group:
            if (world.group)
                world.group->cancel();
            return;
        case Way::close:
            closer = std::thread([&] { closing.load()->close(); });
            while (!code_of([&] { closing.load()->get_executor(); }))
                std::this_thread::yield();
        }
    };
    long handlers = 0;
    {
        CountingLoop loop(at, act);
        BlockingPortal portal(
            loop.context(),
            syncopate::Options().worker_pool(workers).on_error([](std::exception_ptr) {}));
        world.portal = &portal;
        closing = &portal;
        int value = -1;
        auto const where = " after " + std::to_string(at) + " handlers";
        auto const run = [&] {
            auto const task = [&world] { return program(world); };
            if (way == Way::time_out)
                value = portal.run_until(deadline, task);
            else if (way == Way::inner_time_out)
                value = portal.run([&] { return syncopate::fail_after(time_limit, task); });
            else
                value = portal.run(task, stop.get_token());
        };
        std::error_code code;
        try {
            code = code_of(run);
        } catch (std::exception const& error) {
            give_up(
                std::string(error.what()) + where + ", way " +
                std::to_string(static_cast<int>(way)));
        }
        handlers = loop.handlers();
        {
            std::lock_guard const lock(mutex);
            is_over = true;
        }
        if (closer.joinable())
            closer.join();
        if (!code && value != result && way != Way::group && way != Way::close)
            give_up("a wrong result" + where);
        auto const expected = way == Way::stop_request ? Errc::cancelled
                              : way == Way::close      ? Errc::runner_closed
                                                       : Errc::timed_out;
        if (code && (way == Way::not_at_all || way == Way::group || code != expected))
            give_up("a wrong error" + where + ": " + code.message());
        if (way == Way::close)
            require(world.entered == world.left, "close() leaves what was entered");
        else
            require(portal.run(twice_later(21)) == 42, "the runner works afterwards");
    }
    require(world.entered == world.left, "what was entered is left once");
    require(world.working == 0, "nobody works any more");
    require(world.limiter.statistics().borrowed_tokens == 0, "tokens are given back");
    require(Tracked::alive() == 0, "nothing is left");
    return handlers;
}

}  // namespace

int main(int argc, char** argv) {
    Audit const audit;
    {
        auto const workers = std::make_shared<syncopate::WorkerPool>(4);
        long points = 0;
        for (int i = 0; i < 5; ++i)
            points = (std::max)(points, cancel(Way::not_at_all, 0, workers));
        constexpr Way ways[] = {
            Way::stop_request, Way::time_out, Way::inner_time_out, Way::close, Way::group};
        long const most = iterations(argc, argv, 100'000) / 5;
        long const step = points / (std::max)(most, 1L) + 1;
        for (Way const way : ways)
            for (long at = 1; at <= points + 1; at += step)
                cancel(way, at, workers);
        std::printf("%ld handlers, each way after every one of %ld\n", points, step);
    }
    require_nothing_left(audit);
}
