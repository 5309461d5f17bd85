// Work: a function on its way to another thread and back to the coroutine that awaits it.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/cancellation/cancellation.hpp>
#include <syncopate/detail/deadlock/wait_graph.hpp>
#include <syncopate/detail/error/forced_unwind.hpp>
#include <syncopate/detail/error/thrown_by.hpp>
#include <syncopate/detail/intrusive_list.hpp>
#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/loop/suspension.hpp>
#include <syncopate/detail/loop/work_executor.hpp>
#include <syncopate/detail/task/call_id.hpp>
#include <syncopate/detail/task/call_site.hpp>
#include <syncopate/detail/task/caller_executor.hpp>
#include <syncopate/detail/task/caller_link.hpp>
#include <syncopate/detail/task/event_sink.hpp>
#include <syncopate/detail/task/task_id.hpp>
#include <syncopate/detail/values/current_values.hpp>
#include <syncopate/detail/values/task_values.hpp>
#include <syncopate/detail/work/dependent_task.hpp>
#include <syncopate/detail/work/queue_wait.hpp>
#include <syncopate/error.hpp>
#include <syncopate/event.hpp>
#include <syncopate/on_cancel.hpp>

#include SYNCOPATE_ASIO(any_io_executor.hpp)

#include <atomic>
#include <concepts>
#include <exception>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <system_error>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// Shared by the coroutine and the thread that does the work. The coroutine waits in the Suspension.
///
/// Memory order. The thread that takes the work and the loop that cancels it both try one
/// compare-exchange from `queued`; the one that succeeds has the function, and acquires what was written
/// before the work was submitted. A second compare-exchange, from `running`, decides whether the coroutine
/// gets the result: the change to `completed` publishes it, and the loop reads it after it has seen that.
class Work : public Suspension, public ListHook<Work> {
public:
    struct Place {
        CoroutineBottom const* coroutine = nullptr;  // which waits: not null
        void const* limiter = nullptr;               // whose token the function holds, or null
    };

    /// executor:      the coroutine's.
    /// work_executor: takes the work, and outlives the coroutine's wait.
    Work(
        asio::any_io_executor const& executor,
        WorkExecutor& work_executor,
        OnCancel on_cancel,
        std::source_location where,
        Place place)
        : Suspension(executor), loop_(gate().identity()), caller_(caller_of(executor)),
          work_executor_(work_executor), thread_in_words_(work_executor.thread_in_words()),
          on_cancel_(on_cancel), where_(where), limiter_(place.limiter),
          is_bound_(!caller_ || !caller_->thread() || caller_->is_bound(*place.coroutine)) {
        Loop const* runner = gate().loop();
        // A portal's execution context belongs to somebody else, so the context's gate knows no loop.
        if (auto const* const portal = Loop::of_this_thread(); portal && !runner)
            loop_.loop = runner = portal;
        if (runner && runner->events()) [[unlikely]]
            be_told_of(runner->events());
        if (auto const* const thread = caller_ ? caller_->thread() : nullptr) {
            call_ = thread->call;
            waiting_worker_ = thread->worker;
        }
    }

    ~Work() override { leave_queue(); }

    /// The work that the calling thread does. Throws: Errc::not_in_worker if there is none; Errc::forked.
    static Work& in_this_worker() {
        if (auto* const work = ServingScope::work_here()) {
            work->require_here();
            return *work;
        }
        throw std::system_error(make_error_code(Errc::not_in_worker));
    }

    // On the thread that does the work, or refuses it.

    /// Calls the function, unless the work has been withdrawn. After true, complete() must be called. If
    /// pthread_exit() ends the thread in the function, lose() must be called.
    bool perform() {
        if (!take())
            return false;
        if (events_) [[unlikely]]
            call_and_tell();
        else
            call_with_own_values();
        return true;
    }

    /// Resumes the coroutine with the result, unless it has abandoned the work.
    void complete() noexcept {
        if (!change(State::running, State::completed))
            return discard_result();
        resume_soon();
    }

    /// Completes the work with Errc::worker_lost: the thread has ended in the function.
    void lose() noexcept {
        discard_function();
        fail(error_of(Errc::worker_lost));
        complete();
    }

    /// Calls the function and completes the work, unless it has been withdrawn.
    ///
    /// lost:   is called if pthread_exit() ends the thread in the function, after lose(). Then the thread is
    ///         unwound.
    template <std::invocable Lost>
    void run(Lost lost) {
        try {
            if (perform())
                complete();
        } catch (ForcedUnwind const&) {
            lose();
            lost();
            throw;
        }
    }

    /// Completes the work with this error instead of calling the function.
    void refuse(std::exception_ptr error) noexcept {
        if (!take())
            return;
        discard_function();
        fail(std::move(error));
        complete();
    }

    /// Whether the coroutine has gone on without the result.
    bool is_abandoned() const noexcept {
        return state_.load(std::memory_order_relaxed) == State::abandoned;
    }

    bool is_cancelled() const noexcept { return is_cancelled_.load(std::memory_order_relaxed); }

    /// The blocking call whose task awaits the work; zero if no thread of the wait graph is blocked on that.
    CallId call() const noexcept { return call_; }

    /// The worker thread that is blocked on the task that awaits the work, or null.
    BlockedWorkerPointer const& waiting_worker() const noexcept { return waiting_worker_; }

    LoopIdentity const& loop() const noexcept { return loop_; }

    void const* limiter() const noexcept { return limiter_; }
    /// Whether no time limit or stop token is known that would end the coroutine's wait.
    bool is_bound() const noexcept { return is_bound_; }

    // On the loop, by those who queue the work. See BlockingWait::enter().

    /// Whether a thread of the graph of waits is blocked until the work has been done.
    bool holds_up_call() const noexcept { return is_bound_ && call_ != 0; }

    void enter_queue(BusyThreads const& threads, void const* resource) noexcept {
        queue_wait_.emplace(*this, call_, threads, resource);
        BlockingWait::enter(*queue_wait_);
    }
    bool is_stuck_in_queue() const noexcept {
        return queue_wait_ && BlockingWait::is_stuck(*queue_wait_);
    }

    /// Who is told of events, or null. On the thread that does the work.
    EventSink* events() const noexcept { return events_.get(); }

    /// The call site, in words.
    std::string call_site() const { return detail::description(where_); }

    // On the loop.

    /// The caller link of the task that awaits the work, as long as it does.
    CallerLinkPointer const& caller() const noexcept { return caller_; }

    /// The task that the function is blocked on, or null.
    void set_task(DependentTask* task) noexcept { task_ = task; }

protected:
    /// Whether the result is the coroutine's to take: of the function, or of a refusal.
    bool is_completed() const noexcept {
        return state_.load(std::memory_order_acquire) == State::completed;
    }

    /// Whether the coroutine was cancelled, and this is no error of the function's own.
    bool ended_by_cancellation(std::exception_ptr const& error) const noexcept {
        return is_cancelled() && (!error || is_cancellation(error));
    }

private:
    enum class State { queued, running, completed, abandoned, withdrawn };

    virtual void call_function() = 0;
    virtual void discard_function() noexcept = 0;
    virtual void discard_result() noexcept = 0;
    virtual void fail(std::exception_ptr error) noexcept = 0;

    void be_told_of(std::shared_ptr<EventSink> events) noexcept {
        events_ = std::move(events);
        event_kind_ = work_executor_.event_kind();
    }

    void call_with_own_values() {
        call_with_values(values_.get(), [this] { call_function(); });
        values_.reset();
    }

    /// Lets go of the sink: a thread of somebody else's may have the work for longer than the loop lives.
    void call_and_tell() {
        {
            EventScope const told(
                events_.get(), [this, id = events_->next_id()]() noexcept -> EventSource {
                    return {event_kind_, id, task(), where_};
                });
            call_with_own_values();
        }
        events_.reset();
    }

    bool change(State from, State to) noexcept {
        return state_.compare_exchange_strong(from, to, std::memory_order_acq_rel);
    }
    bool take() noexcept {
        if (!change(State::queued, State::running))
            return false;
        leave_queue();
        return true;
    }

    void leave_queue() noexcept {
        if (queue_wait_) [[unlikely]]
            BlockingWait::leave(*queue_wait_);
    }

    void begin() noexcept final {
        try {
            work_executor_.submit(*this);
        } catch (...) {
            refuse(std::current_exception());
        }
    }

    void cancelled() noexcept final {
        if (is_cancelled_.exchange(true, std::memory_order_relaxed)) {
            if (task_)
                task_->cancel();  // it may have dealt with the first request
            return;
        }
        bool const is_withdrawn = withdraw();
        if (task_)
            task_->cancel();
        if (is_withdrawn ||
            (on_cancel_ == OnCancel::abandon && change(State::running, State::abandoned)))
            resume_soon();
    }

    std::string description() const final {
        auto const state = state_.load(std::memory_order_relaxed);
        return std::string(state == State::queued ? "its turn on " : "a function on ") +
               thread_in_words_ + " (" + call_site() + ')';
    }

    bool is_released() noexcept final {
        if (withdraw())
            return true;
        if (is_completed())
            discard_result();
        bool const is_over = state_.load(std::memory_order_acquire) != State::running;
        if (!is_over)
            loop_has_ended();
        return is_over;
    }

    // The loop counts the references to a caller link to see whether a task that has ended left any: see
    // PooledCoroutine. This one goes before the task does. A function that was abandoned may have a task on
    // its way to the loop, which still needs it.
    void resumed() noexcept final {
        if (state_.load(std::memory_order_relaxed) != State::abandoned)
            caller_.reset();
    }

    bool withdraw() noexcept {
        if (!change(State::queued, State::withdrawn))
            return false;
        leave_queue();
        discard_function();
        events_.reset();
        work_executor_.withdraw(*this);
        return true;
    }

    LoopIdentity loop_;
    CallerLinkPointer caller_;
    CallId call_ = 0;
    BlockedWorkerPointer waiting_worker_;
    WorkExecutor& work_executor_;
    // A copy: others may look at the work after its refusal, when the executor may be gone.
    char const* const thread_in_words_;
    OnCancel const on_cancel_;
    std::source_location const where_;
    void const* const limiter_;
    bool const is_bound_;
    // Once it has entered a queue in which it could get stuck.
    std::optional<QueueWait> queue_wait_;
    std::shared_ptr<EventSink> events_;  // belongs to who has the function
    Event::Kind event_kind_{};
    std::atomic<State> state_{State::queued};
    std::atomic<bool> is_cancelled_{false};
    DependentTask* task_ = nullptr;  // used on the loop only
    TaskValuesPointer values_ = CurrentValues::of_new_task();
};

}  // namespace syncopate::inline v0_1::detail
