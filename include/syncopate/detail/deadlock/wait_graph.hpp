// BlockingWait: one blocked thread in the graph of who waits for whom; refuses a wait that could never end.
#pragma once

#include <syncopate/detail/deadlock/host_threads.hpp>
#include <syncopate/detail/deadlock/loop_identity.hpp>
#include <syncopate/detail/deadlock/serving_scope.hpp>
#include <syncopate/detail/intrusive_list.hpp>
#include <syncopate/detail/task/call_id.hpp>
#include <syncopate/detail/wait/forks.hpp>
#include <syncopate/detail/wait/one_shot_event.hpp>
#include <syncopate/error.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1::detail {

/// While it lives, the calling thread waits for a loop to set an event.
///
/// A thread that turns no loop, does no work for one and runs no portal's executor holds nobody up: for it,
/// this is the reading of one thread-local pointer and of what HostThread reads. The waits of all other threads
/// are nodes of the graph. Wait A holds up wait B if A's thread turns the loop that B waits for, or does work
/// that is part of the call that B waits for. Where several threads may turn the loop that B waits for, only
/// the waits of all of them together hold it up. A wait that would close a cycle is refused, so the graph that
/// is searched has none. A wait whose event is set holds nobody up, although its thread may not have noticed yet.
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
        : target_(target), event_(event), what_(what), waiting_thread_(ServingScope::innermost()),
          host_(HostThread::this_one()) {
        if (!holds_somebody_up())
            return;
        process_ = this_process();
        thread_ = std::this_thread::get_id();
        for (Probes probes;;) {
            try {
                enter(refused, probes);
                return;
            } catch (DeadlockError const&) {
                // One thread was taken for granted, and there are more: then this may be no cycle.
                if (!std::ranges::any_of(probes, [](auto const& p) { return p->finds_another(); }))
                    throw;
                probes.clear();
            }
        }
    }

    ~BlockingWait() {
        if (process_ != this_process())
            return;
        std::lock_guard lock(registry().mutex);
        unlink();
    }

    /// The innermost scope of the waiting thread; null if it is in none.
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
    static Registry& registry() { return registry_.get(); }

    /// Of the execution contexts that are assumed to have one thread, on the way that is refused.
    using Probes = std::vector<std::shared_ptr<ThreadProbe>>;

    void enter(Refuse refused, Probes& probes) {
        std::lock_guard lock(registry().mutex);
        id_ = ++registry().last_call;
        for (auto const* scope = waiting_thread_; scope; scope = scope->outer()) {
            if (refused == Refuse::blocking)
                refuse_blocking(*scope);
            refuse_cycle(*scope, probes);
        }
        if (host_.is_one())
            refuse_cycle_behind(host_.identity, "a handler of \"" + host_.name + '"', probes);
        registry().waits.push_back(*this);
        try {
            refuse_to_take_the_last_thread();
        } catch (...) {
            unlink();
            throw;
        }
    }

    bool holds_somebody_up() const noexcept { return waiting_thread_ || host_.is_one(); }

    static void refuse_blocking(ServingScope const& scope) {
        if (scope.kind_ == Kind::caller_driven)
            throw DeadlockError(
                quoted(scope.loop_) +
                " runs on this thread: a blocking call in its task would hold it up; "
                "use co_await");
    }

    void refuse_cycle(ServingScope const& self, Probes& probes) const {
        auto const who = (self.kind_ == Kind::worker ? "a worker of " : "") + quoted(self.loop_);
        if (is_held_up_by(self)) {
            add_probe(probes);
            throw DeadlockError(
                who + " waits for " + quoted(target_) +
                (self.kind_ == Kind::worker ? ""
                                            : ", on the thread that makes the call; use co_await"));
        }
        refuse_cycle_behind(self, who, probes);
    }

    template <class Self>
    void refuse_cycle_behind(Self const& self, std::string const& who, Probes& probes) const {
        ++registry().searches;
        search(*this, self, who + " waits for " + quoted(target_), probes);
    }

    void add_probe(Probes& probes) const {
        if (target_.probe && !target_.probe->found_another())
            probes.push_back(target_.probe->shared_from_this());
    }

    /// Searches what holds up `wait`, directly or through others, for `self`: a scope of the thread that is about
    /// to wait, or what it turns.
    template <class Self>
    static void search(
        BlockingWait const& wait, Self const& self, std::string const& path, Probes& probes) {
        registry().waits.for_each([&](BlockingWait const& next) {
            if (next.event_.is_set() || !next.holds_up(wait) ||
                std::exchange(next.seen_in_, registry().searches) == registry().searches)
                return;
            auto const longer = path + ", which waits for " + quoted(next.target_);
            if (next.is_held_up_by(self)) {
                next.add_probe(probes);
                wait.add_probe(probes);
                throw DeadlockError(longer);
            }
            try {
                search(next, self, longer, probes);
            } catch (...) {
                wait.add_probe(probes);
                throw;
            }
        });
    }

    /// Searches for waits that hold each other up where a loop has several threads. All waits are taken for such,
    /// and then, one after another, those that can end are not.
    void refuse_to_take_the_last_thread() const {
        bool is_possible = false;
        registry().waits.for_each([&](BlockingWait const& wait) {
            wait.is_stuck_ = !wait.event_.is_set();
            is_possible |= wait.host_.identity.threads > 1;
        });
        if (!is_possible)
            return;
        for (bool changed = true; changed && is_stuck_;) {
            changed = false;
            registry().waits.for_each([&](BlockingWait const& wait) {
                if (wait.is_stuck_ && !wait.is_held_up_by_those_that_are_stuck())
                    changed = !(wait.is_stuck_ = false);
            });
        }
        if (is_stuck_)
            throw DeadlockError(without_threads());
    }

    bool is_held_up_by_those_that_are_stuck() const noexcept {
        std::size_t threads = 0;
        bool is_held_up = false;
        registry().waits.for_each([&](BlockingWait const& other) {
            if (!other.is_stuck_)
                return;
            is_held_up |= other.holds_up(*this);
            // A thread that waits inside a wait is counted once.
            threads += other.is_innermost() && target_.is_turned_by_one_of(other.host_.identity);
        });
        return is_held_up || (target_.threads > 1 && threads >= target_.threads);
    }

    bool is_innermost() const noexcept {
        bool is_last = true;
        registry().waits.for_each([&](BlockingWait const& other) {
            is_last &= other.thread_ != thread_ || other.id_ <= id_;
        });
        return is_last;
    }

    std::string without_threads() const {
        std::string text;
        registry().waits.for_each([&](BlockingWait const& wait) {
            if (wait.is_stuck_)
                text += (text.empty() ? "" : ", ") + wait.waiter() + " waits for " +
                        quoted(wait.target_);
        });
        return text + ": no thread is left to run the task; use co_await";
    }

    std::string waiter() const {
        if (host_.is_one())
            return "a thread of \"" + host_.name + '"';
        return (waiting_thread_->kind_ == Kind::worker ? "a worker of " : "") +
               quoted(waiting_thread_->loop_);
    }

    bool holds_up(BlockingWait const& other) const noexcept {
        for (auto const* scope = waiting_thread_; scope; scope = scope->outer())
            if (other.is_held_up_by(*scope))
                return true;
        return host_.is_one() && other.is_held_up_by(host_.identity);
    }

    /// Whether the wait cannot end while the thread of this scope is blocked.
    bool is_held_up_by(ServingScope const& scope) const noexcept {
        if (scope.kind_ != Kind::worker)
            return target_.is_held_up_by(scope.loop_);
        return scope.work_.call == id_ || (what_ == For::end && (scope.loop_.loop == target_.loop ||
                                                                 scope.pool() == target_.loop));
    }
    bool is_held_up_by(LoopIdentity const& host) const noexcept {
        return target_.is_held_up_by(host);
    }

    static std::string quoted(LoopIdentity const& loop) { return '"' + *loop.name + '"'; }

    inline static constinit PerProcess<Registry> registry_{};

    LoopIdentity target_;
    OneShotEvent const& event_;
    For what_;
    ServingScope const* waiting_thread_;
    HostThread const host_;
    unsigned process_ = 0;  // in which the graph knows the wait; 0 if it does not
    std::thread::id thread_;
    CallId id_ = 0;
    mutable unsigned seen_in_ = 0;
    mutable bool is_stuck_ = false;
};

}  // namespace syncopate::inline v0_1::detail
