// PooledCoroutine: a coroutine that runs one task after another, so that many calls take one co_spawn.
// CoroutinePool: those of one loop that wait for a task.
#pragma once

#include <syncopate/detail/intrusive_list.hpp>
#include <syncopate/detail/task/caller_executor.hpp>
#include <syncopate/detail/task/caller_link.hpp>
#include <syncopate/detail/task/coroutine_state.hpp>
#include <syncopate/detail/task/inplace_handler.hpp>
#include <syncopate/detail/task/park.hpp>
#include <syncopate/detail/task/spawned_task.hpp>
#include <syncopate/detail/values/current_values.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>

#include <cstddef>
#include <exception>
#include <memory>
#include <utility>

namespace syncopate::inline v0_1::detail {

class PooledCoroutine;

/// Every coroutine of the pool must have ended before the pool is destroyed.
class CoroutinePool {
public:
    /// Ends the coroutines that wait. From now on none waits.
    void close() noexcept;

private:
    friend class PooledCoroutine;
    using Waiting = IntrusiveList<PooledCoroutine>;

    // Further tasks get a coroutine each: the memory of more coroutines that wait would count.
    static constexpr std::size_t most = 64;

    static PooledCoroutine& take(Waiting& waiting) noexcept;

    Waiting waiting_;
    // Those whose executor carries a CallerLink, for tasks that a thread is blocked on or that have context
    // variables. Two lists, because a wrapped executor loses Asio's fast path for its own io_context.
    Waiting waiting_with_caller_;
    std::size_t count_ = 0;
    bool is_open_ = true;
};

/// To spawn a coroutine costs several times what a short task costs in it. So a coroutine whose task has
/// completed waits in a pool for another one. The tasks do not notice: each finds the cancellation state
/// as co_spawn makes it.
class PooledCoroutine final : public ListHook<PooledCoroutine> {
public:
    /// Runs the task's body, up to its first suspension inside this call. On the loop; the caller holds
    /// the task.
    ///
    /// pool:   null for a loop that may end at any time, and then must not find a coroutine waiting.
    /// Throws: std::bad_alloc; then the task may not have run.
    static void run(
        boost::asio::any_io_executor const& executor, CoroutinePool* pool, SpawnedTask& task) {
        if (!pool)
            return spawn(executor, task);
        bool const has_link = task.needs_link();
        auto& waiting = has_link ? pool->waiting_with_caller_ : pool->waiting_;
        if (waiting.empty() && pool->is_open_ && pool->count_ < CoroutinePool::most)
            add_to(*pool, executor, has_link ? new CallerLink : nullptr);
        if (waiting.empty())
            return spawn(executor, task);
        PooledCoroutine& coroutine = CoroutinePool::take(waiting);
        coroutine.task_.take(task);
        if (task.caller_)
            coroutine.go_on_with_values_of(*std::exchange(task.caller_, nullptr));
        else
            coroutine.go_on();
    }

    /// The same, in a coroutine of its own.
    ///
    /// parent: the link of the task that waits for this one, or null.
    static void spawn(
        boost::asio::any_io_executor const& executor,
        SpawnedTask& task,
        CallerLinkPointer parent = nullptr) {
        auto of_task = executor;
        if (task.needs_link()) {
            if (!task.caller_)
                task.caller_ = new CallerLink;
            task.caller_->set_thread(task.blocked_thread_);
            task.caller_->set_parent(std::move(parent));
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
    ~PooledCoroutine() {
        // A coroutine that had no memory to go on with is destroyed with its task, and what the task has left behind
        // looks for the thread.
        if (caller_)
            caller_->set_thread(nullptr);
        --pool_.count_;
    }

private:
    friend class SpawnedTask;
    friend class CoroutinePool;

    /// The completion handler, with the slot and nothing else: bind_cancellation_slot would make co_spawn
    /// keep a copy of the executor in the signal.
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

    /// Adds a coroutine that waits.
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
    /// link it would find the thread that is blocked on the next task.
    bool is_executor_shared() const noexcept {
        return caller_ && caller_->use_count() != own_references_;
    }

    /// Suspends the coroutine until go_on(). Nothing cancels the wait.
    auto wait() {
        return park(
            handler_, [](boost::asio::cancellation_slot) noexcept {},
            [this] { (caller_ ? pool_.waiting_with_caller_ : pool_.waiting_).push_back(*this); });
    }

    boost::asio::awaitable<void> serve() {
        namespace this_coro = boost::asio::this_coro;
        co_await find_bottom(bottom_);
        co_await wait();
        own_references_ = caller_ ? caller_->use_count() : 0;
        while (task_) {
            task_->coroutine_ = this;
            task_->bottom_ = bottom_;
            if (caller_)
                caller_->set_thread(task_->blocked_thread_);
            try {
                co_await task_->body();
            } catch (...) {
                task_->fail(std::current_exception());
            }
            // Filters and slot handlers that the task has set end with the task.
            co_await this_coro::reset_cancellation_state();
            co_await this_coro::throw_if_cancelled(true);
            if (caller_)
                caller_->set_thread(nullptr);
            // What the task has left behind keeps them.
            if (caller_ && caller_->values() && !is_executor_shared())
                caller_->set_values(nullptr);
            task_->coroutine_ = nullptr;
            task_.release();
            // The pool is closed if this task was the last that the loop's end waited for.
            if (!pool_.is_open_ || is_executor_shared())
                co_return;
            co_await wait();
        }
    }

    SpawnedTask::Hold task_;  // destroyed last
    CoroutinePool& pool_;
    boost::asio::cancellation_signal signal_;
    CoroutineBottom* bottom_ = nullptr;
    CallerLinkPointer const caller_;
    unsigned own_references_ = 0;
    InplaceHandler handler_;
};

inline void CoroutinePool::close() noexcept {
    is_open_ = false;
    for (auto* const waiting : {&waiting_, &waiting_with_caller_})
        while (!waiting->empty())
            take(*waiting).end();
}

inline PooledCoroutine& CoroutinePool::take(Waiting& waiting) noexcept {
    PooledCoroutine& coroutine = waiting.back();
    coroutine.unlink();
    return coroutine;
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
