// Many tasks at once: their time, and their memory. Many runners that have nothing to do.

#include "bench.hpp"
#include "peers.hpp"

#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <malloc.h>
#include <unistd.h>

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

/// The same of very many, with the time until all have been started. They end soon after that.
template <class Peer>
void many(benchmark::State& state, int count) {
    using Future = decltype(std::declval<Peer&>().start_nap_until({}));
    for (auto _ : state) {
        Peer peer;
        std::vector<Future> futures;
        futures.reserve(static_cast<std::size_t>(count));
        static_cast<void>(peer.call(1));
        double const before = allocated();
        auto const start = Clock::now();
        auto const end =
            start + std::chrono::milliseconds(100) + count * std::chrono::microseconds(8);
        for (int i = 0; i < count; ++i)
            futures.push_back(peer.start_nap_until(end));
        static_cast<void>(peer.call(1));
        set_time(state, seconds_since(start), count);
        if (Clock::now() < end)  // else some have ended
            state.counters["bytes"] = (allocated() - before) / count;
        for (auto& future : futures)
            future.get();
    }
}

/// What the program has in memory, in bytes.
double resident() {
    long size = 0;
    long pages = 0;
    std::ifstream("/proc/self/statm") >> size >> pages;
    return static_cast<double>(pages * ::sysconf(_SC_PAGESIZE));
}

/// Each has had a call. The time is that of the processor in a second without any, for all of them.
void idle_runners(benchmark::State& state, int count) {
    for (auto _ : state) {
        double const before = allocated();
        double const resident_before = resident();
        std::vector<std::unique_ptr<Syncopate>> runners;
        for (int i = 0; i < count; ++i) {
            runners.push_back(std::make_unique<Syncopate>());
            require(runners.back()->call(i) == 2 * i, "call");
        }
        state.counters["bytes"] = (allocated() - before) / count;
        state.counters["resident"] = (resident() - resident_before) / count;
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        double const cpu = cpu_seconds();
        std::this_thread::sleep_for(std::chrono::seconds(1));
        set_time(state, cpu_seconds() - cpu, 1);
    }
}

/// The number that an environment variable has, which makes a quick run of a long one.
int number_of(char const* variable, int otherwise) {
    char const* const value = std::getenv(variable);
    return value ? std::atoi(value) : otherwise;
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
    auto const add_once = [](std::string const& workload, std::string const& peer, auto function) {
        add(workload, Place::anywhere, peer,
            [=](benchmark::State& state, Place) { function(state); })
            ->UseManualTime()
            ->Iterations(1)
            ->Repetitions(1);
    };
    for (int const count : {10'000, number_of("SYNCOPATE_BENCH_TASKS", 1'000'000)}) {
        auto const workload = "tasks_in_flight_" + std::to_string(count);
        add_once(workload, "plain", [=](auto& state) { many<PlainAsio>(state, count); });
        add_once(workload, "syncopate", [=](auto& state) { many<Syncopate>(state, count); });
    }
    int const runners = number_of("SYNCOPATE_BENCH_RUNNERS", 1'000);
    add_once("idle_runners_" + std::to_string(runners), "syncopate", [=](auto& state) {
        idle_runners(state, runners);
    });
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
