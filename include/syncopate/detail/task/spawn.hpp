// Coroutines that are started beside the one that starts them: what co_spawn is made of.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_state.hpp>

#include <utility>

namespace syncopate::detail {

/// The bottom of a stack of coroutines. Its body throws nothing, tells by itself of its end, and leaves
/// the executor's work to others: co_spawn does these things for every coroutine, in a frame that is
/// twice as large, and in Asio 1.26 loses the end of one that is cancelled before it was ever suspended.
using BottomCoroutine = boost::asio::awaitable<boost::asio::detail::awaitable_thread_entry_point>;

/// Runs it, up to its first suspension at once. What comes through the slot cancels it, as long as it
/// runs.
/// Throws: std::bad_alloc; then it has not run.
inline void spawn(
    boost::asio::any_io_executor const& executor,
    boost::asio::cancellation_slot slot,
    BottomCoroutine coroutine) {
    // The only use of what Asio keeps to itself: the same in Asio 1.26 and 1.34.
    boost::asio::detail::awaitable_thread<boost::asio::any_io_executor>(
        std::move(coroutine), executor, slot, boost::asio::cancellation_state(slot))
        .launch();
}

}  // namespace syncopate::detail
