// TaskWait, attribute(), describe(): what a loop's tasks wait for, and the text of dump().
#pragma once

#include <syncopate/detail/separate.hpp>
#include <syncopate/detail/task/task_id.hpp>
#include <syncopate/task_info.hpp>

#include <string>
#include <vector>

namespace syncopate::inline v0_1::detail {

/// One thing that a coroutine waits for.
struct TaskWait {
    TaskId task;  // whose coroutine it is, or zero
    std::string what;
};

/// Tells each task what it waits for. Returns the waits of coroutines that belong to none of them, as far as
/// that is known.
///
/// tasks: in the order of their ids.
SYNCOPATE_DECL std::vector<std::string> attribute(
    std::vector<TaskWait> waits, std::vector<TaskInfo>& tasks);

/// What dump() tells of a loop.
struct LoopListing {
    std::string const& name;
    bool is_closed;
    std::vector<TaskInfo> tasks;
    std::vector<std::string> other_waits;
    std::string workers;
};

SYNCOPATE_DECL std::string describe(LoopListing const& loop);

}  // namespace syncopate::inline v0_1::detail

#ifndef SYNCOPATE_SEPARATE_COMPILATION
#include <syncopate/detail/loop/task_listing.ipp>
#endif
