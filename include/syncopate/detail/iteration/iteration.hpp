// Iteration: an asynchronous iterable while it is iterated over, and its release.
#pragma once

#include <syncopate/concepts.hpp>
#include <syncopate/detail/iteration/drain.hpp>
#include <syncopate/detail/task/awaitable_of.hpp>
#include <syncopate/detail/task/owned_or_ref.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <exception>
#include <optional>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// Closed after the last item, an exception, or a clean-up: then the iterable is not used any more, and one
/// that was owned has been destroyed on the loop. I: as for OwnedOrRef.
template <AsyncIterable I>
class Iteration {
public:
    using Item = iterable_value_t<I>;

    explicit Iteration(I&& iterable) : iterable_(std::in_place, std::forward<I>(iterable)) {}

    bool is_closed() const noexcept { return !iterable_; }

    boost::asio::awaitable<std::optional<Item>> next() {
        std::exception_ptr error;
        try {
            auto item = co_await require_valid(iterable_->get().anext());
            if (item)
                co_return std::move(item);
        } catch (...) {
            error = std::current_exception();
        }
        iterable_.reset();
        if (error)
            std::rethrow_exception(std::move(error));
        co_return std::nullopt;
    }

    /// Hands the items that need no waiting to the sink: see DrainableIterable.
    template <class Sink>
    Drained drain(boost::asio::any_io_executor const& executor, Sink sink) {
        if constexpr (!DrainableIterable<I>) {
            return Drained::pending;
        } else {
            std::exception_ptr error;
            Drained drained = Drained::ended;
            try {
                drained = drain_ready(iterable_->get(), executor, std::move(sink));
            } catch (...) {
                error = std::current_exception();
            }
            if (drained == Drained::ended)
                iterable_.reset();
            if (error)
                std::rethrow_exception(std::move(error));
            return drained;
        }
    }

    /// Cleans up an iteration that has been left early.
    boost::asio::awaitable<void> close() {
        std::exception_ptr error;
        try {
            if constexpr (ClosableIterable<I>)
                if (iterable_)
                    co_await require_valid(iterable_->get().aclose());
        } catch (...) {
            error = std::current_exception();
        }
        iterable_.reset();
        if (error)
            std::rethrow_exception(std::move(error));
    }

private:
    std::optional<OwnedOrRef<I>> iterable_;
};

}  // namespace syncopate::inline v0_1::detail
