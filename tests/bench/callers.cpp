// Many callers at once: the price of a call, and whether the slowest caller is much behind the others.

#include "bench.hpp"
#include "floors.hpp"
#include "libuv.hpp"
#include "peers.hpp"

#include <algorithm>
#include <latch>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace bench;

template <class Peer>
void callers(benchmark::State& state, int threads) {
    Peer peer;
    for (auto _ : state) {
        int const calls = std::max(50, 64'000 / threads);
        std::vector<double> times(static_cast<std::size_t>(threads));
        std::latch ready(threads + 1);
        std::vector<std::thread> all;
        for (double& time : times)
            all.emplace_back([&] {
                require(peer.call(1) == 2, "call");
                ready.arrive_and_wait();
                auto const start = Clock::now();
                for (int i = 0; i < calls; ++i)
                    require(peer.call(i) == 2 * i, "call");
                time = seconds_since(start);
            });
        ready.arrive_and_wait();
        auto const start = Clock::now();
        for (auto& thread : all)
            thread.join();
        set_time(state, seconds_since(start), static_cast<double>(calls) * threads);
        state.counters["slowest"] = *std::max_element(times.begin(), times.end()) * threads /
                                    std::accumulate(times.begin(), times.end(), 0.0);
    }
}

template <class Peer>
void register_peer(std::string const& name) {
    for (int const threads : {1, 8, 32, 64, 256})
        add("callers_" + std::to_string(threads), Place::anywhere, name,
            [=](benchmark::State& state, Place) { callers<Peer>(state, threads); })
            ->UseManualTime()
            ->Iterations(1);
}

[[maybe_unused]] bool const registered = [] {
    register_peer<PlainAsio>("plain");
    register_peer<Syncopate>("syncopate");
    register_peer<SyncopateFactory>("syncopate_factory");
    register_peer<Libuv>("libuv");
    register_peer<YieldingQueue>("floor_queue");
    return true;
}();

}  // namespace

BENCHMARK_MAIN();
