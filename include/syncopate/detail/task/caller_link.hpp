// CallerLink: leads from a task, and from all that it starts, to the thread that is blocked on the task, and to
// its context variables.
#pragma once

#include <syncopate/detail/cancellation/coroutine_state.hpp>
#include <syncopate/detail/intrusive_pointer.hpp>
#include <syncopate/detail/task/blocked_worker.hpp>
#include <syncopate/detail/task/call_id.hpp>
#include <syncopate/detail/task/task_id.hpp>
#include <syncopate/detail/values/task_values.hpp>

#include <atomic>
#include <utility>

namespace syncopate::inline v0_1::detail {

class CallerLink;
class WorkExecutor;

/// What a task does at this moment. Changed on the loop only; others look at it.
struct TaskCounts {
    /// Its coroutines that wait for tasks that they have started.
    std::atomic<unsigned> waits_for_children{0};
    /// The handlers of its executor that are being called, one inside another.
    std::atomic<unsigned> steps{0};
    /// The time limits inside it, of its parts.
    std::atomic<unsigned> time_limits{0};
};

/// The thread that is blocked until a task has completed. For a task that is followed it stands for no thread, and
/// tells why.
struct BlockedThread {
    /// The call in which it is blocked; zero if no thread is.
    CallId call = 0;
    /// The id of the task: the loop gives it when it begins the task. Null if it is not known.
    TaskId const* task = nullptr;
    /// Whether it may go on before the task has ended by itself: its call has a time limit, or can be stopped.
    bool may_give_up = true;
    /// Hands functions to it while it waits; null if it takes none.
    WorkExecutor* caller_queue = nullptr;
    /// Set if it is a worker of a pool.
    BlockedWorkerPointer worker;
    /// The link of the task that it works for, if it is a worker; or null. Used when the task is given to its coroutine.
    CallerLink* works_for = nullptr;
    /// Where there is no caller_queue: the reason, for messages.
    char const* takes_none_because = "";
    mutable TaskCounts counts;
};

/// Shared by the executors of the task and of what it starts. They may outlive the task, and then find
/// nobody blocked on it.
class CallerLink : public ReferenceCounted<CallerLink> {
public:
    CallerLink() = default;
    /// The link of a task that has context variables of its own.
    ///
    /// starter: null, or the link of the task that starts it: this one leads to the same thread.
    CallerLink(IntrusivePointer<CallerLink> const& starter, TaskValuesPointer values) noexcept
        : leader_(starter && starter->leader_ ? starter->leader_ : starter),
          values_(std::move(values)) {}

    /// Names the thread while the task runs, and null afterwards. On the loop.
    void set_thread(BlockedThread const* thread) noexcept {
        thread_ = thread;
        if (thread && thread->works_for) [[unlikely]]
            parent_ = thread->works_for;
    }

    /// The thread that is blocked on this task, or null. On the loop.
    BlockedThread const* thread() const noexcept { return leader_ ? leader_->thread_ : thread_; }

    /// Whether the thread goes on only after the coroutine with this bottom: the task awaits it, and no time limit or
    /// stop token ends that. On the loop.
    bool is_bound(CoroutineBottom const& bottom) const noexcept {
        auto const* const blocked = thread();
        return blocked && !blocked->may_give_up &&
               blocked->counts.time_limits.load(std::memory_order_relaxed) == 0 &&
               CoroutineState::is_awaited(bottom);
    }

    /// The nearest blocked thread that takes functions while it waits, or null. On the loop.
    BlockedThread const* serving_thread() const noexcept {
        for (auto const* link = this; link; link = link->parent_.get()) {
            if (link->leader_)
                link = link->leader_.get();
            if (link->thread_ && link->thread_->caller_queue)
                return link->thread_;
        }
        return nullptr;
    }

    /// Gives the task its context variables, and null takes them from it. On the loop.
    void set_values(TaskValuesPointer values) noexcept { values_ = std::move(values); }

    /// The values that the task sees of context variables; null if it was started before there were any. On the
    /// loop.
    TaskValuesPointer const& values() const noexcept { return values_; }

    /// Whether it has more than the thread.
    bool has_more() const noexcept { return parent_ || values_; }

    /// Takes that from it. On the loop, when nothing else has the link.
    void clear() noexcept {
        parent_ = nullptr;
        values_ = nullptr;
    }

private:
    BlockedThread const* thread_ = nullptr;
    IntrusivePointer<CallerLink> parent_;  // of the task that the blocked thread works for, or null
    IntrusivePointer<CallerLink> const leader_;  // it has the thread; null: this one
    TaskValuesPointer values_;
};

using CallerLinkPointer = IntrusivePointer<CallerLink>;

/// While it lives, one more of the task that a link belongs to is counted. On the loop.
template <std::atomic<unsigned> TaskCounts::* count>
class CountedOfTask {
public:
    /// link: of the task, or null.
    explicit CountedOfTask(CallerLinkPointer link) noexcept
        : link_(std::move(link)), thread_(link_ ? link_->thread() : nullptr) {
        if (thread_)
            add(1);
    }
    CountedOfTask(CountedOfTask const&) = delete;
    CountedOfTask& operator=(CountedOfTask const&) = delete;
    ~CountedOfTask() {
        if (thread_ && link_->thread() == thread_)  // else the task has ended, and left this behind
            add(-1U);
    }

private:
    void add(unsigned number) const noexcept {
        auto& counted = thread_->counts.*count;
        counted.store(counted.load(std::memory_order_relaxed) + number, std::memory_order_relaxed);
    }

    CallerLinkPointer const link_;
    BlockedThread const* const thread_;
};

/// While it lives, a coroutine waits for tasks that it has started.
using ChildrenWait = CountedOfTask<&TaskCounts::waits_for_children>;
/// While it lives, a handler of the task's executor is being called.
using TaskStep = CountedOfTask<&TaskCounts::steps>;
/// While it lives, a time limit may end a part of the task.
using TimeLimit = CountedOfTask<&TaskCounts::time_limits>;

}  // namespace syncopate::inline v0_1::detail
