// The functions of CallingThread.
#pragma once

#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/separate.hpp>
#include <syncopate/detail/work/work.hpp>

namespace syncopate::inline v0_1::detail {

SYNCOPATE_DECL bool CallingThread::do_work(Loop::Blocking& blocking) {
    return queue_.run([&] { queue_.refuse_until_set(blocking, done_); });
}

SYNCOPATE_DECL void CallingThread::submit(Work& work) {
    queue_.push_or_refuse(work);
    was_notified_ = true;
    done_.notify();
}

SYNCOPATE_DECL void CallingThread::withdraw(Work& work) noexcept {
    queue_.withdraw(work);
}

}  // namespace syncopate::inline v0_1::detail
