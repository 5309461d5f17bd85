// What the benchmarks share: where the threads run, how a measurement is registered, and checks.
#pragma once

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace bench {

using Clock = std::chrono::steady_clock;

inline double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Of all threads of this process, user and system.
inline double cpu_seconds() {
    timespec time{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

inline void require(bool condition, char const* what) {
    if (condition)
        return;
    std::fprintf(stderr, "WRONG RESULT: %s\n", what);
    std::exit(1);
}

/// Where the threads run decides what a wake-up costs: within one core it is a context switch, from
/// one to another an interrupt to a core that may be halted. No figure means anything without it.
enum class Place { anywhere, one_core, two_cores };

inline std::string name_of(Place place) {
    switch (place) {
    case Place::anywhere: return "anywhere";
    case Place::one_core: return "one_core";
    case Place::two_cores: return "two_cores";
    }
    return {};
}

/// Places the threads that there are: this one on one core, the others on the same or on the next.
class Placed {
public:
    explicit Placed(Place place) {
        ::sched_getaffinity(0, sizeof before_, &before_);
        if (place == Place::anywhere)
            return;
        for (auto const& entry : std::filesystem::directory_iterator("/proc/self/task")) {
            auto const thread = static_cast<pid_t>(std::stol(entry.path().filename()));
            cpu_set_t core;
            CPU_ZERO(&core);
            CPU_SET(place == Place::two_cores && thread != ::gettid() ? 1 : 0, &core);
            ::sched_setaffinity(thread, sizeof core, &core);
        }
    }
    Placed(Placed const&) = delete;
    Placed& operator=(Placed const&) = delete;
    ~Placed() { ::sched_setaffinity(0, sizeof before_, &before_); }

private:
    cpu_set_t before_;
};

/// Other programs that compute without a pause, one for each core, while it lives.
class BusyMachine {
public:
    BusyMachine() {
        for (long core = ::sysconf(_SC_NPROCESSORS_ONLN); core > 0; --core)
            if (pid_t const child = ::fork(); child > 0)
                children_.push_back(child);
            else if (child == 0)
                compute();
    }
    BusyMachine(BusyMachine const&) = delete;
    BusyMachine& operator=(BusyMachine const&) = delete;
    ~BusyMachine() {
        for (pid_t const child : children_) {
            ::kill(child, SIGKILL);
            ::waitpid(child, nullptr, 0);
        }
    }

private:
    [[noreturn]] static void compute() {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (unsigned volatile i = 0;;)
            i = i + 1;
    }

    std::vector<pid_t> children_;
};

/// Registers `workload/place/peer`. Peers of one workload run one after another, several times, in
/// random order, so that a slow minute of the machine meets all of them.
template <class Function>
benchmark::internal::Benchmark* add(
    std::string const& workload, Place place, std::string const& peer, Function function) {
    auto const name = workload + '/' + name_of(place) + '/' + peer;
    return benchmark::RegisterBenchmark(
        name.c_str(), [=](benchmark::State& state) { function(state, place); });
}

/// What the tables show: how long one operation takes, in nanoseconds.
inline void set_time(benchmark::State& state, double seconds, double operations) {
    state.SetIterationTime(seconds);
    state.counters["ns"] = benchmark::Counter(seconds * 1e9 / operations);
}

}  // namespace bench
