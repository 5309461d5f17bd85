// FromThreadWait: a worker that waits for the loop for which it works.
#pragma once

#include <syncopate/detail/deadlock/blocking_scope.hpp>
#include <syncopate/detail/loop/context_gate.hpp>
#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/detail/wait/one_shot_event.hpp>
#include <syncopate/detail/wait/spin_then_sleep.hpp>
#include <syncopate/detail/work/work.hpp>

#include <chrono>

namespace syncopate::inline v0_1::detail {

class FromThreadWait : public BlockingScope {
public:
    /// Throws: DeadlockError.
    FromThreadWait(Work& work, OneShotEvent& event)
        : BlockingScope(work.loop(), event), work_(work), may_spin_(work.gate().may_spin()) {}

    /// Until the event is set, or never will be because nobody runs the loop any more.
    void wait() noexcept {
        if (!work_.is_gated())
            wait_until(no_deadline);
        else
            while (!wait_until(deadline_after(look_after)) && !work_.is_shut_out()) {
            }
    }

private:
    static constexpr std::chrono::milliseconds look_after{200};

    bool wait_until(Deadline deadline) noexcept {
        return may_spin_ ? spin_then_sleep(event(), deadline, {}) : event().wait_until(deadline);
    }

    Work& work_;
    bool const may_spin_;
};

}  // namespace syncopate::inline v0_1::detail
