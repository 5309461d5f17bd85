// All runs of a program, and all mutations of the code that it runs.
#pragma once

#include "mutation.hpp"
#include "scheduler.hpp"
#include "search.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace model {

struct Outcome {
    std::string violation;   // with an account of the run; empty if every run went well
    std::uint64_t runs = 0;  // to their end, each different from all others
    std::size_t states = 0;
};

/// Runs the program until something goes wrong, or all has been seen.
template <class Program>
Outcome explore(Search::Reduction reduction = Search::Reduction::full) {
    Scheduler scheduler(reduction);
    Outcome outcome;
    do {
        if (auto violation = scheduler.run<Program>()) {
            outcome.violation = std::move(*violation);
            break;
        }
        if (scheduler.is_complete())
            ++outcome.runs;
    } while (scheduler.search().advance());
    outcome.states = scheduler.search().states();
    return outcome;
}

struct Trials {
    std::size_t count = 0;
    std::vector<std::string> survivors;  // the mutations with which all programs still go well
};

/// Tries every mutation of a single operation in the file.
template <class... Programs>
Trials try_mutations(std::string_view file) {
    auto& mutations = Mutations::current();
    std::map<Place, Usage> usages;
    mutations.collect(&usages);
    (static_cast<void>(explore<Programs>()), ...);
    mutations.collect(nullptr);

    Trials trials;
    for (auto const& [place, usage] : usages) {
        if (!place.file.ends_with(file))
            continue;
        for (Mutation const& mutation : mutations_of(place, usage)) {
            ++trials.count;
            mutations.try_out(&mutation);
            if ((explore<Programs>().violation.empty() && ...))
                trials.survivors.push_back(mutation.description);
            mutations.try_out(nullptr);
        }
    }
    return trials;
}

}  // namespace model
