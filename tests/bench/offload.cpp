// A coroutine that has another thread call a function: to_thread and its peers.

#include "bench.hpp"
#include "peers.hpp"
#include <syncopate/to_thread.hpp>

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include <string>

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

[[maybe_unused]] bool const registered = [] {
    for (Place const place : {Place::two_cores, Place::one_core}) {
        add("offload", place, "plain", in_turn<OffloadAsio>)->UseManualTime();
        add("offload", place, "syncopate", in_turn<OffloadSyncopate>)->UseManualTime();
    }
    for (int const count : {1'000, 10'000, 100'000})
        add("offload_queued_" + std::to_string(count), Place::anywhere, "syncopate",
            [=](benchmark::State& state, Place) { queued(state, count); })
            ->UseManualTime()
            ->Iterations(1);
    return true;
}();

}  // namespace

BENCHMARK_MAIN();
