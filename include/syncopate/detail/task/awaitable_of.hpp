// awaitable_of(): what co_await takes of a task, which its user passed as an awaitable or as a factory.
#pragma once

#include <syncopate/concepts.hpp>
#include <syncopate/detail/task/owned_or_ref.hpp>

#include <functional>
#include <utility>

namespace syncopate::detail {

/// Calls a factory; moves an awaitable or a deferred operation out. Once.
template <Task T>
decltype(auto) awaitable_of(OwnedOrRef<T>& task) {
    if constexpr (TaskFactory<T>)
        return std::invoke(task.get());
    else
        return std::move(task.get());
}

}  // namespace syncopate::detail
