// TokenHolders: the tasks that have taken the tokens of a limiter, for those who look why a task waits.
#pragma once

#include <syncopate/detail/task/task_id.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>

namespace syncopate::inline v0_1::detail {

/// Knows some of them, and so takes no memory that could be lacking. Not thread-safe.
class TokenHolders {
public:
    /// task: zero if nobody knows whose the token is.
    void add(TaskId task) noexcept { replace(0, task); }
    void remove(TaskId task) noexcept { replace(task, 0); }

    /// Such as ", taken by tasks 3 and 7" or ", taken by task 3 and others". Nothing if none is known.
    ///
    /// borrowed: how many tokens are held.
    std::string in_words(std::size_t borrowed) const {
        auto tasks = tasks_;
        std::ranges::sort(tasks);
        auto const* const first = std::ranges::upper_bound(tasks, TaskId{0});
        auto const known = static_cast<std::size_t>(tasks.end() - first);
        auto const* const end = std::unique(tasks.begin() + (tasks.size() - known), tasks.end());
        std::string text;
        for (auto const* task = first; task != end; ++task)
            text += separator(task == first, task + 1 == end && known == borrowed) +
                    std::to_string(*task);
        if (text.empty())
            return text;
        return (end - first > 1 ? ", taken by tasks " : ", taken by task ") + text +
               (known < borrowed ? " and others" : "");
    }

private:
    static char const* separator(bool is_first, bool is_last) noexcept {
        return is_first ? "" : is_last ? " and " : ", ";
    }

    void replace(TaskId from, TaskId to) noexcept {
        auto* const found = std::ranges::find(tasks_, from);
        if (found != tasks_.end())
            *found = to;
    }

    std::array<TaskId, 8> tasks_{};  // zero: a free place
};

}  // namespace syncopate::inline v0_1::detail
