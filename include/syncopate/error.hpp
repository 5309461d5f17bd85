// Errc, DeadlockError, TaskGroupError: the errors of the bridge itself.
#pragma once

#include <syncopate/detail/error/exception_text.hpp>
#include <syncopate/detail/error/immortal.hpp>
#include <syncopate/detail/error/requirements.hpp>

#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1 {

/// Errors of the bridge itself, as the code of a `std::system_error`.
///
/// A task's own exceptions are never translated: they come out as the same object.
enum class Errc {
    /// The runner is closed or closing, and takes no more calls.
    runner_closed = 1,
    /// The call would wait for the very thread that makes it. Thrown as DeadlockError.
    would_deadlock,
    /// The time given ran out. The task has been cancelled and has unwound.
    timed_out,
    /// A stop was requested. The task has been cancelled and has unwound.
    cancelled,
    /// Ctrl-C was pressed (SIGINT). The task has been cancelled and has unwound.
    interrupted,
    /// The process was forked, and this belongs to the process before the fork.
    forked,
    /// The loop's io_context was stopped or destroyed, or its thread ended, under the call.
    loop_failed,
    /// What `aexit` is told when its scope is left because of an exception that is still in flight.
    scope_unwound,
    /// A worker, a thread or a process, ended before its work did.
    worker_lost,
    /// Only a worker thread of `to_thread` may do this.
    not_in_worker,
    /// No thread is blocked on this task that could run the function.
    no_calling_thread,
    /// The task ended before it reported that it was ready.
    never_ready,
    /// The channel is closed, and takes no more items.
    channel_closed,
};

namespace detail {

class [[gnu::visibility("default")]] ErrorCategory final : public std::error_category {
public:
    char const* name() const noexcept override { return "syncopate"; }

    std::string message(int code) const override {
        switch (static_cast<Errc>(code)) {
        case Errc::runner_closed: return "the runner is closed";
        case Errc::would_deadlock: return "the call would wait for itself";
        case Errc::timed_out: return "timed out";
        case Errc::cancelled: return "cancelled";
        case Errc::interrupted: return "interrupted";
        case Errc::forked: return "belongs to the process before the fork";
        case Errc::loop_failed: return "the event loop failed";
        case Errc::scope_unwound: return "an exception passed through the scope";
        case Errc::worker_lost: return "the worker was lost";
        case Errc::not_in_worker: return "not called from a worker thread";
        case Errc::no_calling_thread: return "no thread is blocked on this task";
        case Errc::never_ready: return "the task ended before it was ready";
        case Errc::channel_closed: return "the channel is closed";
        }
        return "unknown error";
    }
};

}  // namespace detail

/// The category of Errc. Its name is "syncopate".
// Not inlined: GCC 16 warns of the category's bounds where it is, and there is nothing wrong with them.
[[gnu::noinline, gnu::visibility("default")]] inline std::error_category const&
error_category() noexcept {
    return detail::immortal<detail::ErrorCategory>();
}

/// Makes Errc usable wherever a `std::error_code` is expected.
inline std::error_code make_error_code(Errc code) noexcept {
    return {static_cast<int>(code), error_category()};
}

}  // namespace syncopate::inline v0_1

template <>
struct std::is_error_code_enum<syncopate::Errc> : std::true_type {};

namespace syncopate::inline v0_1 {

/// Thrown instead of hanging, before anything is started: the call would wait, directly or through
/// others, for the thread that makes it.
class [[gnu::visibility("default")]] DeadlockError : public std::system_error {
public:
    /// Names the cycle.
    ///
    /// cycle:     who waits for whom.
    explicit DeadlockError(std::string cycle)
        : std::system_error(make_error_code(Errc::would_deadlock)),
          cycle_(std::make_shared<std::string const>(std::move(cycle))) {}

    // No moves: what was moved from would have nothing left to tell.
    DeadlockError(DeadlockError const&) = default;
    DeadlockError& operator=(DeadlockError const&) = default;
    ~DeadlockError() override = default;

    /// Who waits for whom, by the names of the loops. The code's own message would only repeat it.
    char const* what() const noexcept override { return cycle_->c_str(); }

private:
    std::shared_ptr<std::string const> cycle_;  // copying must not throw
};

/// What a task group ends with when tasks of it have failed. `what()` tells how many, and what the
/// first of them threw.
class [[gnu::visibility("default")]] TaskGroupError : public std::runtime_error {
public:
    /// Holds these failures.
    ///
    /// errors:    at least one.
    explicit TaskGroupError(std::vector<std::exception_ptr> errors)
        : std::runtime_error(describe(errors)),
          errors_(std::make_shared<std::vector<std::exception_ptr> const>(std::move(errors))) {}

    // No moves: what was moved from would have nothing left to tell.
    TaskGroupError(TaskGroupError const&) = default;
    TaskGroupError& operator=(TaskGroupError const&) = default;
    ~TaskGroupError() override = default;

    /// Every failure, as the same object: the body's, if it failed, and then those of the children, in
    /// the order in which they came up.
    std::vector<std::exception_ptr> const& errors() const noexcept { return *errors_; }

private:
    static std::string describe(std::vector<std::exception_ptr> const& errors) {
        return std::to_string(errors.size()) +
               (errors.size() == 1 ? " task of the group failed: "
                                   : " tasks of the group failed; the first: ") +
               detail::exception_text(errors.front());
    }

    std::shared_ptr<std::vector<std::exception_ptr> const> errors_;  // copying must not throw
};

}  // namespace syncopate::inline v0_1
