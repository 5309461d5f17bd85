// close_iteration(): cleans up on the loop after an iteration that has been left early.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/concepts.hpp>
#include <syncopate/detail/call/blocking_call.hpp>
#include <syncopate/detail/call/task_call.hpp>
#include <syncopate/detail/iteration/iteration.hpp>
#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/values/task_values.hpp>
#include <syncopate/detail/wait/deadline.hpp>

#include SYNCOPATE_ASIO(awaitable.hpp)

#include <exception>
#include <memory>
#include <source_location>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// The task that cleans up an iteration which has been left early.
template <IterableSource S>
struct CleanUp {
    using clean_up_tag = void;

    asio::awaitable<void> operator()() const { return iteration->close(); }

    std::shared_ptr<Iteration<S>> iteration;
};

/// Has the loop clean up later.
template <IterableSource S>
void close_iteration_later(
    Loop& loop,
    std::shared_ptr<Iteration<S>> iteration,
    std::source_location where,
    TaskValuesPointer const& values) noexcept {
    try {
        BackgroundCall<CleanUp<S>>::start(loop, CleanUp<S>{std::move(iteration)}, where, values);
    } catch (...) {
        if (loop.is_open())
            loop.report(std::current_exception());
    }
}

/// Cleans up on the loop. Blocks until that is done; where the wait could never end, the loop does it later.
/// Does nothing after the loop has been closed: there is nothing left to run the clean-up.
template <IterableSource S>
void close_iteration(
    Loop& loop,
    std::shared_ptr<Iteration<S>> iteration,
    std::source_location where,
    TaskValuesPointer const& values) noexcept {
    if (!iteration || iteration->is_closed() || loop.is_closed())
        return;
    CleanUp<S> clean_up{iteration};
    try {
        BlockingCall<CleanUp<S>&>(loop, clean_up, where, values)
            .run(no_deadline, BlockingWait::Refuse::cycles);
    } catch (DeadlockError const&) {
        close_iteration_later(loop, std::move(iteration), where, values);
    } catch (...) {
        if (loop.is_open())
            loop.report(std::current_exception());
    }
}

}  // namespace syncopate::inline v0_1::detail
