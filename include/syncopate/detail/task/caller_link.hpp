// CallerLink: leads from a task, and from all that it starts, to the thread that is blocked on the task.
#pragma once

#include <syncopate/detail/task/blocked_worker.hpp>
#include <syncopate/detail/task/call_id.hpp>

#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>

#include <utility>

namespace syncopate::inline v0_1::detail {

class WorkExecutor;

/// A thread that is blocked until a task has completed.
struct BlockedThread {
    /// The call in which it is blocked.
    CallId call = 0;
    /// Hands functions to it while it waits; null if it takes none.
    WorkExecutor* caller_queue = nullptr;
    /// Set if it is a worker of a pool.
    BlockedWorkerPointer worker;
};

/// Shared by the executors of the task and of what it starts. They may outlive the task, and then find
/// nobody blocked on it.
class CallerLink : public boost::intrusive_ref_counter<CallerLink, boost::thread_safe_counter> {
public:
    /// parent: if the blocked thread is itself a worker, the link of the task that the worker works for.
    explicit CallerLink(boost::intrusive_ptr<CallerLink> parent = nullptr) noexcept
        : parent_(std::move(parent)) {}

    /// Names the thread while the task runs, and null afterwards. On the loop.
    void set_thread(BlockedThread const* thread) noexcept { thread_ = thread; }

    /// The thread that is blocked on this task, or null. On the loop.
    BlockedThread const* thread() const noexcept { return thread_; }

    /// The nearest blocked thread that takes functions while it waits, or null. On the loop.
    BlockedThread const* serving_thread() const noexcept {
        for (auto const* link = this; link; link = link->parent_.get())
            if (link->thread_ && link->thread_->caller_queue)
                return link->thread_;
        return nullptr;
    }

private:
    BlockedThread const* thread_ = nullptr;
    boost::intrusive_ptr<CallerLink> const parent_;
};

using CallerLinkPointer = boost::intrusive_ptr<CallerLink>;

}  // namespace syncopate::inline v0_1::detail
