// Leftover: items of an iterable that a range has taken ahead and not handed on. ResumableIterable: an iterable
// that takes them back.
#pragma once

#include <syncopate/concepts.hpp>
#include <syncopate/detail/error/thrown_by.hpp>
#include <syncopate/error.hpp>

#include <deque>
#include <exception>
#include <optional>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// What comes next: the items in their order, and then the exception, if there is one.
template <class T>
struct Leftover {
    bool empty() const noexcept { return items.empty() && !error; }

    /// Not if it is empty.
    T take() {
        if (items.empty())
            std::rethrow_exception(std::exchange(error, nullptr));
        T item = std::move(items.front());
        items.pop_front();
        return item;
    }

    /// Adds what comes after this.
    void append(Leftover&& later) {
        for (T& item : later.items)
            items.push_back(std::move(item));
        if (later.error)
            error = std::move(later.error);
    }

    std::deque<T> items;
    std::exception_ptr error;
};

/// An AsyncIterable with a function `give_back(iterable, leftover)`, after which it gives what is in that first.
/// A range over one that it does not own leaves it open: another range goes on from there. One that was never asked for
/// an item may be destroyed on any thread.
template <class I>
concept ResumableIterable =
    AsyncIterable<I> &&
    requires(std::remove_reference_t<I>& iterable, Leftover<iterable_value_t<I>> leftover) {
        give_back(iterable, std::move(leftover));
    };

/// The iterable's body was cancelled, because a range was left while it awaited something: the items that it
/// would still have given are lost, and whoever asks for them is told so.
inline std::exception_ptr interrupted_iteration_error() noexcept {
    return error_of(
        Errc::cancelled,
        "the generator awaited its next item when a range over it was left, which has ended it");
}

}  // namespace syncopate::inline v0_1::detail
