// Calls that carry a task and what it ends with: the one a caller blocks on, and the ones that nobody
// waits for in place.
#pragma once

#include <syncopate/concepts.hpp>
#include <syncopate/detail/call/call.hpp>
#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/task/carried_task.hpp>
#include <syncopate/detail/task/outcome.hpp>
#include <syncopate/detail/task/owned_or_ref.hpp>
#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/detail/wait/one_shot_event.hpp>
#include <syncopate/detail/work/calling_thread.hpp>
#include <syncopate/error.hpp>

#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <source_location>
#include <stop_token>
#include <type_traits>
#include <utility>

namespace syncopate::detail {

/// A task factory that says of itself that it cleans up: see Call::is_clean_up.
template <class T>
concept CleanUpTask =
    TaskFactory<T> && requires { typename std::remove_reference_t<T>::clean_up_tag; };

/// A call whose task is a Task as the user passed it, T being its type with its value category.
template <Task T>
class TaskCall : public CarriedTask<T, Call> {
protected:
    using Result = task_result_t<T>;

    TaskCall(Bridge& bridge, T&& task, std::source_location where)
        : CarriedTask<T, Call>(std::forward<T>(task), bridge, where) {}
    ~TaskCall() = default;

    /// What the task ended with, the error in the terms of the bridge. After the end.
    Outcome<Result>& final_outcome() noexcept {
        auto& outcome = this->outcome();
        if (outcome.empty())
            outcome.fail(this->bridge().error(Errc::loop_failed));
        else if (was_cancelled())
            outcome.fail(this->bridge().error(this->reason()));
        return outcome;
    }

    /// Whether the task was asked to stop, and that is what it ended by.
    bool was_cancelled() const noexcept {
        auto const& error = this->outcome().error();
        return this->reason() != Errc{} && error && is_cancellation(error);
    }

private:
    bool is_clean_up() const noexcept final { return CleanUpTask<T>; }
};

/// A call that lies in the frame of the caller who blocks on it.
template <Task T>
class BlockingCall final : public TaskCall<T> {
public:
    using Result = task_result_t<T>;

    BlockingCall(Bridge& bridge, T&& task, std::source_location where)
        : TaskCall<T>(bridge, std::forward<T>(task), where) {}

    /// Runs the task. When the deadline passes first, the task is cancelled and its end awaited.
    Result run(Deadline deadline = Deadline::max(), Wait::Refuse refused = Wait::Refuse::blocking) {
        Bridge::Blocking blocking(this->bridge(), done_, refused);
        if constexpr (!CleanUpTask<T>)
            this->bridge().require_open();
        submit(blocking);
        if (!thread_.wait_until(blocking, deadline)) {
            this->request_cancel(Errc::timed_out);
            thread_.wait(blocking);
        }
        return this->final_outcome().take();
    }

    /// Runs the task, unless a stop has been requested. When it is later, the task is cancelled and
    /// its end awaited.
    Result run(std::stop_token stop) {
        Bridge::Blocking blocking(this->bridge(), done_);
        this->bridge().require_open();
        if (stop.stop_requested())
            this->bridge().throw_error(Errc::cancelled);
        {
            std::stop_callback const on_stop(
                std::move(stop), [this]() noexcept { this->request_cancel(Errc::cancelled); });
            submit(blocking);
            thread_.wait(blocking);
        }
        return this->final_outcome().take();
    }

private:
    void submit(Bridge::Blocking const& blocking) noexcept {
        thread_.worker = blocking.worker();
        this->set_blocked_thread(thread_);
        Call::submit();
    }

    void finished() noexcept override {
        thread_.close();
        done_.set();
    }

    alignas(cache_line) WakeWord done_;
    CallingThread thread_{done_};
};

/// A call that keeps itself, and hands its result to a std::future.
template <Task T>
class FutureCall final : public TaskCall<T> {
public:
    using Result = task_result_t<T>;

    static std::future<Result> start(
        Bridge& bridge, T&& task, std::stop_token stop, std::source_location where) {
        auto owned =
            std::unique_ptr<FutureCall>(new FutureCall(bridge, std::forward<T>(task), where));
        auto future = owned->promise_.get_future();
        FutureCall& call = *owned.release();
        // Kept alive until submit() by not being submitted: only then can it end.
        if (stop.stop_possible())
            call.on_stop_.emplace(std::move(stop), Canceller{&call});
        call.submit();
        return future;
    }

private:
    struct Canceller {
        FutureCall* call;
        void operator()() const noexcept { call->request_cancel(Errc::cancelled); }
    };

    using TaskCall<T>::TaskCall;

    void finished() noexcept override {
        std::unique_ptr<FutureCall> const self(this);
        on_stop_.reset();
        this->final_outcome().move_to(promise_);
    }

    std::promise<Result> promise_;
    std::optional<std::stop_callback<Canceller>> on_stop_;
};

/// A call that keeps itself, and that nobody waits for.
template <Task T>
class BackgroundCall final : public TaskCall<T> {
public:
    static void start(Bridge& bridge, T&& task, std::source_location where) {
        auto call = std::unique_ptr<BackgroundCall>(
            new BackgroundCall(bridge, std::forward<T>(task), where));
        call->submit_or_throw();
        call.release();  // it may be gone by now, and keeps itself otherwise
    }

private:
    using TaskCall<T>::TaskCall;

    void finished() noexcept override {
        std::unique_ptr<BackgroundCall> const self(this);
        if (this->was_cancelled() && this->reason() == Errc::runner_closed)
            return;
        if (auto const& error = this->final_outcome().error())
            this->bridge().report(error);
    }
};

/// A plain function, called on the loop while its caller waits.
template <std::invocable F>
class FunctionCall final : private Operation {
public:
    using Result = std::invoke_result_t<F>;

    FunctionCall(Bridge& bridge, F&& function)
        : Operation(&run_function), bridge_(bridge), function_(std::forward<F>(function)) {}

    Result run() {
        Bridge::Blocking blocking(bridge_, done_);
        bridge_.require_open();
        bridge_.submit(*this);
        blocking.wait();
        return outcome_.take();
    }

private:
    static void run_function(Operation& operation) noexcept {
        auto& self = static_cast<FunctionCall&>(operation);
        capture(self.outcome_, [&self]() -> Result {
            if (auto const refusal = self.bridge_.refusal(); refusal != Errc{})
                self.bridge_.throw_error(refusal);
            return std::invoke(std::forward<F>(self.function_.get()));
        });
        self.function_.release();
        self.done_.set();
    }

    Bridge& bridge_;
    Passed<F> function_;
    Outcome<Result> outcome_;
    WakeWord done_;
};

}  // namespace syncopate::detail
