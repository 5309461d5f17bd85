// with_context(): runs a function of a coroutine inside an asynchronous context: async with.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/concepts.hpp>
#include <syncopate/detail/cancellation/cancellation.hpp>
#include <syncopate/detail/context/entered_context.hpp>
#include <syncopate/detail/context/nested_error.hpp>
#include <syncopate/detail/foreign/foreign_task.hpp>
#include <syncopate/detail/group/supervised_task.hpp>
#include <syncopate/detail/loop/unhandled.hpp>
#include <syncopate/detail/task/awaitable_of.hpp>
#include <syncopate/detail/task/outcome.hpp>
#include <syncopate/detail/task/owned_or_ref.hpp>

#include SYNCOPATE_ASIO(awaitable.hpp)
#include SYNCOPATE_ASIO(cancellation_state.hpp)
#include SYNCOPATE_ASIO(cancellation_type.hpp)
#include SYNCOPATE_ASIO(this_coro.hpp)

#include <concepts>
#include <exception>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1 {

/// The body of with_context() in a coroutine: a callable that takes the context's value, and returns an
/// awaitable, a deferred operation, or anything else.
template <class F, class S>
concept ContextBody =
    ContextSource<S> && std::invocable<std::remove_reference_t<F>&, context_value_t<context_t<S>>&>;

namespace detail {

template <class R>
struct ResultOfBody {
    using type = R;
};
template <class R>
    requires(Awaitable<R> || DeferredOperation<R>)
struct ResultOfBody<R> {
    using type = task_result_t<R>;
};

template <class S, class Body>
using CalledBody =
    std::invoke_result_t<std::remove_reference_t<Body>&, context_value_t<context_t<S>>&>;
template <class S, class Body>
using BodyResult = typename ResultOfBody<CalledBody<S, Body>>::type;

}  // namespace detail

/// The result of with_context() in a coroutine: what the body gives, or an optional of it where the context can
/// suppress the body's exception. void stays void.
template <ContextSource S, ContextBody<S> Body>
using context_body_result_t =
    typename detail::WithContextResult<context_t<S>, detail::BodyResult<S, Body>>::type;

namespace detail {

/// Calls the body, and awaits what it returns. The outcome holds its exception, too.
template <class S, class Body>
asio::awaitable<void> run_body(
    EnteredContext<S>& context, OwnedOrRef<Body>& body, Outcome<BodyResult<S, Body>>& outcome) {
    using Called = CalledBody<S, Body>;
    using Result = BodyResult<S, Body>;
    if constexpr (!Awaitable<Called> && !DeferredOperation<Called>) {
        capture(outcome, [&]() -> Result { return std::invoke(body.get(), context.value()); });
        co_return;
    } else {
        try {
            OwnedOrRef<Called> task(std::invoke(body.get(), context.value()));
            if constexpr (std::is_void_v<Result>) {
                co_await awaitable_of(task);
                outcome.emplace();
            } else {
                outcome.emplace(co_await awaitable_of(task));
            }
        } catch (...) {
            outcome.fail(std::current_exception());
        }
    }
}

/// In a coroutine of its own, whose cancellation state it may reset: a request to stop that has ended the body has
/// been dealt with, and does not cut aexit short. One that the body has not taken is left for aexit.
template <ContextSource S, ContextBody<S> Body>
asio::awaitable<context_body_result_t<S, Body>> run_in_context(
    OwnedOrRef<S> source, OwnedOrRef<Body> body) {
    namespace this_coro = asio::this_coro;
    using Result = BodyResult<S, Body>;
    EnteredContext<S> context(std::move(source));
    std::exception_ptr error;
    auto exiting = context.exit(error);
    co_await context.enter();

    Outcome<Result> outcome;
    // A body that is cancelled before it can begin counts as one that was.
    co_await this_coro::throw_if_cancelled(false);
    auto const cancellation = co_await this_coro::cancellation_state;
    if (cancellation.cancelled() != asio::cancellation_type::none) {
        outcome.fail(cancellation_error());
    } else {
        co_await this_coro::throw_if_cancelled(true);
        try {
            auto running = run_body<S, Body>(context, body, outcome);
            co_await std::move(running);
        } catch (...) {
            outcome.fail(std::current_exception());
        }
    }
    error = outcome.error();
    if (error)
        co_await this_coro::reset_cancellation_state();
    co_await this_coro::throw_if_cancelled(false);
    Outcome<bool> exit;
    try {
        exit.emplace(co_await std::move(exiting));
    } catch (...) {
        exit.fail(std::current_exception());
    }
    co_await this_coro::throw_if_cancelled(true);
    error = nullptr;
    if (exit.error() && outcome.error())
        throw_nested(exit.error(), outcome.error(), [](std::exception_ptr lost) {
            if (!is_cancellation(lost))
                report_unhandled(std::move(lost));
        });
    bool const suppressed = exit.take();
    if (suppressed && outcome.error()) {
        if constexpr (!std::is_void_v<Result> && SuppressingContext<context_t<S>>)
            co_return std::nullopt;
        else
            outcome = {};  // the body gives void
    }
    if constexpr (std::is_void_v<Result>)
        outcome.take();
    else
        co_return outcome.take();
}

template <ContextSource S, ContextBody<S> Body>
asio::awaitable<context_body_result_t<S, Body>> with_context(
    OwnedOrRef<S> source, OwnedOrRef<Body> body) {
    using Scope = asio::awaitable<context_body_result_t<S, Body>>;
    SupervisedTask<Scope> scope(
        co_await asio::this_coro::executor,
        OwnedOrRef<Scope>(run_in_context<S, Body>(std::move(source), std::move(body))));
    co_await scope.run();
    if (!scope.check_completed())
        throw_cancellation();
    co_return scope.outcome().take();
}

}  // namespace detail

/// Runs a function inside an asynchronous context, as `async with` does: aexit is given the very exception that
/// leaves the body, and may suppress it.
///
/// ```cpp
/// int const rows = co_await with_context(session.begin(), [&](Transaction& transaction) {
///     return import(transaction);  // an awaitable; a plain value would do, too
/// });
/// ```
///
/// source:    a context (an rvalue is owned, an lvalue used in place), a callable that returns one, or an awaitable
///            of one.
/// body:      called once with the context's value. Owned or used in place, too.
/// Returns:   what the body gives; std::optional of that where aexit returns bool, empty after a suppressed
///            exception; void stays void.
/// Throws:    what making and entering the context throws; what the body throws, unless suppressed; what aexit
///            throws. If both do, aexit's comes out with the body's nested in it, as RunnerBase::with_context()
///            tells.
/// Cancel:    cancels the body, and then leaves the context with its exception, operation_aborted: that is not cut
///            short by the same request, but by a later one. A request that comes while the context is entered or
///            left is that coroutine's.
/// Threads:   on a coroutine's own executor, which must not run it on two threads at a time.
/// Semantics: Python's `async with`. The body is not a part of the awaiting task: this_coro's cancellation state is
///            its own.
template <ContextSource S, ContextBody<S> Body>
asio::awaitable<context_body_result_t<S, Body>> with_context(S&& source, Body&& body) {
    return detail::with_context<S, Body>(
        detail::OwnedOrRef<S>(std::forward<S>(source)),
        detail::OwnedOrRef<Body>(std::forward<Body>(body)));
}

}  // namespace syncopate::inline v0_1
