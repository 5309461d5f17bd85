// park(): suspends a coroutine until its handler, which is kept in place, is called.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/task/inplace_handler.hpp>

#include SYNCOPATE_ASIO(associated_cancellation_slot.hpp)
#include SYNCOPATE_ASIO(async_result.hpp)
#include SYNCOPATE_ASIO(cancellation_signal.hpp)
#include SYNCOPATE_ASIO(deferred.hpp)

#include <concepts>
#include <exception>
#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// `co_await park(place, connect, parked)` suspends the coroutine. `place.call()` or `place.resume()`
/// resumes it inside that call; `place.drop()` destroys it. Awaited as deferred, and so without a frame of
/// its own.
///
/// place:   empty, and must be there until the coroutine goes on.
/// connect: called with the coroutine's cancellation slot. The coroutine throws what this throws, and has not
///          been suspended then.
/// parked:  called when the coroutine is suspended. It may go on before `parked` returns.
template <std::invocable<asio::cancellation_slot> Connect, std::invocable Parked>
auto park(InplaceHandler& place, Connect connect, Parked parked) {
    if constexpr (std::is_nothrow_invocable_v<Connect, asio::cancellation_slot>)
        return asio::async_initiate<asio::deferred_t const, void()>(
            [&place, connect, parked](auto handler) {
                connect(asio::get_associated_cancellation_slot(handler));
                place.keep(std::move(handler));
                parked();
            },
            asio::deferred);
    else
        // What leaves an initiation destroys the coroutine, because its handler goes with it. So the handler
        // takes the error.
        return asio::async_initiate<asio::deferred_t const, void(std::exception_ptr)>(
            [&place, connect, parked](auto handler) {
                try {
                    connect(asio::get_associated_cancellation_slot(handler));
                } catch (...) {
                    return std::move(handler)(std::current_exception());
                }
                place.keep(std::move(handler));
                parked();
            },
            asio::deferred);
}

}  // namespace syncopate::inline v0_1::detail
