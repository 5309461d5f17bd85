// TaskRecord, OpenContext: what a loop keeps of each task that runs and each context that is open.
#pragma once

#include <syncopate/detail/error/joined.hpp>
#include <syncopate/detail/intrusive_list.hpp>
#include <syncopate/detail/task/call_site.hpp>
#include <syncopate/detail/task/event_sink.hpp>
#include <syncopate/detail/task/task_id.hpp>
#include <syncopate/detail/wait/ticks.hpp>
#include <syncopate/error.hpp>
#include <syncopate/event.hpp>
#include <syncopate/task_info.hpp>

#include <chrono>
#include <exception>
#include <source_location>
#include <string>

namespace syncopate::inline v0_1::detail {

/// A task from its submission until it has completed: where it was asked for, and how to cancel it.
///
/// RunningTasks lists it, also for other threads. What those read is constant, or atomic, or changed under the
/// lock of RunningTasks.
class TaskRecord : public ListHook<TaskRecord> {
public:
    /// function: a plain one, which ends before the loop does anything else. It is not cancelled, and nobody has to
    ///           wait for it.
    enum class Kind { task, function };

    explicit TaskRecord(std::source_location where, Kind kind = Kind::task) noexcept
        : where_(where), submitted_(ticks_now()), kind_(kind) {}

    /// Asks the task to stop, each time anew. On the loop. Only the first reason counts.
    virtual void cancel(Errc reason) noexcept = 0;

    /// Whether the loop may refuse it before it has begun.
    virtual bool may_be_refused() const noexcept { return true; }
    /// Ends it with this error. On any thread, once it has been withdrawn from the loop, which has not begun it.
    /// It may be gone then.
    virtual void refuse(Errc reason) noexcept = 0;

    /// Ends a task that has begun, without an outcome, because its loop will never run it again. On any thread, while
    /// nothing else of the loop's runs. It may be gone then.
    virtual void lose() noexcept {}

    /// The label, if there is one, and the call site, in words.
    std::string description() const {
        auto const place = detail::description(where_);
        return label_ ? joined({*label_, ": ", place}) : place;
    }

    /// The id; zero until the loop has begun the task, or a queued one was first looked at.
    TaskId const& id() const noexcept { return id_; }

protected:
    ~TaskRecord() = default;

    /// What events tell of it, once it has begun.
    EventSource event_source() const noexcept {
        return {Event::Kind::task, id_, id_, where_, label_};
    }

    /// label: lasts as long as this. Before the task is submitted.
    void set_label(std::string const& label) noexcept { label_ = &label; }

private:
    friend class RunningTasks;

    // From any thread, under the lock.

    /// Whether the task was asked to stop.
    virtual bool is_cancelling() const noexcept { return false; }
    /// Whether code of the task runs, as far as it knows.
    virtual bool is_running() const noexcept { return false; }
    /// What the task itself knows of what it waits for, in words.
    virtual std::string waits_for() const { return {}; }

    TaskInfo info(TaskState state, std::chrono::nanoseconds age) const {
        return {id_,    label_ ? *label_ : std::string(),
                where_, state,
                age,    state == TaskState::queued ? std::string() : waits_for()};
    }

    std::source_location const where_;
    Ticks const submitted_;
    std::string const* label_ = nullptr;
    TaskId id_ = 0;
    Kind const kind_;
    Ticks begun_ = 0;  // zero: it has not
};

/// A context between the end of its aenter and the end of its aexit.
class OpenContext : public ListHook<OpenContext> {
public:
    /// Leaves the context, if nothing did before. On the loop. What its aexit throws then goes to
    /// LoopLifetime::exit_failed().
    virtual void leave_for_close(Errc reason) noexcept = 0;

protected:
    ~OpenContext() = default;
};

}  // namespace syncopate::inline v0_1::detail
