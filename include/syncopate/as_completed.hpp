// as_completed(): runs any number of tasks side by side, and gives their results in the order in which they end.
// AsCompleted: the iterable that it makes.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/group/completion_queue.hpp>
#include <syncopate/detail/group/loop_owned.hpp>

#include SYNCOPATE_ASIO(awaitable.hpp)

#include <optional>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace syncopate::inline v0_1 {

/// Gives the results of tasks as they end: an AsyncIterable.
///
/// Whoever leaves before the end has the tasks cancelled that are left. aclose() waits for them; the destructor
/// cannot: they must not refer to what goes with it. Ranges of wrap_iter() call aclose().
///
/// Threads:   every member on the loop (or strand) of the first anext(), one at a time; the destructor on any.
template <class T>
class [[nodiscard]] AsCompleted {
public:
    /// What each step gives: std::monostate for void.
    using value_type = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

    /// Starts nothing yet.
    explicit AsCompleted(std::vector<asio::awaitable<T>> tasks)
        : queue_(std::in_place, std::move(tasks)) {}
    AsCompleted(AsCompleted&&) noexcept = default;
    AsCompleted& operator=(AsCompleted&&) noexcept = default;
    ~AsCompleted() = default;

    /// Gives the result of the next task to end; nothing when all have been given. The first call starts the
    /// tasks.
    ///
    /// Throws:    what that task throws. The others go on, and the next call gives the next result.
    /// Cancel:    ends the wait by operation_aborted. The tasks go on, and no result is lost.
    asio::awaitable<std::optional<value_type>> anext() {
        return detail::CompletionQueue<T>::next(queue_.get());
    }

    /// Cancels the tasks that are left, and waits until they have ended. Their results are destroyed, and their
    /// failures reported.
    asio::awaitable<void> aclose() { return detail::CompletionQueue<T>::close(queue_.get()); }

private:
    detail::LoopOwned<detail::CompletionQueue<T>> queue_;  // null: moved from, and at its end
};

/// Runs tasks side by side, and gives their results in the order in which they end.
///
/// ```cpp
/// auto pages = as_completed(std::move(fetches));
/// while (auto page = co_await pages.anext()) show(*page);    // or: for (auto& page : runner.wrap_iter(pages))
/// ```
///
/// tasks:     are started in this order by the first anext().
/// Semantics: asyncio.as_completed as an asynchronous iterator; but it gives results and no futures, and the
///            tasks end with it.
template <class T>
AsCompleted<T> as_completed(std::vector<asio::awaitable<T>> tasks) {
    return AsCompleted<T>(std::move(tasks));
}

}  // namespace syncopate::inline v0_1
