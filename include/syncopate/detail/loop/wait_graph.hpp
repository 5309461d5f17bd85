// BlockingWait: one blocked thread in the graph of who waits for whom; refuses a wait that could never end.
#pragma once

#include <syncopate/detail/intrusive_list.hpp>
#include <syncopate/detail/loop/loop_identity.hpp>
#include <syncopate/detail/loop/serving_scope.hpp>
#include <syncopate/detail/task/call_id.hpp>
#include <syncopate/detail/wait/one_shot_event.hpp>
#include <syncopate/error.hpp>

#include <mutex>
#include <string>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// While it lives, the calling thread waits for a loop to set an event.
///
/// A thread that turns no loop and does no work for one holds nobody up: for it, this is the reading of
/// one thread-local pointer. The waits of all other threads are nodes of the graph. Wait A holds up wait B
/// if A's thread turns the loop that B waits for, or does work that is part of the call that B waits for.
/// A wait that would close a cycle is refused, so the graph that is searched has none. A wait whose event
/// is set holds nobody up, although its thread may not have noticed yet.
class [[gnu::visibility("default")]] BlockingWait : public ListHook<BlockingWait> {
public:
    /// blocking: refuses also any wait on a thread whose loop turns inside a call.
    /// cycles:   refuses only a wait that could never end: for a destructor, which waits if it can.
    enum class Refuse { blocking, cycles };
    /// What the thread waits for: the end of one call, or of everything on the loop, or in the pool whose
    /// identity the target is.
    enum class For { call, end };

    /// Throws: DeadlockError, which names the cycle.
    BlockingWait(
        LoopIdentity const& target, OneShotEvent const& event, Refuse refused, For what = For::call)
        : target_(target), event_(event), what_(what), waiting_thread_(ServingScope::innermost()) {
        if (!waiting_thread_)
            return;
        std::lock_guard lock(registry().mutex);
        id_ = ++registry().last_call;
        for (auto const* scope = waiting_thread_; scope; scope = scope->outer_) {
            if (refused == Refuse::blocking)
                refuse_blocking(*scope);
            refuse_cycle(*scope);
        }
        registry().waits.push_back(*this);
    }

    ~BlockingWait() {
        if (!waiting_thread_)
            return;
        std::lock_guard lock(registry().mutex);
        unlink();
    }

    /// The innermost scope of the waiting thread; null if it holds nobody up.
    ServingScope const* waiting_thread() const noexcept { return waiting_thread_; }

    /// Zero if the graph does not know the wait.
    CallId id() const noexcept { return id_; }

private:
    using Kind = ServingScope::Kind;

    struct Registry {
        std::mutex mutex;
        IntrusiveList<BlockingWait> waits;
        unsigned searches = 0;
        CallId last_call = 0;
    };

    // Never destroyed: a runner with static storage may be closed after any other static object is gone.
    static Registry& registry() {
        static auto* const instance = new Registry;
        return *instance;
    }

    static void refuse_blocking(ServingScope const& scope) {
        if (scope.kind_ == Kind::caller_driven)
            throw DeadlockError(
                quoted(scope.loop_) +
                " runs on this thread: a blocking call in its task would hold it up; "
                "use co_await");
    }

    void refuse_cycle(ServingScope const& self) const {
        auto const path = name(self) + " waits for " + quoted(target_);
        if (is_held_up_by(self))
            throw DeadlockError(
                path + (self.kind_ == Kind::worker
                            ? ""
                            : ", on the thread that makes the call; use co_await"));
        ++registry().searches;
        refuse_cycle_behind(*this, self, path);
    }

    /// Searches what holds up `wait`, directly or through others, for `self`.
    static void refuse_cycle_behind(
        BlockingWait const& wait, ServingScope const& self, std::string const& path) {
        registry().waits.for_each([&](BlockingWait const& next) {
            if (next.event_.is_set() || !next.holds_up(wait) ||
                std::exchange(next.seen_in_, registry().searches) == registry().searches)
                return;
            auto const longer = path + ", which waits for " + quoted(next.target_);
            if (next.is_held_up_by(self))
                throw DeadlockError(longer);
            refuse_cycle_behind(next, self, longer);
        });
    }

    bool holds_up(BlockingWait const& other) const noexcept {
        for (auto const* scope = waiting_thread_; scope; scope = scope->outer_)
            if (other.is_held_up_by(*scope))
                return true;
        return false;
    }

    /// Whether the wait cannot end while the thread of this scope is blocked.
    bool is_held_up_by(ServingScope const& scope) const noexcept {
        if (scope.kind_ != Kind::worker)
            return target_.is_held_up_by(scope.loop_);
        return scope.work_.call == id_ || (what_ == For::end && (scope.loop_.loop == target_.loop ||
                                                                 scope.pool() == target_.loop));
    }

    static std::string name(ServingScope const& scope) {
        return (scope.kind_ == Kind::worker ? "a worker of " : "") + quoted(scope.loop_);
    }
    static std::string quoted(LoopIdentity const& loop) { return '"' + *loop.name + '"'; }

    LoopIdentity target_;
    OneShotEvent const& event_;
    For what_;
    ServingScope const* waiting_thread_;
    CallId id_ = 0;
    mutable unsigned seen_in_ = 0;
};

}  // namespace syncopate::inline v0_1::detail
