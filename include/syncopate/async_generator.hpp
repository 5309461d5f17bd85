// AsyncGenerator: a coroutine that yields items and awaits on the way, as Python's asynchronous generators do.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/concepts.hpp>
#include <syncopate/detail/iteration/async_generator.hpp>
#include <syncopate/detail/iteration/drain.hpp>
#include <syncopate/detail/iteration/generator_core.hpp>
#include <syncopate/detail/iteration/leftover.hpp>

#include SYNCOPATE_ASIO(awaitable.hpp)

#include <concepts>
#include <coroutine>
#include <memory>
#include <optional>
#include <type_traits>

namespace syncopate::inline v0_1 {

/// The type of an AsyncGenerator's items: a movable object type without const.
template <class T>
concept GeneratorItem = std::is_object_v<T> && !std::is_array_v<T> && !std::is_const_v<T>;

/// The return type of a coroutine that produces items, one for each anext().
///
/// ```cpp
/// AsyncGenerator<std::string> chunks(tcp::socket socket) {
///     std::array<char, 4096> buffer;
///     for (;;) {
///         auto const size = co_await socket.async_read_some(asio::buffer(buffer), asio::deferred);
///         co_yield std::string(buffer.data(), size);
///     }
/// }
///
/// while (auto chunk = co_await generator.anext())
///     use(*chunk);
/// ```
///
/// The body may `co_yield` a T, and `co_await` any `asio::awaitable`, any Asio operation with `asio::deferred` (with
/// the results of `use_awaitable`), another library's awaitable as as_awaitable() takes it, and
/// `asio::this_coro::executor`, `cancellation_state`, `reset_cancellation_state()` and `throw_if_cancelled()`. It
/// runs in the task that awaits anext(), as a function that the task calls would, and so has that task's executor and
/// cancellation state.
///
/// Nothing of the body runs before the first anext(). Parameters are kept in the coroutine's frame: take
/// them by value, unless what they refer to outlives the generator's clean-up. A lambda with captures must
/// outlive the generator that it returns.
///
/// T:         may be move-only, and need not be default-constructible. An lvalue that is yielded is
///            copied, anything else moved. Do not write `co_yield Row{a, b}` where Row is an aggregate:
///            GCC 12 destroys such a temporary twice. Name it, and yield `std::move(row)`.
/// Cancel:    the operation that the body awaits ends with operation_aborted, thrown at its co_await. The
///            body may catch that and clean up, with further co_awaits after
///            `co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation())`.
///            If the task is cancelled while the body is suspended at a co_yield, its next anext() throws
///            without running the body, and the generator's destruction cleans up.
/// Threads:   one anext() or aclose() at a time. The destructor may run on any thread. A body that has
///            started is destroyed on the executor of its last anext(): at once if that is this thread's,
///            else later, and what it refers to must live until then. If the context of that executor is
///            destroyed first, the body is destroyed with it. A body that has not started is destroyed in
///            place.
/// Semantics: Python's asynchronous generators, without asend() and athrow(). Clean-up, also by aclose(),
///            is what the destructors of the body's locals do: a co_yield throws no GeneratorExit, so no
///            co_await can be part of it. A generator may be destroyed without aclose(). A range over an
///            lvalue leaves it open, as `async for` does: another one goes on from there.
template <GeneratorItem T>
class [[nodiscard]] AsyncGenerator {
public:
    using value_type = T;
    struct promise_type;

    /// Runs the body to its next co_yield.
    ///
    /// Nothing happens before the result is awaited. Until then the generator may be moved, but not
    /// be destroyed.
    ///
    /// Returns:   the item, moved out. Empty after the body has ended, and for a generator that was moved
    ///            from.
    /// Throws:    what the body throws, once; the generator is closed then. Another anext() or aclose() is in
    ///            progress -> std::logic_error; that one goes on.
    /// Cancel:    cancels the operation that the body awaits. If the awaiting task is destroyed half-way, the
    ///            generator is closed.
    asio::awaitable<std::optional<T>> anext() {
        using NextItem = detail::NextItem<T, promise_type>;
        if (leftover_ && !leftover_->empty()) [[unlikely]]
            return NextItem::after(leftover_.get(), core_.get());
        return NextItem::of(core_.get());
    }

    /// Closes the generator: destroys the body with its locals, on the thread that awaits this.
    ///
    /// Afterwards anext() gives nothing. Does nothing for a generator that is closed. Lazy, as anext() is.
    ///
    /// Throws:    an anext() is in progress -> std::logic_error.
    asio::awaitable<void> aclose() {
        return detail::NextItem<T, promise_type>::close(leftover_.get(), core_.get());
    }

private:
    struct Abandon {
        void operator()(detail::GeneratorCore* core) const noexcept { core->abandon(); }
    };

    // See DrainableIterable. Not for a derived class, which may have an anext() of its own.
    template <std::same_as<AsyncGenerator> Generator, class Sink>
    friend detail::Drained drain_ready(
        Generator& generator, asio::any_io_executor const& executor, Sink sink) {
        while (generator.leftover_ && !generator.leftover_->empty())
            if (!sink(generator.leftover_->take()))
                return detail::Drained::stopped;
        return detail::NextItem<T, promise_type>::drain(
            generator.core_.get(), executor, std::move(sink));
    }

    // See ResumableIterable, and above.
    template <std::same_as<AsyncGenerator> Generator>
    friend void give_back(Generator& generator, detail::Leftover<T> leftover) {
        // Behind it comes what an earlier range has given back, if this one has not taken all of that.
        if (generator.leftover_)
            leftover.append(std::move(*generator.leftover_));
        generator.leftover_ = std::make_unique<detail::Leftover<T>>(std::move(leftover));
    }

    explicit AsyncGenerator(std::coroutine_handle<> body)
        : core_(new detail::GeneratorCore(body)) {}

    std::unique_ptr<detail::GeneratorCore, Abandon> core_;
    std::unique_ptr<detail::Leftover<T>> leftover_;  // null until a range has given something back
};

/// What the compiler makes the coroutine with.
template <GeneratorItem T>
struct AsyncGenerator<T>::promise_type : detail::GeneratorPromise<T> {
    AsyncGenerator get_return_object() {
        return AsyncGenerator(std::coroutine_handle<promise_type>::from_promise(*this));
    }
};

}  // namespace syncopate::inline v0_1
