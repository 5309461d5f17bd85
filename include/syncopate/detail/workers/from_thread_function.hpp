// FromThreadFunction: a plain function that a worker thread has called on the loop for which it works.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/loop/operation.hpp>
#include <syncopate/detail/loop/posted_or_dropped.hpp>
#include <syncopate/detail/task/event_sink.hpp>
#include <syncopate/detail/task/outcome.hpp>
#include <syncopate/detail/task/owned_or_ref.hpp>
#include <syncopate/detail/values/current_values.hpp>
#include <syncopate/detail/values/task_values.hpp>
#include <syncopate/detail/wait/one_shot_event.hpp>
#include <syncopate/detail/work/work.hpp>
#include <syncopate/detail/workers/from_thread_wait.hpp>
#include <syncopate/error.hpp>
#include <syncopate/event.hpp>

#include SYNCOPATE_ASIO(any_io_executor.hpp)

#include <concepts>
#include <functional>
#include <source_location>
#include <system_error>
#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// Lies in the frame of the blocked worker. F: as for OwnedOrRef.
template <std::invocable F>
class FromThreadFunction {
public:
    using Result = std::invoke_result_t<F>;

    FromThreadFunction(Work& work, F&& function, std::source_location where)
        : work_(work), where_(where), function_(std::forward<F>(function)) {}

    /// Blocks until the loop has called the function.
    /// Throws: what the function throws; DeadlockError; Errc::cancelled if the waiting task has abandoned
    ///         this worker; Errc::loop_failed if the loop has ended.
    Result run() {
        FromThreadWait waiting(work_, done_);
        if (!work_.is_direct())
            work_.post(PostedOrDropped(Posted{this}));
        else if (!work_.submit(call_))
            done_.set();
        waiting.wait();
        if (outcome_.empty())
            throw std::system_error(
                make_error_code(work_.is_cancelled() ? Errc::cancelled : Errc::loop_failed));
        return outcome_.take();
    }

private:
    // Wakes the worker, whether the loop has called the function or dropped it.
    struct Posted {
        FromThreadFunction* function;
        void called(asio::any_io_executor const&) const noexcept {
            function->call();
            function->done_.set();
        }
        void dropped() const noexcept { function->done_.set(); }
    };

    /// The operation, of a loop that owns its execution context.
    void run_call() noexcept {
        Loop const& loop = *work_.gate().loop();
        if (!loop.has_unwound()) {
            Loop::TaskOnThread const on_thread(loop, work_.task());
            call();
        }
        done_.set();
    }

    void call() noexcept {
        auto* const events = work_.events();
        capture(outcome_, [this, events]() -> Result {
            EventScope const told(
                events, [this, id = events ? events->next_id() : 0]() noexcept -> EventSource {
                    return {Event::Kind::from_thread_call, id, work_.task(), where_};
                });
            return call_with_values(values_.get(), [this]() -> Result {
                return std::invoke(std::forward<F>(function_.get()));
            });
        });
        function_.release();
    }

    Work& work_;
    std::source_location const where_;
    OwnedOrRef<F> function_;
    Outcome<Result> outcome_;
    TaskValuesPointer const values_ = CurrentValues::of_new_task();
    OneShotEvent done_;
    MemberOperation<FromThreadFunction, &FromThreadFunction::run_call> call_{*this};
};

}  // namespace syncopate::inline v0_1::detail
