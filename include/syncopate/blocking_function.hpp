// BlockingFunction, blocking_result_t: a function that another thread calls for a coroutine.
#pragma once

#include <syncopate/concepts.hpp>

#include <concepts>
#include <functional>
#include <type_traits>

namespace syncopate::inline v0_1 {

/// A callable without arguments, which is moved to another thread and called there once.
///
/// Its result is no reference, which an `asio::awaitable` cannot give: return a std::reference_wrapper.
/// Its result is no awaitable either: the function blocks its thread, and where it has to await something,
/// from_thread::run() does so.
template <class F>
concept BlockingFunction =
    std::move_constructible<std::decay_t<F>> && std::invocable<std::decay_t<F>> &&
    !std::is_reference_v<std::invoke_result_t<std::decay_t<F>>> &&
    !Awaitable<std::invoke_result_t<std::decay_t<F>>>;

/// The result of a BlockingFunction.
template <class F>
using blocking_result_t = std::invoke_result_t<std::decay_t<F>>;

}  // namespace syncopate::inline v0_1
