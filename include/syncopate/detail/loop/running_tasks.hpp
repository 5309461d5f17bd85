// RunningTasks: the tasks of a loop, to name them, to cancel them, and to know when none is left.
#pragma once

#include <syncopate/detail/intrusive_list.hpp>
#include <syncopate/detail/loop/task_record.hpp>
#include <syncopate/error.hpp>

#include <atomic>
#include <cstddef>
#include <mutex>
#include <string>

namespace syncopate::inline v0_1::detail {

/// The loop writes; other threads read to name what runs. A task is listed until it has completed, and is
/// counted until it has been released.
class RunningTasks {
public:
    // On the loop.

    void started(TaskRecord& task) noexcept {
        std::lock_guard lock(mutex_);
        listed_.push_back(task);
        count_.fetch_add(1, std::memory_order_relaxed);
    }

    void completed(TaskRecord& task) noexcept {
        std::lock_guard lock(mutex_);
        task.unlink();
    }

    void released() noexcept { count_.fetch_sub(1, std::memory_order_release); }

    /// Whether every task has been released. Acquires what was done before released().
    bool none() const noexcept { return count_.load(std::memory_order_acquire) == 0; }

    /// Cancels each once, newest first, also those that were asked to stop before. To cancel one may complete
    /// others.
    void cancel_all(Errc reason) noexcept {
        for (;;) {
            std::unique_lock lock(mutex_);
            if (listed_.empty())
                return;
            TaskRecord& task = listed_.back();
            task.unlink();
            cancelled_.push_back(task);
            lock.unlock();
            task.cancel(reason);
        }
    }

    // From any thread.

    /// The call sites of the tasks that have not completed, in words.
    std::string descriptions() const {
        std::string all;
        auto const add = [&](TaskRecord const& task) {
            all += (all.empty() ? "" : "; ") + task.description();
        };
        std::lock_guard lock(mutex_);
        listed_.for_each(add);
        cancelled_.for_each(add);
        return all;
    }

private:
    std::atomic<std::size_t> count_{0};
    mutable std::mutex mutex_;
    mutable IntrusiveList<TaskRecord> listed_;
    mutable IntrusiveList<TaskRecord> cancelled_;
};

}  // namespace syncopate::inline v0_1::detail
