// TaskValues: the values of context variables that one task sees, or one thread outside of all tasks.
// InheritedValues: those that it sees because who started it saw them.
#pragma once

#include <syncopate/detail/intrusive_pointer.hpp>
#include <syncopate/detail/values/bound_value.hpp>

#include <atomic>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1::detail {

/// One value for each variable that was set. Never changes, so that any number of tasks share it.
class InheritedValues : public ReferenceCounted<InheritedValues> {
public:
    explicit InheritedValues(std::vector<BoundValuePointer> values) noexcept
        : values_(std::move(values)) {}

    BoundValue const* find(VariableId variable) const noexcept { return find(values_, variable); }

    static BoundValue const* find(
        std::vector<BoundValuePointer> const& values, VariableId variable) noexcept {
        for (auto const& value : values)
            if (value->variable() == variable)
                return value.get();
        return nullptr;
    }

    auto begin() const noexcept { return values_.begin(); }
    auto end() const noexcept { return values_.end(); }

private:
    std::vector<BoundValuePointer> const values_;
};

using InheritedValuesPointer = IntrusivePointer<InheritedValues const>;

/// What was inherited, and what the task itself has set since: that hides the former, the newest first. A
/// task's own value goes with its scope, in whatever order the scopes end. What others have inherited stays.
///
/// Used by one thread at a time: by the one that runs the task. Only unset_elsewhere() may come from another.
class TaskValues : public ReferenceCounted<TaskValues> {
public:
    explicit TaskValues(InheritedValuesPointer inherited = nullptr) noexcept
        : inherited_(std::move(inherited)) {}
    TaskValues(TaskValues const&) = delete;
    TaskValues& operator=(TaskValues const&) = delete;
    ~TaskValues() {
        while (newest_)  // one by one: a chain of destructors might be as deep as the list is long
            take(newest_);
    }

    /// The value that the task sees; null if it is the variable's default.
    BoundValue const* find(VariableId variable) const noexcept {
        for (auto const* value = newest_.get(); value; value = value->older_.get())
            if (value->variable_ == variable && !has_ended(*value))
                return value;
        return inherited_ ? inherited_->find(variable) : nullptr;
    }

    /// Adds a value, which belongs to no others.
    void set(BoundValuePointer value) noexcept {
        value->owner_.store(this, std::memory_order_relaxed);
        put(value->older_, std::move(newest_));
        put(newest_, std::move(value));
        inheritable_.reset();
    }

    /// Removes the value, if it is one of these.
    ///
    /// The comparison is safe although the owner of a value that was set elsewhere may be gone, and these
    /// values be at its address: it has cleared the mark before that.
    bool unset(BoundValue const& value) noexcept {
        if (value.owner_.load(std::memory_order_relaxed) != this)
            return false;
        take(*value.place_);
        inheritable_.reset();
        return true;
    }

    /// Has the task that has set the value not see it any more. From any thread.
    static void unset_elsewhere(BoundValue& value) noexcept {
        value.has_ended_.store(true, std::memory_order_relaxed);
    }

    /// Whether the task has set nothing that lasts.
    bool has_own() const noexcept { return newest_ != nullptr; }

    /// What a task that is started now inherits. Throws: std::bad_alloc.
    InheritedValuesPointer inheritable() {
        drop_ended();
        if (!newest_)
            return inherited_;
        if (!inheritable_)
            inheritable_ = put_together();
        return inheritable_;
    }

private:
    static bool has_ended(BoundValue const& value) noexcept {
        return value.has_ended_.load(std::memory_order_relaxed);
    }

    // The place of a value is newest_, or the older_ of a newer value.
    static void put(BoundValuePointer& place, BoundValuePointer value) noexcept {
        if (value)
            value->place_ = &place;
        place = std::move(value);
    }
    static void take(BoundValuePointer& place) noexcept {
        auto const value = std::move(place);
        put(place, std::move(value->older_));
        value->owner_.store(nullptr, std::memory_order_relaxed);
    }

    void drop_ended() noexcept {
        for (auto* place = &newest_; *place;) {
            if (!has_ended(**place)) {
                place = &(*place)->older_;
                continue;
            }
            take(*place);
            inheritable_.reset();
        }
    }

    InheritedValuesPointer put_together() const {
        std::vector<BoundValuePointer> values;
        auto const add = [&values](BoundValuePointer const& value) {
            if (!InheritedValues::find(values, value->variable_))
                values.push_back(value);
        };
        for (auto const* place = &newest_; *place; place = &(*place)->older_)
            add(*place);
        if (inherited_)
            for (auto const& value : *inherited_)
                add(value);
        return new InheritedValues(std::move(values));
    }

    InheritedValuesPointer inherited_;
    BoundValuePointer newest_;
    InheritedValuesPointer inheritable_;  // null if it is to be put together anew
};

using TaskValuesPointer = IntrusivePointer<TaskValues>;

}  // namespace syncopate::inline v0_1::detail
