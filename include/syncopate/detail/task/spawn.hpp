// spawn(): starts a coroutine beside the one that calls it, with less than co_spawn. BottomCoroutine: what
// it starts.
#pragma once

#include <syncopate/detail/task/caller_executor.hpp>
#include <syncopate/detail/task/caller_link.hpp>
#include <syncopate/detail/task/coroutine_state.hpp>
#include <syncopate/detail/values/current_values.hpp>
#include <syncopate/detail/values/task_values.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_state.hpp>

#include <utility>

namespace syncopate::inline v0_1::detail {

/// The bottom of a stack of coroutines. Its body must not throw, must itself tell of its end, and does not
/// count as work of the executor. co_spawn cares for these things, in a frame that is twice as large; and
/// in Asio 1.26 it loses the end of a coroutine that is cancelled before it was ever suspended.
using BottomCoroutine = boost::asio::awaitable<boost::asio::detail::awaitable_thread_entry_point>;

inline void launch(
    boost::asio::any_io_executor const& executor,
    boost::asio::cancellation_slot slot,
    CoroutineBottom*& bottom,
    BottomCoroutine coroutine) {
    // What Asio keeps to itself, as in CoroutineState: the same in Asio 1.26 and 1.34.
    boost::asio::detail::awaitable_thread<boost::asio::any_io_executor> thread(
        std::move(coroutine), executor, slot, boost::asio::cancellation_state(slot));
    bottom = thread.entry_point();
    thread.launch();
}

/// Runs the coroutine, up to its first suspension inside this call.
///
/// slot:   what is emitted to it cancels the coroutine.
/// bottom: is told where the coroutine's bottom is, before it runs.
/// values: its context variables, or null.
/// Throws: std::bad_alloc; then the coroutine has not run.
inline void spawn(
    boost::asio::any_io_executor const& executor,
    boost::asio::cancellation_slot slot,
    CoroutineBottom*& bottom,
    BottomCoroutine coroutine,
    TaskValuesPointer const& values) {
    if (!values)
        return launch(executor, slot, bottom, std::move(coroutine));
    CallerLinkPointer const link(new CallerLink(caller_of(executor), values));
    auto const of_coroutine = with_caller(executor, link);
    ValuesScope const scope(values);
    launch(of_coroutine, slot, bottom, std::move(coroutine));
}

}  // namespace syncopate::inline v0_1::detail
