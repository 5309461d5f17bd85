// ContextGuard: the scope of an asynchronous context in synchronous code.
#pragma once

#include <syncopate/detail/context/context_task.hpp>
#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/wait/kept_for_ever.hpp>
#include <syncopate/error.hpp>

#include <exception>
#include <memory>
#include <system_error>
#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1 {

class ContextStack;

/// Holds an asynchronous context open, and leaves it at the end of the scope. wrap_context() makes one.
///
/// Several guards are left in the order in which they are destroyed: variables of a scope newest first, the
/// elements of a std::vector from the first one on. For any number of contexts that are to be left newest first
/// there is ContextStack.
///
/// V:         the type of the context's value: C& for the context itself, a T&, or a value.
/// Blocks:    the destructor and close(), until aexit has ended.
/// Throws:    the destructor never: what aexit throws there goes to Options::on_error, because another
///            exception may be in flight. Call close() where the failure of an exit matters.
/// Cancel:    nothing cancels an aexit.
/// Threads:   one at a time, any but the loop's own. A guard that is destroyed there does not wait: the loop
///            leaves the context later.
/// Semantics: `with runner.wrap_context(...)` of the article. A destructor cannot see the exception that
///            passes through its scope, so aexit is given one with Errc::scope_unwound instead;
///            with_context() passes the real one. A runner that is closed first leaves the context with
///            Errc::runner_closed; the guard then has nothing left to do.
template <class V>
class [[nodiscard("the context is left when the guard is destroyed")]] ContextGuard {
public:
    using value_type = std::remove_reference_t<V>;

    /// Takes the context over; the other guard has none afterwards.
    ContextGuard(ContextGuard&& other) noexcept
        : task_(std::move(other.task_)), value_(other.value_) {}
    /// Leaves this guard's context, as the destructor does, and takes the other's over.
    ///
    /// Blocks:    until that aexit has ended.
    ContextGuard& operator=(ContextGuard&& other) noexcept {
        if (this != &other) {
            leave();
            task_ = std::move(other.task_);
            value_ = other.value_;
        }
        return *this;
    }
    ~ContextGuard() { leave(); }

    /// Gives the context's value, which is valid until the context is left.
    ///
    /// Throws:    the context has been left, by this guard's close() or the runner's, or the guard was moved
    ///            from -> Errc::runner_closed. In the child of a fork -> Errc::forked.
    value_type& operator*() const {
        if (task_ && task_->loop().was_forked())
            task_->loop().throw_error(Errc::forked);
        if (!task_ || task_->has_been_left())
            throw std::system_error(
                make_error_code(Errc::runner_closed), "the context of this guard has been left");
        return *value_;
    }
    /// Gives a pointer to the context's value, or throws as operator*() does.
    value_type* operator->() const { return &**this; }

    /// Leaves the context now, without an exception. Does nothing the second time, or after the runner has
    /// been closed.
    ///
    /// Blocks:    until aexit has ended.
    /// Throws:    what aexit throws. On the loop's own thread -> DeadlockError; the context stays open then.
    void close() {
        if (!task_)
            return;
        auto exit = task_->exit(nullptr, detail::BlockingWait::Refuse::blocking);
        task_.reset();
        if (!exit.empty())
            exit.take();
    }

private:
    friend class RunnerBase;
    friend class ContextStack;

    ContextGuard(std::shared_ptr<detail::ContextTask> task, value_type& value) noexcept
        : task_(std::move(task)), value_(&value) {}

    void leave() noexcept {
        auto task = std::move(task_);
        if (!task)
            return;
        if (task->loop().was_forked())
            return detail::keep_for_ever(std::move(task));
        std::exception_ptr error;
        if (std::uncaught_exceptions() > uncaught_before_)
            error = task->loop().error(Errc::scope_unwound);
        try {
            if (auto failure = task->exit(error, detail::BlockingWait::Refuse::cycles).error())
                task->loop().report(std::move(failure));
        } catch (...) {
            task->exit_without_waiting(std::move(error));
        }
    }

    std::shared_ptr<detail::ContextTask> task_;
    value_type* value_;
    int uncaught_before_ = std::uncaught_exceptions();
};

}  // namespace syncopate::inline v0_1
