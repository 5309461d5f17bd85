// awaitable_of() and require_valid(): what co_await takes of a task, and the refusal of an awaitable that has
// nothing to await.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/concepts.hpp>
#include <syncopate/detail/task/owned_or_ref.hpp>

#include SYNCOPATE_ASIO(awaitable.hpp)

#include <functional>
#include <system_error>
#include <utility>

namespace syncopate::inline v0_1::detail {

[[noreturn]] inline void throw_spent_awaitable() {
    throw std::system_error(
        std::make_error_code(std::errc::invalid_argument),
        "the awaitable was awaited or moved from before, or never made");
}

/// The awaitable, unless it is empty: Asio would follow a null pointer.
/// Throws: std::errc::invalid_argument.
template <Awaitable A>
A&& require_valid(A&& awaitable) {
    if (!awaitable.valid())
        throw_spent_awaitable();
    return std::forward<A>(awaitable);
}

/// Calls a function, and gives the awaitable that it returns.
template <class F, class... Args>
auto awaitable_from(F&& function, Args&&... args) {
    auto awaitable = std::invoke(std::forward<F>(function), std::forward<Args>(args)...);
    if (!awaitable.valid())
        throw_spent_awaitable();
    return awaitable;
}

// Of detail/foreign/foreign_task.hpp, which whoever runs tasks includes.

/// Awaits what another library's coroutines await.
template <ForeignAwaitable A>
asio::awaitable<task_result_t<A>> await_foreign(A awaitable);

/// Calls the factory, on the loop, and awaits what it returns.
template <ForeignFactory F>
asio::awaitable<task_result_t<F>> await_made_by(F& factory);

/// Calls a factory; moves an awaitable or a deferred operation out. Once.
/// Throws: std::errc::invalid_argument if there is nothing to await; what a factory throws.
template <Task T>
decltype(auto) awaitable_of(OwnedOrRef<T>& task) {
    if constexpr (TaskFactory<T>)
        return awaitable_from(task.get());
    else if constexpr (Awaitable<T>)
        return require_valid(std::move(task.get()));
    else if constexpr (ForeignFactory<T>)
        return await_made_by(task.get());
    else if constexpr (ForeignAwaitable<T>)
        return await_foreign(std::move(task.get()));
    else
        return std::move(task.get());
}

}  // namespace syncopate::inline v0_1::detail
