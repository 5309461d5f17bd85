// to_fiber(): calls synchronous code on the loop's own thread, on a stack that can wait while the loop goes on.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/blocking_function.hpp>
#include <syncopate/detail/fiber/fiber.hpp>

#include SYNCOPATE_ASIO(any_io_executor.hpp)
#include SYNCOPATE_ASIO(awaitable.hpp)
#include SYNCOPATE_ASIO(cancellation_type.hpp)
#include SYNCOPATE_ASIO(this_coro.hpp)

#include <chrono>
#include <cstddef>
#include <thread>
#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1 {

/// How large the stack of a fiber is. Only what is used of it takes memory.
struct StackSize {
    /// In bytes, without the guard page.
    std::size_t bytes;

    /// That of a thread on Linux.
    static constexpr std::size_t usual =
        sizeof(void*) > 4 ? std::size_t{8} << 20U : std::size_t{256} << 10U;

    /// Takes the size in bytes.
    constexpr explicit StackSize(std::size_t size = usual) noexcept : bytes(size) {}
};

namespace detail {

/// A wait that does not hear of requests to stop might never end.
inline constexpr int tries_without_memory = 100;

/// Has the fiber go on whenever what it waits for has come, until it has ended.
inline asio::awaitable<void> drive(Fiber& fiber) {
    namespace this_coro = asio::this_coro;
    bool const throws = co_await this_coro::throw_if_cancelled();
    auto const cancellation = co_await this_coro::cancellation_state;
    auto const is_cancelled = [&cancellation] {
        return cancellation.cancelled() != asio::cancellation_type::none;
    };
    co_await this_coro::throw_if_cancelled(false);
    // Who was cancelled before, and went on, is cancelled by the next request.
    bool was_cancelled = is_cancelled();
    for (fiber.resume(); !fiber.has_ended(); fiber.resume()) {
        if (is_cancelled() && !was_cancelled)
            fiber.cancel();  // by what it has done itself
        bool has_waited = false;
        for (int tries = 0; !has_waited && tries < tries_without_memory; ++tries) {
            try {
                co_await fiber.wait().wait();
                has_waited = true;
            } catch (...) {
                // There was no memory to hear of requests to stop.
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
            }
        }
        if (!has_waited)
            co_await fiber.wait().wait_uncancelled();
        was_cancelled = is_cancelled();
    }
    co_await this_coro::throw_if_cancelled(throws);
}

template <BlockingFunction F>
asio::awaitable<blocking_result_t<F>> run_fiber(F function, StackSize stack) {
    asio::any_io_executor const executor = co_await asio::this_coro::executor;
    FunctionFiber<F> fiber(executor, std::move(function), stack.bytes);
    co_await drive(fiber);
    co_return fiber.take_result();
}

}  // namespace detail

/// Calls synchronous code on the loop's own thread, and gives what it returns. The code has a stack of its own. Where
/// it calls a blocking member of a runner, also of the one on whose loop it runs, the stack is left until the call has
/// ended, and the loop goes on meanwhile. Whatever else blocks, blocks the loop: to_thread() is for that.
///
/// function:  is moved into the task, called once, and destroyed there. It may refer to the task's frame. It sees the
///            task's context variables, and its own exceptions only. A lock that it holds during a blocking call is
///            held up to everybody else on the loop.
/// stack:     its size. What goes deeper ends the program, as on a thread. Throws: std::bad_alloc without memory for it.
/// Throws:    what the function throws.
/// Cancel:    a request to stop is delivered once, as Errc::cancelled: by the call that waits, when its task has
///            unwound, or by the next one. What cleans up after that may block as well. If the function then ends by
///            that error, the task ends by operation_aborted.
/// Threads:   as to_thread(). On a loop of several threads it may go on on another after each blocking call.
///            It must not call pthread_exit(). The tasks of a Runner that it uses run on a thread of their own.
/// Semantics: what nest_asyncio is used for, without a loop inside a loop; SQLAlchemy's `greenlet_spawn`.
template <BlockingFunction F>
asio::awaitable<blocking_result_t<F>> to_fiber(F&& function, StackSize stack = StackSize()) {
    return detail::run_fiber(std::decay_t<F>(std::forward<F>(function)), stack);
}

}  // namespace syncopate::inline v0_1
