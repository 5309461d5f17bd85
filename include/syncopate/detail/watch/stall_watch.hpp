// StallWatch: has Options::on_stall called when a loop is blocked, or a task of it does not heed its cancellation.
#pragma once

#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/separate.hpp>

#include <memory>

namespace syncopate::inline v0_1::detail {

class [[gnu::visibility("default")]] StallWatcher;

/// Watches the loop until it is destroyed, if the option is set.
///
/// A loop is blocked if a handler that was posted to it, the probe, is not called in time, and no task begins
/// either. So a loop that is idle is woken now and then while it is watched.
class StallWatch {
public:
    SYNCOPATE_DECL explicit StallWatch(std::shared_ptr<Loop> loop);
    StallWatch(StallWatch const&) = delete;
    StallWatch& operator=(StallWatch const&) = delete;
    SYNCOPATE_DECL ~StallWatch();

private:
    class State;

    std::shared_ptr<State> state_;  // null: the option is not set
    StallWatcher* watcher_ = nullptr;
};

}  // namespace syncopate::inline v0_1::detail

#ifndef SYNCOPATE_SEPARATE_COMPILATION
#include <syncopate/detail/watch/stall_watch.ipp>
#endif
