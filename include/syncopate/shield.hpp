// shield(): runs a task that is not cancelled with the one that awaits it.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/concepts.hpp>
#include <syncopate/detail/cancellation/cancellation.hpp>
#include <syncopate/detail/group/nursery.hpp>
#include <syncopate/detail/group/supervised_task.hpp>
#include <syncopate/detail/task/outcome.hpp>
#include <syncopate/detail/task/owned_or_ref.hpp>

#include SYNCOPATE_ASIO(awaitable.hpp)
#include SYNCOPATE_ASIO(this_coro.hpp)

#include <utility>

namespace syncopate::inline v0_1 {

namespace detail {

template <Task T>
asio::awaitable<task_result_t<T>> shield(OwnedOrRef<T> task) {
    SupervisedTask<T> shielded(
        co_await asio::this_coro::executor, std::move(task), Nursery::OnParentCancel::shield);
    co_await shielded.run();
    shielded.throw_failure();
    if (shielded.is_cancelled_by_parent())
        throw_cancellation();
    co_return shielded.outcome().take();
}

}  // namespace detail

/// Runs a task that is not cancelled with the one that awaits it, and gives what it returns.
///
/// ```cpp
/// co_await shield(write_footer(file));  // whole or, if it fails, not at all; never half
/// ```
///
/// task:      an awaitable, a factory or a deferred operation. Started at once.
/// Throws:    what the task throws.
/// Cancel:    waits until the task has ended, and then ends by operation_aborted; but if the task has
///            failed, by its exception.
/// Threads:   on a coroutine's own executor, which must not run it on two threads at a time.
/// Semantics: anyio's CancelScope(shield=True). asyncio.shield, in contrast, leaves the task behind.
template <Task T>
asio::awaitable<task_result_t<T>> shield(T&& task) {
    return detail::shield(detail::OwnedOrRef<T>(std::forward<T>(task)));
}

}  // namespace syncopate::inline v0_1
