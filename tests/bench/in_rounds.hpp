// Contenders that are close to each other, measured in turns, so that what slows the machine down meets all of them.
#pragma once

#include "bench.hpp"
#include "http_peers.hpp"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <numeric>
#include <string>
#include <vector>

namespace bench {

/// A client that makes so many requests: one after another, or all at once.
struct Contender {
    std::string peer;
    std::function<void(int count)> get;
    /// Called after each turn, whose time is over.
    std::function<void()> end = [] {};
    std::vector<double> shares = {};
};

inline double median(std::vector<double> values) {
    auto const middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::ranges::nth_element(values, middle);
    return *middle;
}

/// In rounds, in which each of them has a short turn. They are compared by their shares of a round: what slows the
/// machine down for a second changes the time of a round, and not the shares. Tells the time of one request in a
/// counter for each.
template <class MakeContenders>
void in_rounds(benchmark::State& state, Place place, int rounds, MakeContenders make) {
    constexpr int requests = 100;  // of a turn
    Nginx::place(place);
    std::vector<Contender> contenders = make();
    for (Contender& each : contenders) {
        each.get(requests);
        each.end();
    }
    Placed const placed(place);
    std::vector<double> times;
    for (auto _ : state) {
        double total = 0;
        for (int round = 0; round < rounds; ++round) {
            std::vector<double> seconds;
            for (Contender& each : contenders) {
                auto const start = Clock::now();
                each.get(requests);
                seconds.push_back(seconds_since(start));
                each.end();
            }
            auto const time = std::accumulate(seconds.begin(), seconds.end(), 0.0);
            for (std::size_t i = 0; i < contenders.size(); ++i)
                contenders[i].shares.push_back(seconds[i] / time);
            times.push_back(time);
            total += time;
        }
        state.SetIterationTime(total);
    }
    for (Contender& each : contenders)
        state.counters[each.peer] = median(each.shares) * median(times) * 1e9 / requests;
}

template <class Function>
void add_timed(
    std::string const& workload, Place place, std::string const& peer, Function function) {
    add(workload, place, peer, function)->UseManualTime();
}

template <class MakeContenders>
void add_in_rounds(std::string const& workload, MakeContenders make, int rounds = 20) {
    for (Place const place : {Place::one_core, Place::anywhere})
        add_timed(workload, place, "in_rounds", [=](benchmark::State& state, Place where) {
            in_rounds(state, where, rounds, make);
        });
}

}  // namespace bench
