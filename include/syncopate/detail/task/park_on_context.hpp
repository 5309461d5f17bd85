// ParkOnContext: a place where a coroutine is suspended that its execution context may destroy.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/separate.hpp>

#include SYNCOPATE_ASIO(any_io_executor.hpp)
#include SYNCOPATE_ASIO(awaitable.hpp)

namespace syncopate::inline v0_1::detail {

/// A coroutine that is parked with park() belongs to whoever keeps its handler. Here it belongs to the
/// execution context, as the wait for a timer that never expires: a context that ends first destroys the
/// coroutine, and nobody else has to.
class ParkOnContext {
public:
    /// Suspends the awaiting coroutine until resume(), or until it is cancelled. On the executor.
    SYNCOPATE_DECL asio::awaitable<void> wait(asio::any_io_executor executor);

    bool is_waiting() const noexcept { return waiting_ != nullptr; }

    /// Has the coroutine go on soon, if it waits. On the executor, while its context is there.
    SYNCOPATE_DECL void resume() noexcept;

private:
    class Waiting;

    Waiting* waiting_ = nullptr;
};

}  // namespace syncopate::inline v0_1::detail

#ifndef SYNCOPATE_SEPARATE_COMPILATION
#include <syncopate/detail/task/park_on_context.ipp>
#endif
