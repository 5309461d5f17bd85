// PooledCoroutine: a coroutine that stays on the loop and runs one task after another, so that many
// calls take one co_spawn. CoroutinePool keeps those that wait.
#pragma once

#include <syncopate/detail/intrusive_list.hpp>
#include <syncopate/detail/task/caller_link.hpp>
#include <syncopate/detail/task/emit_cancellation.hpp>
#include <syncopate/detail/task/inplace_handler.hpp>
#include <syncopate/detail/task/spawned_task.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/this_coro.hpp>

#include <cstddef>
#include <exception>
#include <memory>
#include <utility>

namespace syncopate::detail {

class PooledCoroutine;

/// The pooled coroutines of one loop. All of them have to be gone before it ends.
class CoroutinePool {
public:
    /// Lets go of those that wait. None waits from now on.
    void close() noexcept;

private:
    friend class PooledCoroutine;
    using Waiting = IntrusiveList<PooledCoroutine>;

    // Tasks beyond that are spawned one by one: in so many, a coroutine's own memory counts.
    static constexpr std::size_t most = 64;

    static PooledCoroutine& take(Waiting& waiting) noexcept;

    Waiting waiting_;
    // Apart, because a wrapped executor loses Asio's fast path for its own io_context: those that name
    // the thread that is blocked on their task.
    Waiting waiting_with_caller_;
    std::size_t count_ = 0;
    bool is_open_ = true;
};

/// Spawning a coroutine costs several times what it costs to run a short task in it. So one that has
/// carried its task to the end waits in a pool for another. It is not seen by the tasks: each finds the
/// cancellation state as co_spawn makes it.
class PooledCoroutine final : public ListHook<PooledCoroutine> {
public:
    /// Runs the task's body, up to its first suspension at once. On the loop, by one who holds the task.
    /// A null pool is that of a loop which may end at any time, and must not find a coroutine waiting.
    /// Throws: std::bad_alloc; then the task may not have run.
    static void run(
        boost::asio::any_io_executor const& executor, CoroutinePool* pool, SpawnedTask& task) {
        if (!pool)
            return spawn(executor, task);
        auto& waiting = task.blocked_thread_ ? pool->waiting_with_caller_ : pool->waiting_;
        if (waiting.empty() && pool->is_open_ && pool->count_ < CoroutinePool::most)
            add_to(*pool, executor, task.blocked_thread_ ? new CallerLink : nullptr);
        if (waiting.empty())
            return spawn(executor, task);
        PooledCoroutine& coroutine = CoroutinePool::take(waiting);
        coroutine.task_.take(task);
        coroutine.go_on();
    }

    /// Without a coroutine.
    /// within: the origin of what the task is a part of.
    static void spawn(
        boost::asio::any_io_executor const& executor,
        SpawnedTask& task,
        CallerLinkPointer within = nullptr) {
        auto of_task = executor;
        if (task.blocked_thread_) {
            task.caller_ = new CallerLink(std::move(within));
            task.caller_->set_thread(task.blocked_thread_);
            of_task = with_caller(executor, task.caller_);
        }
        task.is_being_spawned_ = true;
        boost::asio::co_spawn(
            of_task, [hold = SpawnedTask::Hold(task)] { return hold->body(); },
            Completion(task.signal_, &task));
        task.is_being_spawned_ = false;  // the caller holds it
    }

    PooledCoroutine(CoroutinePool& pool, CallerLinkPointer caller) noexcept
        : pool_(pool), caller_(std::move(caller)) {
        ++pool_.count_;
    }
    ~PooledCoroutine() { --pool_.count_; }

private:
    friend class SpawnedTask;
    friend class CoroutinePool;

    /// A type with the slot and nothing else, because bind_cancellation_slot would make co_spawn keep a
    /// copy of the executor in the signal.
    class Completion {
    public:
        using cancellation_slot_type = boost::asio::cancellation_slot;

        Completion(boost::asio::cancellation_signal& signal, SpawnedTask* task) noexcept
            : slot_(signal.slot()), task_(task) {}
        cancellation_slot_type get_cancellation_slot() const noexcept { return slot_; }
        void operator()(std::exception_ptr error) const noexcept {
            if (error && task_)
                task_->fail(std::move(error));
        }

    private:
        cancellation_slot_type slot_;
        SpawnedTask* task_;
    };

    /// Adds one that waits.
    static void add_to(
        CoroutinePool& pool,
        boost::asio::any_io_executor const& executor,
        CallerLinkPointer caller) {
        auto const of_coroutine = caller ? with_caller(executor, caller) : executor;
        auto owned = std::make_unique<PooledCoroutine>(pool, std::move(caller));
        Completion const completion(owned->signal_, nullptr);
        boost::asio::co_spawn(
            of_coroutine, [owned = std::move(owned)] { return owned->serve(); }, completion);
    }

    void go_on() { handler_.call(); }

    /// Whether somebody has kept the executor of a task that has ended. Then what was started there may
    /// still run, and would find the next task's thread.
    bool is_remembered() const noexcept {
        return caller_ && caller_->use_count() != own_references_;
    }

    // Awaited as deferred, and so without a frame of its own.
    auto wait() {
        return boost::asio::async_initiate<boost::asio::deferred_t const, void()>(
            [this](auto handler) {
                handler_.keep(std::move(handler));
                (caller_ ? pool_.waiting_with_caller_ : pool_.waiting_).push_back(*this);
            },
            boost::asio::deferred);
    }

    boost::asio::awaitable<void> serve() {
        namespace this_coro = boost::asio::this_coro;
        co_await wait();
        own_references_ = caller_ ? caller_->use_count() : 0;
        while (task_) {
            task_->coroutine_ = this;
            if (caller_)
                caller_->set_thread(task_->blocked_thread_);
            try {
                co_await task_->body();
            } catch (...) {
                task_->fail(std::current_exception());
            }
            // The task's filters and slot handlers are a part of it.
            co_await this_coro::reset_cancellation_state();
            co_await this_coro::throw_if_cancelled(true);
            if (caller_)
                caller_->set_thread(nullptr);
            task_->coroutine_ = nullptr;
            task_.release();
            if (!pool_.is_open_ ||
                is_remembered())  // it may have been what the loop's end waited for
                co_return;
            co_await wait();
        }
    }

    SpawnedTask::Hold task_;  // the last to go
    CoroutinePool& pool_;
    boost::asio::cancellation_signal signal_;
    CallerLinkPointer const caller_;
    unsigned own_references_ = 0;
    InplaceHandler handler_;
};

inline void CoroutinePool::close() noexcept {
    is_open_ = false;
    for (auto* const waiting : {&waiting_, &waiting_with_caller_})
        while (!waiting->empty())
            take(*waiting).go_on();
}

inline PooledCoroutine& CoroutinePool::take(Waiting& waiting) noexcept {
    PooledCoroutine& coroutine = waiting.back();
    coroutine.unlink();
    return coroutine;
}

inline void SpawnedTask::emit_cancellation() {
    if (holds_ == 0)
        return;              // it has not begun
    Hold const hold(*this);  // it may end at once
    detail::emit_cancellation(coroutine_ ? coroutine_->signal_ : signal_);
}

}  // namespace syncopate::detail
