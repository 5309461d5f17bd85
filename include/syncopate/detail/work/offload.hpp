// offload(): has another thread call a function for the awaiting coroutine.
#pragma once

#include <syncopate/blocking_function.hpp>
#include <syncopate/detail/loop/work_executor.hpp>
#include <syncopate/detail/work/function_work.hpp>
#include <syncopate/detail/work/work.hpp>
#include <syncopate/on_cancel.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>

#include <concepts>
#include <source_location>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// Called on the loop with the coroutine's executor: gives a pointer to the WorkExecutor that is to do the
/// work. An owning pointer is kept until the coroutine has gone on.
template <class S>
concept WorkExecutorSelector = requires(S select, boost::asio::any_io_executor const& executor) {
    { *select(executor) } -> std::convertible_to<WorkExecutor&>;
};

template <BlockingFunction F, WorkExecutorSelector Select>
boost::asio::awaitable<blocking_result_t<F>> offload(
    F function,
    Select select,
    OnCancel on_cancel,
    std::source_location where,
    void const* limiter = nullptr) {
    boost::asio::any_io_executor executor = co_await boost::asio::this_coro::executor;
    CoroutineBottom* coroutine = nullptr;
    co_await find_bottom(coroutine);
    auto const work_executor = select(executor);
    boost::intrusive_ptr<FunctionWork<F>> const work(new FunctionWork<F>(
        std::move(function), executor, *work_executor, on_cancel, where,
        Work::Place{coroutine, limiter}));
    co_await work->wait();
    co_return work->take_result();
}

}  // namespace syncopate::inline v0_1::detail
