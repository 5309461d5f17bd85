// SpawnedTask: a task on its way through a loop, and who wants to know when nothing of it is left.
#pragma once

#include <syncopate/detail/task/caller_link.hpp>

#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/deferred.hpp>

#include <exception>
#include <utility>

namespace syncopate::detail {

class PooledCoroutine;

/// A task that a coroutine of the loop runs: a PooledCoroutine, or one that was made for it alone.
class SpawnedTask {
public:
    /// As long as one exists, the loop refers to the task. The last to go calls end().
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
                task->let_go();
        }
        /// Only if it holds nothing.
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
    ~SpawnedTask() = default;

    /// Before it is spawned: the task, and what it starts, will find this thread blocked on it.
    void set_blocked_thread(BlockedThread const& thread) noexcept { blocked_thread_ = &thread; }

    /// Cancels the task, if it has begun. On the loop, before end().
    void emit_cancellation();

    /// Whether co_spawn will post the completion, another round through the executor: it does so for a
    /// coroutine that was never suspended, so that no completion handler runs inside the initiating
    /// function. Ours may.
    bool would_be_posted() const noexcept { return is_being_spawned_; }

    /// Lets co_spawn believe that the coroutine was suspended.
    static auto pretend_suspension() {
        return boost::asio::async_initiate<boost::asio::deferred_t const, void()>(
            [](auto handler) { std::move(handler)(); }, boost::asio::deferred);
    }

    /// The outcome, if the task could not run.
    virtual void fail(std::exception_ptr error) noexcept = 0;

private:
    friend class PooledCoroutine;

    /// The task. Writes its own outcome.
    virtual boost::asio::awaitable<void> body() = 0;
    /// Nothing on the loop refers to it any more: it may be destroyed from now on.
    virtual void end() noexcept = 0;

    void let_go() noexcept {
        if (caller_)
            std::exchange(caller_, nullptr)->set_thread(nullptr);
        end();
    }

    // The loop's.
    int holds_ = 0;
    bool is_being_spawned_ = false;
    BlockedThread const* blocked_thread_ = nullptr;
    PooledCoroutine* coroutine_ = nullptr;     // null if it has a coroutine for itself
    boost::asio::cancellation_signal signal_;  // that one's
    CallerLinkPointer caller_;                 // that one's
};

}  // namespace syncopate::detail
