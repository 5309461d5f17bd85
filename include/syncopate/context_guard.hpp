// The scope of an asynchronous context in synchronous code.
#pragma once

#include <syncopate/detail/context/context_task.hpp>
#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/error.hpp>

#include <exception>
#include <memory>
#include <system_error>
#include <type_traits>
#include <utility>

namespace syncopate {

/// Holds an asynchronous context open, and leaves it at the end of the scope.
///
/// V:         what the context gave: C& (the context itself), a T&, or a value.
/// Blocks:    the destructor and close(), until aexit has ended.
/// Throws:    the destructor never: what aexit throws there goes to Options::on_error, as there may be
///            an exception in flight already. Call close() where the failure of an exit matters.
/// Cancel:    nothing cancels an aexit.
/// Threads:   one at a time, any but the loop's own. Destroyed there all the same, the guard does not
///            wait: the context is left as soon as the loop gets to it.
/// Semantics: `with runner.wrap_context(...)` of the article. A destructor cannot see the exception
///            that passes through its scope, so aexit is given one with Errc::scope_unwound instead;
///            with_context() passes the real one. When the runner is closed first, it leaves the
///            context with Errc::runner_closed, and the guard is spent.
template <class V>
class [[nodiscard("the context is left when the guard is destroyed")]] ContextGuard {
public:
    using value_type = std::remove_reference_t<V>;

    ContextGuard(ContextGuard&& other) noexcept
        : task_(std::move(other.task_)), value_(other.value_) {}
    ContextGuard& operator=(ContextGuard&& other) noexcept {
        if (this != &other) {
            leave();
            task_ = std::move(other.task_);
            value_ = other.value_;
        }
        return *this;
    }
    ~ContextGuard() { leave(); }

    /// What the context gave. Valid until the context is left.
    /// Throws: Errc::runner_closed if it has been left, by close() here or of the runner.
    value_type& operator*() const {
        if (!task_ || task_->has_been_left())
            throw std::system_error(
                make_error_code(Errc::runner_closed), "the context of this guard has been left");
        return *value_;
    }
    value_type* operator->() const { return &**this; }

    /// Leaves the context now. A second time, or after the runner was closed: nothing.
    /// Throws: what aexit throws; DeadlockError on the loop's own thread (the guard stays open).
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

    ContextGuard(std::shared_ptr<detail::ContextTask> task, value_type& value) noexcept
        : task_(std::move(task)), value_(&value) {}

    void leave() noexcept {
        auto const task = std::move(task_);
        if (!task)
            return;
        std::exception_ptr error;
        if (std::uncaught_exceptions() > uncaught_before_)
            error = task->loop().error(Errc::scope_unwound);
        try {
            if (auto failure = task->exit(error, detail::BlockingWait::Refuse::cycles).error())
                task->loop().report(std::move(failure));
        } catch (DeadlockError const&) {
            task->exit_unattended(std::move(error));
        } catch (...) {
            task->loop().report(std::current_exception());
        }
    }

    std::shared_ptr<detail::ContextTask> task_;
    value_type* value_;
    int uncaught_before_ = std::uncaught_exceptions();
};

}  // namespace syncopate
