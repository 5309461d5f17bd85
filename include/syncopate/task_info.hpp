// TaskInfo, TaskState: one task of a runner, as RunnerBase::tasks() tells of it.
#pragma once

#include <chrono>
#include <cstdint>
#include <source_location>
#include <string>

namespace syncopate::inline v0_1 {

/// How far a task has come.
enum class TaskState {
    /// It has not begun: the loop has not come to it yet.
    queued,
    /// Its code runs at this moment, or that of a task which it has started.
    running,
    /// It has been suspended, and waits. Where nobody waits for the task, it has no label, and the runner no
    /// Options::on_stall, nobody tells when it goes on after a wait of Asio's own, such as for a timer or a socket:
    /// from then on its code may run all the same.
    suspended,
    /// It was asked to stop, and has not ended yet.
    cancelling,
};

/// What a runner knows of one of its tasks, at one moment.
struct TaskInfo {
    std::uint64_t id;               ///< names the task as long as the process lasts
    std::string label;              ///< as label() gave it, or empty
    std::source_location location;  ///< the call that started the task
    TaskState state;                ///< how far it has come
    std::chrono::nanoseconds age;   ///< since it was handed to the runner
    std::string waits_for;          ///< in words, as far as this library knows it; or empty
};

}  // namespace syncopate::inline v0_1
