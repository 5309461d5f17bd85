// ContextStack: open contexts, any number of them, that are left newest first.
#pragma once

#include <syncopate/context_guard.hpp>

#include <cstddef>
#include <exception>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1 {

/// Keeps guards of contexts, and leaves the contexts newest first: at the end of its scope, or in close().
///
/// A `std::vector<ContextGuard<V>>` destroys its elements in their order, and so leaves the oldest first, which a
/// newer context may still need. The contexts of a stack may be of different types, and of different runners.
///
/// ```cpp
/// ContextStack stack;
/// for (std::string const& name : names)
///     sessions.push_back(&stack.push(runner.wrap_context(connect(name))));
/// ```
///
/// Blocks:    the destructor and close(), until each aexit has ended.
/// Throws:    the destructor never: see ContextGuard.
/// Threads:   as ContextGuard.
/// Semantics: `contextlib.ExitStack`. A destructor cannot see the exception that passes through its scope: each
///            aexit is given one with Errc::scope_unwound. An aexit that returns true suppresses nothing.
class [[nodiscard("the contexts are left when the stack is destroyed")]] ContextStack {
public:
    ContextStack() = default;
    /// Takes the contexts over; the other stack has none afterwards.
    ContextStack(ContextStack&& other) noexcept : entries_(std::move(other.entries_)) {
        other.entries_.clear();
    }
    /// Leaves this stack's contexts, as the destructor does, and takes the other's over.
    ///
    /// Blocks:    until they have been left.
    ContextStack& operator=(ContextStack&& other) noexcept {
        if (this != &other) {
            leave();
            entries_.swap(other.entries_);
        }
        return *this;
    }
    ~ContextStack() { leave(); }

    /// Takes a guard over: its context is left before those that the stack has already.
    ///
    /// Returns:   the context's value, which is valid until the context is left.
    /// Throws:    the context has been left -> Errc::runner_closed. If there is no memory, the context is left.
    template <class V>
    typename ContextGuard<V>::value_type& push(ContextGuard<V> guard) {
        auto& value = *guard;
        entries_.push_back(std::make_unique<EntryOf<V>>(std::move(guard)));
        return value;
    }

    bool empty() const noexcept { return entries_.empty(); }
    /// Gives the number of contexts that the stack would leave.
    std::size_t size() const noexcept { return entries_.size(); }

    /// Leaves the contexts now, newest first, without an exception. One that fails does not keep the others from
    /// being left.
    ///
    /// Blocks:    until each aexit has ended.
    /// Throws:    the first exception that an aexit throws; the others go to Options::on_error. On the loop's own
    ///            thread -> DeadlockError; the contexts that are left over stay open then.
    void close() {
        while (!entries_.empty()) {
            try {
                entries_.back()->close();
            } catch (...) {
                if (entries_.back()->is_open())
                    throw;
                leave();
                throw;
            }
            entries_.pop_back();
        }
    }

private:
    struct Entry {
        Entry() = default;
        Entry(Entry const&) = delete;
        Entry& operator=(Entry const&) = delete;
        virtual ~Entry() = default;

        virtual void close() = 0;
        virtual bool is_open() const noexcept = 0;
    };

    template <class V>
    struct EntryOf final : Entry {
        explicit EntryOf(ContextGuard<V> held) noexcept : guard(std::move(held)) {}

        void close() override { guard.close(); }
        bool is_open() const noexcept override { return guard.task_ != nullptr; }

        ContextGuard<V> guard;
    };

    void leave() noexcept {
        while (!entries_.empty())
            entries_.pop_back();
    }

    std::vector<std::unique_ptr<Entry>> entries_;
};

}  // namespace syncopate::inline v0_1
