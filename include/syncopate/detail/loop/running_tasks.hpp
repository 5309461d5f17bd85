// RunningTasks: the tasks of a loop, to name them, to cancel them, and to know when none is left.
#pragma once

#include <syncopate/detail/intrusive_list.hpp>
#include <syncopate/detail/loop/duration_histogram.hpp>
#include <syncopate/detail/loop/operation.hpp>
#include <syncopate/detail/loop/task_record.hpp>
#include <syncopate/detail/separate.hpp>
#include <syncopate/detail/task/task_id.hpp>
#include <syncopate/detail/wait/small_mutex.hpp>
#include <syncopate/detail/wait/ticks.hpp>
#include <syncopate/error.hpp>
#include <syncopate/stats.hpp>
#include <syncopate/task_info.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <source_location>
#include <string>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1::detail {

/// A task is listed until it has completed, and is counted until it has been released.
///
/// Who may look. A record lies in the frame of a caller who goes on as soon as the task has completed. So the
/// loop takes the lock for each step after which a record may go away or changes its list: when an operation
/// leaves the loop's queue, and is listed here in the same step if it begins a task; and when a task has
/// completed. It holds the lock for no longer, never while it runs anything. Whoever holds the lock finds each
/// task in one place, the queue or a list, and it stays there: also while the loop is blocked in a handler, and
/// on the loop's own thread.
///
/// Only the loop and those who look take the lock; callers push without it. A call takes it twice. A plain function
/// ends without it: what is told of it was copied under the lock when it began.
///
/// Memory order. What is read of a task is constant since its submission, which the lock or the queue hands over, or
/// is changed under the lock; but for marks that change at any time: whose code runs, whether a function runs,
/// whether a task was asked to stop. They are relaxed atomics. Who looks may see them a moment late, and follows no
/// pointer because of them. The count releases what was done for a task; none() acquires it.
class RunningTasks {
public:
    RunningTasks() noexcept { TickScale::begin(); }

    // On the loop.

    /// Calls `take`, which takes the next operation out of the queue, or finds none and returns null. If the
    /// operation begins a task, that is listed from now on.
    template <class Take>
    Operation* begin_next(Take take) noexcept {
        std::lock_guard const lock(mutex_);
        Operation* const next = take();
        if (TaskRecord* const task = next ? next->task() : nullptr)
            begin(*task);
        return next;
    }

    /// The function that has begun has returned.
    void function_ended() noexcept {
        run_time_.add(ticks_between(function_.begun, ticks_now()));
        function_runs_.store(false, std::memory_order_relaxed);
    }

    /// The id of the function that has begun.
    TaskId function_id() const noexcept {
        std::lock_guard const lock(mutex_);
        require_function_id();
        return function_.id;
    }

    void completed(TaskRecord& task) noexcept {
        std::lock_guard const lock(mutex_);
        run_time_.add(ticks_between(task.begun_, ticks_now()));
        task.unlink();
        --listed_count_;
    }

    // One thread at a time writes the count, so no step of it has to be atomic.
    void released() noexcept {
        count_.store(count_.load(std::memory_order_relaxed) - 1, std::memory_order_release);
    }

    /// While it lives, this task's code runs. Scopes nest: a task may resume another.
    class OnThread {
    public:
        OnThread(RunningTasks const& tasks, TaskId task) noexcept
            : on_thread_(tasks.on_thread_), outer_(on_thread_.load(std::memory_order_relaxed)) {
            on_thread_.store(task, std::memory_order_relaxed);
        }
        OnThread(OnThread const&) = delete;
        OnThread& operator=(OnThread const&) = delete;
        ~OnThread() { on_thread_.store(outer_, std::memory_order_relaxed); }

    private:
        std::atomic<TaskId>& on_thread_;
        TaskId const outer_;
    };

    /// The task whose code runs, as far as an OnThread tells; or zero.
    TaskId on_thread() const noexcept { return on_thread_.load(std::memory_order_relaxed); }

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

    /// Has cancel_all() cancel again those that it has cancelled.
    void forget_cancellations() noexcept {
        std::lock_guard const lock(mutex_);
        while (!cancelled_.empty()) {
            TaskRecord& task = cancelled_.front();
            task.unlink();
            listed_.push_back(task);
        }
    }

    // From any thread.

    /// Calls f under the lock: no operation is taken out of the queue meanwhile, and no task completes.
    template <class F>
    auto locked(F f) const noexcept {
        std::lock_guard const lock(mutex_);
        return f();
    }

    /// While nothing of the loop's runs. Ends all without an outcome: see TaskRecord.
    void lose_all() noexcept {
        while (TaskRecord* const task = locked([this]() -> TaskRecord* {
                   auto& list = listed_.empty() ? cancelled_ : listed_;
                   return list.empty() ? nullptr : &list.back();
               }))
            task->lose();
    }

    bool has_begun(TaskRecord const& task) const noexcept {
        return locked([&] { return task.begun_ != 0; });
    }

    /// Whether anything has begun that has not ended.
    bool has_any() const noexcept {
        return locked([this] {
            return listed_count_ != 0 || function_runs_.load(std::memory_order_relaxed);
        });
    }

    /// Whether every task has been released. Acquires what was done before released().
    bool none() const noexcept { return count_.load(std::memory_order_acquire) == 0; }

    /// The tasks that have begun and not completed, in words.
    SYNCOPATE_DECL std::string descriptions() const;

    /// All tasks, oldest first. The loop cannot begin or end one meanwhile.
    ///
    /// add_waiting: is given a vector, to which it adds the operations in the loop's queue, oldest first.
    template <class AddWaiting>
    std::vector<TaskInfo> infos(AddWaiting add_waiting) const {
        std::vector<TaskInfo> all;
        all.reserve(count_.load(std::memory_order_relaxed));
        add_infos(all, add_waiting);
        std::ranges::sort(all, {}, &TaskInfo::id);
        return all;
    }

    /// The task or the function whose code runs, the oldest if that is true of several; one without an id if there is
    /// none. It sorts nothing, so that a program that only watches its loop does not compile what sorts.
    SYNCOPATE_DECL TaskInfo running() const;

    /// How many tasks and functions have begun.
    std::uint64_t begun() const noexcept {
        return locked([this] { return begun_count_; });
    }

    /// Those that were asked to stop.
    SYNCOPATE_DECL std::vector<TaskInfo> cancelling() const;

    /// All but the wake-ups.
    template <class AddWaiting>
    Stats stats(AddWaiting add_waiting) const {
        std::vector<Operation*> waiting;
        TickScale const scale;
        Stats stats;
        std::lock_guard const lock(mutex_);
        add_waiting(waiting);
        auto const queued = static_cast<std::uint64_t>(std::ranges::count_if(
            waiting, [](Operation const* operation) { return operation->task() != nullptr; }));
        stats.calls = begun_count_ + queued;
        stats.in_flight = listed_count_ + queued + function_runs_.load(std::memory_order_relaxed);
        stats.queue_time = queue_time_.percentiles(scale);
        stats.run_time = run_time_.percentiles(scale);
        return stats;
    }

private:
    void begin(TaskRecord& task) noexcept {
        task.begun_ = ticks_now();
        ++begun_count_;
        queue_time_.add(ticks_between(task.submitted_, task.begun_));
        if (task.kind_ == TaskRecord::Kind::function)
            return begin_function(task);
        listed_.push_back(task);
        ++listed_count_;
        require_id(task);
        count_.store(count_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }

    void begin_function(TaskRecord const& function) noexcept {
        function_ = {function.where_, function.submitted_, function.begun_, function.id_};
        function_runs_.store(true, std::memory_order_relaxed);
    }

    void require_id(TaskRecord& task) const noexcept {
        if (task.id_ == 0)
            task.id_ = ids_.next();
    }

    void require_function_id() const noexcept {
        if (function_.id == 0)
            function_.id = ids_.next();
    }

    template <class AddWaiting>
    void add_infos(std::vector<TaskInfo>& all, AddWaiting add_waiting) const {
        std::vector<Operation*> waiting;
        std::lock_guard const lock(mutex_);
        TickScale const scale;
        Ticks const now = ticks_now();
        auto const age = [&](Ticks submitted) { return scale(ticks_between(submitted, now)); };
        auto const add_begun = [&](TaskRecord const& task) {
            all.push_back(task.info(state_of(task), age(task.submitted_)));
        };
        auto const add_queued = [&](TaskRecord& task) {
            require_id(task);
            all.push_back(task.info(TaskState::queued, age(task.submitted_)));
        };
        listed_.for_each(add_begun);
        cancelled_.for_each(add_begun);
        if (function_runs_.load(std::memory_order_relaxed))
            all.push_back(info_of_function(age(function_.submitted)));
        add_waiting(waiting);
        for (Operation* const operation : waiting)
            if (operation->task())
                add_queued(*operation->task());
    }

    SYNCOPATE_DECL TaskInfo info_of_function(std::chrono::nanoseconds age) const;

    SYNCOPATE_DECL TaskState state_of(TaskRecord const& task) const noexcept;

    /// The function that runs. Copied, so that its end needs no lock.
    struct Function {
        std::source_location where;
        Ticks submitted = 0;
        Ticks begun = 0;
        TaskId id = 0;
    };

    std::atomic<std::size_t> count_{0};
    std::atomic<bool> function_runs_{false};
    mutable std::atomic<TaskId> on_thread_{0};
    mutable SmallMutex mutex_;
    mutable IntrusiveList<TaskRecord> listed_;
    mutable IntrusiveList<TaskRecord> cancelled_;
    mutable Function function_;
    std::uint64_t begun_count_ = 0;
    std::uint64_t listed_count_ = 0;
    DurationHistogram queue_time_;
    DurationHistogram run_time_;
    mutable TaskIds ids_;
};

}  // namespace syncopate::inline v0_1::detail

#ifndef SYNCOPATE_SEPARATE_COMPILATION
#include <syncopate/detail/loop/running_tasks.ipp>
#endif
