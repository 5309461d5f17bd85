// A program that uses everything is cancelled after the first, the second, ... handler that its loop runs, in each way
// in which it can be: nothing is lost, nothing is left, what was entered is left once, and the runner works afterwards.
//
//   stress_every_suspension [CANCELLATIONS]: so many at most, spread over all of them

#include "support/every_suspension.hpp"

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
#include <syncopate/shield.hpp>
#include <syncopate/task_group.hpp>
#include <syncopate/timeout.hpp>
#include <syncopate/to_calling_thread.hpp>
#include <syncopate/to_thread.hpp>
#include <syncopate/with_context.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
#include <memory>

namespace {

namespace asio = boost::asio;
namespace from_thread = syncopate::from_thread;
using namespace std::chrono_literals;
using namespace support;
using syncopate::Errc;
using syncopate::ReadAhead;
using syncopate::TaskGroup;

struct World : SuspensionWorld {
    // in_workers: 2 + 2, 15, 1, 1; in_context: 2; in_time: 2 + 1 + 2; ready: 1; tokens: 2 + 2; read: 6.
    static constexpr int result = 21 + 2 + 5 + 1 + 4 + 6;
    static asio::awaitable<int> program(World& world);

    void check_closed() const { require(entered == left, "close() leaves what was entered"); }
    void check() const {
        require(entered == left, "what was entered is left once");
        require(working == 0, "nobody works any more");
        require(limiter.statistics().borrowed_tokens == 0, "tokens are given back");
    }

    std::atomic<int> entered{0};
    std::atomic<int> left{0};
    std::atomic<int> working{0};
    syncopate::CapacityLimiter limiter{1};
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

asio::awaitable<int> World::program(World& world) {
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

}  // namespace

int main(int argc, char** argv) {
    Audit const audit;
    EverySuspension<World>().cancel_at_each(iterations(argc, argv, 100'000));
    require_nothing_left(audit);
}
