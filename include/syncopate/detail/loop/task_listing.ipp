// attribute(), describe(): the text of dump().
#pragma once

#include <syncopate/detail/separate.hpp>
#include <syncopate/detail/task/call_site.hpp>
#include <syncopate/task_info.hpp>

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1::detail {

SYNCOPATE_DECL std::vector<std::string> attribute(
    std::vector<TaskWait> waits, std::vector<TaskInfo>& tasks) {
    std::vector<std::string> others;
    for (auto& wait : waits) {
        auto const task = std::ranges::lower_bound(tasks, wait.task, {}, &TaskInfo::id);
        if (task == tasks.end() || task->id != wait.task)
            others.push_back(std::move(wait.what));
        else
            task->waits_for += (task->waits_for.empty() ? "" : "; ") + wait.what;
    }
    return others;
}

inline char const* in_words(TaskState state) noexcept {
    switch (state) {
    case TaskState::queued: return "queued";
    case TaskState::running: return "running";
    case TaskState::suspended: return "suspended";
    case TaskState::cancelling: return "cancelling";
    }
    return "";
}

/// Such as "12 ms" or "3.2 s".
inline std::string in_words(std::chrono::nanoseconds age) {
    auto const ms = std::chrono::duration_cast<std::chrono::milliseconds>(age).count();
    if (ms < 1000)
        return std::to_string(ms) + " ms";
    return std::to_string(ms / 1000) + '.' + std::to_string(ms / 100 % 10) + " s";
}

/// A queue in which a task waits for longer than this is not served.
inline constexpr std::chrono::milliseconds slow_start{100};

SYNCOPATE_DECL std::string describe(LoopListing const& loop) {
    auto const count = loop.tasks.size();
    std::string text = '"' + loop.name + '"' + (loop.is_closed ? " (closed): " : ": ") +
                       std::to_string(count) + (count == 1 ? " task\n" : " tasks\n");
    std::chrono::nanoseconds queued_for{};
    for (auto const& task : loop.tasks) {
        text += "  " + std::to_string(task.id) + ' ' +
                (task.label.empty() ? "" : '"' + task.label + "\" ") + in_words(task.state) + ", " +
                in_words(task.age) + " old, " + description(task.location) +
                (task.waits_for.empty() ? "" : ", waits for " + task.waits_for) + '\n';
        if (task.state == TaskState::queued)
            queued_for = (std::max)(queued_for, task.age);
    }
    if (queued_for >= slow_start)
        text += "  nothing was begun for " + in_words(queued_for) +
                ": a handler blocks the loop, or nobody runs it\n";
    if (!loop.workers.empty())
        text += "  workers: " + loop.workers + '\n';
    for (auto const& wait : loop.other_waits)
        text += "  a coroutine waits for " + wait + '\n';
    return text;
}

}  // namespace syncopate::inline v0_1::detail
