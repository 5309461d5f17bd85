// Iterables that can give an item without a coroutine for it.
#pragma once

#include <syncopate/concepts.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <concepts>
#include <optional>
#include <type_traits>

namespace syncopate::detail {

/// Tells next_at_once() from a function of the user's.
struct AtOnce {};

/// An AsyncIterable whose next item may be there already: `next_at_once(iterable, executor, item,
/// AtOnce())`, called where a task with this executor runs, gives it, or gives none at the end, or
/// throws. False: the item has to be waited for, which the next anext() does.
template <class I>
concept AtOnceIterable = AsyncIterable<I> && requires(
                                                 std::remove_reference_t<I>& iterable,
                                                 boost::asio::any_io_executor const& executor,
                                                 std::optional<iterable_value_t<I>>& item) {
    { next_at_once(iterable, executor, item, AtOnce()) } -> std::same_as<bool>;
};

}  // namespace syncopate::detail
