// Iteration: an asynchronous iterable while it is iterated over, and its release.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/concepts.hpp>
#include <syncopate/detail/iteration/drain.hpp>
#include <syncopate/detail/iteration/iterable_holder.hpp>
#include <syncopate/detail/iteration/leftover.hpp>
#include <syncopate/detail/task/awaitable_of.hpp>

#include SYNCOPATE_ASIO(any_io_executor.hpp)
#include SYNCOPATE_ASIO(awaitable.hpp)
#include SYNCOPATE_ASIO(cancellation_state.hpp)
#include SYNCOPATE_ASIO(cancellation_type.hpp)
#include SYNCOPATE_ASIO(this_coro.hpp)

#include <exception>
#include <optional>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// Whether an iterable only refers to one of the user's.
template <class I>
constexpr bool borrows = false;
template <class I>
    requires requires { I::is_borrowed; }
constexpr bool borrows<I> = I::is_borrowed;

/// Closed after the last item, an exception, or a clean-up: then the iterable is not used any more, and one
/// that was owned has been destroyed on the loop. S: as for IterableHolder.
template <IterableSource S>
class Iteration {
    using Holder = IterableHolder<S>;

public:
    using Iterable = iterable_t<S>;
    using Item = iterable_value_t<Iterable>;

    /// Whether the iterable is the user's, and can take back what it has given.
    static constexpr bool is_resumable = Holder::is_borrowed && ResumableIterable<Iterable>;
    /// Whether items are lost with the iteration: the iterable is the user's, and is not told of its end.
    static constexpr bool loses_items = (Holder::is_borrowed || borrows<Iterable>) &&
                                        !ResumableIterable<Iterable> && !ClosableIterable<Iterable>;

    /// Whether there is nothing to clean up on the loop before the first item was asked for.
    static constexpr bool begins_with_first_item = !AsyncIterable<S> || ResumableIterable<Iterable>;

    explicit Iteration(S&& source) : iterable_(std::in_place, std::forward<S>(source)) {}

    bool is_closed() const noexcept { return !iterable_; }

    /// Ends an iteration of which nothing has begun. On any thread, while no other uses it. Returns whether that was
    /// so; if not, it has to be cleaned up on the loop.
    bool end_unbegun() noexcept {
        if (!begins_with_first_item || has_begun_)
            return false;
        iterable_.reset();
        return true;
    }

    asio::awaitable<std::optional<Item>> next() {
        has_begun_ = true;
        std::exception_ptr error;
        try {
            if constexpr (!AsyncIterable<S>)
                if (!iterable_->is_made())
                    co_await iterable_->make();
            std::optional<Item> item;
            auto drained = Drained::pending;
            if constexpr (DrainableIterable<Iterable>)
                if (!has_awaited_) {  // without anext() it takes one coroutine less
                    auto const state = co_await asio::this_coro::cancellation_state;
                    auto const executor = co_await asio::this_coro::executor;
                    if (state.cancelled() == asio::cancellation_type::none)
                        drained = drain_made(executor, [&item](Item&& made) {
                            item.emplace(std::move(made));
                            return false;
                        });
                }
            if (drained == Drained::pending)
                item = co_await require_valid(iterable_->get().anext());
            if (item)
                co_return std::move(item);
        } catch (...) {
            error = std::current_exception();
        }
        release();
        if (error)
            std::rethrow_exception(std::move(error));
        co_return std::nullopt;
    }

    /// Hands the items that need no waiting to the sink: see DrainableIterable.
    template <class Sink>
    Drained drain(asio::any_io_executor const& executor, Sink sink) {
        if constexpr (!DrainableIterable<Iterable>) {
            return Drained::pending;
        } else {
            if (!iterable_->is_made())
                return Drained::pending;
            has_begun_ = true;
            std::exception_ptr error;
            Drained drained = Drained::ended;
            try {
                drained = drain_made(executor, std::move(sink));
            } catch (...) {
                error = std::current_exception();
            }
            if (drained == Drained::ended)
                release();
            if (error)
                std::rethrow_exception(std::move(error));
            return drained;
        }
    }

    /// Cleans up an iteration that has been left early. An iterable that can be resumed stays as it is.
    asio::awaitable<void> close() {
        std::exception_ptr error;
        try {
            if constexpr (ClosableIterable<Iterable> && !is_resumable)
                if (iterable_ && iterable_->is_made())
                    co_await require_valid(iterable_->get().aclose());
        } catch (...) {
            error = std::current_exception();
        }
        release();
        if (error)
            std::rethrow_exception(std::move(error));
        co_return;
    }

    /// Gives what was taken ahead back to the user's iterable. Also after the iteration has been closed.
    void hand_back(Leftover<Item> leftover)
        requires is_resumable
    {
        remember_iterable();
        if (lent_)
            give_back(*lent_, std::move(leftover));
    }

private:
    template <class Sink>
    Drained drain_made(asio::any_io_executor const& executor, Sink sink) {
        Drained const drained = drain_ready(iterable_->get(), executor, std::move(sink));
        if (drained == Drained::pending)
            has_awaited_ = true;
        return drained;
    }

    void remember_iterable() noexcept {
        if constexpr (is_resumable)
            if (iterable_ && iterable_->is_made())
                lent_ = &iterable_->get();
    }

    void release() noexcept {
        remember_iterable();
        iterable_.reset();
    }

    std::optional<Holder> iterable_;
    bool has_begun_ = false;
    bool has_awaited_ = false;  // an item was not ready: others will not be, either
    Iterable* lent_ = nullptr;  // the user's, once the iteration is closed
};

}  // namespace syncopate::inline v0_1::detail
