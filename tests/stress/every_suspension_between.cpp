// A program with all that stands between threads and coroutines, channels, futures, other people's awaitables, blocking
// objects and ranges, races and other loops, is cancelled after the first, the second, ... handler that its loop runs, in
// each way in which it can be.
//
//   stress_every_suspension_between [CANCELLATIONS]: so many at most, spread over all of them

#include "support/audit.hpp"
#include "support/errors.hpp"
#include "support/every_suspension.hpp"
#include "support/stress.hpp"
#include "support/tasks.hpp"
#include <syncopate/as_awaitable.hpp>
#include <syncopate/as_completed.hpp>
#include <syncopate/blocking_portal.hpp>
#include <syncopate/blocking_range.hpp>
#include <syncopate/channel.hpp>
#include <syncopate/error.hpp>
#include <syncopate/gather.hpp>
#include <syncopate/gather_outcomes.hpp>
#include <syncopate/iterate_in_thread.hpp>
#include <syncopate/on_loop.hpp>
#include <syncopate/on_thread.hpp>
#include <syncopate/options.hpp>
#include <syncopate/race.hpp>
#include <syncopate/ready.hpp>
#include <syncopate/sleep.hpp>
#include <syncopate/task_group.hpp>
#include <syncopate/thread_runner.hpp>
#include <syncopate/to_thread.hpp>
#include <syncopate/wrap_future.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <chrono>
#include <coroutine>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <ranges>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using syncopate::Channel;
using syncopate::Errc;
using syncopate::iterate_in_thread;
using syncopate::OnLoop;
using syncopate::OnThread;
using syncopate::race;
using syncopate::TaskGroup;
using syncopate::to_thread;

using Clock = std::chrono::steady_clock;

struct World : SuspensionWorld {
    // items: 1 + 2 + 3, and 4 + 5 + 6; first_of_several: 2 + 4; completed: 2 + 4 + 6; elsewhere: 7 + 8; on_threads: 9,
    // and 0 + 1 + 2 + 3; other_loops: 2, 3, 1 and 1; outcomes: 2.
    static constexpr int result = 6 + 15 + 6 + 12 + 15 + 9 + 6 + 7 + 2;
    static asio::awaitable<int> program(World& world);

    void check_closed() const {}
    void check() {
        require(working == 0, "nobody works any more");
        // What others were asked for they may still be doing, and a worker may be leaving its range.
        other.close();
        for (auto const end = Clock::now() + 10s; Tracked::alive() != 0 && Clock::now() < end;)
            std::this_thread::sleep_for(100us);
    }

    std::atomic<int> working{0};
    OnThread<int> number{8};
    syncopate::ThreadRunner other{
        syncopate::Options().name("other").on_error([](std::exception_ptr) {})};
};

/// Who waits in it goes on, however its user ends.
struct Closing {
    Channel<Tracked>& channel;
    ~Closing() { channel.close(); }
};

asio::awaitable<int> send(Channel<Tracked>& channel, int first) {
    Tracked const frame;
    Closing const closing{channel};
    for (int i = first; i < first + 3; ++i)
        co_await channel.async_send(Tracked(i));
    co_return 0;
}
asio::awaitable<int> receive(Channel<Tracked>& channel) {
    Tracked const frame;
    Closing const closing{channel};
    int sum = 0;
    for (auto item = co_await channel.anext(); item; item = co_await channel.anext())
        sum += item->value();
    co_return sum;
}

asio::awaitable<int> items(World& world) {
    Tracked const frame;
    Channel<Tracked> among_coroutines{1};
    auto const [nothing, sum] =
        co_await syncopate::gather(send(among_coroutines, 1), receive(among_coroutines));
    Channel<Tracked> from_thread{1};
    auto send_all = [&] {
        ++world.working;
        auto const ended =
            std::unique_ptr<World, void (*)(World*)>(&world, [](World* w) { --w->working; });
        Closing const closing{from_thread};
        auto const closed = code_of([&] {
            for (int i = 4; i < 7; ++i)
                from_thread.send(Tracked(i));
        });
        require(!closed || closed == Errc::channel_closed, "nothing else ends a sender");
        return 0;
    };
    auto const [sent, received] =
        co_await syncopate::gather(to_thread(send_all), receive(from_thread));
    co_return nothing + sum + sent + received;
}

asio::awaitable<int> endless() {
    co_await forever();
    co_return 0;
}

asio::awaitable<int> first_of_several() {
    Tracked const frame;
    Channel<Tracked> left{1};
    Channel<Tracked> right{1};
    left.try_send(Tracked(5));
    // The item of the one that has lost is still there.
    auto const first = co_await race(twice_later(1), endless());
    right.try_send(Tracked(4));
    auto const next = co_await race(right.async_receive(), endless());
    auto const kept = left.try_receive();
    require(kept && kept->value() == 5, "nobody has taken it");
    co_return first + std::get<0>(next)->value();
}

asio::awaitable<int> completed() {
    Tracked const frame;
    std::vector<asio::awaitable<int>> tasks;
    for (int i = 1; i <= 3; ++i)
        tasks.push_back(twice_later(i));
    auto ended = syncopate::as_completed(std::move(tasks));
    int sum = 0;
    for (auto value = co_await ended.anext(); value; value = co_await ended.anext())
        sum += *value;
    co_return sum;
}

/// Goes on in a thread that knows nothing of loops.
class Answer {
public:
    explicit Answer(World& world) noexcept : world_(&world) {}

    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiting) {
        world_->other.start_soon([waiting]() -> asio::awaitable<void> {
            waiting.resume();
            co_return;
        });
    }
    int await_resume() const noexcept { return 7; }

private:
    World* world_;
    Tracked tracked_;
};

asio::awaitable<int> elsewhere(World& world) {
    Tracked const frame;
    Answer asked(world);
    int const answer = co_await syncopate::as_awaitable(std::move(asked));
    auto const promise = std::make_shared<std::promise<Tracked>>();
    world.other.start_soon([promise]() -> asio::awaitable<void> {
        promise->set_value(Tracked(8));
        co_return;
    });
    auto const value = co_await syncopate::wrap_future(promise->get_future());
    co_return answer + value.value();
}

asio::awaitable<int> on_threads(World& world) {
    Tracked const frame;
    int const number = co_await world.number.run([](int& n) { return n + 1; });
    int sum = 0;
    auto const owned = std::make_shared<Tracked>(1);
    auto range = iterate_in_thread(
        std::views::iota(0, 4) |
            std::views::transform([owned](int item) { return item * owned->value(); }),
        syncopate::ReadAhead{1});
    for (auto item = co_await range.anext(); item; item = co_await range.anext())
        sum += *item;
    co_await range.aclose();
    co_return number + sum;
}

asio::awaitable<void> be_ready(syncopate::Ready<int> ready) {
    Tracked const frame;
    co_await asio::post(asio::use_awaitable);
    ready(1);
    co_await asio::post(asio::use_awaitable);
}

/// On a worker, which blocks there.
int use_runners(World& world) {
    int sum = world.other.run(twice_later(1));
    auto const closed = code_of([&] {
        OnLoop<int> number(*world.portal, 1);
        number.start_soon([](int&) { return forever(); });
        sum += number.run([](int& n) -> asio::awaitable<int> { co_return n + co_await twice(1); });
        sum += number.call([](int& n) { return n; });
        sum += world.portal->start<int>(be_ready);
    });
    require(!closed || closed == Errc::runner_closed, "nothing else ends what a worker calls");
    return sum;
}

asio::awaitable<int> outcomes() {
    Tracked const frame;
    auto const fail = []() -> asio::awaitable<int> {
        co_await syncopate::sleep(0ms);
        throw std::runtime_error("alone");
    };
    auto const [value, failure] = co_await syncopate::gather_outcomes(twice_later(1), fail);
    require(!failure.has_value(), "it fails alone");
    co_return value.value();
}

asio::awaitable<void> add(int& sum, std::function<asio::awaitable<int>()> task) {
    Tracked const frame;
    sum += co_await task();
}

asio::awaitable<int> World::program(World& world) {
    Tracked const frame;
    int sum = 0;
    auto const in_group = [&](TaskGroup& group) -> asio::awaitable<void> {
        world.group = &group;
        group.start_soon([&] { return add(sum, [&] { return items(world); }); });
        group.start_soon([&] { return add(sum, first_of_several); });
        group.start_soon([&] { return add(sum, completed); });
        group.start_soon([&] { return add(sum, [&] { return elsewhere(world); }); });
        group.start_soon([&] { return add(sum, [&] { return on_threads(world); }); });
        group.start_soon([&] {
            return add(sum, [&] { return to_thread([&] { return use_runners(world); }); });
        });
        group.start_soon([&] { return add(sum, outcomes); });
        co_return;
    };
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
