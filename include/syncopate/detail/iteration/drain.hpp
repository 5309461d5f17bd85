// DrainableIterable: an iterable that can give many items without a coroutine for each. Drained: why that ended.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/concepts.hpp>

#include SYNCOPATE_ASIO(any_io_executor.hpp)

#include <concepts>
#include <type_traits>

namespace syncopate::inline v0_1::detail {

/// Why drain_ready() has returned.
enum class Drained {
    stopped,  // the sink wants no more
    pending,  // the next item must be awaited, by anext()
    ended,    // there are no more items
};

/// Stands in the concept for any function that takes an item and returns whether it wants another.
template <class T>
struct ItemSink {
    bool operator()(T&& item) const;
};

/// An AsyncIterable with a function `drain_ready(iterable, executor, sink)`. Called on the thread of the
/// executor, it hands the items that need no waiting to the sink, as long as that wants more. It throws what
/// anext() would throw.
template <class I>
concept DrainableIterable = AsyncIterable<I> && requires(
                                                    std::remove_reference_t<I>& iterable,
                                                    asio::any_io_executor const& executor,
                                                    ItemSink<iterable_value_t<I>> sink) {
    { drain_ready(iterable, executor, sink) } -> std::same_as<Drained>;
};

}  // namespace syncopate::inline v0_1::detail
