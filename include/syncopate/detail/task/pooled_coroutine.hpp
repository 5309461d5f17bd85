// PooledCoroutine: a coroutine that runs one task after another, so that many calls take one co_spawn.
// CoroutinePool: those of one loop that wait for a task.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/cancellation/coroutine_state.hpp>
#include <syncopate/detail/intrusive_list.hpp>
#include <syncopate/detail/task/caller_executor.hpp>
#include <syncopate/detail/task/caller_link.hpp>
#include <syncopate/detail/task/inplace_handler.hpp>
#include <syncopate/detail/task/park.hpp>
#include <syncopate/detail/task/spawn.hpp>
#include <syncopate/detail/task/spawned_task.hpp>
#include <syncopate/detail/values/current_values.hpp>
#include <syncopate/detail/wait/small_mutex.hpp>

#include SYNCOPATE_ASIO(any_io_executor.hpp)
#include SYNCOPATE_ASIO(awaitable.hpp)
#include SYNCOPATE_ASIO(cancellation_signal.hpp)
#include SYNCOPATE_ASIO(cancellation_state.hpp)
#include SYNCOPATE_ASIO(co_spawn.hpp)
#include SYNCOPATE_ASIO(this_coro.hpp)

#include <atomic>
#include <cstddef>
#include <exception>
#include <memory>
#include <mutex>
#include <utility>

namespace syncopate::inline v0_1::detail {

class PooledCoroutine;

/// Every coroutine of the pool must have ended before the pool is destroyed; where it is shared, they are among its
/// owners.
///
/// Memory order. On a loop of ours everything happens one after another. A shared pool is closed by any thread, and then
/// has a lock: a coroutine waits in the list, or finds that the pool is closed.
class CoroutinePool : public std::enable_shared_from_this<CoroutinePool> {
public:
    /// For a loop that is ours, and turns until it has closed the pool.
    CoroutinePool() = default;

    /// For a loop that somebody else turns. Coroutines that wait do not count as work for it, and end with it.
    static std::shared_ptr<CoroutinePool> shared() {
        auto pool = std::make_shared<CoroutinePool>();
        pool->is_shared_ = true;
        return pool;
    }

    /// Ends the coroutines that wait. From now on none waits. Of a shared pool by any thread.
    void close() noexcept;

private:
    friend class PooledCoroutine;
    using Waiting = IntrusiveList<PooledCoroutine>;

    // Of a shared pool.

    /// One that waits, or null.
    PooledCoroutine* take_shared(bool has_link) noexcept {
        std::lock_guard const lock(mutex_);
        return take(has_link);
    }
    /// Returns false if the pool is closed.
    bool wait_shared(PooledCoroutine& coroutine, bool has_link) noexcept;

    Waiting& waiting(bool has_link) noexcept { return has_link ? waiting_with_caller_ : waiting_; }

    bool may_add() const noexcept {
        return is_open() && count_.load(std::memory_order_relaxed) < most;
    }
    void count(std::size_t more) noexcept { count_.fetch_add(more, std::memory_order_relaxed); }

    /// May be outdated at once if the pool is shared: wait_shared() looks once more.
    bool is_open() const noexcept { return is_open_.load(std::memory_order_relaxed); }

    // Further tasks get a coroutine each: the memory of more coroutines that wait would count.
    static constexpr std::size_t most = 64;

    /// One that waits, or null.
    PooledCoroutine* take(bool has_link) noexcept;

    Waiting waiting_;
    // Those whose executor carries a CallerLink, for tasks that a thread is blocked on or that have context
    // variables. Two lists, because a wrapped executor loses Asio's fast path for its own io_context.
    Waiting waiting_with_caller_;
    std::atomic<std::size_t> count_{0};
    std::atomic<bool> is_open_{true};
    bool is_shared_ = false;
    SmallMutex mutex_;
};

/// To spawn a coroutine costs several times what a short task costs in it. So a coroutine whose task has
/// completed waits in a pool for another one. The tasks do not notice: each finds the cancellation state
/// as co_spawn makes it.
class PooledCoroutine final : public ListHook<PooledCoroutine> {
public:
    /// Runs the task's body, up to its first suspension inside this call. On the loop; the caller holds
    /// the task.
    ///
    /// pool:   null: the task gets a coroutine of its own.
    /// Throws: std::bad_alloc; then the task may not have run.
    static void run(asio::any_io_executor const& executor, CoroutinePool* pool, SpawnedTask& task) {
        if (!pool)
            return spawn(executor, task);
        bool const has_link = task.needs_link();
        if (pool->is_shared_) [[unlikely]]
            return run_in_shared(executor, *pool, task);
        auto* coroutine = pool->take(has_link);
        if (coroutine && coroutine->is_executor_shared()) [[unlikely]]
            coroutine = take_another(*pool, *coroutine);
        if (!coroutine && pool->may_add()) {
            add_to(*pool, executor, has_link ? new CallerLink : nullptr);
            coroutine = pool->take(has_link);
        }
        if (!coroutine)
            return spawn(executor, task);
        coroutine->go_on_with(task);
    }

    /// The same, in a coroutine of its own.
    static void spawn(asio::any_io_executor const& executor, SpawnedTask& task);

    PooledCoroutine(CoroutinePool& pool, CallerLinkPointer caller) noexcept
        : pool_(pool), shared_pool_(pool.weak_from_this().lock()), caller_(std::move(caller)) {
        pool_.count(1);
    }
    ~PooledCoroutine() {
        // If there was no memory to resume the coroutine, it is destroyed before its task has ended. What the task
        // has left behind must not find the thread then. Otherwise the link names none, and other threads may read it.
        if (caller_ && caller_->thread())
            caller_->set_thread(nullptr);
        pool_.count(-std::size_t{1});
    }

private:
    friend class SpawnedTask;
    friend class CoroutinePool;

    /// The completion handler, with the slot and nothing else: bind_cancellation_slot would make co_spawn
    /// keep a copy of the executor in the signal.
    class Completion {
    public:
        using cancellation_slot_type = asio::cancellation_slot;

        Completion(asio::cancellation_signal& signal, SpawnedTask* task) noexcept
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

    /// What both kinds of coroutines begin with: one type, of which co_spawn is compiled once.
    struct Start {
        SpawnedTask::Hold task;                // of a coroutine for this task alone
        std::unique_ptr<PooledCoroutine> own;  // or null
        asio::awaitable<void> operator()() const { return own ? own->serve() : task->body(); }
    };

    /// The same for a shared pool: co_spawn would keep the loop's host from running out of work.
    static BottomCoroutine serve_alone(std::unique_ptr<PooledCoroutine> own);

    /// As long as it has a task: as a coroutine of co_spawn's does.
    void count_as_work(asio::any_io_executor const& executor) noexcept;

    /// Adds a coroutine that waits.
    static void add_to(
        CoroutinePool& pool, asio::any_io_executor const& executor, CallerLinkPointer caller);

    static void run_in_shared(
        asio::any_io_executor const& executor, CoroutinePool& pool, SpawnedTask& task);

    /// Ends this one, and others of the kind, because something still has the executor of its last task. Returns one
    /// of which that is not so, or null.
    static PooledCoroutine* take_another(CoroutinePool& pool, PooledCoroutine& shared) noexcept;

    void go_on_with(SpawnedTask& task) {
        task_.take(task);
        if (task.caller_)
            go_on_with_values_of(*std::exchange(task.caller_, nullptr));
        else
            go_on();
    }
    void go_on() { handler_.call(); }

    [[gnu::noinline]] void go_on_with_values_of(CallerLink const& link) {
        ValuesScope const scope(link.values());
        caller_->set_values(link.values());
        go_on();
    }

    /// The coroutine has no task, and so ends.
    void end() noexcept {
        try {
            go_on();
        } catch (...) {
            // There was no memory to tell co_spawn's handler, which has nothing to do.
        }
    }

    /// Whether something still has the executor of the completed task. It may run later, and through the
    /// link it would find the thread that is blocked on the next task. Asked before that begins: while the task
    /// completes, the handler in which it does so has the executor, too.
    bool is_executor_shared() const noexcept {
        return caller_ && caller_->use_count() != own_references_;
    }

    /// Suspends the coroutine until go_on(). Nothing cancels the wait.
    auto wait() {
        return park(
            handler_, [](asio::cancellation_slot) noexcept {},
            [this] {
                if (!shared_pool_) [[likely]]
                    pool_.waiting(caller_ != nullptr).push_back(*this);
                else if (!pool_.wait_shared(*this, caller_ != nullptr))
                    end();
            });
    }

    asio::awaitable<void> serve();

    SpawnedTask::Hold task_;  // destroyed last
    CoroutinePool& pool_;
    std::shared_ptr<CoroutinePool> const shared_pool_;  // or null
    asio::any_io_executor work_;                        // or null
    asio::cancellation_signal signal_;
    CoroutineBottom* bottom_ = nullptr;
    CallerLinkPointer const caller_;
    unsigned own_references_ = 0;
    InplaceHandler handler_;
};

inline bool CoroutinePool::wait_shared(PooledCoroutine& coroutine, bool has_link) noexcept {
    std::lock_guard const lock(mutex_);
    if (!is_open())
        return false;
    waiting(has_link).push_back(coroutine);
    return true;
}

inline void CoroutinePool::close() noexcept {
    {
        std::lock_guard const lock(mutex_);
        is_open_.store(false, std::memory_order_relaxed);
    }
    for (bool const has_link : {false, true})
        while (auto* const coroutine = take_shared(has_link))
            coroutine->end();
}

inline PooledCoroutine* CoroutinePool::take(bool has_link) noexcept {
    auto& waiting = this->waiting(has_link);
    if (waiting.empty())
        return nullptr;
    PooledCoroutine& coroutine = waiting.back();
    coroutine.unlink();
    return &coroutine;
}

inline void SpawnedTask::emit_cancellation() {
    if (holds_ == 0)
        return;              // it has not begun
    Hold const hold(*this);  // the task may end inside this call
    auto& signal = coroutine_ ? coroutine_->signal_ : signal_;
    auto const& link = coroutine_ ? coroutine_->caller_ : caller_;
    if (!link)
        return cancel_request_.request(bottom_, signal);
    call_with_values(
        link->values().get(), [this, &signal] { cancel_request_.request(bottom_, signal); });
}

}  // namespace syncopate::inline v0_1::detail

#ifndef SYNCOPATE_SEPARATE_COMPILATION
#include <syncopate/detail/task/pooled_coroutine.ipp>
#endif
