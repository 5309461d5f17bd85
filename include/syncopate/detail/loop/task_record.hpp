// What a loop remembers of each thing that runs on it.
#pragma once

#include <syncopate/detail/intrusive_list.hpp>
#include <syncopate/detail/task/call_site.hpp>
#include <syncopate/error.hpp>

#include <exception>
#include <source_location>
#include <string>

namespace syncopate::detail {

/// A task from its start to its end: who asked for it, and how to make it stop.
class TaskRecord : public ListHook<TaskRecord> {
public:
    explicit TaskRecord(std::source_location where) noexcept : where_(where) {}

    /// Asks the task to stop. On the loop. Only the first reason counts.
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
    /// Makes it leave, if nothing did before. On the loop. What its aexit throws then goes to
    /// Loop::exit_failed.
    virtual void leave_for_close(Errc reason) noexcept = 0;

protected:
    ~OpenContext() = default;
};

}  // namespace syncopate::detail
