// What the tests of the protocols say about their programs. With -s they also say how much they saw.
#pragma once

#include "explore.hpp"
#include "support/catch.hpp"

#include <string_view>

namespace model {

/// Every run of the program goes well.
template <class Program>
void check_every_run() {
    auto const outcome = explore<Program>();
    INFO(outcome.runs << " runs, " << outcome.states << " states");
    INFO(outcome.violation);
    CHECK(outcome.violation.empty());
    CHECK(outcome.runs > 1);
}

/// Some run of the program goes wrong, in this way.
template <class Program>
void check_that_it_fails(char const* how) {
    CHECK_THAT(explore<Program>().violation, Catch::Matchers::StartsWith(how));
}

/// No memory order that is written in the file can be weakened, and no read-modify-write be split,
/// without one of the programs going wrong.
template <class... Programs>
void check_every_order_is_needed(std::string_view file) {
    auto const trials = try_mutations<Programs...>(file);
    INFO(trials.count << " mutations");
    CHECK(trials.count > 0);
    CHECK(trials.survivors == std::vector<std::string>{});
}

}  // namespace model
