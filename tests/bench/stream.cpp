// Items from a generator on the loop to a plain thread.

#include "bench.hpp"
#include "floors.hpp"
#include "peers.hpp"

#include <string>

namespace {

using namespace bench;

template <class Peer, auto Stream>
void stream(benchmark::State& state, Place place, int items) {
    Peer peer;
    require((peer.*Stream)(1000) == 499'500, "stream");
    Placed const placed(place);
    for (auto _ : state) {
        auto const start = Clock::now();
        long const sum = (peer.*Stream)(items);
        set_time(state, seconds_since(start), items);
        require(sum == static_cast<long>(items) * (items - 1) / 2, "stream");
    }
}

template <class Peer, auto Stream>
void register_stream(std::string const& workload, std::string const& peer, int items) {
    add(workload, Place::two_cores, peer,
        [=](benchmark::State& state, Place place) { stream<Peer, Stream>(state, place, items); })
        ->UseManualTime()
        ->Iterations(5);
}

/// Each item a call of its own.
struct PlainSteps : PlainAsio {
    long stream(int count) {
        long sum = 0;
        for (int i = 0; i < count; ++i)
            sum += call(i) / 2;
        return sum;
    }
};

[[maybe_unused]] bool const registered = [] {
    register_stream<PlainSteps, &PlainSteps::stream>("stream", "plain", 20'000);
    register_stream<Syncopate, &Syncopate::stream>("stream", "syncopate", 1'000'000);
    register_stream<SpinningRing, &SpinningRing::stream>("stream", "floor_ring", 1'000'000);
    register_stream<Syncopate, &Syncopate::stream_of_awaited>(
        "stream_awaited", "syncopate", 1'000'000);
    register_stream<Syncopate, &Syncopate::stream_step_by_step>(
        "stream_stepwise", "syncopate", 20'000);
    return true;
}();

}  // namespace

BENCHMARK_MAIN();
