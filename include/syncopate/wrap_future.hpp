// wrap_future(): awaits a std::future or a std::shared_future.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/cancellation/cancellation.hpp>
#include <syncopate/detail/intrusive_pointer.hpp>
#include <syncopate/detail/work/future_watcher.hpp>
#include <syncopate/to_thread.hpp>

#include SYNCOPATE_ASIO(any_io_executor.hpp)
#include SYNCOPATE_ASIO(awaitable.hpp)
#include SYNCOPATE_ASIO(this_coro.hpp)

#include <chrono>
#include <concepts>
#include <exception>
#include <functional>
#include <future>
#include <system_error>
#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1 {

namespace detail {

// awaitable<T&> does not exist in Asio.
template <class T>
using FutureResult = std::
    conditional_t<std::is_reference_v<T>, std::reference_wrapper<std::remove_reference_t<T>>, T>;

template <class Future>
class FutureWaitFor final : public FutureWait {
public:
    FutureWaitFor(asio::any_io_executor const& executor, Future future)
        : FutureWait(executor), future_(std::move(future)) {}

    /// After the coroutine has gone on.
    Future& future() noexcept { return future_; }

private:
    std::future_status wait_for(std::chrono::nanoseconds duration) const override {
        return future_.wait_for(duration);
    }

    Future future_;
};

template <class T, class Future>
asio::awaitable<FutureResult<T>> wrap_future(Future future) {
    if (!future.valid())
        throw std::future_error(std::future_errc::no_state);
    auto const status = future.wait_for(std::chrono::seconds(0));
    if (status == std::future_status::ready)
        co_return future.get();
    if (status == std::future_status::deferred) {
        auto get = [future = std::move(future)]() mutable -> FutureResult<T> {
            return future.get();
        };
        co_return co_await to_thread(std::move(get));
    }
    asio::any_io_executor const executor = co_await asio::this_coro::executor;
    IntrusivePointer<FutureWaitFor<Future>> const wait(
        new FutureWaitFor<Future>(executor, std::move(future)));
    co_await wait->wait();
    if (wait->error())
        std::rethrow_exception(wait->error());
    if (wait->was_cancelled())
        throw_cancellation();
    co_return wait->future().get();
}

}  // namespace detail

/// Awaits a future: the task goes on when it is ready, and the loop meanwhile.
///
/// ```cpp
/// std::future<int> answer = std::async(std::launch::async, compute);
/// int const result = co_await wrap_future(std::move(answer));
/// ```
///
/// future:    one that is deferred is computed by to_thread().
/// Returns:   its value; std::reference_wrapper for a reference.
/// Throws:    what it holds, as the same object; std::future_error if it has no shared state, or its promise was
///            destroyed.
/// Cancel:    ends the wait by operation_aborted, and leaves the future alone: it is kept until it is ready. One that
///            is deferred is waited for.
/// Threads:   any number of futures takes one thread of the process, which asks them, at least every few
///            milliseconds.
/// Semantics: asyncio.wrap_future, which however cancels the future, too.
template <class T>
asio::awaitable<detail::FutureResult<T>> wrap_future(std::future<T> future) {
    return detail::wrap_future<T>(std::move(future));
}

/// The same.
///
/// Returns:   a copy of its value; std::reference_wrapper for a reference.
template <class T>
    requires(std::is_void_v<T> || std::is_reference_v<T> || std::copy_constructible<T>)
asio::awaitable<detail::FutureResult<T>> wrap_future(std::shared_future<T> future) {
    return detail::wrap_future<T>(std::move(future));
}

}  // namespace syncopate::inline v0_1
