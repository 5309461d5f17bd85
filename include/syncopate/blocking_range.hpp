// An asynchronous iterable as a range of synchronous code.
#pragma once

#include <syncopate/detail/iteration/range_source.hpp>

#include <cstddef>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <utility>

namespace syncopate {

/// How far the loop may run ahead of the consumer of a range: `count` finished items may wait, and one
/// more may be in the making. Items then cross between the threads many at a time.
struct ReadAhead {
    /// So many.
    ///
    /// items:     how many finished ones may wait.
    explicit constexpr ReadAhead(std::size_t items) noexcept : count(items) {}
    /// How many finished items may wait.
    std::size_t count;
};

/// The items of an asynchronous iterable, as a single-pass `std::ranges::input_range` and view.
///
/// Blocks:    `begin()` and `++`, until the next item is there. The destructor, until the iterable's
///            clean-up (aclose, and the destruction of what the range owns) has run on the loop.
/// Throws:    `begin()` and `++` what the iterable throws, after the items before it; then the range
///            is at its end. Errc::runner_closed once the runner is closed. DeadlockError on the
///            loop's own thread.
/// Threads:   one at a time, any but the loop's own.
/// Semantics: `wrap_iter` of the article; items that were read ahead when the range is destroyed, or
///            when the runner is closed, are dropped. If the runner is closed first, an AsyncGenerator
///            and what is read ahead have been cleaned up on the loop; another iterable is destroyed
///            with the range, without aclose. A view that is not copied: pipe the range itself, or
///            std::move(range), into other views.
template <class T>
class [[nodiscard]] BlockingRange : public std::ranges::view_base {
    // Apart from the range, so that iterators stay valid when the range is moved.
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
    /// A position in the range. It stays valid when the range is moved, and only one is of use at a time.
    class iterator {
    public:
        using iterator_concept = std::input_iterator_tag;
        using value_type = T;
        using difference_type = std::ptrdiff_t;

        iterator(iterator&&) = default;
        iterator& operator=(iterator&&) = default;

        T& operator*() const noexcept { return *state_->item; }
        T* operator->() const noexcept { return &*state_->item; }
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

    /// The position of the next item: of the first one when called first.
    iterator begin() {
        if (!std::exchange(state_->started, true))
            state_->advance();
        return iterator(*state_);
    }
    std::default_sentinel_t end() const noexcept { return {}; }

private:
    friend class RunnerBase;

    explicit BlockingRange(std::unique_ptr<detail::RangeSource<T>> source)
        : state_(std::make_unique<State>(std::move(source))) {}

    std::unique_ptr<State> state_;
};

}  // namespace syncopate
