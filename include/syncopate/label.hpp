// label(): a task with a name, by which tasks(), dump() and messages speak of it.
#pragma once

#include <syncopate/concepts.hpp>
#include <syncopate/detail/foreign/foreign_task.hpp>
#include <syncopate/detail/task/labelled_task.hpp>

#include <concepts>
#include <string>
#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1 {

/// Gives a task a name. The result is a task, to be given to a runner in the place of the first:
///
///     runner.run(label("fetch prices", fetch(1)));
///
/// label:     as RunnerBase::tasks() and RunnerBase::dump() show it, and the message of a close() that timed out.
///            Of a task with a label these know at any time whether its code runs, and what it waits for; for that
///            its executor is its own, and does not compare equal to get_executor().
///            Of a group's child nobody asks for it.
/// task:      an `asio::awaitable`, a callable that returns one, or a deferred operation; or what makes a context
///            for `wrap_context()`, if it is one of these. An lvalue callable is copied; std::ref(callable) has it
///            used in place.
/// Threads:   any.
template <Task T>
    requires std::constructible_from<std::decay_t<T>, T>
[[nodiscard]] detail::LabelledTask<std::decay_t<T>> label(std::string label, T&& task) {
    return {std::move(label), std::forward<T>(task)};
}

}  // namespace syncopate::inline v0_1
