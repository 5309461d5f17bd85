// Task, AsyncContext, AsyncIterable: the concepts of what the bridge takes, and the types of what each gives.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/error/requirements.hpp>

#include SYNCOPATE_ASIO(async_result.hpp)
#include SYNCOPATE_ASIO(awaitable.hpp)
#include SYNCOPATE_ASIO(use_awaitable.hpp)

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
struct AwaitableTraits<asio::awaitable<T>> : std::true_type {
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
                            asio::is_async_operation<std::remove_cvref_t<Op>>::value;

namespace detail {

// What `co_await` calls, in the order of the language: a member operator, a free one, the object itself.
template <class A>
concept HasMemberCoAwait = requires(A&& operand) { std::forward<A>(operand).operator co_await(); };
template <class A>
concept HasFreeCoAwait = requires(A&& operand) { operator co_await(std::forward<A>(operand)); };

template <class A>
struct AwaiterOf {
    using type = A&&;
};
template <HasMemberCoAwait A>
struct AwaiterOf<A> {
    using type = decltype(std::declval<A>().operator co_await());
};
template <HasFreeCoAwait A>
    requires(!HasMemberCoAwait<A>)
struct AwaiterOf<A> {
    using type = decltype(operator co_await(std::declval<A>()));
};

template <class A>
concept HasAwaiter = requires(std::remove_reference_t<typename AwaiterOf<A>::type>& awaiter) {
    { awaiter.await_ready() } -> std::convertible_to<bool>;
    awaiter.await_resume();
};

// asio::experimental::coro.
template <class C>
concept ResumableCoroutine = HasMemberCoAwait<C> && requires(C& coroutine) {
    { coroutine.async_resume(asio::use_awaitable) } -> Awaitable;
};

// awaitable<T&> does not exist in Asio.
template <class R>
struct ForeignValue {
    using type = std::remove_cvref_t<R>;
};
template <class R>
struct ForeignValue<R&> {
    using type = std::reference_wrapper<R>;
};

template <class A>
struct ForeignTraits : std::false_type {};
template <HasAwaiter A>
    requires(!ResumableCoroutine<A>)
struct ForeignTraits<A> : std::true_type {
    using Awaiter = std::remove_reference_t<typename AwaiterOf<A>::type>;
    using type = typename ForeignValue<decltype(std::declval<Awaiter&>().await_resume())>::type;
};
template <ResumableCoroutine C>
struct ForeignTraits<C> : std::true_type {
    using type = awaitable_result_t<decltype(std::declval<C&>().async_resume(asio::use_awaitable))>;
};
template <class T, class Executor>
struct ForeignTraits<asio::awaitable<T, Executor>> : std::true_type {
    using type = T;
};

}  // namespace detail

/// Another coroutine library's awaitable, as an rvalue: whatever a C++20 coroutine of somebody else's can `co_await`, an
/// `asio::awaitable` with another executor type, an `asio::experimental::coro`.
template <class A>
concept ForeignAwaitable =
    !Awaitable<A> && !TaskFactory<A> && !DeferredOperation<A> && !std::is_lvalue_reference_v<A> &&
    !std::is_const_v<std::remove_reference_t<A>> &&
    std::move_constructible<std::remove_reference_t<A>> &&
    detail::ForeignTraits<std::remove_reference_t<A>>::value;

/// A callable without arguments that returns a foreign awaitable, or a deferred operation. Owned, used in place or
/// copied as a TaskFactory.
template <class F>
concept ForeignFactory = std::invocable<std::remove_reference_t<F>&> && !TaskFactory<F> &&
                         !DeferredOperation<F> && !ForeignAwaitable<F> &&
                         (ForeignAwaitable<std::invoke_result_t<std::remove_reference_t<F>&>> ||
                          DeferredOperation<std::invoke_result_t<std::remove_reference_t<F>&>>);

/// The argument of `run()`: an `asio::awaitable<T>` rvalue, a deferred Asio operation, a foreign awaitable, or a
/// callable that returns one of these.
template <class T>
concept Task = Awaitable<T> || TaskFactory<T> || DeferredOperation<T> || ForeignAwaitable<T> ||
               ForeignFactory<T>;

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
    using type =
        awaitable_result_t<decltype(std::declval<std::remove_cvref_t<Op>>()(asio::use_awaitable))>;
};
template <ForeignAwaitable A>
struct TaskResult<A> {
    using type = typename ForeignTraits<std::remove_reference_t<A>>::type;
};
template <ForeignFactory F>
struct TaskResult<F> : TaskResult<std::invoke_result_t<std::remove_reference_t<F>&>> {};

}  // namespace detail

/// The result of a task: void, or a T, which may be move-only and need not be default-constructible. For a
/// deferred operation it is the result of `co_await` with `use_awaitable`; for a foreign awaitable that of its
/// `co_await`, or a `std::reference_wrapper` where that is an lvalue.
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
    requires std::same_as<decltype(context.aexit(error)), asio::awaitable<void>> ||
                 std::same_as<decltype(context.aexit(error)), asio::awaitable<bool>>;
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
template <class F>
    requires(TaskFactory<F> || ForeignAwaitable<F> || ForeignFactory<F>)
struct GivenBy<F, false> {
    using type = task_result_t<F>;
};
template <class F>
    requires(
        std::invocable<std::remove_reference_t<F>&> && !TaskFactory<F> && !ForeignAwaitable<F> &&
        !ForeignFactory<F>)
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
    { context.aexit(std::exception_ptr()) } -> std::same_as<asio::awaitable<bool>>;
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
    { iterable.aclose() } -> std::same_as<asio::awaitable<void>>;
};

}  // namespace syncopate::inline v0_1
