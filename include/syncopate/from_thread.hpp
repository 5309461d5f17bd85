// Inside blocking code that a task has called with to_thread(): back to its loop.
#pragma once

#include <syncopate/concepts.hpp>
#include <syncopate/detail/loop/wait_graph.hpp>
#include <syncopate/detail/work/work.hpp>
#include <syncopate/detail/workers/from_thread_call.hpp>
#include <syncopate/detail/workers/from_thread_function.hpp>
#include <syncopate/error.hpp>

#include <concepts>
#include <system_error>
#include <type_traits>
#include <utility>

/// What a worker thread can do with the loop whose task waits for it. Everywhere else each of them throws
/// Errc::not_in_worker.
namespace syncopate::from_thread {

/// Runs a task on the loop that called, and gives what it returns. The loop takes it as part of the task
/// that waits for this worker: it runs on that one's executor and is cancelled with it.
///
/// task:      as for ThreadRunner::run().
/// Blocks:    until the task has ended.
/// Throws:    what the task throws. Errc::cancelled if it ended by operation_aborted because the waiting
///            task was cancelled, or if that has abandoned this worker; Errc::loop_failed if the loop has
///            ended. DeadlockError if the wait could never end.
/// Semantics: `anyio.from_thread.run`.
template <Task T>
task_result_t<T> run(T&& task) {
    detail::FromThreadCall<T> call(detail::Work::in_this_worker(), std::forward<T>(task));
    return call.run();
}

/// Calls a plain function on the loop, and gives what it returns.
///
/// Blocks:    until the function has returned.
/// Throws:    what the function throws; otherwise as run().
/// Semantics: `anyio.from_thread.run_sync`.
template <std::invocable F>
std::invoke_result_t<F> call(F&& function) {
    detail::FromThreadFunction<F> loop_function(std::forward<F>(function));
    return loop_function.call_from(detail::Work::in_this_worker());
}

/// Throws Errc::cancelled once the task that waits for this worker has been cancelled.
///
/// Semantics: `anyio.from_thread.check_cancelled`.
inline void check_cancelled() {
    if (detail::Work::in_this_worker().is_cancelled())
        throw std::system_error(make_error_code(Errc::cancelled));
}

}  // namespace syncopate::from_thread
