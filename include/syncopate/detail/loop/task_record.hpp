// TaskRecord, OpenContext: what a loop keeps of each task that runs and each context that is open.
#pragma once

#include <syncopate/detail/intrusive_list.hpp>
#include <syncopate/detail/task/call_site.hpp>
#include <syncopate/error.hpp>

#include <exception>
#include <source_location>
#include <string>

namespace syncopate::inline v0_1::detail {

/// A task from its start until it has completed: where it was asked for, and how to cancel it.
class TaskRecord : public ListHook<TaskRecord> {
public:
    explicit TaskRecord(std::source_location where) noexcept : where_(where) {}

    /// Asks the task to stop, each time anew. On the loop. Only the first reason counts.
    virtual void cancel(Errc reason) noexcept = 0;

    /// The call site, in words.
    std::string description() const { return detail::description(where_); }

protected:
    ~TaskRecord() = default;

private:
    std::source_location where_;
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
