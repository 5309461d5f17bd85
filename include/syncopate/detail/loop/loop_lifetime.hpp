// LoopLifetime: a loop's tasks and open contexts, and the order in which its close ends them.
#pragma once

#include <syncopate/detail/intrusive_list.hpp>
#include <syncopate/detail/loop/loop_reports.hpp>
#include <syncopate/detail/loop/operation.hpp>
#include <syncopate/detail/loop/running_tasks.hpp>
#include <syncopate/detail/loop/task_record.hpp>
#include <syncopate/detail/system/forks.hpp>
#include <syncopate/detail/task/task_id.hpp>
#include <syncopate/detail/wait/platform.hpp>
#include <syncopate/error.hpp>

#include <atomic>
#include <exception>
#include <mutex>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// Base of Loop. Closing goes in this order:
///
/// 1. New calls are refused, from any thread.
/// 2. The open contexts are left, newest first.
/// 3. The tasks that are left are cancelled, newest first, and each is awaited.
/// 4. unwound() is called. The kinds of loops differ from there on.
///
/// All but the first step happens on the loop. Nobody waits there: the end of a context or a task leads to
/// the next step.
class LoopLifetime : public LoopReports {
public:
    // From any thread.

    /// Whether the loop was in use before the fork that has made this process. Then its thread is not there, and the
    /// loop must be left alone.
    bool was_forked() const noexcept { return in_use_.before_fork(); }

    /// Whether the loop is in use in this process.
    bool is_in_use_here() const noexcept { return is_ready_.here(); }

    /// The first check of whatever uses the loop, before any lock of the loop's is taken.
    /// Throws: Errc::forked; what a loop throws that is first used here, after a fork.
    void require_here() {
        if (!is_ready_.here()) [[unlikely]]
            begin_use();
    }

    /// The same, where nothing can be thrown. Returns false if the loop must be left alone.
    bool is_usable_here() noexcept {
        try {
            require_here();
        } catch (...) {
            return false;
        }
        return true;
    }

    bool is_open() const noexcept { return refusal_.load(std::memory_order_acquire) == Errc{}; }

    /// Throws the error with which the loop refuses calls, if it does.
    void require_open() const {
        if (auto const refusal = refusal_.load(std::memory_order_acquire); refusal != Errc{})
            throw_error(refusal);
    }

    /// Whether the execution context went away under the loop: its objects must not be used any more.
    bool is_lost() const noexcept { return is_lost_.load(std::memory_order_acquire); }

    /// The first failure of an exit during close, once.
    std::exception_ptr take_exit_error() noexcept {
        std::lock_guard lock(exit_mutex_);
        return std::exchange(exit_error_, nullptr);
    }

    /// The same, by the runner's destructor. Exits that fail later, on a loop for whose end it does not wait, are
    /// reported.
    std::exception_ptr take_last_exit_error() noexcept {
        std::lock_guard lock(exit_mutex_);
        is_exit_error_awaited_ = false;
        return std::exchange(exit_error_, nullptr);
    }

    // On the loop.

    /// Why a task must not start any more, or Errc{}.
    Errc refusal() const noexcept { return refusal_.load(std::memory_order_relaxed); }

    /// Whether closing has come to its fourth step.
    bool has_unwound() const noexcept { return has_unwound_; }

    /// Takes the next operation out of the queue: see RunningTasks.
    template <class Take>
    Operation* begin_next(Take take) noexcept {
        if (!is_in_use_here()) [[unlikely]]
            return nullptr;  // what is left belongs to the parent
        return tasks_.begin_next(take);
    }

    void function_ended() noexcept { tasks_.function_ended(); }
    TaskId function_id() const noexcept { return tasks_.function_id(); }

    /// The task's outcome is written, but its user has not been told.
    void task_completed(TaskRecord& task) noexcept { tasks_.completed(task); }

    /// The task's user has been told: close() does not wait for the task any more.
    void task_released() noexcept {
        if (!is_in_use_here()) [[unlikely]]
            return forked_on_loop();
        tasks_.released();
        advance_close();
    }

    /// While it lives, this task's code runs.
    class TaskOnThread : RunningTasks::OnThread {
    public:
        TaskOnThread(LoopLifetime const& loop, TaskId task) noexcept
            : OnThread(loop.tasks_, task) {}
    };

    /// The task whose code runs, if that is known, or zero.
    TaskId task_on_thread() const noexcept { return tasks_.on_thread(); }

    void context_entered(OpenContext& context) noexcept { open_contexts_.push_back(context); }

    void context_left(OpenContext& context) noexcept {
        context.unlink();
        advance_close();
    }

    /// An exit that close() asked for has failed. The first failure comes out of close().
    void exit_failed(std::exception_ptr error) noexcept {
        {
            std::lock_guard lock(exit_mutex_);
            if (!exit_error_ && is_exit_error_awaited_) {
                exit_error_ = std::move(error);
                return;
            }
        }
        report(std::move(error));
    }

    /// Begins the second step. Calls are refused by now.
    void start_closing() noexcept {
        is_closing_ = true;
        advance_close();
    }

    /// Somebody calls close() again: cancels once more what goes on all the same.
    void cancel_once_more() noexcept {
        is_cancelling_again_.store(false, std::memory_order_relaxed);
        if (!is_closing_ || has_unwound_)
            return;
        tasks_.forget_cancellations();
        advance_close();
    }

protected:
    using LoopReports::LoopReports;
    ~LoopLifetime() = default;

    /// Whether cancel_once_more() has to be submitted: it is not on its way yet.
    bool begin_cancelling_again() noexcept {
        return !is_cancelling_again_.exchange(true, std::memory_order_relaxed);
    }
    void cannot_cancel_again() noexcept {
        is_cancelling_again_.store(false, std::memory_order_relaxed);
    }

    /// Refuses new calls from now on, with this error. Returns whether this is the first refusal.
    bool refuse(Errc reason) noexcept {
        Errc accepting{};
        return refusal_.compare_exchange_strong(accepting, reason, std::memory_order_acq_rel);
    }

    /// Takes a refusal back that nobody else has made.
    void accept_again(Errc reason) noexcept {
        refusal_.compare_exchange_strong(reason, Errc{}, std::memory_order_acq_rel);
    }

    void set_lost() noexcept {
        is_lost_.store(true, std::memory_order_release);
        refuse(Errc::loop_failed);
    }

    /// In the child of a fork that was made on the loop's thread.
    virtual void forked_on_loop() noexcept {}

    bool has_no_tasks() const noexcept { return tasks_.none(); }

    RunningTasks& running_tasks() noexcept { return tasks_; }
    RunningTasks const& running_tasks() const noexcept { return tasks_; }

private:
    /// The loop is about to be used, by this thread and maybe by others, for the first time.
    virtual void prepare_first_use() {}

    [[gnu::noinline]] void begin_use() {
        if (!in_use_.note())
            throw_error(Errc::forked);
        prepare_first_use();
        is_ready_.set_here();
    }

    /// On the loop, once: no context is open, and every task has been released. Leads to the end of close().
    virtual void unwound() noexcept = 0;

    void advance_close() noexcept {
        if (!is_closing_ || is_advancing_ || has_unwound_)
            return;
        is_advancing_ = true;  // a task that is cancelled may end at once, which calls this again
        cancel_what_is_left();
        is_advancing_ = false;
        if (!open_contexts_.empty() || !has_no_tasks())
            return;
        has_unwound_ = true;
        unwound();
    }

    void cancel_what_is_left() noexcept {
        if (is_lost())
            return;  // the execution context destroys the coroutines
        Errc const reason = refusal();
        if (!open_contexts_.empty())
            return open_contexts_.back().leave_for_close(reason);
        tasks_.cancel_all(reason);
    }

    UsedIn in_use_;    // from the beginning of the first use
    UsedIn is_ready_;  // once that has made what it needs

    // Callers read these; the loop changes them at its end.
    std::atomic<Errc> refusal_{Errc{}};
    std::atomic<bool> is_lost_{false};
    std::atomic<bool> is_cancelling_again_{false};

    // The loop's own, on cache lines that callers do not touch.
    alignas(cache_line) IntrusiveList<OpenContext> open_contexts_;
    bool is_closing_ = false;
    bool is_advancing_ = false;
    bool has_unwound_ = false;

    RunningTasks tasks_;

    std::mutex exit_mutex_;
    std::exception_ptr exit_error_;
    bool is_exit_error_awaited_ = true;  // somebody is going to take it
};

}  // namespace syncopate::inline v0_1::detail
