// WorkExecutor: threads that do work for coroutines. OwnedWorkExecutor: those that a loop owns.
#pragma once

#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/event.hpp>

#include <string>

namespace syncopate::inline v0_1::detail {

class Work;

/// The threads of a pool, or one thread that is blocked on the loop.
class WorkExecutor {
public:
    /// Takes the work, and shares its ownership until it has been done.
    /// Throws: what keeps it from being done; then it has not been taken.
    virtual void submit(Work& work) = 0;

    /// Takes back work that is not to be done. A thread may have it already.
    virtual void withdraw(Work& work) noexcept = 0;

    /// What events call the work that is done here.
    virtual Event::Kind event_kind() const noexcept { return Event::Kind::to_thread; }

    /// Which thread it is, in words.
    virtual char const* thread_in_words() const noexcept { return "a worker thread"; }

protected:
    ~WorkExecutor() = default;
};

/// A pool that a loop owns and closes.
class OwnedWorkExecutor : public WorkExecutor {
public:
    virtual ~OwnedWorkExecutor() = default;

    /// Refuses what is queued, and waits for what is being done. Returns whether the threads had ended
    /// before the deadline.
    virtual bool close_until(Deadline deadline) noexcept = 0;

    /// The work that is being done, in words.
    virtual std::string description() const = 0;
};

}  // namespace syncopate::inline v0_1::detail
