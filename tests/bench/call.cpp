// One caller: calls in quick succession, calls with a pause before each, and what they cost the CPU.

#include "bench.hpp"
#include "floors.hpp"
#include "libuv.hpp"
#include "peers.hpp"

#include <algorithm>
#include <chrono>
#include <future>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace bench;
using namespace std::chrono_literals;

template <class Peer>
void call(Peer& peer, int count) {
    for (int i = 0; i < count; ++i)
        require(peer.call(i) == 2 * i, "call");
}

template <class Peer>
void hot(benchmark::State& state, Place place) {
    Peer peer;
    call(peer, 200);
    Placed const placed(place);
    call(peer, 2000);
    for (auto _ : state) {
        constexpr int calls = 1000;
        auto const start = Clock::now();
        call(peer, calls);
        set_time(state, seconds_since(start), calls);
    }
}

/// Where every core has something else to do.
template <class Peer>
void hot_on_a_busy_machine(benchmark::State& state, Place place) {
    BusyMachine const busy;
    hot<Peer>(state, place);
}

/// The median of calls before each of which everybody sleeps.
template <class Peer>
void cold(benchmark::State& state, Place place) {
    Peer peer;
    call(peer, 200);
    Placed const placed(place);
    for (auto _ : state) {
        std::vector<double> times(301);
        for (double& time : times) {
            std::this_thread::sleep_for(1ms);
            auto const start = Clock::now();
            call(peer, 1);
            time = seconds_since(start);
        }
        std::nth_element(times.begin(), times.begin() + 150, times.end());
        set_time(state, times[150], 1);
    }
}

/// CPU time of the process, per call, at one call a millisecond.
template <class Peer>
void sparse_cpu(benchmark::State& state, Place place) {
    auto const paced = [](int count, auto act) {
        auto next = Clock::now();
        double const before = cpu_seconds();
        for (int i = 0; i < count; ++i) {
            std::this_thread::sleep_until(next += 1ms);
            act();
        }
        return (cpu_seconds() - before) / count;
    };
    Peer peer;
    call(peer, 200);
    Placed const placed(place);
    for (auto _ : state) {
        double const without = paced(500, [] {});
        double const with = paced(1000, [&] { call(peer, 1); });
        set_time(state, std::max(with - without, 0.0), 1);
    }
}

/// CPU time of the process in 10 s without a call, after a burst of them.
template <class Peer>
void idle_cpu(benchmark::State& state, Place place) {
    Peer peer;
    call(peer, 2000);
    Placed const placed(place);
    std::this_thread::sleep_for(10ms);
    for (auto _ : state) {
        double const before = cpu_seconds();
        std::this_thread::sleep_for(10s);
        set_time(state, cpu_seconds() - before, 1);
    }
}

template <class Peer>
void register_peer(std::string const& name) {
    for (Place const place : {Place::two_cores, Place::one_core})
        add("hot_call", place, name, hot<Peer>)->UseManualTime();
    add("busy_call", Place::anywhere, name, hot_on_a_busy_machine<Peer>)
        ->UseManualTime()
        ->Iterations(1);
    add("cold_call", Place::anywhere, name, cold<Peer>)->UseManualTime()->Iterations(1);
}

/// Beside a task that waits, as one does that holds a session open.
struct Occupied : Syncopate {
    std::future<void> task = start_long_nap();
};

struct Patient : Syncopate {
    Patient() : Syncopate(syncopate::Options().spin(0ns)) {}
};

[[maybe_unused]] bool const registered = [] {
    register_peer<PlainAsio>("plain");
    register_peer<Syncopate>("syncopate");
    register_peer<Occupied>("syncopate_occupied");
    register_peer<Patient>("syncopate_spin_0");
    register_peer<SyncopateFactory>("syncopate_factory");
    register_peer<Libuv>("libuv");
    register_peer<FutexPair>("floor_futex");
    register_peer<EventPair>("floor_eventfd");
    add("hot_call", Place::two_cores, "floor_spin", hot<SpinningPair>)->UseManualTime();
    add("hot_call", Place::anywhere, "own_thread_plain", hot<PlainOwnThread>)->UseManualTime();
    add("hot_call", Place::anywhere, "own_thread_syncopate", hot<SyncopateOwnThread>)
        ->UseManualTime();
    for (auto* const benchmark :
         {add("sparse_cpu", Place::anywhere, "plain", sparse_cpu<PlainAsio>),
          add("sparse_cpu", Place::anywhere, "syncopate", sparse_cpu<Syncopate>)})
        benchmark->UseManualTime()->Iterations(1);
    add("idle_cpu", Place::anywhere, "syncopate", idle_cpu<Syncopate>)
        ->UseManualTime()
        ->Iterations(1)
        ->Repetitions(1);
    return true;
}();

}  // namespace

BENCHMARK_MAIN();
