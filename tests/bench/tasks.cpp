// Many tasks at once, each of which sleeps for a millisecond: their time, and their memory.

#include "bench.hpp"
#include "peers.hpp"

#include <functional>
#include <string>

#include <malloc.h>

namespace {

using namespace bench;

/// What the program holds of the allocator, in bytes.
double allocated() {
    return static_cast<double>(::mallinfo2().uordblks + ::mallinfo2().hblkhd);
}

template <class Peer, auto Naps>
void naps(benchmark::State& state, int count) {
    Peer peer;
    (peer.*Naps)(10);
    for (auto _ : state) {
        auto const start = Clock::now();
        (peer.*Naps)(count);
        set_time(state, seconds_since(start), count);
    }
}

template <class Peer, auto Naps>
void register_naps(std::string const& workload, std::string const& peer, int count) {
    add(workload + '_' + std::to_string(count), Place::anywhere, peer,
        [=](benchmark::State& state, Place) { naps<Peer, Naps>(state, count); })
        ->UseManualTime()
        ->Iterations(1);
}

[[maybe_unused]] bool const registered = [] {
    for (int const count : {1, 100, 10'000, 100'000}) {
        register_naps<PlainAsio, &PlainAsio::naps>("naps_from_outside", "plain", count);
        register_naps<Syncopate, &Syncopate::naps>("naps_from_outside", "syncopate", count);
        register_naps<PlainAsio, &PlainAsio::naps_on_the_loop>("naps_on_the_loop", "plain", count);
        register_naps<Syncopate, &Syncopate::naps_on_the_loop>(
            "naps_on_the_loop", "syncopate", count);
    }
    return true;
}();

}  // namespace

BENCHMARK_MAIN();
