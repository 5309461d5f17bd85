// The functions of BlockingWait: the graph of who waits for whom.
#pragma once

#include <syncopate/detail/deadlock/resource_wait.hpp>
#include <syncopate/detail/deadlock/serving_scope.hpp>
#include <syncopate/detail/deadlock/thread_probe.hpp>
#include <syncopate/detail/error/joined.hpp>
#include <syncopate/detail/separate.hpp>
#include <syncopate/detail/system/forks.hpp>
#include <syncopate/error.hpp>

#include <algorithm>
#include <cstddef>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

namespace syncopate::inline v0_1::detail {

SYNCOPATE_DECL void BlockingWait::enter(ResourceWait& wait) noexcept {
    if (wait.call_ == 0)
        return;
    std::lock_guard const lock(registry().mutex);
    wait.process_ = this_process();
    registry().resource_waits.push_back(wait);
}

SYNCOPATE_DECL bool BlockingWait::is_stuck(ResourceWait const& wait) noexcept {
    if (wait.process_ != this_process())
        return false;
    std::lock_guard const lock(registry().mutex);
    if (!link_of(wait).is_linked() || !may_be_held_up(wait))
        return false;
    find_stuck();
    return wait.is_stuck_;
}

SYNCOPATE_DECL void BlockingWait::leave(ResourceWait& wait) noexcept {
    if (wait.process_ != this_process())
        return;
    std::lock_guard const lock(registry().mutex);
    wait.unlink();
}

SYNCOPATE_DECL void BlockingWait::enter(Refuse refused) {
    if (auto const* const fiber = this->fiber(); fiber && fiber->is_abandoned())
        throw DeadlockError(joined(
            {"a fiber cannot wait for ", quoted(target_),
             " any more: the loop that would have it go on has ended"}));
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

SYNCOPATE_DECL void BlockingWait::leave() noexcept {
    std::lock_guard lock(registry().mutex);
    unlink();
}

SYNCOPATE_DECL void BlockingWait::enter(Refuse refused, Probes& probes) {
    auto& all = registry();
    std::lock_guard lock(all.mutex);
    id_ = ++all.last_call;
    for (auto const* scope = waiting_thread_; scope; scope = scope->outer()) {
        if (refused == Refuse::blocking)
            refuse_blocking(*scope);
        refuse_cycle(*scope, probes);
    }
    if (host_.is_one())
        refuse_cycle_behind(host_.identity, probes);
    all.waits.push_back(*this);
    try {
        refuse_to_be_stuck();
    } catch (...) {
        unlink();
        throw;
    }
}

SYNCOPATE_DECL void BlockingWait::refuse_blocking(ServingScope const& scope) {
    if (scope.kind_ == Kind::caller_driven)
        throw DeadlockError(joined(
            {quoted(scope.loop_),
             " runs on this thread: a blocking call in its task would hold it up; use co_await"}));
}

SYNCOPATE_DECL void BlockingWait::refuse_cycle(ServingScope const& self, Probes& probes) const {
    if (is_held_up_by(self)) {
        add_probe(probes);
        throw DeadlockError(joined(
            {self.in_words(), " waits for ", quoted(target_),
             self.is_part_of_call() ? "" : ", on the thread that makes the call; use co_await"}));
    }
    refuse_cycle_behind(self, probes);
}

SYNCOPATE_DECL void BlockingWait::add_probe(Probes& probes) const {
    if (target_.probe && !target_.probe->found_another())
        probes.push_back(target_.probe->shared_from_this());
}

SYNCOPATE_DECL void BlockingWait::refuse_to_be_stuck() const {
    bool is_possible = false;
    auto& all = registry();
    all.waits.for_each([&](BlockingWait const& wait) {
        is_possible = is_possible || wait.host_.identity.threads > 1;
    });
    all.resource_waits.for_each(
        [&](ResourceWait const& wait) { is_possible = is_possible || may_be_held_up(wait); });
    if (!is_possible)
        return;
    find_stuck();
    if (is_stuck_)
        throw DeadlockError(stuck_in_words());
}

SYNCOPATE_DECL void BlockingWait::find_stuck() noexcept {
    auto& all = registry();
    all.waits.for_each([](BlockingWait const& wait) { wait.is_stuck_ = !wait.event_.is_set(); });
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

SYNCOPATE_DECL std::size_t BlockingWait::count_held(void const* resource) const noexcept {
    std::size_t count = 0;
    for (auto const* scope = waiting_thread_; scope; scope = scope->outer())
        count += scope->holds(resource);
    return count;
}

SYNCOPATE_DECL bool BlockingWait::is_held_up_by_those_that_are_stuck() const noexcept {
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

SYNCOPATE_DECL bool BlockingWait::is_innermost() const noexcept {
    bool is_last = true;
    registry().waits.for_each([&](BlockingWait const& other) {
        is_last &= other.thread_ != thread_ || other.fiber() != fiber() || other.id_ <= id_;
    });
    return is_last;
}

SYNCOPATE_DECL std::string BlockingWait::stuck_in_words() {
    std::string text;
    bool is_for_resource = false;
    registry().resource_waits.for_each(
        [&](ResourceWait const& wait) { is_for_resource |= wait.is_stuck_; });
    registry().waits.for_each([&](BlockingWait const& wait) {
        if (wait.is_stuck_)
            text += joined(
                {text.empty() ? "" : ", ", wait.waiter(), " waits for ", quoted(wait.target_)});
    });
    return text + (is_for_resource
                       ? ": each holds what the task of another waits for: a token, a worker or "
                         "the calling thread"
                       : ": no thread is left to run the task; use co_await");
}

SYNCOPATE_DECL std::string BlockingWait::waiter() const {
    if (host_.is_one())
        return joined({"a thread of \"", host_.name, "\""});
    return waiting_thread_->in_words();
}

SYNCOPATE_DECL bool BlockingWait::holds_up(BlockingWait const& other) const noexcept {
    for (auto const* scope = waiting_thread_; scope; scope = scope->outer())
        if (other.is_held_up_by(*scope))
            return true;
    return host_.is_one() && other.is_held_up_by(host_.identity);
}

SYNCOPATE_DECL bool BlockingWait::is_held_up_by(ServingScope const& scope) const noexcept {
    if (!scope.is_part_of_call())
        return target_.is_held_up_by(scope.loop_);
    return scope.work_.call == id_ || (what_ == For::end && (scope.loop_.loop == target_.loop ||
                                                             scope.pool() == target_.loop));
}

}  // namespace syncopate::inline v0_1::detail
