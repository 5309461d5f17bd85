// BoundValue: a value of a context variable, from the variable's set() to the end of the scope that this
// returned, and for as long as a task that was started meanwhile sees it.
#pragma once

#include <syncopate/detail/intrusive_pointer.hpp>

#include <atomic>
#include <cstdint>

namespace syncopate::inline v0_1::detail {

class TaskValues;

/// Names a context variable for good. Its address may be that of another one soon.
using VariableId = std::uint64_t;

/// Shared by its scope, by the values of the task that has set it, and by those of the tasks that this has
/// started. What derives from it adds the value, which never changes: any thread may read it.
///
/// Memory order. The value is handed to another thread with the task that sees it. Whether the scope has
/// ended is only a mark; it hands nothing over.
class [[gnu::visibility("default")]] BoundValue : public ReferenceCounted<BoundValue> {
public:
    explicit BoundValue(VariableId variable) noexcept : variable_(variable) {}
    BoundValue(BoundValue const&) = delete;
    BoundValue& operator=(BoundValue const&) = delete;
    virtual ~BoundValue() = default;

    VariableId variable() const noexcept { return variable_; }

private:
    friend class TaskValues;

    VariableId const variable_;
    // The values that have this one in their list; null if none have.
    std::atomic<TaskValues const*> owner_{nullptr};
    // The scope has ended where these values are not the current ones.
    std::atomic<bool> has_ended_{false};
    // The owner's list.
    IntrusivePointer<BoundValue> older_;
    IntrusivePointer<BoundValue>* place_ = nullptr;  // the pointer that points here
};

using BoundValuePointer = IntrusivePointer<BoundValue>;

}  // namespace syncopate::inline v0_1::detail
