// Loop: base of ThreadLoop, CallerLoop and PortalLoop, and the interface for all who call into a loop.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/deadlock/blocking_scope.hpp>
#include <syncopate/detail/deadlock/fiber_scope.hpp>
#include <syncopate/detail/deadlock/loop_identity.hpp>
#include <syncopate/detail/deadlock/serving_scope.hpp>
#include <syncopate/detail/deadlock/wait_graph.hpp>
#include <syncopate/detail/error/joined.hpp>
#include <syncopate/detail/loop/closing_queue.hpp>
#include <syncopate/detail/loop/library.hpp>
#include <syncopate/detail/loop/loop_lifetime.hpp>
#include <syncopate/detail/loop/operation.hpp>
#include <syncopate/detail/loop/task_listing.hpp>
#include <syncopate/detail/task/pooled_coroutine.hpp>
#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/detail/wait/one_shot_event.hpp>
#include <syncopate/error.hpp>
#include <syncopate/stats.hpp>
#include <syncopate/task_info.hpp>

#include SYNCOPATE_ASIO(any_io_executor.hpp)

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1::detail {

/// Whatever uses a loop for longer than a call shares its ownership: a guard or a range may outlive its
/// runner, and then finds the loop closed.
class Loop : public LoopLifetime, public std::enable_shared_from_this<Loop> {
public:
    using LoopLifetime::LoopLifetime;
    Loop(Loop const&) = delete;
    Loop& operator=(Loop const&) = delete;
    virtual ~Loop() { delete closing_queue_.load(std::memory_order_relaxed); }

    // From any thread.

    /// Has the operation run on the loop, after all that was submitted before from this thread. After require_here().
    /// Throws: Errc::runner_closed, and what starting the loop throws; then it will not run.
    virtual void submit(Operation& operation) = 0;

    /// Takes back what was submitted, so that it will never run. Returns false if it has run, is running, or was
    /// not submitted as far as this thread knows.
    virtual bool withdraw(Operation& operation) noexcept = 0;

    /// Whether the loop has taken the task out of its queue.
    bool has_begun(TaskRecord const& task) const noexcept {
        return running_tasks().has_begun(task);
    }

    /// Does what can fail before something is started that nobody waits for.
    /// Throws: as submit() does.
    virtual void prepare() { require_use(); }

    /// For what neither blocks nor submits.
    /// Throws: Errc::forked, Errc::runner_closed.
    void require_use() {
        require_here();
        require_open();
    }

    /// A blocking call: the one place in which a thread waits for a loop.
    class Blocking : public BlockingScope {
    public:
        /// Throws: DeadlockError if the wait could never end; Errc::forked.
        Blocking(
            Loop& loop,
            OneShotEvent& event,
            BlockingWait::Refuse refused = BlockingWait::Refuse::blocking,
            BlockingWait::For what = BlockingWait::For::call)
            : BlockingScope(loop.identity_here(), event, refused, what), loop_(loop),
              must_end_(loop.begin_blocking(fiber())) {}
        [[gnu::always_inline]] ~Blocking() {
            if (must_end_)
                loop_.end_blocking();
        }

        /// Returns whether the event was signalled before the deadline: it was set, or its waiter notified.
        bool wait_until(Deadline deadline) noexcept {
            if (event().is_signalled())
                return true;
            if (auto* const fiber = this->fiber()) [[unlikely]]
                return loop_.block_fiber(*fiber, event(), deadline, others());
            return loop_.block(event(), deadline);
        }
        void wait() noexcept { wait_until(no_deadline); }

    private:
        Loop& loop_;
        bool must_end_;
    };

    /// Whether another thread turns the loop, so that it makes sense to spin until the loop has done
    /// something.
    virtual bool may_spin() const noexcept { return false; }

    /// Another thread than the loop's has set the event of a blocking call, so the caller may have to be woken.
    virtual void wake_caller() noexcept {}

    /// Closes, and waits for the end. Returns whether it came before the deadline.
    bool close_until(
        Deadline deadline, BlockingWait::Refuse refused = BlockingWait::Refuse::blocking) {
        Blocking blocking(*this, closed_, refused, BlockingWait::For::end);
        return wait_for_end(blocking, deadline) && after_close(deadline);
    }

    /// The functions for the threads that wait for the end. The queue is made once, by `make(event, number)`: the
    /// event is set at the end, and the number says how many threads wait.
    template <class Make>
    ClosingQueue& closing_queue(Make make) {
        auto* there = closing_queue_.load(std::memory_order_acquire);
        if (there)
            return *there;
        std::unique_ptr<ClosingQueue> made = make(closed_, closing_threads_);
        // Release: whoever finds it finds it made. If another was faster, that one is acquired.
        if (closing_queue_.compare_exchange_strong(
                there, made.get(), std::memory_order_acq_rel, std::memory_order_acquire))
            return *made.release();
        return *there;
    }

    /// Closes without waiting, because this is the loop's own thread. The loop lives on until it is
    /// closed.
    virtual void abandon() noexcept = 0;

    bool is_closed() const noexcept { return closed_.is_set(); }

    /// Keeps the library of the caller loaded. For those who leave code of their own on the loop.
    void keep_callers_library() const noexcept { Library::keep_loaded_for(library_); }

    /// Throws the error that close() ends with when its time is up.
    [[noreturn]] void throw_close_timed_out() const {
        std::string running = running_tasks().descriptions();
        if (auto const work = work_in_hand(); !work.empty())
            running = joined({running, running.empty() ? "" : "; ", work});
        if (running.empty() && is_closed())
            running = "the last objects of the loop's thread";
        LoopReports::throw_close_timed_out(obstacle_to_closing(), running);
    }

    /// The tasks that have not completed, oldest first, with what each waits for.
    std::vector<TaskInfo> tasks() {
        require_here();
        auto tasks = task_infos();
        attribute(task_waits(), tasks);
        return tasks;
    }

    /// The same in words, with what the loop knows of functions on other threads.
    std::string dump() {
        require_here();
        auto tasks = task_infos();
        auto others = attribute(task_waits(), tasks);
        return describe(
            {.name = options().name(),
             .is_closed = is_closed(),
             .tasks = std::move(tasks),
             .other_waits = std::move(others),
             .workers = pool_work()});
    }

    Stats stats() {
        require_here();
        Stats stats = running_tasks().stats(
            [this](std::vector<Operation*>& waiting) { add_queued_operations(waiting); });
        stats.wake_ups = wake_ups();
        stats.wake_ups_saved = stats.calls > stats.wake_ups ? stats.calls - stats.wake_ups : 0;
        return stats;
    }

    // For StallWatch.

    /// Whether somebody turns the loop, or should.
    virtual bool should_turn() const noexcept = 0;

    /// Has `called` set by a handler of the loop's executor, unless the loop ends first.
    virtual void post_probe(std::shared_ptr<std::atomic<bool>> called) = 0;

    /// The task whose code runs; one without an id if the code is no task's.
    TaskInfo culprit() const { return running_tasks().running(); }

    std::uint64_t begun_tasks() const noexcept { return running_tasks().begun(); }
    std::vector<TaskInfo> cancelling_tasks() const { return running_tasks().cancelling(); }

    virtual LoopIdentity identity() const noexcept = 0;

    /// The loop that the calling thread is turning, or null.
    static Loop const* of_this_thread() noexcept {
        return static_cast<Loop const*>(ServingScope::loop_here());
    }

    /// Whether the calling thread is turning this loop.
    bool running_in_this_thread() const noexcept { return ServingScope::turns(this); }

    /// Throws: DeadlockError if the calling thread is turning this loop, and would be blocked: not a fiber on it.
    void require_other_thread() const {
        if (running_in_this_thread() && !ServingScope::fiber_here())
            throw_blocks_itself();
    }

    // On the loop.

    asio::any_io_executor const& executor() const noexcept { return executor_; }

    /// Coroutines that wait for a task to run; null if each task gets a coroutine of its own.
    virtual CoroutinePool* coroutine_pool() noexcept { return nullptr; }

protected:
    void set_executor(asio::any_io_executor executor) noexcept { executor_ = std::move(executor); }
    asio::any_io_executor take_executor() noexcept { return std::exchange(executor_, {}); }

    void set_closed() noexcept { closed_.set(); }

private:
    /// Before a thread blocks, or a fiber. After true, end_blocking() is called when it has blocked.
    virtual bool begin_blocking(FiberScope*) { return false; }
    virtual void end_blocking() noexcept {}
    virtual bool block(OneShotEvent& event, Deadline deadline) noexcept {
        return event.wait_until(deadline);
    }
    /// The same, of a fiber. The thread goes on.
    virtual bool block_fiber(
        FiberScope& fiber,
        OneShotEvent& event,
        Deadline deadline,
        FiberScope::Others others) noexcept {
        return fiber.wait_until(event, deadline, others);
    }

    /// Refuses new calls, and has start_closing() called on the loop. Idempotent.
    virtual void begin_close(Errc reason) = 0;
    /// On each thread that waited for the close.
    /// Returns whether that was done before the deadline.
    virtual bool after_close(Deadline) { return true; }
    /// Where closing has not begun, and that is its host's doing: this in words.
    virtual std::string obstacle_to_closing() const { return {}; }
    /// The work that its worker threads do, in words.
    virtual std::string work_in_hand() const { return {}; }

    LoopIdentity identity_here() {
        require_here();
        return identity();
    }

    // For whoever looks, from any thread.

    std::vector<TaskInfo> task_infos() const {
        return running_tasks().infos(
            [this](std::vector<Operation*>& waiting) { add_queued_operations(waiting); });
    }

    /// Ends what has not begun at once, on this thread: the loop may be busy for long.
    void withdraw_tasks() noexcept {
        OperationList::Chain withdrawn;
        running_tasks().locked([&] {
            OperationList list;
            withdraw_operations(
                [](Operation const& operation) noexcept {
                    return operation.task() && operation.task()->may_be_refused();
                },
                list);
            withdrawn = list.take_all();  // a stop request must not find them
        });
        while (Operation* const operation = withdrawn.pop_front())
            operation->task()->refuse(refusal());
    }

    // Under the lock of the running tasks.

    /// Adds what is in the queue.
    virtual void add_queued_operations(std::vector<Operation*>& operations) const = 0;
    /// Takes what the filter lets through out of the queue.
    virtual void withdraw_operations(
        OperationList::Filter filter, OperationList& withdrawn) noexcept = 0;

    // From any thread.

    /// How often something that was submitted has woken the loop.
    virtual std::uint64_t wake_ups() const noexcept = 0;
    /// What tasks wait for, of what other threads do for them.
    virtual std::vector<TaskWait> task_waits() const = 0;
    /// The work that is done by the threads of the execution context's pool, in words.
    virtual std::string pool_work() const = 0;

    /// A thread that waits for the end. Counted before the loop begins to close.
    class ClosingThread {
    public:
        explicit ClosingThread(Loop& loop) noexcept : loop_(loop) {
            loop_.closing_threads_.fetch_add(1, std::memory_order_relaxed);
        }
        ClosingThread(ClosingThread const&) = delete;
        ClosingThread& operator=(ClosingThread const&) = delete;
        ~ClosingThread() {
            if (loop_.closing_threads_.fetch_sub(1, std::memory_order_relaxed) > 1)
                return;
            loop_.refuse_work_for_closing();
        }

    private:
        Loop& loop_;
    };

    /// Each close() is a request of its own, which reaches also the tasks that have dealt with an earlier one.
    void cancel_again() noexcept {
        if (!begin_cancelling_again())
            return;
        try {
            submit(cancel_once_more_);
        } catch (...) {
            cannot_cancel_again();  // the loop has ended, or there is no memory
        }
    }

    // Cold, so that GCC does not guess the class of the queue, and does not compile it into programs that have none.

    [[gnu::cold, gnu::noinline]] void work_for_closing() {
        if (auto* const queue = closing_queue_.load(std::memory_order_acquire))
            queue->do_work();
    }
    [[gnu::cold, gnu::noinline]] void refuse_work_for_closing() noexcept {
        if (auto* const queue = closing_queue_.load(std::memory_order_acquire))
            queue->refuse_rest();
    }

    /// Closes, and does the work that comes meanwhile. Returns whether the end came before the deadline.
    bool wait_for_end(Blocking& blocking, Deadline deadline) {
        ClosingThread const counted(*this);
        bool const is_first = is_open();
        begin_close(Errc::runner_closed);
        withdraw_tasks();
        if (!is_first && !closed_.is_set())
            cancel_again();
        while (!closed_.is_set() && blocking.wait_until(deadline))
            if (closed_.take_notification())
                work_for_closing();
        return closed_.is_set();
    }

    asio::any_io_executor executor_;
    OneShotEvent closed_;
    void const* const library_ = Library::here();
    std::atomic<ClosingQueue*> closing_queue_{nullptr};
    std::atomic<int> closing_threads_{0};
    MemberOperation<LoopLifetime, &LoopLifetime::cancel_once_more> cancel_once_more_{*this};
};

}  // namespace syncopate::inline v0_1::detail
