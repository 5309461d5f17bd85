// BlockingWait: one blocked thread in the graph of who waits for whom; refuses a wait that could never end.
#pragma once

#include <syncopate/detail/deadlock/fiber_scope.hpp>
#include <syncopate/detail/deadlock/host_threads.hpp>
#include <syncopate/detail/deadlock/loop_identity.hpp>
#include <syncopate/detail/deadlock/resource_wait.hpp>
#include <syncopate/detail/deadlock/serving_scope.hpp>
#include <syncopate/detail/error/joined.hpp>
#include <syncopate/detail/intrusive_list.hpp>
#include <syncopate/detail/system/forks.hpp>
#include <syncopate/detail/task/call_id.hpp>
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
          host_(fiber() ? HostThread{} : HostThread::this_one()) {
        if (holds_somebody_up())
            enter(refused);
    }

    ~BlockingWait() {
        if (process_ == this_process())
            leave();
    }

    // Whoever waits for a resource enters the wait, gets in line, and then asks whether it is stuck. So of two that
    // would hold each other up, the one that asks last sees the other.

    /// The task of a call is about to wait for a resource.
    static void enter(ResourceWait& wait) noexcept;

    /// Whether the wait could never end.
    static bool is_stuck(ResourceWait const& wait) noexcept;

    /// Before the wait is destroyed, and before the resource is.
    static void leave(ResourceWait& wait) noexcept;

    /// The innermost scope of the waiting thread; null if it is in none.
    ServingScope const* waiting_thread() const noexcept { return waiting_thread_; }

    /// The fiber that waits; null if a thread does.
    FiberScope* fiber() const noexcept {
        return waiting_thread_ ? waiting_thread_->fiber() : nullptr;
    }
    bool is_for_end() const noexcept { return what_ == For::end; }

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

    void enter(Refuse refused);
    void leave() noexcept;

    void enter(Refuse refused, Probes& probes);

    bool holds_somebody_up() const noexcept { return waiting_thread_ || host_.is_one(); }

    static void refuse_blocking(ServingScope const& scope);

    void refuse_cycle(ServingScope const& self, Probes& probes) const;

    /// How the search has come to a wait: words are made of it only if there is a cycle.
    struct Way {
        Way const* before;  // null: the wait is that of the thread that is about to wait
        BlockingWait const& wait;

        template <class Self>
        std::string in_words(Self const& self) const {
            return joined(
                {before ? before->in_words(self) : wait.in_words(self),
                 before ? ", which waits for " : " waits for ", quoted(wait.target_)});
        }
    };

    std::string in_words(ServingScope const& self) const { return self.in_words(); }
    std::string in_words(LoopIdentity const&) const {
        return joined({"a handler of \"", host_.name, "\""});
    }

    template <class Self>
    void refuse_cycle_behind(Self const& self, Probes& probes) const {
        ++registry().searches;
        search({nullptr, *this}, self, probes);
    }

    void add_probe(Probes& probes) const;

    /// Searches what holds up the wait, directly or through others, for `self`: a scope of the thread that is about
    /// to wait, or what it turns.
    template <class Self>
    static void search(Way const& way, Self const& self, Probes& probes) {
        auto& all = registry();
        all.waits.for_each([&](BlockingWait const& next) {
            if (next.event_.is_set() || !next.holds_up(way.wait) ||
                std::exchange(next.seen_in_, all.searches) == all.searches)
                return;
            Way const longer{&way, next};
            if (next.is_held_up_by(self)) {
                next.add_probe(probes);
                way.wait.add_probe(probes);
                throw DeadlockError(longer.in_words(self));
            }
            try {
                search(longer, self, probes);
            } catch (...) {
                way.wait.add_probe(probes);
                throw;
            }
        });
    }

    /// The search above knows nothing of loops with several threads, nor of resources.
    void refuse_to_be_stuck() const;

    /// Searches for waits that hold each other up where each is held up by all of several others. All waits are taken
    /// for such, and then, one after another, those that can end are not.
    static void find_stuck() noexcept;

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
    std::size_t count_held(void const* resource) const noexcept;

    bool is_held_up_by_those_that_are_stuck() const noexcept;

    bool is_innermost() const noexcept;

    static std::string stuck_in_words();

    std::string waiter() const;

    bool holds_up(BlockingWait const& other) const noexcept;

    /// Whether the wait cannot end while the thread of this scope is blocked.
    bool is_held_up_by(ServingScope const& scope) const noexcept;
    bool is_held_up_by(LoopIdentity const& host) const noexcept {
        return target_.is_held_up_by(host);
    }

    static std::string quoted(LoopIdentity const& loop) { return joined({"\"", *loop.name, "\""}); }

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

#ifndef SYNCOPATE_SEPARATE_COMPILATION
#include <syncopate/detail/deadlock/wait_graph.ipp>
#endif
