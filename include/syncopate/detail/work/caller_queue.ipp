// The functions of CallerQueue.
#pragma once

#include <syncopate/detail/error/thrown_by.hpp>
#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/separate.hpp>
#include <syncopate/detail/wait/one_shot_event.hpp>
#include <syncopate/detail/work/work.hpp>
#include <syncopate/error.hpp>

namespace syncopate::inline v0_1::detail {

SYNCOPATE_DECL void CallerQueue::push_or_refuse(Work& work) {
    if (!work.holds_up_call() || !is_busy())
        return push(work);
    WorkPointer const keep(&work);
    work.enter_queue(*this, this);
    push(work);
    if (work.is_stuck_in_queue() && withdraw(work))
        throw DeadlockError(
            "to_calling_thread(): the calling thread is in a function that waits for this one");
}

SYNCOPATE_DECL void CallerQueue::refuse(char const* why) noexcept {
    while (auto const work = next())
        work->refuse(error_of(Errc::no_calling_thread, why));
}

SYNCOPATE_DECL void CallerQueue::refuse_until_set(
    Loop::Blocking& blocking, OneShotEvent& event) noexcept {
    while (!event.is_set()) {
        refuse("the thread that was blocked in the call has ended, by pthread_exit()");
        blocking.wait();
        event.take_notification();
    }
}

}  // namespace syncopate::inline v0_1::detail
