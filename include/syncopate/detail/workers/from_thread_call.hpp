// FromThreadCall: a task that a worker thread runs on the loop for which it works, and waits for.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/concepts.hpp>
#include <syncopate/detail/cancellation/cancellation.hpp>
#include <syncopate/detail/foreign/foreign_task.hpp>
#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/loop/operation.hpp>
#include <syncopate/detail/task/caller_link.hpp>
#include <syncopate/detail/task/carried_task.hpp>
#include <syncopate/detail/task/event_sink.hpp>
#include <syncopate/detail/task/outcome.hpp>
#include <syncopate/detail/task/pooled_coroutine.hpp>
#include <syncopate/detail/task/task_id.hpp>
#include <syncopate/detail/wait/one_shot_event.hpp>
#include <syncopate/detail/work/dependent_task.hpp>
#include <syncopate/detail/work/work.hpp>
#include <syncopate/detail/workers/from_thread_wait.hpp>
#include <syncopate/error.hpp>
#include <syncopate/event.hpp>

#include SYNCOPATE_ASIO(any_io_executor.hpp)
#include SYNCOPATE_ASIO(awaitable.hpp)
#include SYNCOPATE_ASIO(dispatch.hpp)
#include SYNCOPATE_ASIO(use_awaitable.hpp)

#include <exception>
#include <source_location>
#include <system_error>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// The part that does not depend on the task's type. close() of the loop does not wait for it: it waits for
/// the task that awaits the worker.
class FromThreadCallBase : public SpawnedTask, private DependentTask {
public:
    FromThreadCallBase(Work& work, std::source_location where) : work_(work), where_(where) {}

protected:
    ~FromThreadCallBase() = default;

    Work const& work() const noexcept { return work_; }

    /// Runs the task, unless the loop refuses it, and waits until it has been released.
    /// Throws: DeadlockError.
    void run_on_loop() {
        FromThreadWait waiting(work_, done_);
        thread_.call = waiting.call();
        thread_.worker = waiting.worker();
        thread_.task = &work_.task();
        thread_.may_give_up = !work_.is_bound();  // it is cancelled with the work
        set_blocked_thread(thread_);
        if (!work_.is_direct())
            work_.post(Start(*this));
        else if (!work_.submit(start_))
            done_.set();
        waiting.wait();
    }

    bool has_left_loop() const noexcept {
        return !work_.is_direct() || !loop().running_in_this_thread();
    }
    asio::awaitable<void> return_to_loop() {
        return asio::dispatch(executor_, asio::use_awaitable);
    }

private:
    // Posted to a loop that takes no operations from here. It drops this when it ends, and with it the last hold on
    // the task.
    class Start {
    public:
        explicit Start(FromThreadCallBase& call) noexcept : hold_(call), call_(&call) {}
        void operator()(asio::any_io_executor const& executor) noexcept {
            call_->start(executor, nullptr);
            hold_.release();
        }

    private:
        Hold hold_;
        FromThreadCallBase* call_;
    };

    /// The operation, of a loop that is_direct().
    void run_start() noexcept {
        Hold const hold(*this);
        if (loop().has_unwound())
            return;
        Loop::TaskOnThread const on_thread(loop(), work_.task());
        start(loop().executor(), loop().coroutine_pool());
    }

    Loop& loop() const noexcept { return *work_.gate().loop(); }

    void start(asio::any_io_executor const& executor, CoroutinePool* pool) noexcept {
        executor_ = executor;
        thread_.works_for = work_.caller().get();
        work_.set_task(this);
        if (work_.events()) [[unlikely]]
            tell_begin(*work_.events());
        try {
            PooledCoroutine::run(executor, pool, *this);
        } catch (...) {
            fail(std::current_exception());
        }
        if (work_.is_cancelled() && !has_no_coroutine())
            cancel();
    }

    void tell_begin(EventSink& events) noexcept {
        event_id_ = events.next_id();
        events.tell(Event::Phase::begin, event_source());
    }
    EventSource event_source() const noexcept {
        return {Event::Kind::from_thread_run, event_id_, work_.task(), where_};
    }

    void cancel() noexcept final {
        try {
            emit_cancellation();
        } catch (...) {
            // An operation had no memory to be cancelled: the task goes on, and is awaited.
        }
    }

    void released_by_loop() noexcept final {
        if (std::exchange(executor_, {}))  // set by start()
            work_.set_task(nullptr);
        if (event_id_ != 0) [[unlikely]]
            work_.events()->tell(Event::Phase::end, event_source());
        done_.set();
    }

    Work& work_;
    std::source_location const where_;
    TaskId event_id_ = 0;  // zero if nobody is told
    BlockedThread thread_;
    asio::any_io_executor executor_;
    OneShotEvent done_;
    MemberOperation<FromThreadCallBase, &FromThreadCallBase::run_start> start_{*this};
};

/// Lies in the frame of the blocked worker. T: as for OwnedOrRef.
template <Task T>
class FromThreadCall final : public CarriedTask<T, FromThreadCallBase> {
public:
    using Result = task_result_t<T>;

    FromThreadCall(Work& work, T&& task, std::source_location where)
        : CarriedTask<T, FromThreadCallBase>(std::forward<T>(task), work, where) {}

    Result run() {
        this->run_on_loop();
        auto& outcome = this->outcome();
        bool const is_cancelled = this->work().is_cancelled();
        if (outcome.empty())
            throw std::system_error(
                make_error_code(is_cancelled ? Errc::cancelled : Errc::loop_failed));
        if (is_cancelled && outcome.error() && is_cancellation(outcome.error()))
            throw std::system_error(make_error_code(Errc::cancelled));
        return outcome.take();
    }
};

}  // namespace syncopate::inline v0_1::detail
