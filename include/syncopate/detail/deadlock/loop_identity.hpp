// LoopIdentity: names a loop for the wait graph, and says which loops cannot turn at the same time.
#pragma once

#include <syncopate/detail/deadlock/thread_probe.hpp>

#include <cstddef>
#include <string>

namespace syncopate::inline v0_1::detail {

struct LoopIdentity {
    std::string const* name;
    void const* loop;
    void const* execution_context;
    std::size_t threads = 1;       // those that run it; 0: unknown
    ThreadProbe* probe = nullptr;  // set where one thread is an assumption

    /// Whether this loop cannot turn while a thread that turns the other one is blocked.
    bool is_held_up_by(LoopIdentity const& other) const noexcept {
        return (loop && loop == other.loop) ||
               (is_turned_by_one_of(other) && threads == 1 && !(probe && probe->found_another()));
    }

    /// Whether a thread that turns the other loop is one of those that run this one.
    bool is_turned_by_one_of(LoopIdentity const& other) const noexcept {
        return execution_context && execution_context == other.execution_context &&
               threads == other.threads;
    }
};

}  // namespace syncopate::inline v0_1::detail
