// CallerQueue: functions for a thread that waits for a task, in the order in which the task hands them over.
#pragma once

#include <syncopate/detail/deadlock/resource_wait.hpp>
#include <syncopate/detail/error/thrown_by.hpp>
#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/system/forks.hpp>
#include <syncopate/detail/wait/one_shot_event.hpp>
#include <syncopate/detail/work/queue_wait.hpp>
#include <syncopate/detail/work/work.hpp>
#include <syncopate/detail/work/work_queue.hpp>
#include <syncopate/detail/work/worker_scope.hpp>
#include <syncopate/error.hpp>

#include <concepts>
#include <cstddef>
#include <mutex>

namespace syncopate::inline v0_1::detail {

/// Thread-safe. No lock is held while a function runs.
class CallerQueue final : BusyThreads {
public:
    void push(Work& work) noexcept {
        std::lock_guard const lock(mutex_);
        queue_.push(work);
    }

    /// The same, where the thread may be inside a function that waits for this work.
    /// Throws: DeadlockError.
    void push_or_refuse(Work& work);

    bool withdraw(Work& work) noexcept {
        std::lock_guard const lock(mutex_);
        return queue_.remove(work);
    }

    /// Calls the functions, on the thread that waits. False: one has forked, and this is the child, where nobody runs
    /// the copy of the task.
    ///
    /// lost:   as for Work::run(). Does what the thread owes the task before it is unwound.
    template <std::invocable Lost>
    bool run(Lost lost) {
        while (auto const work = next()) {
            WorkerScope const scope(*work, WorkerScope::OnCaller{this});
            auto const process = this_process();
            work->run(lost);
            if (process != this_process())
                return false;
        }
        return true;
    }

    /// Fails the functions that are left, none of which will be called.
    void refuse(char const* why) noexcept;

    /// The thread ends in a function, and calls no more of them; but what the event tells of lies in its frames. So
    /// it waits until the event is set.
    void refuse_until_set(Loop::Blocking& blocking, OneShotEvent& event) noexcept;

private:
    WorkPointer next() noexcept {
        std::lock_guard const lock(mutex_);
        auto work = queue_.take();
        is_busy_ = work != nullptr;
        return work;
    }

    bool is_busy() const noexcept {
        std::lock_guard const lock(mutex_);
        return is_busy_ || !queue_.empty();
    }

    std::size_t holders_before(Work const& work) const noexcept override {
        std::lock_guard const lock(mutex_);
        return WorkQueue::contains(work) ? 1 : ResourceWait::over;
    }

    mutable std::mutex mutex_;
    WorkQueue queue_;
    bool is_busy_ = false;
};

}  // namespace syncopate::inline v0_1::detail

#ifndef SYNCOPATE_SEPARATE_COMPILATION
#include <syncopate/detail/work/caller_queue.ipp>
#endif
