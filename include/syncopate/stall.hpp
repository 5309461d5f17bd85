// Stall: what a runner tells Options::on_stall of, when nothing goes on.
#pragma once

#include <chrono>
#include <cstdint>
#include <source_location>
#include <string>

namespace syncopate::inline v0_1 {

/// One standstill. The culprit may be a handler that the library has not started, and is not known then: the label is
/// empty, and the location is that of no call.
struct Stall {
    /// What does not go on.
    enum class Kind {
        /// A handler does not return, so that nothing else on the loop goes on.
        loop_blocked,
        /// A task was asked to stop, and has not ended.
        ignores_cancellation,
    };

    Kind kind;                          ///< of the standstill
    std::string label;                  ///< of the culprit, as label() gave it, or empty
    std::source_location location;      ///< the call that started it
    std::chrono::nanoseconds duration;  ///< so far
};

}  // namespace syncopate::inline v0_1
