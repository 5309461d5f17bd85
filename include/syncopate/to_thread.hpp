// to_thread(), run_in_executor(): another thread calls blocking code for a coroutine, and the loop goes on.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/blocking_function.hpp>
#include <syncopate/capacity_limiter.hpp>
#include <syncopate/detail/work/offload.hpp>
#include <syncopate/detail/workers/pool_selection.hpp>
#include <syncopate/on_cancel.hpp>
#include <syncopate/worker_pool.hpp>

#include SYNCOPATE_ASIO(awaitable.hpp)
#include SYNCOPATE_ASIO(thread_pool.hpp)

#include <functional>
#include <source_location>
#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1 {

/// Calls a blocking function on a thread of the pool, and gives what it returns. The loop goes on meanwhile.
///
/// pool:      must live until the function has returned.
/// function:  is moved to that thread, called once, and destroyed there. It may refer to the task's
///            frame, unless it may be abandoned. Inside it, from_thread:: leads back to the loop. The thread
///            takes no signals of the process, and a program that it starts inherits that.
/// on_cancel: whether the task waits for the function when it is cancelled.
/// where:     the call site, for messages: leave it to its default.
/// Throws:    what the function throws. The pool is closed -> Errc::runner_closed. All threads of the pool
///            wait for this very work -> DeadlockError: see WorkerPool. The pool has no thread and the
///            system gives none -> std::system_error.
/// Cancel:    a function that has not been called yet is not called, and the task goes on at once. One that
///            runs can ask from_thread::check_cancelled(); the task waits for it, or abandons it. Then the
///            task ends by operation_aborted, unless the function has failed with an error of its own.
/// Threads:   in a coroutine whose executor runs one handler at a time: a task of a runner, one on an
///            io_context with one thread, or on a strand. The coroutine goes on there.
/// Semantics: `loop.run_in_executor`; cancellation as in `anyio.to_thread.run_sync`.
template <BlockingFunction F>
asio::awaitable<blocking_result_t<F>> run_in_executor(
    WorkerPool& pool,
    F&& function,
    OnCancel on_cancel = OnCancel::wait,
    std::source_location where = std::source_location::current()) {
    return detail::offload(
        std::decay_t<F>(std::forward<F>(function)), detail::ChosenPool(pool), on_cancel, where);
}

/// Calls a blocking function on a thread of an asio::thread_pool, and gives what it returns. Otherwise the
/// same as with a WorkerPool.
///
/// pool:      must not be the one that runs the coroutine, and must live until the function has returned.
/// Throws:    what the function throws. The pool has ended without calling it -> Errc::worker_lost. Asio ends the
///            process where a function ends a thread of such a pool by pthread_exit(). There is
///            no deadlock detection: where all threads of the pool wait for this work, they do so for ever.
template <BlockingFunction F>
asio::awaitable<blocking_result_t<F>> run_in_executor(
    asio::thread_pool& pool,
    F&& function,
    OnCancel on_cancel = OnCancel::wait,
    std::source_location where = std::source_location::current()) {
    return detail::offload(
        std::decay_t<F>(std::forward<F>(function)), detail::ChosenThreadPool(pool), on_cancel,
        where);
}

/// Calls a blocking function on a thread of the runner's pool, and gives what it returns. Otherwise the same
/// as run_in_executor().
///
/// The pool is the runner's own, unless Options::worker_pool names another. On a loop without a runner it
/// belongs to the execution context, and ends with that.
///
/// Semantics: `asyncio.to_thread`; cancellation as in `anyio.to_thread.run_sync`.
template <BlockingFunction F>
asio::awaitable<blocking_result_t<F>> to_thread(
    F&& function,
    OnCancel on_cancel = OnCancel::wait,
    std::source_location where = std::source_location::current()) {
    return detail::offload(
        std::decay_t<F>(std::forward<F>(function)), detail::DefaultPool(), on_cancel, where);
}

namespace detail {

template <BlockingFunction F>
asio::awaitable<blocking_result_t<F>> offload_limited(
    F function, CapacityLimiter& limiter, OnCancel on_cancel, std::source_location where) {
    void const* const counter = counter_of(limiter);
    auto token = co_await limiter.acquire();
    // The function owns the token: a task that abandons it has not freed a thread.
    auto limited = [token = std::move(token),
                    function = std::move(function)]() mutable -> blocking_result_t<F> {
        return std::invoke(std::move(function));
    };
    co_return co_await offload(std::move(limited), DefaultPool(), on_cancel, where, counter);
}

}  // namespace detail

/// Waits for a token of the limiter, and then calls a blocking function as to_thread() without one does. The
/// token is given back when the function has returned, also if the task has abandoned it.
///
/// limiter:   must live until the task has its token.
/// Throws:    as run_in_executor(); as CapacityLimiter::acquire() -> DeadlockError, where the functions wait in
///            from_thread:: or in run().
/// Cancel:    ends the wait for the token by operation_aborted; afterwards as run_in_executor().
/// Semantics: `anyio.to_thread.run_sync(..., limiter=limiter)`.
template <BlockingFunction F>
asio::awaitable<blocking_result_t<F>> to_thread(
    F&& function,
    CapacityLimiter& limiter,
    OnCancel on_cancel = OnCancel::wait,
    std::source_location where = std::source_location::current()) {
    return detail::offload_limited(
        std::decay_t<F>(std::forward<F>(function)), limiter, on_cancel, where);
}

}  // namespace syncopate::inline v0_1
