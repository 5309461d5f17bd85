// Tasks that belong together, beside what one writes with Asio alone: a counter for many of them, and
// its awaitable operators for a few. All on the loop's own thread.

#include "bench.hpp"
#include "peers.hpp"
#include <syncopate/gather.hpp>
#include <syncopate/task_group.hpp>
#include <syncopate/timeout.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <exception>
#include <string>
#include <utility>

#include <malloc.h>

namespace {

using namespace bench;
using syncopate::TaskGroup;

/// What the program holds of the allocator, in bytes.
double allocated() {
    auto const info = ::mallinfo2();
    return static_cast<double>(info.uordblks + info.hblkhd);
}

/// What all the tasks take, once they have been started.
double bytes_in_use = 0;

struct Plain {
    static asio::awaitable<void> naps(int count) {
        auto const executor = co_await asio::this_coro::executor;
        co_await start_all(count, [executor, started = 0, count](Countdown& left) mutable {
            asio::co_spawn(executor, nap(), [&left](std::exception_ptr) { left.one_less(); });
            if (++started == count)
                bytes_in_use = allocated();
        });
    }

    static asio::awaitable<int> both() {
        using namespace asio::experimental::awaitable_operators;
        auto const [one, other] = co_await (later() && later());
        co_return one + other;
    }

    static asio::awaitable<int> in_time() {
        using namespace asio::experimental::awaitable_operators;
        asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::hours(1));
        auto const result = co_await (later() || timer.async_wait(asio::use_awaitable));
        co_return std::get<0>(result);
    }

    static asio::awaitable<int> later() {
        co_await asio::post(asio::use_awaitable);
        co_return 1;
    }
};

struct Structured {
    static asio::awaitable<void> naps(int count) {
        auto const body = [count](TaskGroup& group) -> asio::awaitable<void> {
            for (int i = 0; i < count; ++i)
                group.start_soon(nap());
            bytes_in_use = allocated();
            co_return;
        };
        co_await syncopate::with_task_group(body);
    }

    static asio::awaitable<int> both() {
        auto const [one, other] = co_await syncopate::gather(Plain::later(), Plain::later());
        co_return one + other;
    }

    static asio::awaitable<int> in_time() {
        return syncopate::fail_after(std::chrono::hours(1), Plain::later());
    }
};

void run(asio::awaitable<void> task) {
    asio::io_context context(1);
    asio::co_spawn(context, std::move(task), [](std::exception_ptr error) {
        if (error)
            std::rethrow_exception(error);
    });
    context.run();
}

template <class Peer>
void naps(benchmark::State& state, int count) {
    for (auto _ : state) {
        double const before = allocated();
        auto const start = Clock::now();
        run(Peer::naps(count));
        set_time(state, seconds_since(start), count);
        state.counters["bytes"] = (bytes_in_use - before) / count;
    }
}

template <auto Step>
asio::awaitable<void> repeat(int count) {
    int sum = 0;
    for (int i = 0; i < count; ++i)
        sum += co_await Step();
    require(sum >= count, "every step gives something");
}

template <auto Step>
void steps(benchmark::State& state) {
    constexpr int count = 100'000;
    for (auto _ : state) {
        auto const start = Clock::now();
        run(repeat<Step>(count));
        set_time(state, seconds_since(start), count);
    }
}

template <class Peer>
void register_peer(std::string const& peer) {
    for (int const count : {1, 100, 10'000, 100'000})
        add("naps_" + std::to_string(count), Place::anywhere, peer,
            [count](benchmark::State& state, Place) { naps<Peer>(state, count); })
            ->UseManualTime()
            ->Iterations(1);
    auto const add_steps = [&](std::string const& workload, auto function) {
        add(workload, Place::anywhere, peer,
            [function](benchmark::State& state, Place) { function(state); })
            ->UseManualTime()
            ->Iterations(1);
    };
    add_steps("both_of_two", steps<&Peer::both>);
    add_steps("in_time", steps<&Peer::in_time>);
}

[[maybe_unused]] bool const registered = [] {
    register_peer<Plain>("plain");
    register_peer<Structured>("syncopate");
    return true;
}();

}  // namespace

BENCHMARK_MAIN();
