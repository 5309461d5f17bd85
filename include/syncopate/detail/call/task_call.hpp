// TaskCall: a call with its task and the task's outcome. FutureCall, BackgroundCall: such a call for a std::future, and
// for nobody.
#pragma once

#include <syncopate/concepts.hpp>
#include <syncopate/detail/call/call.hpp>
#include <syncopate/detail/cancellation/cancellation.hpp>
#include <syncopate/detail/foreign/foreign_task.hpp>
#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/task/caller_link.hpp>
#include <syncopate/detail/task/carried_task.hpp>
#include <syncopate/detail/task/labelled_task.hpp>
#include <syncopate/detail/task/outcome.hpp>
#include <syncopate/detail/values/task_values.hpp>
#include <syncopate/error.hpp>

#include <concepts>
#include <future>
#include <memory>
#include <optional>
#include <source_location>
#include <stop_token>
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
        // A function that the blocked thread called for its task may have forked: then the child comes here, while
        // the task still lives.
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

/// A call of which no thread waits for the end. Its task is followed where somebody asks for it by name, or is to be
/// told what it does; else it has no link, and its executor is the loop's own, which is faster.
template <Task T>
class UnattendedCall : public TaskCall<T> {
protected:
    template <std::same_as<TaskValuesPointer>... Values>
    UnattendedCall(Loop& loop, T&& task, std::source_location where, Values const&... values)
        : TaskCall<T>(loop, std::forward<T>(task), where, values...) {
        if (Labelled<T> || loop.options().on_stall())
            this->be_followed(nobody_, this->id());
    }
    ~UnattendedCall() = default;

private:
    BlockedThread nobody_;
};

/// A call that owns itself, and hands its outcome to a std::future.
template <Task T>
class FutureCall final : public UnattendedCall<T> {
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

    using UnattendedCall<T>::UnattendedCall;

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
class BackgroundCall final : public UnattendedCall<T> {
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
    using UnattendedCall<T>::UnattendedCall;

    void released() noexcept override {
        std::unique_ptr<BackgroundCall> const self(this);
        if (this->was_cancelled() && this->reason() == Errc::runner_closed)
            return;
        if (auto const& error = this->final_outcome().error())
            this->loop().report(error);
    }
};

}  // namespace syncopate::inline v0_1::detail
