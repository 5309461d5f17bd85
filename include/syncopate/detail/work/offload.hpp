// The coroutine that has another thread call a function, and waits for that.
#pragma once

#include <syncopate/concepts.hpp>
#include <syncopate/detail/work/work.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>

#include <concepts>
#include <functional>
#include <source_location>
#include <type_traits>
#include <utility>

namespace syncopate {

/// A function without arguments that another thread calls for a coroutine. It is moved there. What it
/// returns is no reference (an `asio::awaitable` cannot give one; std::reference_wrapper does the job),
/// and no awaitable: blocking code runs there, and from_thread::run() is for what that has to await.
template <class F>
concept BlockingFunction =
    std::move_constructible<std::decay_t<F>> && std::invocable<std::decay_t<F>> &&
    !std::is_reference_v<std::invoke_result_t<std::decay_t<F>>> &&
    !Awaitable<std::invoke_result_t<std::decay_t<F>>>;

namespace detail {

/// find_place: called on the loop with the coroutine's executor; gives a pointer to a WorkExecutor.
template <BlockingFunction F, std::invocable<boost::asio::any_io_executor const&> FindPlace>
boost::asio::awaitable<std::invoke_result_t<F>> offload(
    F function, FindPlace find_place, OnCancel on_cancel, std::source_location where) {
    boost::asio::any_io_executor executor = co_await boost::asio::this_coro::executor;
    auto const place = find_place(executor);
    boost::intrusive_ptr<FunctionWork<F>> const work(
        new FunctionWork<F>(std::move(function), executor, *place, on_cancel, where));
    co_await work->wait();
    co_return work->take_result();
}

}  // namespace detail

}  // namespace syncopate
