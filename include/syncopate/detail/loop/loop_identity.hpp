// LoopIdentity: names a loop for the wait graph, and says which loops cannot turn at the same time.
#pragma once

#include <string>

namespace syncopate::inline v0_1::detail {

struct LoopIdentity {
    std::string const* name;
    void const* loop;
    void const* execution_context;  // null if more than one thread may run it

    /// Whether this loop cannot turn while a thread that turns the other one is blocked.
    bool is_held_up_by(LoopIdentity const& other) const noexcept {
        return loop == other.loop ||
               (execution_context && execution_context == other.execution_context);
    }
};

}  // namespace syncopate::inline v0_1::detail
