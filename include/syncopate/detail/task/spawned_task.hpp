// SpawnedTask: a task that a coroutine of the loop runs. It is told when the loop has released it.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/cancellation/cancel_request.hpp>
#include <syncopate/detail/cancellation/coroutine_state.hpp>
#include <syncopate/detail/separate.hpp>
#include <syncopate/detail/task/caller_link.hpp>
#include <syncopate/detail/task/task_id.hpp>
#include <syncopate/detail/values/current_values.hpp>
#include <syncopate/detail/values/task_values.hpp>

#include SYNCOPATE_ASIO(async_result.hpp)
#include SYNCOPATE_ASIO(awaitable.hpp)
#include SYNCOPATE_ASIO(cancellation_signal.hpp)
#include SYNCOPATE_ASIO(deferred.hpp)

#include <atomic>
#include <exception>
#include <utility>

namespace syncopate::inline v0_1::detail {

class PooledCoroutine;

/// The coroutine is a PooledCoroutine, or one that was spawned for this task alone.
class SpawnedTask {
public:
    /// While one exists, the loop refers to the task. The last to go calls released_by_loop().
    class Hold {
    public:
        Hold() = default;
        explicit Hold(SpawnedTask& task) noexcept : task_(&task) { ++task.holds_; }
        Hold(Hold&& other) noexcept : task_(std::exchange(other.task_, nullptr)) {}
        Hold& operator=(Hold&&) = delete;
        ~Hold() { release(); }

        void release() noexcept {
            if (SpawnedTask* const task = std::exchange(task_, nullptr);
                task && --task->holds_ == 0)
                task->release();
        }
        /// Only while it holds nothing.
        void take(SpawnedTask& task) noexcept {
            task_ = &task;
            ++task.holds_;
        }
        SpawnedTask* operator->() const noexcept { return task_; }
        explicit operator bool() const noexcept { return task_ != nullptr; }

    private:
        SpawnedTask* task_ = nullptr;
    };

protected:
    /// The task inherits the context variables of the code that makes it.
    /// Throws: std::bad_alloc.
    SpawnedTask() {
        if (CurrentValues::are_used())
            inherit_values();
    }
    /// The task has these context variables, or none.
    /// Throws: std::bad_alloc.
    explicit SpawnedTask(TaskValuesPointer const& values) {
        if (values)
            caller_ = new CallerLink(nullptr, values);
    }
    SYNCOPATE_DECL ~SpawnedTask();

    /// Says which thread is blocked on the task. The task, and what it starts, find it through their
    /// executor. Before the task is spawned.
    void set_blocked_thread(BlockedThread& thread) noexcept { blocked_thread_ = &thread; }

    /// The same, where no thread is or will be blocked on the task, so that tasks() and on_stall can tell what it
    /// does.
    ///
    /// nobody: lasts as long as this.
    void be_followed(BlockedThread& nobody, TaskId const& task) noexcept {
        nobody.task = &task;
        nobody.may_give_up = false;
        nobody.takes_none_because =
            "to_calling_thread() in a task of run_as_future() or start_soon()";
        set_blocked_thread(nobody);
    }

    // From any thread, while the task has not completed.

    /// Whether a handler of its executor is being called.
    bool has_step() const noexcept {
        return blocked_thread_ &&
               blocked_thread_->counts.steps.load(std::memory_order_relaxed) != 0;
    }
    /// Whether it waits for tasks that it has started.
    bool has_children() const noexcept {
        return blocked_thread_ &&
               blocked_thread_->counts.waits_for_children.load(std::memory_order_relaxed) != 0;
    }

    /// Cancels the task, if it has begun. On the loop, before its coroutine has ended.
    void emit_cancellation();

    /// Whether co_spawn would post its completion, which costs another round through the executor. It
    /// does so for a coroutine that was never suspended, lest the completion handler run inside the
    /// initiating function. Ours may.
    bool would_be_posted() const noexcept { return is_being_spawned_; }

    /// While the caller holds the task: whether its coroutine has ended, or never began. Then there is nothing to
    /// cancel, and emit_cancellation() must not be called.
    bool has_no_coroutine() const noexcept { return holds_ == 1; }

    /// Makes co_spawn take the coroutine for one that was suspended.
    static auto pretend_suspension() {
        return asio::async_initiate<asio::deferred_t const, void()>(
            [](auto handler) { std::move(handler)(); }, asio::deferred);
    }

    /// The first thing that body() awaits, if it is spawned alone: finds the coroutine that may be cancelled.
    auto find_own_coroutine() noexcept { return find_bottom(bottom_); }
    /// The last thing of body(), on the loop: the coroutine is not cancelled any more.
    void end_cancellation() noexcept { cancel_request_.end(); }

    /// The coroutine will never run again, nor be destroyed: the task is released without it.
    void release_without_end() noexcept {
        holds_ = 0;
        release();
    }

    /// Takes the error of a task that could not run as its outcome.
    virtual void fail(std::exception_ptr error) noexcept = 0;

private:
    friend class PooledCoroutine;

    /// Runs the task, and writes its outcome.
    virtual asio::awaitable<void> body() = 0;
    /// Nothing on the loop refers to the task any more: it may be destroyed from now on.
    virtual void released_by_loop() noexcept = 0;

    /// Whether its executor has to lead to a blocked thread, or to context variables.
    bool needs_link() const noexcept { return blocked_thread_ || caller_; }

    void inherit_values();

    void release() noexcept {
        cancel_request_.end();
        if (caller_)
            std::exchange(caller_, nullptr)->set_thread(nullptr);
        released_by_loop();
    }

    // The loop's.
    int holds_ = 0;
    bool is_being_spawned_ = false;
    BlockedThread const* blocked_thread_ = nullptr;
    PooledCoroutine* coroutine_ = nullptr;  // null if a coroutine was spawned for this task alone
    CancelRequest cancel_request_;
    CoroutineBottom* bottom_ = nullptr;  // of the coroutine that runs the task
    // Of a coroutine that was spawned for this task alone.
    asio::cancellation_signal signal_;
    // Of the same. Before that it has the context variables of the task.
    CallerLinkPointer caller_;
};

}  // namespace syncopate::inline v0_1::detail

#ifndef SYNCOPATE_SEPARATE_COMPILATION
#include <syncopate/detail/task/spawned_task.ipp>
#endif
