// CallerQueue: functions for a thread that waits for a task, in the order in which the task hands them over.
#pragma once

#include <syncopate/detail/error/thrown_by.hpp>
#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/wait/forks.hpp>
#include <syncopate/detail/wait/one_shot_event.hpp>
#include <syncopate/detail/work/work.hpp>
#include <syncopate/detail/work/work_queue.hpp>
#include <syncopate/detail/work/worker_scope.hpp>
#include <syncopate/error.hpp>

#include <concepts>
#include <mutex>

namespace syncopate::inline v0_1::detail {

/// Thread-safe. No lock is held while a function runs.
class CallerQueue {
public:
    void push(Work& work) noexcept {
        std::lock_guard const lock(mutex_);
        queue_.push(work);
    }

    void withdraw(Work& work) noexcept {
        std::lock_guard const lock(mutex_);
        queue_.remove(work);
    }

    /// Calls the functions, on the thread that waits. False: one has forked, and this is the child, where nobody runs
    /// the copy of the task.
    ///
    /// lost:   as for Work::run(). Does what the thread owes the task before it is unwound.
    template <std::invocable Lost>
    bool run(Lost lost) {
        while (auto const work = next()) {
            WorkerScope const scope(*work, WorkerScope::OnCaller());
            auto const process = this_process();
            work->run(lost);
            if (process != this_process())
                return false;
        }
        return true;
    }

    /// Fails the functions that are left, none of which will be called.
    void refuse(char const* why) noexcept {
        while (auto const work = next())
            work->refuse(error_of(Errc::no_calling_thread, why));
    }

    /// The thread ends in a function, and calls no more of them; but what the event tells of lies in its frames. So
    /// it waits until the event is set.
    void refuse_until_set(Loop::Blocking& blocking, OneShotEvent& event) noexcept {
        while (!event.is_set()) {
            refuse("the thread that was blocked in the call has ended, by pthread_exit()");
            blocking.wait();
            event.take_notification();
        }
    }

private:
    WorkPointer next() noexcept {
        std::lock_guard const lock(mutex_);
        return queue_.take();
    }

    std::mutex mutex_;
    WorkQueue queue_;
};

}  // namespace syncopate::inline v0_1::detail
