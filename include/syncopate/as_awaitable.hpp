// as_awaitable(): an asio::awaitable of whatever another library's coroutines await.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/concepts.hpp>
#include <syncopate/detail/foreign/foreign_task.hpp>
#include <syncopate/detail/task/awaitable_of.hpp>

#include SYNCOPATE_ASIO(awaitable.hpp)
#include SYNCOPATE_ASIO(use_awaitable.hpp)

#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1 {

/// Makes an `asio::awaitable` of another library's awaitable, for `co_await` in a coroutine of Asio's, or for what takes
/// only those. Runners and groups, which take any Task, need none of it.
///
/// ```cpp
/// int const answer = co_await as_awaitable(ask_somebody());    // their::task<int> ask_somebody();
/// ```
///
/// awaitable: an rvalue: an object with `operator co_await`, or with await_ready(), await_suspend() and await_resume(); an
///            `asio::awaitable` with another executor type; an `asio::experimental::coro`; a deferred operation. It is
///            awaited, and destroyed, on the loop. Wherever it goes on meanwhile, the coroutine goes on on its loop.
/// Returns:   what its `co_await` gives; std::reference_wrapper for an lvalue.
/// Throws:    what its `co_await` throws, as the same object. Errc::cancelled if it destroys the coroutine that awaits it.
/// Cancel:    reaches an `asio::awaitable`, a `coro`, a deferred operation, and what asks the awaiting coroutine's promise
///            for `get_cancellation_slot()`, as Boost.Cobalt does. Nothing else can be cancelled: the task goes on until
///            it ends, and Options::on_stall names it. `tasks()` tells the type that it waits for.
/// Threads:   the loop's. If the loop's context is destroyed first, what cannot be cancelled belongs to itself from then
///            on, and is destroyed where it ends.
/// Semantics: Python's `await`, which takes any awaitable.
template <class A>
    requires(ForeignAwaitable<A> || DeferredOperation<A> || Awaitable<A>)
[[nodiscard]] asio::awaitable<task_result_t<A>> as_awaitable(A&& awaitable) {
    if constexpr (Awaitable<A>)
        return std::forward<A>(awaitable);
    else if constexpr (DeferredOperation<A>)
        return std::forward<A>(awaitable)(asio::use_awaitable);
    else
        return detail::await_foreign(std::remove_reference_t<A>(std::forward<A>(awaitable)));
}

}  // namespace syncopate::inline v0_1
