// BlockingRange: an asynchronous iterable as a range of synchronous code. ReadAhead: how far it reads ahead.
#pragma once

#include <syncopate/detail/iteration/range_source.hpp>
#include <syncopate/detail/wait/deadline.hpp>

#include <chrono>
#include <cstddef>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <utility>

namespace syncopate::inline v0_1 {

class RunnerBase;

/// Has the loop produce items ahead of the consumer of a range, so that many cross between the threads at a
/// time.
struct ReadAhead {
    /// Allows the loop this many items.
    ///
    /// items:     how many finished items may wait, while one more is being produced; 0: no reading ahead.
    explicit constexpr ReadAhead(std::size_t items) noexcept : count(items) {}

    /// The number of finished items that may wait.
    std::size_t count;
};

/// The items of an asynchronous iterable, as a single-pass `std::ranges::input_range` and view.
///
/// A view that cannot be copied: pipe the range itself, or std::move(range), into other views.
///
/// T:         the iterable's item type.
/// Blocks:    `begin()` and `++`, until the next item is there. The destructor, until the iterable's clean-up
///            (aclose, and the destruction of what the range owns) has run on the loop. An AsyncGenerator that is
///            an lvalue is not closed.
/// Throws:    `begin()` and `++`: what the iterable throws, after the items before it; then the range is at
///            its end. The runner is closed -> Errc::runner_closed. On the loop's own thread ->
///            DeadlockError.
/// Threads:   one at a time, any but the loop's own.
/// Semantics: `wrap_iter` of the article. Items that were read ahead are dropped when the range is destroyed or the
///            runner closed, but for those of an AsyncGenerator that is an lvalue: it gets them back, and another
///            range over it goes on from there. That an iterable which is an lvalue and has no aclose() loses items
///            is reported to Options::on_error. If the runner is closed first, an AsyncGenerator and an iterable that
///            is read ahead have been cleaned up on the loop; another iterable is destroyed with the range, without
///            aclose.
template <class T>
class [[nodiscard]] BlockingRange : public std::ranges::view_base {
    // Not in the range itself, so that iterators stay valid when the range is moved.
    struct State {
        explicit State(std::unique_ptr<detail::RangeSource<T>> items) noexcept
            : source(std::move(items)) {}
        State(State const&) = delete;
        State& operator=(State const&) = delete;
        ~State() { source->close(); }

        void advance() {
            item.reset();  // before anything can throw: then the range is at its end
            if (auto next = source->next())
                item.emplace(std::move(*next));
        }

        std::unique_ptr<detail::RangeSource<T>> source;
        std::optional<T> item;
        bool started = false;
    };

public:
    /// A single-pass input iterator: `++` invalidates the item that the iterator referred to.
    class iterator {
    public:
        using iterator_concept = std::input_iterator_tag;
        using value_type = T;
        using difference_type = std::ptrdiff_t;

        iterator(iterator&&) = default;
        iterator& operator=(iterator&&) = default;

        /// Gives the current item, which may be moved from.
        T& operator*() const noexcept { return *state_->item; }
        T* operator->() const noexcept { return &*state_->item; }
        /// Gets the next item. Blocks, and throws, as BlockingRange says.
        iterator& operator++() {
            state_->advance();
            return *this;
        }
        void operator++(int) { ++*this; }

        friend bool operator==(iterator const& position, std::default_sentinel_t) noexcept {
            return !position.state_->item;
        }

    private:
        friend class BlockingRange;
        explicit iterator(State& state) noexcept : state_(&state) {}

        State* state_;
    };

    BlockingRange(BlockingRange&&) noexcept = default;
    BlockingRange& operator=(BlockingRange&&) noexcept = default;

    /// Gives an iterator to the current item: the first one, when called for the first time.
    ///
    /// Blocks:    the first time, until that item is there.
    /// Throws:    the first time, as `++`.
    iterator begin() {
        if (!std::exchange(state_->started, true))
            state_->advance();
        return iterator(*state_);
    }
    /// Gives the end, which equals an iterator that has no item.
    std::default_sentinel_t end() const noexcept { return {}; }

    /// Gives the next item, the one behind the current item if there is one; empty at the end. A `begin()` after
    /// that gets the item behind it; the current item of an iterator stays what it was.
    ///
    /// timeout:   from now; zero or less: looks whether the item is there, and has it made.
    /// Blocks:    until the item is there, or the time is up.
    /// Throws:    as `++`. The time is up -> Errc::timed_out; the item is then still being made, and no item is
    ///            lost: whatever asks next gets it.
    template <class Rep, class Period>
    std::optional<T> next_for(std::chrono::duration<Rep, Period> timeout) {
        auto next = state_->source->next_until(detail::deadline_after(timeout));
        state_->started = false;
        return next;
    }

private:
    friend class RunnerBase;

    explicit BlockingRange(std::unique_ptr<detail::RangeSource<T>> source)
        : state_(std::make_unique<State>(std::move(source))) {}

    std::unique_ptr<State> state_;
};

}  // namespace syncopate::inline v0_1
