// Results that are told to their takers together.
#pragma once

#include <syncopate/detail/operation.hpp>

#include <utility>

namespace syncopate::detail {

/// Newest first: a thread that waits for one result after another began with the oldest, so that it is
/// woken once, and finds the others there. One thread's own.
class CompletionStack {
public:
    /// Returns whether it was empty.
    bool push(Operation& operation) noexcept {
        operation.next = std::exchange(newest_, &operation);
        return operation.next == nullptr;
    }

    void run_all() noexcept {
        for (Operation* next = std::exchange(newest_, nullptr); next;)
            std::exchange(next, next->next)->run();
    }

private:
    Operation* newest_ = nullptr;
};

}  // namespace syncopate::detail
