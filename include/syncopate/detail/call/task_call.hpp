// BlockingCall, InterruptibleCall, FutureCall, BackgroundCall: a call with its task and the task's outcome, for a
// caller who blocks, for one whom Ctrl-C interrupts, for a std::future, and for nobody. FunctionCall: the same for a
// plain function.
#pragma once

#include <syncopate/concepts.hpp>
#include <syncopate/detail/call/call.hpp>
#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/loop/task_record.hpp>
#include <syncopate/detail/task/cancellation.hpp>
#include <syncopate/detail/task/carried_task.hpp>
#include <syncopate/detail/task/event_sink.hpp>
#include <syncopate/detail/task/labelled_task.hpp>
#include <syncopate/detail/task/outcome.hpp>
#include <syncopate/detail/task/owned_or_ref.hpp>
#include <syncopate/detail/task/task_values.hpp>
#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/detail/wait/descriptor_alarm.hpp>
#include <syncopate/detail/wait/interrupt_listener.hpp>
#include <syncopate/detail/wait/one_shot_event.hpp>
#include <syncopate/detail/work/calling_thread.hpp>
#include <syncopate/error.hpp>
#include <syncopate/event.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <concepts>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <source_location>
#include <stop_token>
#include <string>
#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// A task factory that declares itself clean-up: see Call::is_clean_up.
template <class T>
concept CleanUpTask =
    TaskFactory<T> && requires { typename std::remove_reference_t<T>::clean_up_tag; };

/// A call with its task. T: as for OwnedOrRef.
template <Task T>
class TaskCall : private LabelOf<T>, public CarriedTask<T, Call> {
protected:
    using Result = task_result_t<T>;

    template <std::same_as<TaskValuesPointer>... Values>
    TaskCall(Loop& loop, T&& task, std::source_location where, Values const&... values)
        : LabelOf<T>(task), CarriedTask<T, Call>(std::forward<T>(task), loop, where, values...) {
        if constexpr (Labelled<T>)
            this->set_label(LabelOf<T>::label());
    }
    ~TaskCall() = default;

    /// The task's outcome; where the bridge has ended the task, with the bridge's error. After the release.
    Outcome<Result>& final_outcome() noexcept {
        auto& outcome = this->outcome();
        if (outcome.empty())
            fail_without_outcome();
        else if (was_cancelled())
            outcome.fail(this->loop().error(this->reason()));
        return outcome;
    }

    void fail_without_outcome() noexcept {
        // A fork in what the blocked thread did for its task: the child comes here while the task lives.
        bool const is_child = this->loop().was_forked();
        if (is_child)
            this->leave_task_alone();
        this->outcome().fail(this->loop().error(is_child ? Errc::forked : Errc::loop_failed));
    }

    /// Whether the task was asked to stop, and has ended by operation_aborted.
    bool was_cancelled() const noexcept {
        auto const& error = this->outcome().error();
        return this->reason() != Errc{} && error && is_cancellation(error);
    }

private:
    bool is_clean_up() const noexcept final { return CleanUpTask<T>; }
};

/// A call in the frame of the thread that blocks on it.
template <Task T>
// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): it is destroyed as what it was made
class BlockingCall : public TaskCall<T> {
public:
    using Result = task_result_t<T>;

    /// values: nothing, or as for SpawnedTask.
    template <std::same_as<TaskValuesPointer>... Values>
    BlockingCall(Loop& loop, T&& task, std::source_location where, Values const&... values)
        : TaskCall<T>(loop, std::forward<T>(task), where, values...) {}

    /// Runs the task. When the deadline passes first, the task is cancelled and its end awaited; one that has not
    /// begun never begins. A deadline that has passed already is no reason not to begin: see time_to_begin.
    Result run(
        Deadline deadline = no_deadline,
        BlockingWait::Refuse refused = BlockingWait::Refuse::blocking) {
        Loop::Blocking blocking(this->loop(), done_, refused);
        if constexpr (!CleanUpTask<T>)
            this->loop().require_open();
        if (deadline == no_deadline) {
            thread_.may_give_up = false;
            submit(blocking);
            thread_.wait(blocking);
        } else {
            auto const begin_by = (std::max)(deadline, Deadline::clock::now() + time_to_begin);
            submit(blocking);
            if (!thread_.wait_until(blocking, deadline) && !wait_for_begin(blocking, begin_by)) {
                this->withdraw_or_cancel(Errc::timed_out);
                thread_.wait(blocking);
            }
        }
        return this->final_outcome().take();
    }

    /// Waits until the loop has begun with the task, or the deadline passes. Nobody tells of the begin, so it is
    /// looked for, ever less often. Returns whether the task has ended.
    bool wait_for_begin(Loop::Blocking& blocking, Deadline deadline) noexcept {
        auto pause = std::chrono::microseconds(20);
        while (!this->has_begun()) {
            auto const now = Deadline::clock::now();
            if (now >= deadline)
                return false;
            if (thread_.wait_until(blocking, (std::min<Deadline>)(deadline, now + pause)))
                return true;
            pause *= 2;
        }
        return false;
    }

    /// What a task gets to begin, however short its time: the loop may have to start a thread, or wake one.
    static constexpr std::chrono::milliseconds time_to_begin{100};

    /// Runs the task, unless a stop has been requested already. When it is requested later, the task is
    /// cancelled and its end awaited.
    Result run(std::stop_token stop) {
        Loop::Blocking blocking(this->loop(), done_);
        this->loop().require_open();
        if (stop.stop_requested())
            this->loop().throw_error(Errc::cancelled);
        thread_.may_give_up = stop.stop_possible();
        {
            submit(blocking);  // first, so that there is something to withdraw
            std::stop_callback const on_stop(
                std::move(stop), [this]() noexcept { this->withdraw_or_cancel(Errc::cancelled); });
            thread_.wait(blocking);
        }
        return this->final_outcome().take();
    }

protected:
    void submit(Loop::Blocking const& blocking) noexcept {
        thread_.blocks_in(blocking);
        thread_.task = &this->id();
        this->set_blocked_thread(thread_);
        Call::submit();
    }

    void released() noexcept override {
        thread_.close();
        done_.set();
    }

    alignas(cache_line) OneShotEvent done_;
    CallingThread thread_{done_};

private:
    std::string waits_for() const override {
        return thread_.waits_for_children.load(std::memory_order_relaxed)
                   ? "tasks that it has started"
                   : "";
    }
};

/// The same; Ctrl-C cancels the task. The signal comes to the loop, and not to the thread that blocks: that may be
/// busy with what the task has it do, or turn the loop itself. So the loop waits for the listener's descriptor, from
/// just before the task starts until it has ended.
template <Task T>
class InterruptibleCall final : public BlockingCall<T> {
public:
    using Result = task_result_t<T>;
    using BlockingCall<T>::BlockingCall;

    Result run() {
        Loop::Blocking blocking(this->loop(), this->done_);
        this->loop().require_open();
        {
            InterruptListener listener;
            listener_ = &listener;
            this->submit(blocking);
            this->thread_.wait(blocking);
        }
        return this->final_outcome().take();
    }

private:
    struct OnInterrupt {
        InterruptibleCall* call;
        void operator()() const noexcept {
            call->listener_->set_heeded();
            call->cancel(Errc::interrupted);  // may be the end of the call
        }
    };

    void starting() override {
        alarm_.emplace(this->loop().executor(), listener_->descriptor(), OnInterrupt{this});
    }
    void released() noexcept override {
        alarm_.reset();
        BlockingCall<T>::released();
    }

    InterruptListener* listener_ = nullptr;
    std::optional<DescriptorAlarm<OnInterrupt>> alarm_;  // the loop's
};

/// A call that owns itself, and hands its outcome to a std::future.
template <Task T>
class FutureCall final : public TaskCall<T> {
public:
    using Result = task_result_t<T>;

    static std::future<Result> start(
        Loop& loop, T&& task, std::stop_token stop, std::source_location where) {
        auto owned =
            std::unique_ptr<FutureCall>(new FutureCall(loop, std::forward<T>(task), where));
        auto future = owned->promise_.get_future();
        FutureCall& call = *owned.release();
        // Only a call that has been submitted can end, so this reference is good until then.
        if (stop.stop_possible())
            call.on_stop_.emplace(std::move(stop), Canceller{&call});
        call.submit();
        return future;
    }

private:
    struct Canceller {
        FutureCall* call;
        void operator()() const noexcept { call->withdraw_or_cancel(Errc::cancelled); }
    };

    using TaskCall<T>::TaskCall;

    void released() noexcept override {
        std::unique_ptr<FutureCall> const self(this);
        on_stop_.reset();
        this->final_outcome().move_to(promise_);
    }

    std::promise<Result> promise_;
    std::optional<std::stop_callback<Canceller>> on_stop_;
};

/// A call that owns itself, and whose failure is reported.
template <Task T>
class BackgroundCall final : public TaskCall<T> {
public:
    /// values: nothing, or as for SpawnedTask.
    template <std::same_as<TaskValuesPointer>... Values>
    static void start(Loop& loop, T&& task, std::source_location where, Values const&... values) {
        auto call = std::unique_ptr<BackgroundCall>(
            new BackgroundCall(loop, std::forward<T>(task), where, values...));
        call->submit_or_throw();
        call.release();  // it owns itself, and may have been destroyed by now
    }

private:
    using TaskCall<T>::TaskCall;

    void released() noexcept override {
        std::unique_ptr<BackgroundCall> const self(this);
        if (this->was_cancelled() && this->reason() == Errc::runner_closed)
            return;
        if (auto const& error = this->final_outcome().error())
            this->loop().report(error);
    }
};

/// A plain function, in the frame of the thread that blocks until the loop has called it.
template <std::invocable F>
class FunctionCall final : private TaskRecord, private Operation {
public:
    using Result = std::invoke_result_t<F>;

    FunctionCall(Loop& loop, F&& function, std::source_location where)
        : TaskRecord(where, Kind::function), Operation(&run_function, this), loop_(loop),
          function_(std::forward<F>(function)) {}

    Result run() {
        Loop::Blocking blocking(loop_, done_);
        loop_.require_open();
        loop_.submit(*this);
        blocking.wait();
        return outcome_.take();
    }

private:
    static void run_function(Operation& operation) noexcept {
        static_cast<FunctionCall&>(operation).run_and_release();
    }

    void run_and_release() noexcept {
        capture(outcome_, [this]() -> Result {
            if (auto const refusal = loop_.refusal(); refusal != Errc{})
                loop_.throw_error(refusal);
            if (loop_.events()) [[unlikely]]
                return call_and_tell();
            return std::invoke(std::forward<F>(function_.get()));
        });
        loop_.function_ended();
        release();
    }

    [[gnu::noinline]] Result call_and_tell() {
        EventScope const told(loop_.events().get(), [this] { return event_source(); });
        return std::invoke(std::forward<F>(function_.get()));
    }

    EventSource event_source() const noexcept {
        auto source = TaskRecord::event_source();
        source.kind = Event::Kind::call;
        source.id = source.task = loop_.function_id();
        return source;
    }

    void refuse(Errc reason) noexcept override {
        outcome_.fail(loop_.error(reason));
        release();
    }

    void release() noexcept {
        function_.release();
        done_.set();
    }

    void cancel(Errc) noexcept override {}

    Loop& loop_;
    OwnedOrRef<F> function_;
    Outcome<Result> outcome_;
    OneShotEvent done_;
};

}  // namespace syncopate::inline v0_1::detail
