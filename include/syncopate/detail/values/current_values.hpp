// CurrentValues: the values of context variables that the code sees which the calling thread runs.
// ValuesScope: makes those of a task the current ones.
#pragma once

#include <syncopate/detail/values/bound_value.hpp>
#include <syncopate/detail/values/task_values.hpp>

#include <atomic>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// A task has values of its own from its start, if the process has a context variable by then: it may set one
/// of them later, and other tasks run between its steps. Whoever has a step of it run, the executor or the code
/// that resumes its coroutine, makes them the current ones meanwhile. A thread outside of all tasks has values,
/// too, from the first that it sets to the end of the last.
///
/// Memory order. Whoever uses a variable knows that it was made, and whoever sees a value that it was set:
/// the variable, or the task, has come to it from there. So the marks hand nothing over.
class [[gnu::visibility("default")]] CurrentValues {
public:
    /// Gives a new variable its name, and tasks their values from now on.
    static VariableId add_variable() noexcept {
        raise(Use::made);
        return last_variable_.fetch_add(1, std::memory_order_relaxed) + 1;
    }

    /// Whether tasks have values. If not, the rest costs this comparison.
    static bool are_used() noexcept { return use() != Use::none; }

    /// Null if it is the variable's default.
    static BoundValue const* find(VariableId variable) noexcept {
        return use() == Use::set ? find_here(variable) : nullptr;
    }

    /// Throws: std::bad_alloc.
    static void set(BoundValuePointer value) {
        here_or_new().set(std::move(value));
        raise(Use::set);
    }

    /// The scope of the value has ended, on whatever thread.
    static void unset(BoundValue& value) noexcept {
        if (!unset_here(value))
            TaskValues::unset_elsewhere(value);
    }

    /// The values of a task that the calling code starts; null if the process has no context variable.
    /// Throws: std::bad_alloc.
    static TaskValuesPointer of_new_task() { return are_used() ? inherit_here() : nullptr; }

private:
    friend class ValuesScope;
    friend class FiberLocals;

    enum class Use { none, made, set };

    struct Here {
        TaskValues* of_task;
        TaskValues* of_thread;  // owned

        TaskValues* values() const noexcept { return of_task ? of_task : of_thread; }
        void drop_of_thread() noexcept { delete std::exchange(of_thread, nullptr); }
    };

    /// A thread that ends leaves behind what scopes that have left it have set.
    struct DropAtExit {
        ~DropAtExit() { here_.drop_of_thread(); }
    };

    static Use use() noexcept { return use_.load(std::memory_order_relaxed); }
    static void raise(Use to) noexcept {
        for (auto from = use(); from < to;)
            if (use_.compare_exchange_weak(from, to, std::memory_order_relaxed))
                return;
    }

    // Not inlined: Clang keeps the address of a thread_local object in a coroutine's frame, also over a
    // suspension after which another thread goes on.
    [[gnu::noinline]] static BoundValue const* find_here(VariableId variable) noexcept {
        auto const* const values = here_.values();
        return values ? values->find(variable) : nullptr;
    }
    [[gnu::noinline]] static TaskValues& here_or_new() {
        if (auto* const values = here_.values())
            return *values;
        [[maybe_unused]] static thread_local DropAtExit const at_exit;
        here_.of_thread = new TaskValues;
        return *here_.of_thread;
    }
    [[gnu::noinline]] static bool unset_here(BoundValue const& value) noexcept {
        if (here_.of_task && here_.of_task->unset(value))
            return true;
        if (!here_.of_thread || !here_.of_thread->unset(value))
            return false;
        if (!here_.of_thread->has_own())
            here_.drop_of_thread();
        return true;
    }
    [[gnu::noinline]] static TaskValuesPointer inherit_here() {
        auto* const values = here_.values();
        return new TaskValues(values ? values->inheritable() : nullptr);
    }
    [[gnu::noinline]] static TaskValues* of_this_task() noexcept { return here_.of_task; }
    [[gnu::noinline]] static TaskValues* exchange_task(TaskValues* values) noexcept {
        return std::exchange(here_.of_task, values);
    }

    static inline std::atomic<Use> use_{Use::none};
    static inline std::atomic<VariableId> last_variable_{0};
    static inline thread_local constinit Here here_{nullptr, nullptr};
};

/// While it lives, the calling thread runs a task with these values.
class ValuesScope {
public:
    /// values: null if the task has none: it was started before there was a context variable, and sees what the
    ///         thread does.
    explicit ValuesScope(TaskValuesPointer values) noexcept
        : values_(std::move(values)), outer_(CurrentValues::exchange_task(values_.get())) {}
    ValuesScope(ValuesScope const&) = delete;
    ValuesScope& operator=(ValuesScope const&) = delete;
    ~ValuesScope() { CurrentValues::exchange_task(outer_); }

private:
    TaskValuesPointer const values_;
    TaskValues* const outer_;
};

/// Calls f as a part of the task that has these values. Where the process has no context variable, they are
/// null, and this costs a comparison.
template <class F>
decltype(auto) call_with_values(TaskValues* values, F&& f) {
    if (!values)
        return std::forward<F>(f)();
    ValuesScope const scope{TaskValuesPointer(values)};
    return std::forward<F>(f)();
}

}  // namespace syncopate::inline v0_1::detail
