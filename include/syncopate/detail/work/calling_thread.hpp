// A caller that is blocked on its task, and meanwhile does what the task wants done on its thread.
#pragma once

#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/loop/work_executor.hpp>
#include <syncopate/detail/task/caller_link.hpp>
#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/detail/wait/one_shot_event.hpp>
#include <syncopate/detail/work/work.hpp>
#include <syncopate/detail/work/work_queue.hpp>
#include <syncopate/detail/work/worker_scope.hpp>
#include <syncopate/error.hpp>

#include <exception>
#include <mutex>
#include <system_error>

namespace syncopate::detail {

/// Work comes from the loop, under a lock; then the word calls the caller. The loop closes it before it
/// sets the word, and it is the same thread that submits: so no work comes later.
class CallingThread final : public BlockedThread, public WorkExecutor {
public:
    explicit CallingThread(OneShotEvent& done) noexcept : done_(done) {
        word = &done;
        caller_queue = this;
    }
    CallingThread(CallingThread const&) = delete;
    CallingThread& operator=(CallingThread const&) = delete;

    // On the thread itself.

    /// Waits, and does what it is called for. Returns whether the word was set before the deadline. What
    /// it does is not interrupted by the deadline.
    bool wait_until(Loop::Blocking& blocking, Deadline deadline) noexcept {
        while (blocking.wait_until(deadline)) {
            if (done_.is_set() || !done_.take_notification())
                return true;
            while (auto const work = next()) {
                WorkerScope const serving(*work, WorkerScope::OnCaller());
                work->run();
            }
        }
        return false;
    }
    void wait(Loop::Blocking& blocking) noexcept { wait_until(blocking, Deadline::max()); }

    // On the loop.

    void submit(Work& work) override {
        {
            std::lock_guard const lock(mutex_);
            queue_.push(work);
        }
        was_called_ = true;
        done_.notify();
    }

    void withdraw(Work& work) noexcept override {
        std::lock_guard const lock(mutex_);
        queue_.remove(work);
    }

    /// The task has ended, and nobody will be blocked on what it left behind.
    void close() noexcept {
        if (!was_called_)
            return;
        while (auto const work = next())
            work->refuse(std::make_exception_ptr(
                std::system_error(make_error_code(Errc::no_calling_thread))));
    }

private:
    WorkPointer next() noexcept {
        std::lock_guard const lock(mutex_);
        return queue_.take();
    }

    OneShotEvent& done_;
    bool was_called_ = false;  // the loop's
    std::mutex mutex_;
    WorkQueue queue_;
};

}  // namespace syncopate::detail
