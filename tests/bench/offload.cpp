// A coroutine that has another thread call a function: to_thread and its peers; and work that computes,
// spread over the cores.

#include "bench.hpp"
#include "peers.hpp"
#include <syncopate/gather.hpp>
#include <syncopate/task_group.hpp>
#include <syncopate/to_thread.hpp>

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace bench;

asio::awaitable<int> offload_with_syncopate(int count) {
    int done = 0;
    for (int i = 0; i < count; ++i)
        co_await syncopate::to_thread([&done] { ++done; });
    co_return done;
}

/// To the pool and back, as Asio offers it.
asio::awaitable<int> offload_with_asio(asio::thread_pool& pool, int count) {
    int done = 0;
    for (int i = 0; i < count; ++i) {
        co_await asio::post(asio::bind_executor(pool, asio::use_awaitable));
        ++done;
        co_await asio::post(asio::use_awaitable);
    }
    co_return done;
}

struct OffloadSyncopate {
    syncopate::ThreadRunner runner;

    int offload(int count) { return runner.run(offload_with_syncopate(count)); }
};

struct OffloadAsio : PlainAsio {
    asio::thread_pool pool{1};

    int offload(int count) { return run(offload_with_asio(pool, count)); }
};

/// One after another.
template <class Peer>
void in_turn(benchmark::State& state, Place place) {
    Peer peer;
    require(peer.offload(200) == 200, "offload");
    Placed const placed(place);
    require(peer.offload(500) == 500, "offload");
    for (auto _ : state) {
        constexpr int count = 1000;
        auto const start = Clock::now();
        require(peer.offload(count) == count, "offload");
        set_time(state, seconds_since(start), count);
    }
}

/// So many at once, for 32 workers.
void queued(benchmark::State& state, int count) {
    syncopate::ThreadRunner runner(syncopate::Options().max_workers(32));
    auto const start_one = [](Countdown& left) -> asio::awaitable<void> {
        co_await syncopate::to_thread([] {});
        left.one_less();
    };
    auto const all = [&](int tasks) -> asio::awaitable<void> {
        auto const executor = co_await asio::this_coro::executor;
        co_await start_all(tasks, [&](Countdown& left) {
            asio::co_spawn(executor, start_one(left), asio::detached);
        });
    };
    runner.run(all(100));
    for (auto _ : state) {
        auto const start = Clock::now();
        runner.run(all(count));
        set_time(state, seconds_since(start), count);
    }
}

/// Something that keeps a core busy for about a millisecond.
int compute() {
    unsigned value = 1;
    for (int i = 0; i < 400'000; ++i)
        value = value * 1'664'525U + 1'013'904'223U;
    return static_cast<int>(value >> 16);
}

/// Work that computes, on so many workers, while the loop has a timer that is due each millisecond. Also
/// gives by how much the timer was late, in the mean.
void computing(benchmark::State& state, std::size_t workers) {
    constexpr int pieces = 200;
    double lateness = 0;
    int ticks = 0;
    auto const tick = [&]() -> asio::awaitable<void> {
        asio::steady_timer timer(co_await asio::this_coro::executor, Clock::now());
        for (;; ++ticks) {
            timer.expires_at(timer.expiry() + std::chrono::milliseconds(1));
            co_await timer.async_wait(asio::use_awaitable);
            lateness += std::chrono::duration<double>(Clock::now() - timer.expiry()).count();
        }
    };
    auto const work = [&](syncopate::TaskGroup& group) -> asio::awaitable<void> {
        group.start_soon(tick());
        std::vector<asio::awaitable<int>> all;
        for (int i = 0; i < pieces; ++i)
            all.push_back(syncopate::to_thread(compute));
        benchmark::DoNotOptimize(co_await syncopate::gather(std::move(all)));
        group.cancel();
    };
    syncopate::ThreadRunner runner(syncopate::Options().max_workers(workers));
    for (auto _ : state) {
        auto const start = Clock::now();
        runner.run([&] { return syncopate::with_task_group(work); });
        set_time(state, seconds_since(start), pieces);
    }
    state.counters["late_us"] = lateness / std::max(ticks, 1) * 1e6;
}

[[maybe_unused]] bool const registered = [] {
    for (Place const place : {Place::anywhere, Place::one_core}) {
        add("offload", place, "plain", in_turn<OffloadAsio>)->UseManualTime();
        add("offload", place, "syncopate", in_turn<OffloadSyncopate>)->UseManualTime();
    }
    for (int const count : {1'000, 10'000, 100'000})
        add("offload_queued_" + std::to_string(count), Place::anywhere, "syncopate",
            [=](benchmark::State& state, Place) { queued(state, count); })
            ->UseManualTime()
            ->Iterations(1);
    auto const add_computing = [](std::string const& peer, std::size_t workers) {
        add("computing", Place::anywhere, peer,
            [=](benchmark::State& state, Place) { computing(state, workers); })
            ->UseManualTime()
            ->Iterations(1);
    };
    add_computing("one_worker", 1);
    add_computing("syncopate", std::max(1U, std::thread::hardware_concurrency()));
    return true;
}();

}  // namespace

BENCHMARK_MAIN();
