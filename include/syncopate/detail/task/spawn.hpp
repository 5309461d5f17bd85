// spawn(): starts a coroutine beside the one that calls it, with less than co_spawn. BottomCoroutine: what
// it starts.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/cancellation/coroutine_state.hpp>
#include <syncopate/detail/task/caller_executor.hpp>
#include <syncopate/detail/task/caller_link.hpp>
#include <syncopate/detail/values/current_values.hpp>
#include <syncopate/detail/values/task_values.hpp>

#include SYNCOPATE_ASIO(any_io_executor.hpp)
#include SYNCOPATE_ASIO(awaitable.hpp)
#include SYNCOPATE_ASIO(cancellation_signal.hpp)
#include SYNCOPATE_ASIO(cancellation_state.hpp)

#include <utility>

namespace syncopate::inline v0_1::detail {

/// The bottom of a stack of coroutines. Its body must not throw, must itself tell of its end, and does not
/// count as work of the executor. co_spawn cares for these things, in a frame that is twice as large; and
/// in Asio 1.26 it loses the end of a coroutine that is cancelled before it was ever suspended.
using BottomCoroutine = asio::awaitable<asio::detail::awaitable_thread_entry_point>;

inline void launch(
    asio::any_io_executor const& executor,
    asio::cancellation_slot slot,
    CoroutineBottom*& bottom,
    BottomCoroutine coroutine) {
    // What Asio keeps to itself, as in CoroutineState: the same in Asio 1.26 and 1.34.
    asio::detail::awaitable_thread<asio::any_io_executor> thread(
        std::move(coroutine), executor, slot, asio::cancellation_state(slot));
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
    asio::any_io_executor const& executor,
    asio::cancellation_slot slot,
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
