// FiberScope: marks that the calling code has a stack of its own, which can wait without its thread.
#pragma once

#include <syncopate/detail/deadlock/loop_identity.hpp>
#include <syncopate/detail/deadlock/serving_scope.hpp>
#include <syncopate/detail/task/call_id.hpp>
#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/detail/wait/one_shot_event.hpp>
#include <syncopate/detail/wait/suspended_waits.hpp>
#include <syncopate/error.hpp>

#include <concepts>
#include <system_error>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// What the blocking members of runners know of a fiber. It is a part of a task: while it waits, the call of that task
/// does not end, and nothing else is held up, neither a loop nor a host.
///
/// Cancellation. A request to stop the task is delivered once: by the error of the call that waits, or of the next
/// one that can be stopped.
///
/// All but wait_until() happens on the loop of the task, or before it.
class [[gnu::visibility("default")]] FiberScope : public ServingScope {
public:
    using Others = SuspendedWait::Others;

    /// Suspends the fiber until the event is signalled. Returns whether that was before the deadline.
    ///
    /// others: whether threads may wait for the event, too.
    virtual bool wait_until(
        OneShotEvent& event, Deadline deadline, Others others = Others::none) noexcept = 0;

    /// Whether its task is being destroyed: nothing would resume it after a wait.
    bool is_abandoned() const noexcept { return is_abandoned_; }

    /// While it lives, the fiber is in a call that a request can stop.
    class Stoppable {
    public:
        /// fiber: null if the caller is none.
        /// stop:  stops the call. May be called more than once, and also after the call's end.
        /// Throws: Errc::cancelled if a request has not been delivered yet.
        template <std::invocable Stop>
        Stoppable(FiberScope* fiber, Stop& stop)
            : fiber_(fiber), stop_([](void* object) { (*static_cast<Stop*>(object))(); }),
              object_(&stop) {
            if (!fiber_)
                return;
            fiber_->throw_if_requested();
            outer_ = std::exchange(fiber_->stoppable_, this);
        }
        Stoppable(Stoppable const&) = delete;
        Stoppable& operator=(Stoppable const&) = delete;
        ~Stoppable() {
            if (fiber_)
                fiber_->stoppable_ = outer_;
        }

        /// The error of this call tells of the request, so that no later call has to.
        void set_delivered() const noexcept {
            if (fiber_)
                fiber_->is_requested_ = false;
        }

    private:
        friend class FiberScope;

        FiberScope* const fiber_;
        void (*const stop_)(void*);
        void* const object_;
        Stoppable* outer_ = nullptr;
    };

    /// Before a call that nothing stops.
    /// Throws: as Stoppable.
    static void throw_if_requested(FiberScope* fiber) {
        if (fiber)
            fiber->throw_if_requested();
    }

protected:
    FiberScope(LoopIdentity loop, CallId call) noexcept : ServingScope(loop, work_of(call)) {
        kind_ = Kind::fiber;
        innermost_of_thread_exchange(enclosing_);
        innermost_of_fiber_ = this;
    }
    ~FiberScope() { enclosing_ = innermost_of_thread(); }

    /// The thread goes on with the fiber from here, or without it.
    void enter() noexcept { enclosing_ = innermost_of_thread_exchange(innermost_of_fiber_); }
    void leave() noexcept { innermost_of_fiber_ = innermost_of_thread_exchange(enclosing_); }

    /// The task is to stop.
    void request_stop() noexcept {
        is_requested_ = true;
        if (auto const* const stoppable = stoppable_)
            stoppable->stop_(stoppable->object_);
    }

    void abandon() noexcept { is_abandoned_ = true; }

private:
    void throw_if_requested() {
        if (std::exchange(is_requested_, false))
            throw std::system_error(make_error_code(Errc::cancelled), "a fiber");
    }

    static WorkInHand work_of(CallId call) noexcept {
        WorkInHand work;
        work.call = call;
        return work;
    }

    // Not inlined: a fiber may go on on another thread.
    [[gnu::noinline]] static ServingScope const* innermost_of_thread() noexcept {
        return ServingScope::innermost_;
    }
    [[gnu::noinline]] static ServingScope const* innermost_of_thread_exchange(
        ServingScope const* scope) noexcept {
        return std::exchange(ServingScope::innermost_, scope);
    }

    ServingScope const* innermost_of_fiber_;
    Stoppable* stoppable_ = nullptr;  // the innermost call that can be stopped
    bool is_requested_ = false;
    bool is_abandoned_ = false;
};

inline FiberScope* ServingScope::fiber() const noexcept {
    for (auto const* scope = this; scope; scope = scope->enclosing_)
        if (scope->kind_ == Kind::fiber)
            // The fiber itself has made the scope that leads to it.
            return const_cast<FiberScope*>(static_cast<FiberScope const*>(scope));  // NOLINT
    return nullptr;
}

}  // namespace syncopate::inline v0_1::detail
