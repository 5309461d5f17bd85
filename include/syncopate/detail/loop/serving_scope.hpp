// ServingScope: marks which loop the calling thread turns, or works for.
#pragma once

#include <syncopate/detail/loop/loop_identity.hpp>
#include <syncopate/detail/task/blocked_worker.hpp>
#include <syncopate/detail/task/call_id.hpp>

#include <utility>

namespace syncopate::inline v0_1::detail {

class Work;

/// Lives while the thread does it. Scopes of one thread nest.
class [[gnu::visibility("default")]] ServingScope {
public:
    /// own_thread:    the thread turns the loop.
    /// caller_driven: the same, inside a blocking call of this very thread: code on the loop must not
    ///                block at all.
    /// worker:        the thread does work for a task of the loop.
    enum class Kind { own_thread, caller_driven, worker };

    ServingScope(LoopIdentity loop, Kind kind) noexcept
        : loop_(loop), kind_(kind), outer_(std::exchange(innermost_, this)) {}
    ServingScope(ServingScope const&) = delete;
    ServingScope& operator=(ServingScope const&) = delete;
    ~ServingScope() { innermost_ = outer_; }

    /// Whether the calling thread is turning this loop.
    static bool turns(void const* loop) noexcept {
        for (auto const* scope = innermost(); scope; scope = scope->outer_)
            if (scope->kind_ != Kind::worker && scope->loop_.loop == loop)
                return true;
        return false;
    }

    /// The loop that the calling thread is turning, or null.
    static void const* loop_here() noexcept {
        auto const* scope = innermost();
        return scope && scope->kind_ != Kind::worker ? scope->loop_.loop : nullptr;
    }

    /// The work that the calling thread does, or null.
    static Work* work_here() noexcept {
        for (auto const* scope = innermost(); scope; scope = scope->outer_)
            if (scope->kind_ == Kind::worker && scope->work_.work)
                return scope->work_.work;
        return nullptr;
    }

    /// Makes the mark of a blocking call of this thread; null if the thread is no pool's.
    BlockedWorkerPointer blocked_worker() const {
        for (auto const* scope = this; scope; scope = scope->outer_)
            if (scope->kind_ == Kind::worker && scope->work_.worker)
                return new BlockedWorker(
                    *scope->work_.worker, {scope->work_.waiting_worker, scope->work_.limiter,
                                           scope->work_.may_be_abandoned});
        return nullptr;
    }

protected:
    /// The work that a worker does, and who waits for it.
    struct WorkInHand {
        Work* work = nullptr;
        PoolWorker* worker = nullptr;             // the thread, if it is a pool's
        BlockedWorker* waiting_worker = nullptr;  // the worker that waits for the work, if one does
        CallId call = 0;                          // the call that the work is part of
        void const* limiter = nullptr;  // the TokenCounter of which the work holds a token
        bool may_be_abandoned = true;   // by the task that awaits it
    };

    ServingScope(LoopIdentity loop, WorkInHand work) noexcept : ServingScope(loop, Kind::worker) {
        work_ = work;
    }

private:
    friend class BlockingWait;

    /// The pool whose worker does the work, or null.
    void const* pool() const noexcept { return work_.worker ? work_.worker->pool() : nullptr; }

    // Not inlined: Clang keeps the address of a thread_local object in a coroutine's frame, also over a
    // suspension after which another thread goes on.
    [[gnu::noinline]] static ServingScope const* innermost() noexcept { return innermost_; }

    static inline thread_local ServingScope const* innermost_ = nullptr;

    LoopIdentity loop_;
    Kind kind_;
    ServingScope const* outer_;
    WorkInHand work_;
};

}  // namespace syncopate::inline v0_1::detail
