// CallingThread: a thread that is blocked in run(), and calls functions for its task while it waits.
#pragma once

#include <syncopate/detail/error/thrown_by.hpp>
#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/loop/work_executor.hpp>
#include <syncopate/detail/separate.hpp>
#include <syncopate/detail/task/caller_link.hpp>
#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/detail/wait/one_shot_event.hpp>
#include <syncopate/detail/work/caller_queue.hpp>
#include <syncopate/detail/work/work.hpp>
#include <syncopate/event.hpp>

namespace syncopate::inline v0_1::detail {

/// The loop queues work under a lock, and then notifies the caller through the event for which that waits. At
/// the end of the task the loop closes the queue, and then sets the event. Only the loop submits work, so none
/// comes after that.
class CallingThread final : public BlockedThread, public WorkExecutor {
public:
    explicit CallingThread(OneShotEvent& done) noexcept : done_(done) { caller_queue = this; }
    CallingThread(CallingThread const&) = delete;
    CallingThread& operator=(CallingThread const&) = delete;

    /// Names the call in which the thread blocks. Before that is submitted.
    void blocks_in(Loop::Blocking const& blocking) noexcept {
        call = blocking.call();
        worker = blocking.worker();
    }

    // On the blocked thread.

    /// Waits, and does the work that comes meanwhile. Returns whether the event was set before the deadline,
    /// which interrupts no work; true also in the child of a fork that the work has made. Only pthread_exit() leaves
    /// it otherwise, after the event has been set.
    bool wait_until(Loop::Blocking& blocking, Deadline deadline) {
        while (blocking.wait_until(deadline)) {
            if (done_.is_set() || !done_.take_notification())
                return true;
            if (!do_work(blocking))
                return true;
        }
        return false;
    }
    void wait(Loop::Blocking& blocking) { wait_until(blocking, no_deadline); }

    // On the loop.

    SYNCOPATE_DECL void submit(Work& work) override;

    SYNCOPATE_DECL void withdraw(Work& work) noexcept override;

    // From any thread.

    Event::Kind event_kind() const noexcept override { return Event::Kind::to_calling_thread; }
    char const* thread_in_words() const noexcept override { return "the calling thread"; }

    // On the loop, at the end of the task.

    /// Refuses the work that is left: the task has ended, and its caller is about to go on.
    void close() noexcept {
        if (was_notified_)
            queue_.refuse("to_calling_thread() in a task whose call has ended meanwhile");
    }

private:
    /// Does the work that has come. False: it has forked, and this is the child.
    bool do_work(Loop::Blocking& blocking);

    OneShotEvent& done_;
    bool was_notified_ = false;  // used on the loop only
    CallerQueue queue_;
};

}  // namespace syncopate::inline v0_1::detail

#ifndef SYNCOPATE_SEPARATE_COMPILATION
#include <syncopate/detail/work/calling_thread.ipp>
#endif
