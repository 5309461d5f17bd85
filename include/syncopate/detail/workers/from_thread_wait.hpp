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
class FromThreadWait {
public:
    /// Throws: DeadlockError.
    FromThreadWait(Work& work, OneShotEvent& word)
        : word_(word), wait_(work.loop(), word, BlockingWait::Refuse::blocking),
          worker_(wait_.waiting_thread()->blocked_worker()), may_spin_(work.gate().may_spin()) {
        if (worker_)
            worker_->begin();
    }
    FromThreadWait(FromThreadWait const&) = delete;
    FromThreadWait& operator=(FromThreadWait const&) = delete;
    ~FromThreadWait() {
        if (worker_)
            worker_->end();
    }

    BlockedWorkerPointer const& worker() const noexcept { return worker_; }

    void wait() noexcept {
        if (!may_spin_)
            return word_.wait();
        SpinWait::of_this_thread().wait(
            no_deadline, [this] { return word_.is_set(); },
            [this] { return word_.wait_until(no_deadline); });
    }

private:
    OneShotEvent& word_;
    BlockingWait wait_;
    BlockedWorkerPointer worker_;
    bool const may_spin_;
};

}  // namespace syncopate::detail
