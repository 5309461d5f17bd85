// OnCancel: what a task does when it is cancelled while a worker thread runs a function for it.
#pragma once

namespace syncopate::inline v0_1 {

/// What becomes of the cancellation of a task that awaits a function in a worker thread. A function that
/// has not been called yet is not called, either way.
enum class OnCancel {
    /// The task waits until the function has returned, and is cancelled then.
    wait,
    /// The task goes on at once. The function runs to its end; what it returns or throws is discarded.
    /// Only for a function that owns all that it touches: the task's frame may be gone while it runs.
    abandon,
};

}  // namespace syncopate::inline v0_1
