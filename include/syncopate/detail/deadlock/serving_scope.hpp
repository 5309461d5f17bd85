// ServingScope: marks which loop the calling thread turns, or works for.
#pragma once

#include <syncopate/detail/deadlock/loop_identity.hpp>
#include <syncopate/detail/error/joined.hpp>
#include <syncopate/detail/system/forks.hpp>
#include <syncopate/detail/task/blocked_worker.hpp>
#include <syncopate/detail/task/call_id.hpp>

#include <string>
#include <utility>

namespace syncopate::inline v0_1::detail {

class FiberScope;
class Work;

/// Lives while the thread does it. Scopes of one thread nest. Those that a fork has copied count no more: what they
/// serve is the parent's.
class [[gnu::visibility("default")]] ServingScope {
public:
    /// own_thread:    the thread turns the loop.
    /// caller_driven: the same, inside a blocking call of this very thread: code on the loop must not
    ///                block at all.
    /// worker:        the thread does work for a task of the loop.
    /// fiber:         the same, on a stack of its own, which waits without the thread.
    enum class Kind { own_thread, caller_driven, worker, fiber };

    ServingScope(LoopIdentity loop, Kind kind) noexcept
        : loop_(loop), kind_(kind), process_(this_process()),
          enclosing_(std::exchange(innermost_, this)) {}
    ServingScope(ServingScope const&) = delete;
    ServingScope& operator=(ServingScope const&) = delete;
    ~ServingScope() { innermost_ = enclosing_; }

    /// Whether the calling thread is turning this loop. No loop has the address of one from before a fork, which is kept.
    static bool turns(void const* loop) noexcept {
        for (auto const* scope = any_innermost(); scope; scope = scope->enclosing_)
            if (scope->kind_ != Kind::worker && scope->loop_.loop == loop)
                return true;
        return false;
    }

    /// The loop that the calling thread is turning, or null.
    static void const* loop_here() noexcept {
        auto const* scope = innermost();
        return scope && scope->kind_ != Kind::worker ? scope->loop_.loop : nullptr;
    }

    /// The work that the calling thread does, or null. In the child of a fork the work that has forked.
    static Work* work_here() noexcept {
        for (auto const* scope = any_innermost(); scope && scope->kind_ != Kind::fiber;
             scope = scope->enclosing_)
            if (scope->kind_ == Kind::worker && scope->work_.work)
                return scope->work_.work;
        return nullptr;
    }

    /// The fiber that the calling code runs on, or null.
    static FiberScope* fiber_here() noexcept {
        auto const* const scope = innermost();
        return scope ? scope->fiber() : nullptr;
    }
    /// The fiber in which this scope is, or null.
    FiberScope* fiber() const noexcept;

    /// Makes the mark of a blocking call of this thread; null if the thread is no pool's.
    BlockedWorkerPointer blocked_worker() const {
        for (auto const* scope = this; scope; scope = scope->outer())
            if (scope->kind_ == Kind::worker && scope->work_.worker)
                return new BlockedWorker(*scope->work_.worker, scope->work_.waiting_worker);
        return nullptr;
    }

protected:
    /// The work that a worker does, and who waits for it.
    struct WorkInHand {
        Work* work = nullptr;
        PoolWorker* worker = nullptr;             // the thread, if it is a pool's
        BlockedWorker* waiting_worker = nullptr;  // the worker that waits for the work, if one does
        CallId call = 0;                          // the call that the work is part of
        void const* limiter = nullptr;       // the TokenCounter of which the work holds a token
        void const* caller_queue = nullptr;  // the CallerQueue from which a calling thread has it
    };

    ServingScope(LoopIdentity loop, WorkInHand work) noexcept : ServingScope(loop, Kind::worker) {
        work_ = work;
    }

private:
    friend class BlockingWait;
    friend class FiberScope;

    /// The pool whose worker does the work, or null.
    void const* pool() const noexcept { return work_.worker ? work_.worker->pool() : nullptr; }

    /// Whether what it does holds a token of this limiter, or is done by a thread of this pool or for this queue.
    bool holds(void const* resource) const noexcept {
        return resource == work_.limiter || resource == work_.caller_queue || resource == pool();
    }

    /// The thread, for messages.
    std::string in_words() const {
        return joined(
            {kind_ == Kind::fiber    ? "a fiber of "
             : kind_ != Kind::worker ? ""
             : work_.caller_queue    ? "the calling thread of "
                                     : "a worker of ",
             "\"", *loop_.name, "\""});
    }

    // Not inlined: Clang keeps the address of a thread_local object in a coroutine's frame, also over a
    // suspension after which another thread goes on.
    [[gnu::noinline]] static ServingScope const* innermost() noexcept {
        return of_this_process(innermost_);
    }
    [[gnu::noinline]] static ServingScope const* any_innermost() noexcept { return innermost_; }
    /// What else does not go on while the code of this scope is blocked.
    ServingScope const* outer() const noexcept {
        return kind_ == Kind::fiber ? nullptr : of_this_process(enclosing_);
    }
    /// Whether it works for a task, which goes on when it has ended.
    bool is_part_of_call() const noexcept { return kind_ == Kind::worker || kind_ == Kind::fiber; }

    static ServingScope const* of_this_process(ServingScope const* scope) noexcept {
        return scope && scope->process_ == this_process() ? scope : nullptr;
    }

    static inline thread_local ServingScope const* innermost_ = nullptr;

    LoopIdentity loop_;
    Kind kind_;
    unsigned const process_;
    ServingScope const* enclosing_;
    WorkInHand work_;
};

}  // namespace syncopate::inline v0_1::detail
