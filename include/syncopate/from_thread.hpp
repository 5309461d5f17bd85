// from_thread::run(), call(), check_cancelled(): what code on a worker thread does with the loop whose task
// awaits it.
#pragma once

#include <syncopate/concepts.hpp>
#include <syncopate/detail/deadlock/wait_graph.hpp>
#include <syncopate/detail/work/work.hpp>
#include <syncopate/detail/workers/from_thread_call.hpp>
#include <syncopate/detail/workers/from_thread_function.hpp>
#include <syncopate/error.hpp>

#include <concepts>
#include <source_location>
#include <system_error>
#include <type_traits>
#include <utility>

/// The functions for code that a task has called with to_thread() or run_in_executor(). On any other thread
/// each of them throws Errc::not_in_worker.
namespace syncopate::inline v0_1::from_thread {

/// Runs a task on the loop whose task awaits this worker, and gives what it returns.
///
/// It runs on the executor of the awaiting task, and is cancelled with it.
///
/// task:      as for ThreadRunner::run().
/// where:     the call site, for messages: leave it to its default.
/// Blocks:    until the task has ended.
/// Throws:    what the task throws. The awaiting task was cancelled and this one has ended by
///            operation_aborted, or the awaiting task has abandoned this worker -> Errc::cancelled. The loop
///            has ended -> Errc::loop_failed. The wait could never end -> DeadlockError.
/// Threads:   a worker thread of to_thread() or run_in_executor(), or Errc::not_in_worker.
/// Semantics: `anyio.from_thread.run`.
template <Task T>
task_result_t<T> run(T&& task, std::source_location where = std::source_location::current()) {
    detail::FromThreadCall<T> call(detail::Work::in_this_worker(), std::forward<T>(task), where);
    return call.run();
}

/// Calls a plain function on the loop whose task awaits this worker, and gives what it returns.
///
/// where:     the call site, for messages: leave it to its default.
/// Blocks:    until the function has returned.
/// Throws:    what the function throws. The awaiting task has abandoned this worker -> Errc::cancelled. The
///            loop has ended -> Errc::loop_failed. The wait could never end -> DeadlockError.
/// Threads:   as for run().
/// Semantics: `anyio.from_thread.run_sync`.
template <std::invocable F>
std::invoke_result_t<F> call(
    F&& function, std::source_location where = std::source_location::current()) {
    detail::FromThreadFunction<F> on_loop(
        detail::Work::in_this_worker(), std::forward<F>(function), where);
    return on_loop.run();
}

/// Throws Errc::cancelled once the task that awaits this worker has been cancelled.
///
/// Threads:   as for run(). Does not block.
/// Semantics: `anyio.from_thread.check_cancelled`.
inline void check_cancelled() {
    if (detail::Work::in_this_worker().is_cancelled())
        throw std::system_error(make_error_code(Errc::cancelled));
}

}  // namespace syncopate::inline v0_1::from_thread
