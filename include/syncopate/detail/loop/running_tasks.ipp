// What RunningTasks tells of the tasks.
#pragma once

#include <syncopate/detail/error/joined.hpp>
#include <syncopate/detail/loop/task_record.hpp>
#include <syncopate/detail/separate.hpp>
#include <syncopate/detail/task/task_id.hpp>
#include <syncopate/task_info.hpp>

#include <atomic>
#include <chrono>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1::detail {

SYNCOPATE_DECL std::string RunningTasks::descriptions() const {
    std::string all;
    auto const add = [&](TaskRecord const& task) {
        all += joined({all.empty() ? "" : "; ", task.description()});
    };
    std::lock_guard const lock(mutex_);
    listed_.for_each(add);
    cancelled_.for_each(add);
    return all;
}

SYNCOPATE_DECL TaskInfo RunningTasks::running() const {
    TaskInfo oldest{};
    auto const look_at = [&](TaskRecord const& task) {
        if (state_of(task) == TaskState::running && (oldest.id == 0 || task.id_ < oldest.id))
            oldest = task.info(TaskState::running, {});
    };
    std::lock_guard const lock(mutex_);
    listed_.for_each(look_at);
    cancelled_.for_each(look_at);
    if (function_runs_.load(std::memory_order_relaxed)) {
        auto function = info_of_function({});
        if (oldest.id == 0 || function.id < oldest.id)
            oldest = std::move(function);
    }
    return oldest;
}

SYNCOPATE_DECL std::vector<TaskInfo> RunningTasks::cancelling() const {
    std::vector<TaskInfo> all;
    auto const add = [&](TaskRecord const& task) {
        if (task.is_cancelling())
            all.push_back(task.info(TaskState::cancelling, {}));
    };
    std::lock_guard const lock(mutex_);
    listed_.for_each(add);
    cancelled_.for_each(add);
    return all;
}

SYNCOPATE_DECL TaskInfo RunningTasks::info_of_function(std::chrono::nanoseconds age) const {
    require_function_id();
    return {function_.id, {}, function_.where, TaskState::running, age, {}};
}

SYNCOPATE_DECL TaskState RunningTasks::state_of(TaskRecord const& task) const noexcept {
    if (task.is_cancelling())
        return TaskState::cancelling;
    return task.id_ == on_thread() || task.is_running() ? TaskState::running : TaskState::suspended;
}

}  // namespace syncopate::inline v0_1::detail
