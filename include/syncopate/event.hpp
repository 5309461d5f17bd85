// Event: the begin or the end of a task, or of a function that one thread calls for another, as Options::on_event is
// told of it.
#pragma once

#include <chrono>
#include <cstdint>
#include <source_location>
#include <string>

namespace syncopate::inline v0_1 {

/// Something of a runner's begins or ends. Each begin has its end, with the same id.
///
/// A copy may be kept for as long as you like: it refers to nothing of the runner's.
struct Event {
    /// What begins or ends.
    enum class Kind {
        /// A task, as tasks() lists them: of run() and start_soon(), of a context from its aenter to its aexit, of a
        /// range with read-ahead. One that is refused or withdrawn before it has begun has no events.
        task,
        /// The function of call(), on the loop.
        call,
        /// The function of to_thread() or run_in_executor(), on a worker thread.
        to_thread,
        /// The function of to_calling_thread(), on the thread that is blocked in run().
        to_calling_thread,
        /// The task of from_thread::run(), on the loop.
        from_thread_run,
        /// The function of from_thread::call(), on the loop.
        from_thread_call,
    };
    /// Which end of it.
    enum class Phase {
        /// It is about to run for the first time.
        begin,
        /// It has ended, and nobody has gone on with its result yet.
        end,
    };

    Kind kind;                      ///< what begins or ends
    Phase phase;                    ///< which end of it
    std::uint64_t id;               ///< names it as long as the process lasts; of tasks and of
                                    ///< call()'s functions as TaskInfo::id
    std::uint64_t task;             ///< the task for which it is done, or the task itself; zero if
                                    ///< that is not known, see RunnerBase::tasks()
    std::string label;              ///< of a task: as label() gave it, or empty
    std::source_location location;  ///< the call that asked for it
    std::string runner;             ///< Options::name
    std::chrono::steady_clock::time_point time;  ///< when it begins or has ended

    /// Whether it may be suspended, so that others begin and end on its thread meanwhile. On an executor with several
    /// threads it may also end on another than it began on. What may not is a plain function: such events nest.
    bool may_be_suspended() const noexcept {
        return kind == Kind::task || kind == Kind::from_thread_run;
    }
};

}  // namespace syncopate::inline v0_1
