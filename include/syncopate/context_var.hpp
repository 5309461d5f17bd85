// ContextVar: a variable of which each task has its own value, and hands it to the tasks that it starts.
// ContextVarScope: how long a value lasts.
#pragma once

#include <syncopate/detail/values/bound_value.hpp>
#include <syncopate/detail/values/current_values.hpp>

#include <concepts>
#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1 {

/// The type of a context variable's values. They are neither copied nor assigned.
template <class T>
concept ContextValue = std::is_object_v<T> && std::move_constructible<T>;

/// Keeps a value that was set with ContextVar::set(), and takes it back at its end.
///
/// Scopes may end in any order. Each takes back its own value and no other: what was set later stays visible,
/// and so does, in the end, what was set before. A scope may also be moved, and end in another task or on
/// another thread: then it takes the value back in the task that has set it, from that one's next get() on. If
/// this task has ended, nothing is left to be done. Tasks that were started within the scope keep the value.
class [[nodiscard]] ContextVarScope {
public:
    ContextVarScope(ContextVarScope&& other) noexcept = default;
    ContextVarScope& operator=(ContextVarScope&& other) noexcept {
        if (this != &other) {
            end();
            value_ = std::move(other.value_);
        }
        return *this;
    }
    ~ContextVarScope() { end(); }

private:
    template <ContextValue T>
    friend class ContextVar;

    explicit ContextVarScope(detail::BoundValuePointer value) noexcept : value_(std::move(value)) {}

    void end() noexcept {
        if (auto const value = std::move(value_))
            detail::CurrentValues::unset(*value);
    }

    detail::BoundValuePointer value_;
};

/// A variable that has a value of its own in each task, such as the id of the request that the task serves.
///
/// ```cpp
/// ContextVar<std::string> request_id{"-"};
///
/// void log(std::string_view text) { std::clog << request_id.get() << ' ' << text << '\n'; }
///
/// awaitable<void> serve(Request request) {
///     auto const scope = request_id.set(request.id);
///     co_await to_thread([] { log("in a worker"); });  // with the id
/// }
/// ```
///
/// A task sees what whoever started it saw then, and what it has set itself since, which nobody else sees. So do
/// the children of groups, `gather()`, `fail_after()`, `move_on_after()` and `shield()`, of the task that starts
/// them; the tasks of every runner, of the thread or task that calls it; a context, from aenter to aexit, and a
/// range, of the thread that made it; the functions of `to_thread()`, `run_in_executor()` and
/// `to_calling_thread()`, of the task that awaits them; those of `call()`, `from_thread::run()` and
/// `from_thread::call()`, of the thread that calls. A generator is a part of the task that iterates over it, and
/// so are the coroutines that a task spawns on its executor by Asio's own means. All else that a thread runs, a
/// posted handler or a coroutine of other executors, sees what the thread itself has set.
///
/// A variable has to be made before the tasks that set it are started: mostly it has static storage. It must
/// live as long as it is used; its values need not end before it.
///
/// Threads:   get() and set() from any thread, in any function. A value may be read on several threads at once,
///            and is destroyed on the one that needed it last.
/// Semantics: Python's contextvars.ContextVar; set() gives a scope in place of a token.
template <ContextValue T>
class ContextVar {
public:
    /// How long a value lasts.
    using Scope = ContextVarScope;

    /// Makes a variable whose default is a value-initialised T.
    ContextVar()
        requires std::default_initializable<T>
        : ContextVar(T()) {}
    /// Makes a variable.
    ///
    /// default_value: what get() gives where nothing was set.
    explicit ContextVar(T default_value) : default_value_(std::move(default_value)) {}
    ContextVar(ContextVar const&) = delete;
    ContextVar& operator=(ContextVar const&) = delete;

    /// Gives the value that the calling code sees.
    ///
    /// Returns:   a reference that is good until the value's scope ends, and, if it was inherited, until the
    ///            task does. To the variable's default, as long as the variable lives.
    T const& get() const noexcept {
        auto const* const value = detail::CurrentValues::find(id_);
        return value ? static_cast<Value const*>(value)->value : default_value_;
    }

    /// Sets the value that the calling code sees from now on, until the scope ends: its task, or, outside of
    /// tasks, its thread.
    ///
    /// Throws:    std::bad_alloc; then nothing has been set.
    Scope set(T value) const {
        detail::BoundValuePointer bound(new Value(id_, std::move(value)));
        detail::CurrentValues::set(bound);
        return Scope(std::move(bound));
    }

private:
    struct Value final : detail::BoundValue {
        Value(detail::VariableId variable, T&& set_value)
            : BoundValue(variable), value(std::move(set_value)) {}

        T const value;
    };

    T const default_value_;
    detail::VariableId const id_ = detail::CurrentValues::add_variable();
};

}  // namespace syncopate::inline v0_1
