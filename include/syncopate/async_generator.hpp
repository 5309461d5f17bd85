// A coroutine that yields items and awaits on the way: Python's asynchronous generator.
#pragma once

#include <syncopate/concepts.hpp>
#include <syncopate/detail/iteration/async_generator.hpp>
#include <syncopate/detail/iteration/drain.hpp>
#include <syncopate/detail/iteration/generator_core.hpp>

#include <boost/asio/awaitable.hpp>

#include <concepts>
#include <coroutine>
#include <memory>
#include <optional>
#include <type_traits>

namespace syncopate {

/// What an AsyncGenerator can yield: objects that can be moved, of a type without const.
template <class T>
concept GeneratorItem = std::is_object_v<T> && !std::is_array_v<T> && !std::is_const_v<T>;

/// The return type of a coroutine that produces a sequence, item by item, as it is asked for them.
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
/// The body may `co_yield` a T, and `co_await` any `asio::awaitable`, any Asio operation with
/// `asio::deferred` (with the results of `use_awaitable`), and `asio::this_coro::executor`,
/// `cancellation_state`, `reset_cancellation_state()` and `throw_if_cancelled()`. It is a part of
/// the task that awaits anext(), as a function that it calls would be: it has that task's executor
/// and cancellation state.
///
/// Nothing of the body runs before the first anext(). As of any coroutine, the parameters are kept
/// in its frame: take them by value, unless what they refer to outlives the clean-up. A lambda with
/// captures must outlive the generator that it returned.
///
/// T:         may be move-only, and need not be default-constructible. An lvalue that is yielded is
///            copied, anything else moved. Not `co_yield Row{a, b}` where Row is an aggregate: GCC 12
///            destroys such a temporary twice. Name it, and yield `std::move(row)`.
/// Cancel:    the operation that the body waits on ends with operation_aborted, thrown at its
///            co_await. The body may catch it and clean up, with further co_awaits after
///            `co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation())`.
///            Cancelled while the body is suspended at a co_yield, a task does not get as far as
///            the body: it just unwinds, and the generator's destruction cleans up.
/// Threads:   one anext() or aclose() at a time. The destructor may run on any thread: a body that
///            has started is destroyed on the executor of its last anext(), at once where that is
///            this thread's, and later otherwise; what it refers to has to live so long. When that
///            executor's context is destroyed, what is left of the body goes with it. A body that
///            has not started is destroyed in place.
/// Semantics: Python's asynchronous generators, without asend() and athrow(). Clean-up, on aclose()
///            too, is what the destructors of the body's locals do: a co_yield throws no
///            GeneratorExit, so no co_await can be part of it. The generator's destruction needs no
///            aclose() to be tidy.
template <GeneratorItem T>
class [[nodiscard]] AsyncGenerator {
public:
    using value_type = T;
    struct promise_type;

    /// Runs the body to its next co_yield.
    ///
    /// Returns:   that item, moved out; empty once the body has ended, for good, and for a generator
    ///            that was moved from. What is returned is lazy: dropped without being awaited, it
    ///            has no effect. The generator may be moved meanwhile, but not be destroyed before
    ///            it is awaited.
    /// Throws:    what the body throws, once; the generator is then at its end. std::logic_error when
    ///            another anext() or aclose() is in progress, which is not affected.
    /// Cancel:    reaches the operation that the body waits on. If the task that awaits is destroyed
    ///            half-way, the generator is at its end.
    boost::asio::awaitable<std::optional<T>> anext() {
        return detail::NextItem<T, promise_type>::of(core_.get());
    }

    /// Destroys the body, whose locals' destructors run now, on the thread that awaits this.
    ///
    /// Afterwards anext() returns empty. A second time, or at the end, nothing happens; before the
    /// first anext(), the body never runs. It is lazy, as anext() is.
    ///
    /// Throws:    std::logic_error when an anext() is in progress.
    boost::asio::awaitable<void> aclose() { return detail::close_generator(core_.get()); }

private:
    struct Abandon {
        void operator()(detail::GeneratorCore* core) const noexcept { core->abandon(); }
    };

    // For a consumer on the loop that wants many items: see NextItem::drain(). Not for what is derived
    // from this: it may have an anext() of its own.
    template <std::same_as<AsyncGenerator> Generator, class Sink>
    friend detail::Drained drain_ready(
        Generator& generator, boost::asio::any_io_executor const& executor, Sink sink) {
        return detail::NextItem<T, promise_type>::drain(
            generator.core_.get(), executor, std::move(sink));
    }

    explicit AsyncGenerator(std::coroutine_handle<> body)
        : core_(new detail::GeneratorCore(body)) {}

    std::unique_ptr<detail::GeneratorCore, Abandon> core_;
};

/// What the compiler makes the coroutine with.
template <GeneratorItem T>
struct AsyncGenerator<T>::promise_type : detail::GeneratorPromise<T> {
    AsyncGenerator get_return_object() {
        return AsyncGenerator(std::coroutine_handle<promise_type>::from_promise(*this));
    }
};

}  // namespace syncopate
