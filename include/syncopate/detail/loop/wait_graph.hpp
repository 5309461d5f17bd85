// Who waits for whom: what a thread passes through before it blocks on a loop, and the refusal to let
// it where the wait could never end.
#pragma once

#include <syncopate/detail/intrusive_list.hpp>
#include <syncopate/detail/task/blocked_worker.hpp>
#include <syncopate/detail/wait/one_shot_event.hpp>
#include <syncopate/error.hpp>

#include <mutex>
#include <string>
#include <utility>

namespace syncopate::detail {

/// A loop as others see it: by name, and by what must make progress for it to turn.
struct LoopIdentity {
    std::string const* name;
    void const* loop;
    void const* context;  // the execution context, if one thread runs it; else null

    bool is_held_up_by(LoopIdentity const& other) const noexcept {
        return loop == other.loop || (context && context == other.context);
    }
};

class Work;

/// Marks what this thread does, for as long as the object lives. Such marks nest.
class ServingScope {
public:
    /// own_thread:    turns a loop.
    /// caller_driven: the same, but only inside a blocking call of this very thread, so that the code on
    ///                the loop must not block at all.
    /// worker:        does work for a task of the loop.
    enum class Kind { own_thread, caller_driven, worker };

    ServingScope(LoopIdentity served, Kind kind) noexcept
        : served_(served), kind_(kind), outer_(std::exchange(innermost_, this)) {}
    ServingScope(ServingScope const&) = delete;
    ServingScope& operator=(ServingScope const&) = delete;
    ~ServingScope() { innermost_ = outer_; }

    /// Whether the calling thread is turning this loop.
    static bool serves(void const* loop) noexcept {
        for (auto const* scope = innermost(); scope; scope = scope->outer_)
            if (scope->kind_ != Kind::worker && scope->served_.loop == loop)
                return true;
        return false;
    }

    /// The loop that the calling thread is turning, or null.
    static void const* loop_here() noexcept {
        auto const* scope = innermost();
        return scope && scope->kind_ != Kind::worker ? scope->served_.loop : nullptr;
    }

    /// The work that the calling thread does, or null.
    static Work* work_here() noexcept {
        for (auto const* scope = innermost(); scope; scope = scope->outer_)
            if (scope->kind_ == Kind::worker && scope->work_.work)
                return scope->work_.work;
        return nullptr;
    }

    /// Marks a blocking call of the thread; null if it is no pool's.
    BlockedWorkerPointer blocked_worker() const {
        for (auto const* scope = this; scope; scope = scope->outer_)
            if (scope->kind_ == Kind::worker && scope->work_.worker)
                return new BlockedWorker(*scope->work_.worker, scope->work_.waiting_worker);
        return nullptr;
    }

protected:
    /// What a worker does, and for whom.
    struct WorkInHand {
        Work* work = nullptr;
        PoolWorker* worker = nullptr;             // the thread, if a pool wants to know
        BlockedWorker* waiting_worker = nullptr;  // who waits for the work, if a worker does
        void const* call = nullptr;               // the word of the call that it is part of
    };

    ServingScope(LoopIdentity served, WorkInHand work) noexcept
        : ServingScope(served, Kind::worker) {
        work_ = work;
    }

private:
    friend class BlockingWait;

    // Not inlined: Clang keeps the address of a thread_local object in a coroutine's frame, also over a
    // suspension after which another thread goes on.
    [[gnu::noinline]] static ServingScope const* innermost() noexcept { return innermost_; }

    static inline thread_local ServingScope const* innermost_ = nullptr;

    LoopIdentity served_;
    Kind kind_;
    ServingScope const* outer_;
    WorkInHand work_;
};

/// For as long as it lives, the calling thread waits for a loop to set a word. A thread that turns no
/// loop, and does no work for one, holds nobody up by waiting: for it this is the reading of one
/// thread-local pointer. The waits of the others are listed, so that the one that would close a cycle is
/// refused. A wait whose word is set is over, though its thread may not know yet.
///
/// A wait A holds up a wait B if A's thread turns the loop that B waits for, or does work that is part
/// of the call that B waits for. The search follows that. Cycles cannot exist in what it searches,
/// because the wait that would close one never begins.
class BlockingWait : public ListHook<BlockingWait> {
public:
    /// What is refused: any blocking on a thread whose loop turns inside a call, or only what could
    /// never end. A destructor wants the latter: it has to wait if it can.
    enum class Refuse { blocking, cycles };
    /// What is waited for: one call, or the end of all that the loop does.
    enum class For { call, end };

    /// Throws: DeadlockError, which names the cycle.
    BlockingWait(
        LoopIdentity const& target, OneShotEvent const& word, Refuse refused, For what = For::call)
        : target_(target), word_(word), what_(what), waiting_thread_(ServingScope::innermost()) {
        if (!waiting_thread_)
            return;
        std::lock_guard lock(registry().mutex);
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

    /// Null if it holds nobody up.
    ServingScope const* waiting_thread() const noexcept { return waiting_thread_; }

private:
    using Kind = ServingScope::Kind;

    struct Registry {
        std::mutex mutex;
        IntrusiveList<BlockingWait> waits;
        unsigned searches = 0;
    };

    // Never destroyed: a runner with static storage may be closed after everything else.
    static Registry& registry() {
        static auto* const instance = new Registry;
        return *instance;
    }

    static void refuse_blocking(ServingScope const& scope) {
        if (scope.kind_ == Kind::caller_driven)
            throw DeadlockError(
                quoted(scope.served_) +
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

    /// Follows all that holds up this wait.
    static void refuse_cycle_behind(
        BlockingWait const& wait, ServingScope const& self, std::string const& path) {
        registry().waits.for_each([&](BlockingWait const& next) {
            if (next.word_.is_set() || !next.holds_up(wait) ||
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

    /// Whether it cannot end as long as this is in the way.
    bool is_held_up_by(ServingScope const& scope) const noexcept {
        if (scope.kind_ != Kind::worker)
            return target_.is_held_up_by(scope.served_);
        return scope.work_.call == &word_ ||
               (what_ == For::end && scope.served_.loop == target_.loop);
    }

    static std::string name(ServingScope const& scope) {
        return (scope.kind_ == Kind::worker ? "a worker of " : "") + quoted(scope.served_);
    }
    static std::string quoted(LoopIdentity const& loop) { return '"' + *loop.name + '"'; }

    LoopIdentity target_;
    OneShotEvent const& word_;
    For what_;
    ServingScope const* waiting_thread_;
    mutable unsigned seen_in_ = 0;
};

}  // namespace syncopate::detail
