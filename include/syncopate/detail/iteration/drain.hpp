// Iterables that can give items without a coroutine for each.
#pragma once

#include <syncopate/concepts.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <concepts>
#include <type_traits>

namespace syncopate::detail {

/// How far drain_ready() came.
enum class Drained {
    stopped,  // the sink wants no more
    pending,  // the next item has to be waited for, by anext()
    ended,    // there are no more items
};

/// Stands for any function that takes an item and returns whether it wants another.
template <class T>
struct ItemSink {
    bool operator()(T&& item) const;
};

/// An AsyncIterable some of whose items may be there already: `drain_ready(iterable, executor, sink)`,
/// called where a task with this executor runs, hands them to the sink, as many as it wants, and throws
/// what anext() would throw.
template <class I>
concept DrainableIterable = AsyncIterable<I> && requires(
                                                    std::remove_reference_t<I>& iterable,
                                                    boost::asio::any_io_executor const& executor,
                                                    ItemSink<iterable_value_t<I>> sink) {
    { drain_ready(iterable, executor, sink) } -> std::same_as<Drained>;
};

}  // namespace syncopate::detail
