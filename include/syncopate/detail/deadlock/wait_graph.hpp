// BlockingWait: one blocked thread in the graph of who waits for whom; refuses a wait that could never end.
#pragma once

#include <syncopate/detail/deadlock/host_threads.hpp>
#include <syncopate/detail/deadlock/loop_identity.hpp>
#include <syncopate/detail/deadlock/resource_wait.hpp>
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
/// the waits of all of them together hold it up. Where the task of a call waits for a resource, a ResourceWait, all
/// functions that hold it must be in waits. A wait that would close a cycle is refused, so the graph that
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

    // Whoever waits for a resource enters the wait, gets in line, and then asks whether it is stuck. So of two that
    // would hold each other up, the one that asks last sees the other.

    /// The task of a call is about to wait for a resource.
    static void enter(ResourceWait& wait) noexcept {
        if (wait.call_ == 0)
            return;
        std::lock_guard const lock(registry().mutex);
        wait.process_ = this_process();
        registry().resource_waits.push_back(wait);
    }

    /// Whether the wait could never end.
    static bool is_stuck(ResourceWait const& wait) noexcept {
        if (wait.process_ != this_process())
            return false;
        std::lock_guard const lock(registry().mutex);
        if (!link_of(wait).is_linked() || !may_be_held_up(wait))
            return false;
        find_stuck();
        return wait.is_stuck_;
    }

    /// Before the wait is destroyed, and before the resource is.
    static void leave(ResourceWait& wait) noexcept {
        if (wait.process_ != this_process())
            return;
        std::lock_guard const lock(registry().mutex);
        wait.unlink();
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
        IntrusiveList<ResourceWait> resource_waits;
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
            refuse_to_be_stuck();
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
        auto const who = self.in_words();
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

    /// The search above knows nothing of loops with several threads, nor of resources.
    void refuse_to_be_stuck() const {
        bool is_possible = false;
        registry().waits.for_each([&](BlockingWait const& wait) {
            is_possible = is_possible || wait.host_.identity.threads > 1;
        });
        registry().resource_waits.for_each(
            [&](ResourceWait const& wait) { is_possible = is_possible || may_be_held_up(wait); });
        if (!is_possible)
            return;
        find_stuck();
        if (is_stuck_)
            throw DeadlockError(stuck_in_words());
    }

    /// Searches for waits that hold each other up where each is held up by all of several others. All waits are taken
    /// for such, and then, one after another, those that can end are not.
    static void find_stuck() noexcept {
        auto& all = registry();
        all.waits.for_each(
            [](BlockingWait const& wait) { wait.is_stuck_ = !wait.event_.is_set(); });
        all.resource_waits.for_each([](ResourceWait& wait) { wait.is_stuck_ = true; });
        for (bool changed = true; changed;) {
            changed = false;
            auto const look_at = [&changed](auto& wait, bool is_held_up) {
                if (wait.is_stuck_ && !is_held_up)
                    changed = !(wait.is_stuck_ = false);
            };
            all.waits.for_each([&](BlockingWait const& wait) {
                look_at(wait, wait.is_held_up_by_those_that_are_stuck());
            });
            all.resource_waits.for_each([&](ResourceWait& wait) {
                look_at(wait, is_held_up(wait, [](BlockingWait const& w) { return w.is_stuck_; }));
            });
        }
    }

    /// Whether each function that holds the resource is in one of these waits.
    template <class Filter>
    static bool is_held_up(ResourceWait const& wait, Filter filter) noexcept {
        std::size_t blocked = 0;
        registry().waits.for_each([&](BlockingWait const& other) {
            if (filter(other) && other.is_innermost())
                blocked += other.count_held(wait.resource());
        });
        return blocked > 0 && blocked >= wait.holders();
    }
    static bool may_be_held_up(ResourceWait const& wait) noexcept {
        return is_held_up(wait, [](BlockingWait const& other) { return !other.event_.is_set(); });
    }

    /// How many functions of this thread hold the resource.
    std::size_t count_held(void const* resource) const noexcept {
        std::size_t count = 0;
        for (auto const* scope = waiting_thread_; scope; scope = scope->outer())
            count += scope->holds(resource);
        return count;
    }

    bool is_held_up_by_those_that_are_stuck() const noexcept {
        std::size_t threads = 0;
        bool is_held_up = false;
        registry().waits.for_each([&](BlockingWait const& other) {
            if (!other.is_stuck_)
                return;
            is_held_up = is_held_up || other.holds_up(*this);
            // A thread that waits inside a wait is counted once.
            threads += other.is_innermost() && target_.is_turned_by_one_of(other.host_.identity);
        });
        registry().resource_waits.for_each([&](ResourceWait const& wait) {
            is_held_up = is_held_up || (wait.is_stuck_ && wait.call_ == id_);
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

    static std::string stuck_in_words() {
        std::string text;
        bool is_for_resource = false;
        registry().resource_waits.for_each(
            [&](ResourceWait const& wait) { is_for_resource |= wait.is_stuck_; });
        registry().waits.for_each([&](BlockingWait const& wait) {
            if (wait.is_stuck_)
                text += (text.empty() ? "" : ", ") + wait.waiter() + " waits for " +
                        quoted(wait.target_);
        });
        return text +
               (is_for_resource
                    ? ": each holds what the task of another waits for: a token, a worker or "
                      "the calling thread"
                    : ": no thread is left to run the task; use co_await");
    }

    std::string waiter() const {
        if (host_.is_one())
            return "a thread of \"" + host_.name + '"';
        return waiting_thread_->in_words();
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

    static ListHook<ResourceWait> const& link_of(ResourceWait const& wait) noexcept { return wait; }

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
