// Stall: what a runner tells Options::on_stall of, when nothing goes on.
#pragma once

#include <chrono>
#include <cstdint>
#include <source_location>
#include <string>

namespace syncopate::inline v0_1 {

/// One standstill. `label` and `location` are those of the task, as in TaskInfo, or of the function of call(). Both are
/// empty where the culprit is not known: a handler that the library has not started, or one of several tasks that
/// Asio has resumed.
struct Stall {
    enum class Kind {
        /// A handler does not return, so that nothing else on the loop goes on.
        loop_blocked,
        /// A task was asked to stop, and has not ended.
        ignores_cancellation,
    };

    Kind kind;
    std::string label;
    std::source_location location;
    std::chrono::nanoseconds duration;  ///< so far
};

}  // namespace syncopate::inline v0_1
