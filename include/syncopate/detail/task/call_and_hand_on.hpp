// call_and_hand_on(): calls a completion handler from where nothing may be thrown. post_and_hand_on(): has it
// called later.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/error/report.hpp>
#include <syncopate/detail/task/caller_executor.hpp>
#include <syncopate/detail/values/current_values.hpp>

#include SYNCOPATE_ASIO(any_io_executor.hpp)
#include SYNCOPATE_ASIO(associated_executor.hpp)
#include SYNCOPATE_ASIO(post.hpp)

#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// Has the error thrown out of the function that runs the executor's handlers. It is logged if there is no memory for a
/// handler.
template <class Executor>
void throw_later(Executor const& executor, std::exception_ptr error) noexcept {
    try {
        asio::post(executor, [error] { std::rethrow_exception(error); });
    } catch (...) {
        report("event loop", {}, std::move(error));
    }
}

template <class Executor>
auto plain_executor(Executor const& executor) noexcept {
    if constexpr (std::is_same_v<Executor, asio::any_io_executor>)
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
    // Without the link to the caller: as long as somebody keeps that, its pooled coroutine is not used again.
    auto const executor = plain_executor(asio::get_associated_executor(handler));
    std::optional<ValuesScope> scope;
    if (CurrentValues::are_used())
        scope.emplace(values_of(asio::get_associated_executor(handler)));
    try {
        call_handler(std::forward<Handler>(handler));
    } catch (...) {
        throw_later(executor, std::current_exception());
    }
}

/// Has the coroutine's executor call the handler. If there is no memory for that, the coroutine is destroyed.
template <class Handler>
void post_and_hand_on(Handler handler) noexcept {
    auto const executor = asio::get_associated_executor(handler);
    try {
        asio::post(executor, [handler = std::move(handler)]() mutable {
            call_handler(std::move(handler));
        });
    } catch (...) {
        report("event loop", {}, std::current_exception());
    }
}

}  // namespace syncopate::inline v0_1::detail
