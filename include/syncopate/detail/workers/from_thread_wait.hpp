// A worker that waits for the loop for which it works.
#pragma once

#include <syncopate/detail/loop/context_gate.hpp>
#include <syncopate/detail/loop/wait_graph.hpp>
#include <syncopate/detail/task/blocked_worker.hpp>
#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/detail/wait/one_shot_event.hpp>
#include <syncopate/detail/wait/spin_wait.hpp>
#include <syncopate/detail/work/work.hpp>

namespace syncopate::detail {

/// Made before what leads to the end of the wait is posted.
class WorkersWait {
public:
    /// Throws: DeadlockError.
    WorkersWait(Work& work, WakeWord& word)
        : word_(word), wait_(work.loop(), word, Wait::Refuse::blocking),
          worker_(wait_.waiting_thread()->blocked_worker()), may_look_(work.path().may_look()) {
        if (worker_)
            worker_->begin();
    }
    WorkersWait(WorkersWait const&) = delete;
    WorkersWait& operator=(WorkersWait const&) = delete;
    ~WorkersWait() {
        if (worker_)
            worker_->end();
    }

    BlockedWorkerPointer const& worker() const noexcept { return worker_; }

    void wait() noexcept {
        if (!may_look_)
            return word_.wait();
        Patience::of_this_thread().wait(
            Deadline::max(), [this] { return word_.is_set(); },
            [this] { return word_.wait_until(Deadline::max()); });
    }

private:
    WakeWord& word_;
    Wait wait_;
    BlockedWorkerPointer worker_;
    bool const may_look_;
};

}  // namespace syncopate::detail
