// All sequences of choices, one after another: depth first, by replaying the choices up to the last
// one that has an alternative.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

namespace model {

using ThreadId = unsigned;
inline constexpr std::size_t max_threads = 5;

/// What a thread is about to do, as far as other threads can notice.
struct Step {
    enum class Effect { none, read, sequential_read, write, wait, wake };

    void const* address = nullptr;
    Effect effect = Effect::none;
};

/// Whether the order of the two makes no difference.
inline bool independent(Step a, Step b) {
    using enum Step::Effect;
    if (a.effect == none || b.effect == none || a.address != b.address)
        return true;
    if (a.effect == wake || b.effect == wake)
        return a.effect != wait && b.effect != wait;
    if (a.effect == write || b.effect == write)
        return false;
    // What the first has seen, the second must not overlook.
    return a.effect != sequential_read || b.effect != sequential_read;
}

class ThreadSet {
public:
    bool contains(ThreadId thread) const { return members_[thread]; }
    void insert(ThreadId thread) { members_[thread] = true; }
    bool is_subset_of(ThreadSet const& other) const {
        for (ThreadId thread = 0; thread < max_threads; ++thread)
            if (contains(thread) && !other.contains(thread))
                return false;
        return true;
    }

private:
    std::array<bool, max_threads> members_{};
};

/// Of two kinds: which thread takes the next step, and which of several results a step has.
///
/// Sleep sets keep it from exploring two orders of independent steps. Once all that begins with the
/// step of one thread has been explored, that thread sleeps in the branches of its siblings until
/// somebody takes a step that depends on its own: before that, it could only do again what has been
/// seen. (Godefroid, Partial-Order Methods for the Verification of Concurrent Systems, 1996.)
///
/// A state in which the search has been before is not explored again, unless more threads slept then.
class Search {
public:
    /// Without reduction: every order of every two steps. For comparison.
    enum class Reduction { none, full };

    explicit Search(Reduction reduction) : reduction_(reduction) {}

    /// Before each run.
    void restart() {
        position_ = 0;
        last_thread_choice_.reset();
    }

    /// The thread to go on with, or nothing if whatever they do would repeat an earlier run.
    template <class State>
    std::optional<ThreadId> choose_thread(
        ThreadSet const& enabled, std::array<Step, max_threads> const& steps, State hash_of_state) {
        if (position_ == choices_.size()) {
            Choice choice{.enabled = enabled, .steps = steps, .asleep = asleep_here()};
            auto const first = choice.untried();
            if (!first || was_explored(hash_of_state(), choice.asleep))
                return std::nullopt;
            choice.taken = *first;
            choices_.push_back(choice);
        }
        last_thread_choice_ = position_;
        return choices_[position_++].taken;
    }

    /// A number below `count`; 0 first.
    unsigned choose(unsigned count) {
        if (count == 1)
            return 0;
        if (position_ == choices_.size())
            choices_.push_back({.results = count});
        return choices_[position_++].taken;
    }

    /// How many different ones the search has been in.
    std::size_t states() const { return visits_.size(); }

    /// After each run: whether there is another.
    bool advance() {
        for (; !choices_.empty(); choices_.pop_back())
            if (choices_.back().advance())
                return true;
        return false;
    }

private:
    struct Choice {
        unsigned taken = 0;
        unsigned results = 0;  // 0: the choice is between threads
        ThreadSet enabled{};
        std::array<Step, max_threads> steps{};
        ThreadSet asleep{};

        bool may_take(ThreadId thread) const {
            return enabled.contains(thread) && !asleep.contains(thread);
        }
        std::optional<ThreadId> untried() const {
            for (ThreadId thread = 0; thread < max_threads; ++thread)
                if (may_take(thread))
                    return thread;
            return std::nullopt;
        }
        bool advance() {
            if (results != 0)
                return ++taken < results;
            asleep.insert(taken);
            auto const next = untried();
            taken = next.value_or(0);
            return next.has_value();
        }
    };

    bool was_explored(std::uint64_t state, ThreadSet const& asleep) {
        if (reduction_ == Reduction::none)
            return false;
        auto& visits = visits_[state];
        for (ThreadSet const& slept : visits)
            if (slept.is_subset_of(asleep))
                return true;
        visits.push_back(asleep);
        return false;
    }

    ThreadSet asleep_here() const {
        ThreadSet still;
        if (!last_thread_choice_ || reduction_ == Reduction::none)
            return still;
        Choice const& last = choices_[*last_thread_choice_];
        for (ThreadId thread = 0; thread < max_threads; ++thread)
            if (last.asleep.contains(thread) &&
                independent(last.steps[thread], last.steps[last.taken]))
                still.insert(thread);
        return still;
    }

    Reduction reduction_;
    std::unordered_map<std::uint64_t, std::vector<ThreadSet>> visits_;
    std::vector<Choice> choices_;
    std::size_t position_ = 0;
    std::optional<std::size_t> last_thread_choice_;
};

}  // namespace model
