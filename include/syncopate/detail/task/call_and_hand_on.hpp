// call_and_hand_on(): calls a completion handler from where nothing may be thrown. post_and_hand_on(): has it
// called later.
#pragma once

#include <syncopate/detail/error/report.hpp>
#include <syncopate/detail/task/caller_executor.hpp>
#include <syncopate/detail/values/current_values.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/post.hpp>

#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// Has the executor throw the error out of the function that runs its handlers. Logged if it takes nothing.
template <class Executor>
void throw_later(Executor const& executor, std::exception_ptr error) noexcept {
    try {
        boost::asio::post(executor, [error] { std::rethrow_exception(error); });
    } catch (...) {
        report("event loop", {}, std::move(error));
    }
}

template <class Executor>
auto plain_executor(Executor const& executor) noexcept {
    if constexpr (std::is_same_v<Executor, boost::asio::any_io_executor>)
        return without_caller(executor);
    else
        return executor;
}

/// Calls a handler, without an error if it takes one.
template <class Handler>
void call_handler(Handler&& handler) {
    if constexpr (std::is_invocable_v<Handler>)
        std::forward<Handler>(handler)();
    else
        std::forward<Handler>(handler)(std::exception_ptr());
}

/// Calls the handler of a coroutine. Resumed, the coroutine may end, and its own completion handler is the
/// user's, and may throw. That must not unwind whoever has resumed the coroutine: other tasks, which have
/// nothing to do with it. So it is thrown once more, by a handler of its own on the coroutine's executor, and
/// leaves io_context::run() as with Asio. (Asio's io_context does the same for what is thrown in dispatch().)
template <class Handler>
void call_and_hand_on(Handler&& handler) noexcept {
    // Not the one that names its caller: as long as somebody keeps that, its coroutine is not used again.
    auto const executor = plain_executor(boost::asio::get_associated_executor(handler));
    std::optional<ValuesScope> scope;
    if (CurrentValues::are_used())
        scope.emplace(values_of(boost::asio::get_associated_executor(handler)));
    try {
        call_handler(std::forward<Handler>(handler));
    } catch (...) {
        throw_later(executor, std::current_exception());
    }
}

/// Has the coroutine's executor call the handler. If there is no memory for that, the coroutine is destroyed.
template <class Handler>
void post_and_hand_on(Handler handler) noexcept {
    auto const executor = boost::asio::get_associated_executor(handler);
    try {
        boost::asio::post(executor, [handler = std::move(handler)]() mutable {
            call_handler(std::move(handler));
        });
    } catch (...) {
        report("event loop", {}, std::current_exception());
    }
}

}  // namespace syncopate::inline v0_1::detail
