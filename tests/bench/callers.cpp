// Many callers at once: the price of a call, and whether the slowest caller is much behind the others.

#include "bench.hpp"
#include "floors.hpp"
#include "libuv.hpp"
#include "peers.hpp"

#include <algorithm>
#include <cstddef>
#include <latch>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace bench;

// One call in so many is timed, since the clock would count.
constexpr int sampled = 8;

template <class Peer>
double timed_call(Peer& peer, int value) {
    auto const start = Clock::now();
    require(peer.call(value) == 2 * value, "call");
    return seconds_since(start);
}

/// The time that one call in a hundred exceeds.
double p99(std::vector<std::vector<double>> const& samples) {
    std::vector<double> all;
    for (auto const& some : samples)
        all.insert(all.end(), some.begin(), some.end());
    auto const place = all.begin() + static_cast<std::ptrdiff_t>(all.size() * 99 / 100);
    std::nth_element(all.begin(), place, all.end());
    return *place;
}

template <class Peer>
void callers(benchmark::State& state, int threads) {
    Peer peer;
    for (auto _ : state) {
        int const calls = std::max(50, 64'000 / threads);
        std::vector<double> times(static_cast<std::size_t>(threads));
        std::vector<std::vector<double>> samples(times.size());
        std::latch ready(threads + 1);
        std::vector<std::thread> all;
        for (std::size_t caller = 0; caller < times.size(); ++caller)
            all.emplace_back([&, caller] {
                require(peer.call(1) == 2, "call");
                samples[caller].reserve(static_cast<std::size_t>(calls / sampled + 1));
                ready.arrive_and_wait();
                auto const start = Clock::now();
                for (int i = 0; i < calls; ++i)
                    if (i % sampled == 0)
                        samples[caller].push_back(timed_call(peer, i));
                    else
                        require(peer.call(i) == 2 * i, "call");
                times[caller] = seconds_since(start);
            });
        ready.arrive_and_wait();
        auto const start = Clock::now();
        for (auto& thread : all)
            thread.join();
        set_time(state, seconds_since(start), static_cast<double>(calls) * threads);
        state.counters["slowest"] = *std::max_element(times.begin(), times.end()) * threads /
                                    std::accumulate(times.begin(), times.end(), 0.0);
        state.counters["p99_ns"] = p99(samples) * 1e9;
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
