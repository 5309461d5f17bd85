// An asynchronous iterable while it is iterated over.
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

namespace syncopate::detail {

/// An iterable and its end: after it, an exception, or a clean-up, the iterable is let go of, and what
/// is owned has been destroyed, on the loop. I: as for OwnedOrRef.
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

    /// Hands the items that are there at once to the sink: see DrainableIterable.
    template <class Sink>
    Drained drain(boost::asio::any_io_executor const& executor, Sink sink) {
        if constexpr (!DrainableIterable<I>) {
            return Drained::pending;
        } else {
            std::exception_ptr error;
            Drained came_to = Drained::ended;
            try {
                came_to = drain_ready(iterable_->get(), executor, std::move(sink));
            } catch (...) {
                error = std::current_exception();
            }
            if (came_to == Drained::ended)
                iterable_.reset();
            if (error)
                std::rethrow_exception(std::move(error));
            return came_to;
        }
    }

    /// Cleans up an iteration that is given up early.
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

}  // namespace syncopate::detail
