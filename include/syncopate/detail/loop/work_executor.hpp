// Where work is done that coroutines wait for.
#pragma once

#include <syncopate/detail/wait/deadline.hpp>

#include <string>

namespace syncopate::detail {

class Work;

/// Threads that take work: a pool's, or one that is blocked.
class WorkExecutor {
public:
    /// Takes the work, and shares its ownership until it has been done.
    /// Throws: what keeps it from being done; then it has not been taken.
    virtual void submit(Work& work) = 0;

    /// The work will not be done. It may have been taken by a thread already.
    virtual void withdraw(Work& work) noexcept = 0;

protected:
    ~WorkExecutor() = default;
};

/// A pool, as the loop sees it whose default it is.
class OwnedWorkExecutor : public WorkExecutor {
public:
    virtual ~OwnedWorkExecutor() = default;

    /// Refuses what is queued, and waits for what is being done. Returns whether it has ended.
    virtual bool close_until(Deadline deadline) noexcept = 0;

    /// What is being done, in words.
    virtual std::string description() const = 0;
};

}  // namespace syncopate::detail
