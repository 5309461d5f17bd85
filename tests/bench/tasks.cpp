// Many tasks at once, each of which sleeps for a millisecond: their time, and their memory.

#include "bench.hpp"
#include "peers.hpp"

#include <cstddef>
#include <string>
#include <vector>

#include <malloc.h>

namespace {

using namespace bench;

/// What the program holds of the allocator, in bytes.
double allocated() {
    auto const info = ::mallinfo2();
    return static_cast<double>(info.uordblks + info.hblkhd);
}

/// Memory of a task that waits, with all that belongs to it, in bytes.
template <class Peer>
void memory(benchmark::State& state, int count) {
    Peer peer;
    using Future = decltype(peer.start_long_nap());
    std::vector<Future> futures;
    futures.reserve(static_cast<std::size_t>(count));
    static_cast<void>(peer.call(1));
    for (auto _ : state) {
        double const before = allocated();
        for (int i = 0; i < count; ++i)
            futures.push_back(peer.start_long_nap());
        static_cast<void>(peer.call(1));  // comes after them
        state.counters["bytes"] = (allocated() - before) / count;
        state.SetIterationTime(1);
    }
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
    auto const add_memory = [](std::string const& peer, auto function) {
        add("memory_of_10000_tasks", Place::anywhere, peer,
            [=](benchmark::State& state, Place) { function(state, 10'000); })
            ->UseManualTime()
            ->Iterations(1)
            ->Repetitions(1);
    };
    add_memory("plain", memory<PlainAsio>);
    add_memory("syncopate", memory<Syncopate>);
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
