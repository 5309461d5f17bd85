// BlockingScope: one blocking call of the calling thread, known to the wait graph and to the thread's pool.
#pragma once

#include <syncopate/detail/deadlock/fiber_scope.hpp>
#include <syncopate/detail/deadlock/loop_identity.hpp>
#include <syncopate/detail/deadlock/wait_graph.hpp>
#include <syncopate/detail/task/blocked_worker.hpp>
#include <syncopate/detail/task/call_id.hpp>
#include <syncopate/detail/wait/one_shot_event.hpp>

namespace syncopate::inline v0_1::detail {

/// Base of the scopes in which a thread waits for a loop. Made before anything is submitted that leads to
/// the end of the wait.
class BlockingScope {
public:
    /// Throws: DeadlockError if the wait could never end.
    BlockingScope(
        LoopIdentity const& target,
        OneShotEvent& event,
        BlockingWait::Refuse refused = BlockingWait::Refuse::blocking,
        BlockingWait::For what = BlockingWait::For::call)
        : event_(event), wait_(target, event, refused, what),
          worker_(wait_.waiting_thread() ? wait_.waiting_thread()->blocked_worker() : nullptr) {
        if (worker_)
            worker_->begin();
    }
    BlockingScope(BlockingScope const&) = delete;
    BlockingScope& operator=(BlockingScope const&) = delete;

    CallId call() const noexcept { return wait_.id(); }

    /// The fiber that waits; null if a thread does.
    FiberScope* fiber() const noexcept { return wait_.fiber(); }

    /// Set if the thread is a worker of a pool.
    BlockedWorkerPointer const& worker() const noexcept { return worker_; }

protected:
    // Inlined, as ~Blocking() is: a short call would notice.
    [[gnu::always_inline]] ~BlockingScope() {
        if (worker_)
            worker_->end();
    }

    OneShotEvent& event() const noexcept { return event_; }
    /// Whether others may wait for the same event.
    FiberScope::Others others() const noexcept {
        return wait_.is_for_end() ? FiberScope::Others::may_sleep : FiberScope::Others::none;
    }

private:
    OneShotEvent& event_;
    BlockingWait wait_;
    BlockedWorkerPointer worker_;
};

}  // namespace syncopate::inline v0_1::detail
