// FromThreadWait: a worker that waits for the loop for which it works.
#pragma once

#include <syncopate/detail/loop/blocking_scope.hpp>
#include <syncopate/detail/loop/context_gate.hpp>
#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/detail/wait/one_shot_event.hpp>
#include <syncopate/detail/wait/spin_then_sleep.hpp>
#include <syncopate/detail/work/work.hpp>

namespace syncopate::inline v0_1::detail {

class FromThreadWait : public BlockingScope {
public:
    /// Throws: DeadlockError.
    FromThreadWait(Work& work, OneShotEvent& event)
        : BlockingScope(work.loop(), event), may_spin_(work.gate().may_spin()) {}

    /// Until the event is set.
    void wait() noexcept {
        if (may_spin_)
            spin_then_sleep(event(), no_deadline, {});
        else
            event().wait();
    }

private:
    bool const may_spin_;
};

}  // namespace syncopate::inline v0_1::detail
