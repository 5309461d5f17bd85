// ClosingQueue: functions for the threads that are blocked in a loop's close().
#pragma once

#include <syncopate/detail/loop/work_executor.hpp>

namespace syncopate::inline v0_1::detail {

/// Any of these threads calls them.
class ClosingQueue : public WorkExecutor {
public:
    virtual ~ClosingQueue() = default;

    // On a thread that waits for the end of the loop.

    /// Only pthread_exit() leaves it otherwise.
    virtual void do_work() = 0;

    /// No thread waits any more: refuses the functions that are left.
    virtual void refuse_rest() noexcept = 0;
};

}  // namespace syncopate::inline v0_1::detail
