// Who waits for whom: what a thread passes through before it blocks on a loop, and the refusal to let
// it where the wait could never end.
#pragma once

#include <syncopate/detail/intrusive_list.hpp>
#include <syncopate/detail/wake_word.hpp>
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

/// Marks that this thread turns a loop, for as long as the object lives. Such marks nest.
class ServingScope {
public:
    /// caller_driven: the loop turns only inside a blocking call of this very thread, so that the code
    /// on it must not block at all.
    enum class Kind { own_thread, caller_driven };

    ServingScope(LoopIdentity served, Kind kind) noexcept
        : served_(served), kind_(kind), outer_(std::exchange(innermost_, this)) {}
    ServingScope(ServingScope const&) = delete;
    ServingScope& operator=(ServingScope const&) = delete;
    ~ServingScope() { innermost_ = outer_; }

    /// Whether the calling thread is turning this loop.
    static bool serves(void const* loop) noexcept {
        for (auto const* scope = innermost(); scope; scope = scope->outer_)
            if (scope->served_.loop == loop)
                return true;
        return false;
    }

private:
    friend class Wait;

    // Not inlined: Clang keeps the address of a thread_local object in a coroutine's frame, also over a
    // suspension after which another thread goes on.
    [[gnu::noinline]] static ServingScope const* innermost() noexcept { return innermost_; }

    static inline thread_local ServingScope const* innermost_ = nullptr;

    LoopIdentity served_;
    Kind kind_;
    ServingScope const* outer_;
};

/// For as long as it lives, the calling thread waits for a loop to set a word. A thread that turns no
/// loop holds nobody up by waiting: for it this is the reading of one thread-local pointer. The waits
/// of the others are listed, so that the one that would close a cycle is refused. A wait whose word is
/// set is over, though its thread may not know yet.
///
/// A loop is turned by one thread, which waits for one loop: from each loop there is one way on, and
/// the search is a walk. Cycles cannot exist, because the wait that would close one never begins.
class Wait : public ListHook<Wait> {
public:
    /// What is refused: any blocking on a thread whose loop turns inside a call, or only what could
    /// never end. A destructor wants the latter: it has to wait if it can.
    enum class Refuse { blocking, cycles };

    /// Throws: DeadlockError, which names the cycle.
    Wait(LoopIdentity const& target, WakeWord const& word, Refuse refused)
        : target_(target), word_(word), waiting_thread_(ServingScope::innermost()) {
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

    ~Wait() {
        if (!waiting_thread_)
            return;
        std::lock_guard lock(registry().mutex);
        unlink();
    }

private:
    struct Registry {
        std::mutex mutex;
        IntrusiveList<Wait> waits;
    };

    // Never destroyed: a runner with static storage may be closed after everything else.
    static Registry& registry() {
        static auto* const instance = new Registry;
        return *instance;
    }

    static void refuse_blocking(ServingScope const& scope) {
        if (scope.kind_ == ServingScope::Kind::caller_driven)
            throw DeadlockError(
                quoted(scope.served_) +
                " runs on this thread: a blocking call in its task would hold it up; "
                "use co_await");
    }

    void refuse_cycle(ServingScope const& scope) const {
        auto const& self = scope.served_;
        auto path = quoted(self) + " waits for " + quoted(target_);
        if (target_.is_held_up_by(self))
            throw DeadlockError(path + ", on the thread that makes the call; use co_await");
        for (auto const* wait = wait_of(target_); wait; wait = wait_of(wait->target_)) {
            path += ", which waits for " + quoted(wait->target_);
            if (wait->target_.is_held_up_by(self))
                throw DeadlockError(path);
        }
    }

    /// The wait that keeps this loop from turning, if there is one.
    static Wait const* wait_of(LoopIdentity const& loop) {
        Wait const* found = nullptr;
        registry().waits.for_each([&](Wait const& wait) {
            if (wait.word_.is_set())
                return;
            for (auto const* scope = wait.waiting_thread_; scope; scope = scope->outer_)
                if (loop.is_held_up_by(scope->served_))
                    found = &wait;
        });
        return found;
    }

    static std::string quoted(LoopIdentity const& loop) { return '"' + *loop.name + '"'; }

    LoopIdentity target_;
    WakeWord const& word_;
    ServingScope const* waiting_thread_;
};

}  // namespace syncopate::detail
