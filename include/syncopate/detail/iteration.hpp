// An asynchronous iterable while it is iterated over.
#pragma once

#include <syncopate/concepts.hpp>
#include <syncopate/detail/at_once.hpp>
#include <syncopate/detail/passed.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <exception>
#include <optional>
#include <utility>

namespace syncopate::detail {

// Not a member of Iteration, whose own next_at_once() would hide the iterable's.
template <AtOnceIterable I>
bool ask_at_once(
    I& iterable,
    boost::asio::any_io_executor const& executor,
    std::optional<iterable_value_t<I>>& item) {
    return next_at_once(iterable, executor, item, AtOnce());
}

/// An iterable and its end: after it, an exception, or a clean-up, the iterable is let go of, and what
/// is owned has been destroyed, on the loop. I: as for Passed.
template <AsyncIterable I>
class Iteration {
public:
    using Item = iterable_value_t<I>;

    explicit Iteration(I&& iterable) : iterable_(std::in_place, std::forward<I>(iterable)) {}

    bool is_over() const noexcept { return !iterable_; }

    boost::asio::awaitable<std::optional<Item>> next() {
        std::exception_ptr error;
        try {
            auto item = co_await iterable_->get().anext();
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

    /// The same without a coroutine. False if there has to be one.
    bool next_at_once(boost::asio::any_io_executor const& executor, std::optional<Item>& item) {
        if constexpr (!AtOnceIterable<I>) {
            return false;
        } else {
            std::exception_ptr error;
            try {
                if (!ask_at_once(iterable_->get(), executor, item))
                    return false;
            } catch (...) {
                error = std::current_exception();
            }
            if (!item)
                iterable_.reset();
            if (error)
                std::rethrow_exception(std::move(error));
            return true;
        }
    }

    /// Cleans up an iteration that is given up early.
    boost::asio::awaitable<void> close() {
        std::exception_ptr error;
        try {
            if constexpr (ClosableIterable<I>)
                if (iterable_)
                    co_await iterable_->get().aclose();
        } catch (...) {
            error = std::current_exception();
        }
        iterable_.reset();
        if (error)
            std::rethrow_exception(std::move(error));
    }

private:
    std::optional<Passed<I>> iterable_;
};

}  // namespace syncopate::detail
