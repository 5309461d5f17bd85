// call_in_context(): calls with_context()'s body inside a context, and leaves that with its exception.
#pragma once

#include <syncopate/concepts.hpp>
#include <syncopate/detail/context/context_holder.hpp>
#include <syncopate/detail/context/context_task.hpp>
#include <syncopate/detail/context/nested_error.hpp>
#include <syncopate/detail/deadlock/wait_graph.hpp>
#include <syncopate/detail/error/forced_unwind.hpp>
#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/task/outcome.hpp>
#include <syncopate/error.hpp>

#include <concepts>
#include <exception>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// Leaves a context after its body. Where that cannot be awaited, or there is no memory for that, the loop leaves it later.
inline Outcome<bool> leave_after_body(ContextTask& context, std::exception_ptr error) {
    try {
        return context.exit(error, BlockingWait::Refuse::cycles);
    } catch (...) {
        context.exit_without_waiting(error);
        if (error)
            std::rethrow_exception(std::move(error));
        throw;
    }
}

/// The same where pthread_exit() ends the thread in the body: the context is told what its guard would tell it.
inline void leave_with_thread(Loop& loop, ContextTask& context) noexcept {
    try {
        auto const unwound = loop.error(Errc::scope_unwound);
        if (auto failure = leave_after_body(context, unwound).error())
            loop.report(std::move(failure));
    } catch (...) {
        // The loop leaves it later.
    }
}

/// The context has been entered. See RunnerBase::with_context().
template <ContextSource S, std::invocable<context_value_t<context_t<S>>&> Body>
with_context_result_t<context_t<S>, Body> call_in_context(
    Loop& loop, ContextHolder<S>& holder, Body&& body) {
    using Context = context_t<S>;
    using Result = std::invoke_result_t<Body, context_value_t<Context>&>;
    Outcome<Result> outcome;
    try {
        capture(outcome, [&]() -> Result {
            return std::invoke(std::forward<Body>(body), holder.value());
        });
    } catch (ForcedUnwind const&) {
        leave_with_thread(loop, holder);
        throw;
    }

    auto exit = leave_after_body(holder, outcome.error());
    if (exit.error() && outcome.error())
        throw_nested(
            exit.error(), outcome.error(), [&](std::exception_ptr lost) { loop.report(lost); });
    bool const suppressed = exit.empty() ? false : exit.take();
    if (suppressed && outcome.error()) {
        if constexpr (!std::is_void_v<Result> && SuppressingContext<Context>)
            return std::nullopt;
        else
            outcome = {};  // the body gives void
    }
    return outcome.take();
}

}  // namespace syncopate::inline v0_1::detail
