// Task, AsyncContext, AsyncIterable: the concepts of what the bridge takes, and the types of what each gives.
#pragma once

#include <syncopate/detail/error/requirements.hpp>

#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <concepts>
#include <exception>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1 {

namespace detail {

template <class T>
struct AwaitableTraits : std::false_type {};
template <class T>
struct AwaitableTraits<boost::asio::awaitable<T>> : std::true_type {
    using value_type = T;
};

template <class T>
struct OptionalTraits : std::false_type {};
template <class T>
struct OptionalTraits<std::optional<T>> : std::true_type {
    using value_type = T;
};

}  // namespace detail

/// An `asio::awaitable<T>`, by value or as an rvalue: it can be awaited once.
template <class A>
concept Awaitable =
    !std::is_lvalue_reference_v<A> && !std::is_const_v<std::remove_reference_t<A>> &&
    detail::AwaitableTraits<std::remove_reference_t<A>>::value;

/// The result of awaiting an `asio::awaitable`.
template <Awaitable A>
using awaitable_result_t = typename detail::AwaitableTraits<std::remove_reference_t<A>>::value_type;

/// A callable without arguments that returns an `asio::awaitable`. An rvalue is owned by whoever
/// takes it. An lvalue is used in place by a caller who waits for the task, and copied where nobody
/// does; it may be used again.
template <class F>
concept TaskFactory = std::invocable<std::remove_reference_t<F>&> &&
                      Awaitable<std::invoke_result_t<std::remove_reference_t<F>&>>;

/// A deferred Asio operation, such as `timer.async_wait(asio::deferred)`.
template <class Op>
concept DeferredOperation = !Awaitable<Op> && !TaskFactory<Op> && !std::is_lvalue_reference_v<Op> &&
                            boost::asio::is_async_operation<std::remove_cvref_t<Op>>::value;

/// The argument of `run()`: an `asio::awaitable<T>` rvalue, a task factory, or a deferred Asio operation.
template <class T>
concept Task = Awaitable<T> || TaskFactory<T> || DeferredOperation<T>;

namespace detail {

template <class T>
struct TaskResult;
template <Awaitable A>
struct TaskResult<A> {
    using type = awaitable_result_t<A>;
};
template <TaskFactory F>
struct TaskResult<F> {
    using type = awaitable_result_t<std::invoke_result_t<std::remove_reference_t<F>&>>;
};
template <DeferredOperation Op>
struct TaskResult<Op> {
    using type = awaitable_result_t<decltype(std::declval<std::remove_cvref_t<Op>>()(
        boost::asio::use_awaitable))>;
};

}  // namespace detail

/// The result of a task: void, or a T, which may be move-only and need not be default-constructible. For a
/// deferred operation it is the result of `co_await` with `use_awaitable`.
template <Task T>
using task_result_t = typename detail::TaskResult<T>::type;

/// An asynchronous context, after Python's `async with`.
///
/// - `aenter()` returns `asio::awaitable<V>`. `awaitable<void>` means that the value is the context
///   itself, `awaitable<std::reference_wrapper<T>>` that it is a T&.
/// - `aexit(std::exception_ptr)` returns `asio::awaitable<void>`, or `asio::awaitable<bool>`, where
///   true means that the exception is suppressed.
template <class C>
concept AsyncContext = requires(std::remove_reference_t<C>& context, std::exception_ptr error) {
    { context.aenter() } -> Awaitable;
    { context.aexit(error) } -> Awaitable;
    requires std::same_as<decltype(context.aexit(error)), boost::asio::awaitable<void>> ||
                 std::same_as<decltype(context.aexit(error)), boost::asio::awaitable<bool>>;
};

namespace detail {

template <class C, class Entered>
struct ContextValue {
    using type = Entered;
};
template <class C>
struct ContextValue<C, void> {
    using type = C&;
};
template <class C, class T>
struct ContextValue<C, std::reference_wrapper<T>> {
    using type = T&;
};

// The type of the object that a source gives: the source itself, if it is such an object, or the result of an
// awaitable, of a factory, or of the awaitable that a factory returns.
template <class Source, bool is_such_an_object>
struct GivenBy {
    using type = std::remove_reference_t<Source>;
};
template <Awaitable A>
struct GivenBy<A, false> {
    using type = awaitable_result_t<A>;
};
template <TaskFactory F>
struct GivenBy<F, false> {
    using type = task_result_t<F>;
};
template <class F>
    requires(std::invocable<std::remove_reference_t<F>&> && !TaskFactory<F>)
struct GivenBy<F, false> {
    using type = std::invoke_result_t<std::remove_reference_t<F>&>;
};

template <class Source>
using ContextOf = GivenBy<Source, AsyncContext<Source>>;

}  // namespace detail

/// The argument of `wrap_context()`: a context (an rvalue is owned, an lvalue used in place), a factory of
/// one (called on the loop), or an awaitable of one.
template <class S>
concept ContextSource = AsyncContext<typename detail::ContextOf<S>::type>;

/// The type of the context that a source gives.
template <ContextSource S>
using context_t = std::remove_reference_t<typename detail::ContextOf<S>::type>;

/// The type of a context's value inside its scope: C& for the context itself, a T&, or a value.
template <AsyncContext C>
using context_value_t = typename detail::ContextValue<
    std::remove_reference_t<C>,
    awaitable_result_t<decltype(std::declval<std::remove_reference_t<C>&>().aenter())>>::type;

/// A context whose aexit() returns bool: it can suppress the exception that leaves its scope.
template <class C>
concept SuppressingContext = AsyncContext<C> && requires(std::remove_reference_t<C>& context) {
    { context.aexit(std::exception_ptr()) } -> std::same_as<boost::asio::awaitable<bool>>;
};

namespace detail {

template <class C, class R>
struct WithContextResult {
    using type = R;
};
template <SuppressingContext C, class R>
    requires(!std::is_void_v<R>)
struct WithContextResult<C, R> {
    using type = std::optional<R>;
};
template <SuppressingContext C, class R>
struct WithContextResult<C, R&> {
    using type = std::optional<std::reference_wrapper<R>>;
};

}  // namespace detail

/// The result of `with_context()`: the body's, or an optional of it where the context can suppress the
/// body's exception, empty if it has done so. void stays void.
template <AsyncContext C, std::invocable<context_value_t<C>&> Body>
using with_context_result_t =
    typename detail::WithContextResult<C, std::invoke_result_t<Body, context_value_t<C>&>>::type;

/// An asynchronous iterable, after Python's `async for`: `anext()` returns
/// `asio::awaitable<std::optional<T>>`, empty at the end. An optional `aclose()` returns
/// `asio::awaitable<void>`, and is called when the iteration is given up early.
template <class I>
concept AsyncIterable = requires(std::remove_reference_t<I>& iterable) {
    { iterable.anext() } -> Awaitable;
    requires detail::OptionalTraits<awaitable_result_t<decltype(iterable.anext())>>::value;
};

/// The T of an AsyncIterable.
template <AsyncIterable I>
using iterable_value_t = typename detail::OptionalTraits<
    awaitable_result_t<decltype(std::declval<std::remove_reference_t<I>&>().anext())>>::value_type;

namespace detail {

template <class Source>
using IterableOf = GivenBy<Source, AsyncIterable<Source>>;

}  // namespace detail

/// The argument of `wrap_iter()`: an iterable (an rvalue is owned, an lvalue used in place), a factory of one
/// (called on the loop, and kept as long as what it has made), or an awaitable of one.
template <class S>
concept IterableSource = AsyncIterable<typename detail::IterableOf<S>::type>;

/// The type of the iterable that a source gives.
template <IterableSource S>
using iterable_t = std::remove_reference_t<typename detail::IterableOf<S>::type>;

/// An iterable with an aclose().
template <class I>
concept ClosableIterable = AsyncIterable<I> && requires(std::remove_reference_t<I>& iterable) {
    { iterable.aclose() } -> std::same_as<boost::asio::awaitable<void>>;
};

}  // namespace syncopate::inline v0_1
