// offload(): has another thread call a function for the awaiting coroutine.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/blocking_function.hpp>
#include <syncopate/detail/cancellation/moved_coroutine.hpp>
#include <syncopate/detail/intrusive_pointer.hpp>
#include <syncopate/detail/loop/work_executor.hpp>
#include <syncopate/detail/work/function_work.hpp>
#include <syncopate/detail/work/work.hpp>
#include <syncopate/on_cancel.hpp>

#include SYNCOPATE_ASIO(any_io_executor.hpp)
#include SYNCOPATE_ASIO(awaitable.hpp)
#include SYNCOPATE_ASIO(deferred.hpp)
#include SYNCOPATE_ASIO(dispatch.hpp)
#include SYNCOPATE_ASIO(this_coro.hpp)

#include <concepts>
#include <source_location>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// Called on the loop with the coroutine's executor: gives a pointer to the WorkExecutor that is to do the
/// work. An owning pointer is kept until the coroutine has gone on.
template <class S>
concept WorkExecutorSelector = requires(S select, asio::any_io_executor const& executor) {
    { *select(executor) } -> std::convertible_to<WorkExecutor&>;
};

/// W: FunctionWork<F>, or derived from that.
template <BlockingFunction F, WorkExecutorSelector Select, class W = FunctionWork<F>>
asio::awaitable<blocking_result_t<F>> offload(
    F function,
    Select select,
    OnCancel on_cancel,
    std::source_location where,
    void const* limiter = nullptr) {
    if (MovedStep::is_here())
        co_await asio::dispatch(asio::deferred);
    asio::any_io_executor executor = co_await asio::this_coro::executor;
    CoroutineBottom* coroutine = nullptr;
    co_await find_bottom(coroutine);
    auto const work_executor = select(executor);
    IntrusivePointer<W> const work(new W(
        std::move(function), executor, *work_executor, on_cancel, where,
        Work::Place{coroutine, limiter}));
    co_await work->wait();
    co_return work->take_result();
}

}  // namespace syncopate::inline v0_1::detail
