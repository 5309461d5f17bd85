// Blocking code in coroutines: another thread calls it, and the loop goes on.
#pragma once

#include <syncopate/blocking_function.hpp>
#include <syncopate/capacity_limiter.hpp>
#include <syncopate/detail/work/offload.hpp>
#include <syncopate/detail/workers/pool_selection.hpp>
#include <syncopate/on_cancel.hpp>
#include <syncopate/worker_pool.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>

#include <functional>
#include <source_location>
#include <type_traits>
#include <utility>

namespace syncopate {

/// Calls a blocking function on a thread of a pool, while the loop goes on, and gives what it returns.
///
/// pool:      must be there until the function has returned.
/// function:  is moved to that thread, called once, and destroyed there. It may refer to the task's
///            frame, unless it may be abandoned. Inside, from_thread:: leads back to the loop.
/// on_cancel: see OnCancel.
/// Throws:    what the function throws. Errc::runner_closed if the pool is closed. DeadlockError if the
///            pool could only wait for itself: see WorkerPool. std::system_error if the system has no
///            thread to give, and the pool has none.
/// Cancel:    a function that waits for its turn is not called, and the task goes on at once. For one
///            that runs the task waits; it can ask from_thread::check_cancelled(). Either way the task
///            ends by operation_aborted, unless the function fails with an error of its own.
/// Threads:   in a coroutine whose executor runs one handler at a time: a task of a runner, one on an
///            io_context with one thread, or on a strand. It goes on there.
/// Semantics: `loop.run_in_executor`; where it is cancelled, `anyio.to_thread.run_sync`.
template <BlockingFunction F>
boost::asio::awaitable<blocking_result_t<F>> run_in_executor(
    WorkerPool& pool,
    F&& function,
    OnCancel on_cancel = OnCancel::wait,
    std::source_location where = std::source_location::current()) {
    return detail::offload(
        std::decay_t<F>(std::forward<F>(function)), detail::ChosenPool(pool), on_cancel, where);
}

/// The same, on a pool of Asio's, which must not be the one that runs the coroutine. It does not see that
/// it could only wait for itself.
///
/// Throws:    Errc::worker_lost if the pool ends without having called the function.
template <BlockingFunction F>
boost::asio::awaitable<blocking_result_t<F>> run_in_executor(
    boost::asio::thread_pool& pool,
    F&& function,
    OnCancel on_cancel = OnCancel::wait,
    std::source_location where = std::source_location::current()) {
    return detail::offload(
        std::decay_t<F>(std::forward<F>(function)), detail::ChosenThreadPool(pool), on_cancel,
        where);
}

/// The same, on the runner's pool: its own, unless Options::worker_pool says otherwise. On a loop that
/// belongs to no runner, the pool belongs to the execution context, and ends with it.
///
/// Semantics: `asyncio.to_thread`; where it is cancelled, `anyio.to_thread.run_sync`.
template <BlockingFunction F>
boost::asio::awaitable<blocking_result_t<F>> to_thread(
    F&& function,
    OnCancel on_cancel = OnCancel::wait,
    std::source_location where = std::source_location::current()) {
    return detail::offload(
        std::decay_t<F>(std::forward<F>(function)), detail::DefaultPool(), on_cancel, where);
}

namespace detail {

template <BlockingFunction F>
boost::asio::awaitable<std::invoke_result_t<F>> do_limited_work(
    F function, CapacityLimiter& limiter, OnCancel on_cancel, std::source_location where) {
    auto token = co_await limiter.acquire();
    // The token belongs to the function: who abandons that has not freed a thread.
    auto limited = [token = std::move(token),
                    function = std::move(function)]() mutable -> std::invoke_result_t<F> {
        return std::invoke(std::move(function));
    };
    co_return co_await offload(std::move(limited), DefaultPool(), on_cancel, where);
}

}  // namespace detail

/// The same, with a token of the limiter: the task waits for one, and it is given back when the function
/// has returned.
///
/// limiter:   must be there until the task has its token.
template <BlockingFunction F>
boost::asio::awaitable<blocking_result_t<F>> to_thread(
    F&& function,
    CapacityLimiter& limiter,
    OnCancel on_cancel = OnCancel::wait,
    std::source_location where = std::source_location::current()) {
    return detail::do_limited_work(
        std::decay_t<F>(std::forward<F>(function)), limiter, on_cancel, where);
}

}  // namespace syncopate
