// SupervisedTask: one task that a coroutine runs in a nursery, can have cancelled, and waits for.
// TimedTask: the same with a deadline.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/concepts.hpp>
#include <syncopate/detail/cancellation/cancellation.hpp>
#include <syncopate/detail/group/nursery.hpp>
#include <syncopate/detail/group/result_child.hpp>
#include <syncopate/detail/task/alarm.hpp>
#include <syncopate/detail/task/caller_executor.hpp>
#include <syncopate/detail/task/caller_link.hpp>
#include <syncopate/detail/task/outcome.hpp>
#include <syncopate/detail/task/owned_or_ref.hpp>
#include <syncopate/detail/wait/deadline.hpp>

#include SYNCOPATE_ASIO(any_io_executor.hpp)
#include SYNCOPATE_ASIO(awaitable.hpp)

#include <optional>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// Lies in the frame of the coroutine that supervises the task. T: as for OwnedOrRef.
template <Task T>
class SupervisedTask {
public:
    using Result = task_result_t<T>;

    SupervisedTask(
        asio::any_io_executor executor,
        OwnedOrRef<T> task,
        Nursery::OnParentCancel on_parent_cancel = Nursery::OnParentCancel::propagate)
        : nursery_(std::move(executor), on_parent_cancel), start_{*this, std::move(task)} {}
    SupervisedTask(SupervisedTask const&) = delete;
    SupervisedTask& operator=(SupervisedTask const&) = delete;

    /// Runs the task, once, and returns when it has ended. Throws nothing, but for a cancellation that
    /// came before it.
    asio::awaitable<void> run() { return nursery_.supervise(start_); }

    void cancel() noexcept { nursery_.cancel(); }

    /// Before run(): has the task cancelled at its first suspension.
    void cancel_once_started() noexcept { start_.is_cancelled = true; }

    // After run().

    /// Throws what the task threw, unless it was cancelled and ended by that.
    void throw_failure() { nursery_.throw_failure(); }

    /// Whether the coroutine that awaited run() was cancelled meanwhile.
    bool is_cancelled_by_parent() const noexcept { return nursery_.is_cancelled_by_parent(); }

    /// Whether the task has completed; if not, it was cancelled by something other than the parent.
    /// Throws: what the task threw; operation_aborted if the parent's cancellation ended it.
    bool check_completed() {
        throw_failure();
        if (outcome_.empty() && is_cancelled_by_parent())
            throw_cancellation();
        return !outcome_.empty();
    }

    /// Holds the task's result, if it has completed.
    Outcome<Result>& outcome() noexcept { return outcome_; }

private:
    struct Start {
        SupervisedTask& self;
        OwnedOrRef<T> task;
        bool is_cancelled = false;

        void operator()() noexcept {
            self.nursery_.template start_or_fail<ResultChild<T>>(std::move(task), self.outcome_);
            if (is_cancelled)
                self.cancel();
        }
    };

    Nursery nursery_;
    Outcome<Result> outcome_;
    Start start_;
};

/// A task that is cancelled when its time is up.
template <Task T>
class TimedTask final : public SupervisedTask<T> {
public:
    /// deadline:  no_deadline: none. Deadline::min(): the task is cancelled at its first suspension.
    TimedTask(asio::any_io_executor const& executor, OwnedOrRef<T> task, Deadline deadline)
        : SupervisedTask<T>(executor, std::move(task)) {
        if (deadline == (Deadline::min)())
            this->cancel_once_started();
        else if (deadline != no_deadline)
            start_alarm(executor, deadline);
    }

    /// Whether the alarm has cancelled the task.
    bool is_expired() const noexcept { return is_expired_; }

private:
    struct Expire {
        TimedTask& self;
        void operator()() const noexcept {
            self.is_expired_ = true;
            self.cancel();
        }
    };

    void start_alarm(asio::any_io_executor const& executor, Deadline deadline) {
        limit_.emplace(caller_of(executor));
        alarm_.emplace(executor, deadline, Expire{*this});
    }

    bool is_expired_ = false;
    std::optional<TimeLimit> limit_;
    std::optional<Alarm<Expire>> alarm_;
};

}  // namespace syncopate::inline v0_1::detail
