// ForeignIterable: another library's generator, or a channel of Asio's, as an AsyncIterable. as_iterable(): makes it.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/concepts.hpp>
#include <syncopate/detail/foreign/foreign_task.hpp>
#include <syncopate/detail/task/awaitable_of.hpp>
#include <syncopate/detail/task/owned_or_ref.hpp>

#include SYNCOPATE_ASIO(awaitable.hpp)
#include SYNCOPATE_ASIO(experimental/channel_error.hpp)
#include SYNCOPATE_ASIO(this_coro.hpp)
#include SYNCOPATE_ASIO(use_awaitable.hpp)

#include <concepts>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

namespace syncopate::inline v0_1::detail {

template <class A>
concept AnyAwaitable = Awaitable<A> || ForeignAwaitable<A>;

template <AnyAwaitable A>
asio::awaitable<task_result_t<A>> await_any(A&& awaitable) {
    if constexpr (Awaitable<A>)
        return require_valid(std::forward<A>(awaitable));
    else
        return await_foreign(std::remove_reference_t<A>(std::forward<A>(awaitable)));
}

/// How the items of an I, which is no AsyncIterable, are got: `Item`, and a coroutine `next(iterable)`, which gives
/// nothing at the end. Specialised for each kind.
template <class I>
struct ForeignSteps;

template <class I>
concept ForeignIteratable =
    !AsyncIterable<I> && requires { typename ForeignSteps<std::remove_reference_t<I>>::Item; };

// begin() and the iterator's ++ are awaited: cppcoro's async_generator, and those after it.
template <class I>
using AwaitedBegin = std::unwrap_reference_t<task_result_t<decltype(std::declval<I&>().begin())>>;

template <class I>
concept AwaitedRange = requires(I& iterable) {
    { iterable.begin() } -> AnyAwaitable;
    requires requires(AwaitedBegin<I>& position) {
        { ++position } -> AnyAwaitable;
        { position == iterable.end() } -> std::convertible_to<bool>;
        requires !std::is_void_v<decltype(*position)>;
    };
};

template <AwaitedRange I>
struct ForeignSteps<I> {
    using Item = std::remove_cvref_t<decltype(*std::declval<AwaitedBegin<I>&>())>;

    asio::awaitable<std::optional<Item>> next(I& iterable) {
        if (position)
            co_await await_any(++*position);
        else
            position.emplace(co_await await_any(iterable.begin()));
        if (*position == iterable.end())
            co_return std::nullopt;
        // The generator may still use what it has yielded.
        if constexpr (std::constructible_from<Item, decltype(**position)>)
            co_return std::optional<Item>(**position);
        else
            co_return std::optional<Item>(std::move(**position));
    }

    std::optional<AwaitedBegin<I>> position;
};

// asio::experimental::channel and concurrent_channel.
template <class I>
concept AsioChannel = requires(I& channel) {
    { channel.async_receive(asio::use_awaitable) } -> Awaitable;
    channel.is_open();
    channel.close();
    channel.cancel();
};

template <AsioChannel I>
struct ForeignSteps<I> {
    using Received =
        awaitable_result_t<decltype(std::declval<I&>().async_receive(asio::use_awaitable))>;
    using Item = std::conditional_t<std::is_void_v<Received>, std::monostate, Received>;

    static asio::awaitable<std::optional<Item>> next(I& channel) {
        try {
            if constexpr (std::is_void_v<Received>) {
                co_await channel.async_receive(asio::use_awaitable);
                co_return std::optional<Item>(std::in_place);
            } else {
                co_return std::optional<Item>(co_await channel.async_receive(asio::use_awaitable));
            }
        } catch (AsioSystemError const& error) {
            if (error.code() != asio::experimental::error::channel_closed)
                throw;
        }
        co_return std::nullopt;
    }
};

// asio::experimental::coro that yields.
template <class I>
concept YieldingCoroutine =
    ResumableCoroutine<I> && !std::is_void_v<typename std::remove_reference_t<I>::yield_type>;

template <class Resumed>
struct YieldedBy;
template <class T>
struct YieldedBy<std::optional<T>> {
    using type = T;
    static std::optional<T> of(std::optional<T> resumed) { return resumed; }
};
template <class T, class R>
struct YieldedBy<std::variant<T, R>> {
    using type = T;
    static std::optional<T> of(std::variant<T, R> resumed) {
        if (resumed.index() != 0)
            return std::nullopt;
        return std::optional<T>(std::get<0>(std::move(resumed)));
    }
};

template <YieldingCoroutine I>
struct ForeignSteps<I> {
    using Yielded = YieldedBy<typename ForeignTraits<I>::type>;
    using Item = typename Yielded::type;

    static asio::awaitable<std::optional<Item>> next(I& coroutine) {
        if (!coroutine.is_open())
            co_return std::nullopt;
        co_return Yielded::of(co_await coroutine.async_resume(asio::use_awaitable));
    }
};

// anext() returns a foreign awaitable.
template <class I>
concept ForeignNext = !AsyncIterable<I> && requires(I& iterable) {
    { iterable.anext() } -> ForeignAwaitable;
    requires OptionalTraits<task_result_t<decltype(iterable.anext())>>::value;
};

template <ForeignNext I>
struct ForeignSteps<I> {
    using Item =
        typename OptionalTraits<task_result_t<decltype(std::declval<I&>().anext())>>::value_type;

    static asio::awaitable<std::optional<Item>> next(I& iterable) {
        return await_any(iterable.anext());
    }
};

template <class I>
concept ClosedByAnyAwaitable = requires(I& iterable) {
    { iterable.aclose() } -> AnyAwaitable;
};

/// I: as for OwnedOrRef.
template <class I>
class ForeignIterable {
    using Iterable = std::remove_reference_t<I>;

public:
    using Item = typename ForeignSteps<Iterable>::Item;

    /// Whether the iterable is the user's.
    static constexpr bool is_borrowed = std::is_lvalue_reference_v<I>;

    explicit ForeignIterable(I&& iterable) : iterable_(std::forward<I>(iterable)) {}

    asio::awaitable<std::optional<Item>> anext() {
        auto const kept = ForeignSetUp<Iterable>::enter(co_await asio::this_coro::executor);
        co_return co_await steps_.next(iterable_.get());
    }

    asio::awaitable<void> aclose()
        requires ClosedByAnyAwaitable<Iterable>
    {
        static_cast<void>(co_await await_any(iterable_.get().aclose()));
    }

private:
    OwnedOrRef<I> iterable_;
    ForeignSteps<Iterable> steps_;
};

template <class F>
concept ForeignIterableFactory =
    std::invocable<std::remove_reference_t<F>&> &&
    ForeignIteratable<std::invoke_result_t<std::remove_reference_t<F>&>>;
template <class T>
concept TaskOfForeignIterable = !ForeignIteratable<T> && !ForeignIterableFactory<T> && Task<T> &&
                                ForeignIteratable<task_result_t<T>>;

template <class S>
struct ForeignMade;
template <ForeignIterableFactory S>
struct ForeignMade<S> {
    using type = std::invoke_result_t<std::remove_reference_t<S>&>;
};
template <TaskOfForeignIterable S>
struct ForeignMade<S> {
    using type = task_result_t<S>;
};

/// Makes a foreign iterable on the loop. S: as for OwnedOrRef.
template <class S>
class ForeignIterableMaker {
    using Made = typename ForeignMade<S>::type;

public:
    explicit ForeignIterableMaker(S&& source) : source_(std::forward<S>(source)) {}

    asio::awaitable<ForeignIterable<Made>> operator()() {
        auto const kept =
            ForeignSetUp<std::remove_cvref_t<Made>>::enter(co_await asio::this_coro::executor);
        if constexpr (ForeignIterableFactory<S>)
            co_return ForeignIterable<Made>(std::invoke(source_.get()));
        else
            co_return ForeignIterable<Made>(co_await awaitable_of(source_));
    }

private:
    OwnedOrRef<S> source_;
};

/// What wrap_iter() takes besides IterableSource: another library's iterable, a callable that returns one, or a task
/// that gives one.
template <class S>
concept ForeignIterableSource =
    !IterableSource<S> &&
    (ForeignIteratable<S> || ForeignIterableFactory<S> || TaskOfForeignIterable<S>);

template <ForeignIterableSource S>
auto as_iterable(S&& source) {
    if constexpr (ForeignIteratable<S>)
        return ForeignIterable<S>(std::forward<S>(source));
    else
        return ForeignIterableMaker<S>(std::forward<S>(source));
}

}  // namespace syncopate::inline v0_1::detail
