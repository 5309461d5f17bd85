// A function called inside an asynchronous context: what becomes of its result and its exception.
#pragma once

#include <syncopate/concepts.hpp>
#include <syncopate/detail/context/context_holder.hpp>
#include <syncopate/detail/context/context_task.hpp>
#include <syncopate/detail/context/nested_error.hpp>
#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/loop/wait_graph.hpp>
#include <syncopate/detail/task/outcome.hpp>
#include <syncopate/error.hpp>

#include <concepts>
#include <exception>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

namespace syncopate::detail {

/// What with_context gives: the body's result, or nothing where an exception was suppressed instead.
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
template <class C, class Body>
using with_context_result_t =
    typename WithContextResult<C, std::invoke_result_t<Body, context_value_t<C>&>>::type;

/// Leaves a context after its body. Where it cannot be waited for, it is left all the same.
inline Outcome<bool> leave_after_body(ContextTask& context, std::exception_ptr error) {
    try {
        return context.exit(error, BlockingWait::Refuse::cycles);
    } catch (DeadlockError const&) {
        context.exit_unattended(error);
        if (error)
            std::rethrow_exception(std::move(error));
        throw;
    }
}

/// Calls the body inside a context that has been entered, and leaves that with what the body throws.
template <ContextSource S, std::invocable<context_value_t<context_t<S>>&> Body>
with_context_result_t<context_t<S>, Body> call_in_context(
    Loop& loop, ContextHolder<S>& holder, Body&& body) {
    using Context = context_t<S>;
    using Result = std::invoke_result_t<Body, context_value_t<Context>&>;
    Outcome<Result> outcome;
    capture(
        outcome, [&]() -> Result { return std::invoke(std::forward<Body>(body), holder.value()); });

    auto exit = leave_after_body(holder, outcome.error());
    if (exit.error() && outcome.error())
        throw_nested(
            exit.error(), outcome.error(), [&](std::exception_ptr lost) { loop.report(lost); });
    bool const suppressed = exit.empty() ? false : exit.take();
    if (suppressed && outcome.error()) {
        if constexpr (!std::is_void_v<Result> && SuppressingContext<Context>)
            return std::nullopt;
        else
            outcome = {};  // a void body that has ended
    }
    return outcome.take();
}

}  // namespace syncopate::detail
