// run(), run_interruptible(): run one task on a loop that lasts as long as the task.
#pragma once

#include <syncopate/concepts.hpp>
#include <syncopate/detail/error/wrong_calls.hpp>
#include <syncopate/options.hpp>
#include <syncopate/runner.hpp>

#include <source_location>
#include <utility>

namespace syncopate::inline v0_1 {

using detail::wrong_calls::run;

/// Runs a task on a new loop, on the calling thread, and gives what it returns.
///
/// task:      as for RunnerBase::run().
/// Blocks:    until the task has ended, and whatever else it started has been cancelled and has
///            unwound.
/// Throws:    what the task throws. DeadlockError inside a task that run() or a Runner runs.
/// Semantics: `asyncio.run`. It makes a loop and throws it away: for more than one call use a Runner, or
///            a ThreadRunner.
template <Task T>
task_result_t<T> run(T&& task, std::source_location where = std::source_location::current()) {
    Runner runner(Options().name("run()"));
    return runner.run(std::forward<T>(task), where);
}

/// The same; Ctrl-C (SIGINT) cancels the task, as in RunnerBase::run_interruptible().
///
/// Throws:    also Errc::interrupted.
template <Task T>
task_result_t<T> run_interruptible(
    T&& task, std::source_location where = std::source_location::current()) {
    Runner runner(Options().name("run_interruptible()"));
    return runner.run_interruptible(std::forward<T>(task), where);
}

}  // namespace syncopate::inline v0_1
