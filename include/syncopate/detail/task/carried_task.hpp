// CarriedTask: a SpawnedTask that awaits the user's task and keeps its outcome.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/concepts.hpp>
#include <syncopate/detail/task/awaitable_of.hpp>
#include <syncopate/detail/task/outcome.hpp>
#include <syncopate/detail/task/owned_or_ref.hpp>
#include <syncopate/detail/task/pooled_coroutine.hpp>
#include <syncopate/detail/wait/kept_for_ever.hpp>

#include SYNCOPATE_ASIO(awaitable.hpp)
#include SYNCOPATE_ASIO(this_coro.hpp)

#include <exception>
#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// T:    the type of a Task as the user passed it, with its value category.
/// Base: a SpawnedTask that has has_left_loop() and return_to_loop(), for a task that has moved to another
///       thread.
template <Task T, class Base>
    requires std::is_base_of_v<SpawnedTask, Base>
class CarriedTask : public Base {
protected:
    template <class... Args>
    explicit CarriedTask(T&& task, Args&&... args)
        : Base(std::forward<Args>(args)...), task_(std::forward<T>(task)) {}
    ~CarriedTask() = default;

    Outcome<task_result_t<T>>& outcome() noexcept { return outcome_; }
    Outcome<task_result_t<T>> const& outcome() const noexcept { return outcome_; }

    /// In the child of a fork: what the parent's threads run is not destroyed here.
    void leave_task_alone() noexcept { keep_for_ever(std::move(task_)); }

    void fail(std::exception_ptr error) noexcept final { outcome_.fail(std::move(error)); }

private:
    asio::awaitable<void> body() final {
        if (this->would_be_posted())
            co_await this->find_own_coroutine();
        try {
            if constexpr (std::is_void_v<task_result_t<T>>) {
                co_await awaitable_of(task_);
                outcome_.emplace();
            } else {
                outcome_.emplace(co_await awaitable_of(task_));
            }
        } catch (...) {
            outcome_.fail(std::current_exception());
        }
        // From here on no co_await throws. (co_spawn's own would, and Asio 1.26 would lose the
        // completion of a task that was cancelled and never suspended.)
        co_await asio::this_coro::throw_if_cancelled(false);
        if (this->has_left_loop())
            co_await this->return_to_loop();
        else if (this->would_be_posted())
            co_await this->pretend_suspension();
        this->end_cancellation();
        task_.release();
    }

    OwnedOrRef<T> task_;
    Outcome<task_result_t<T>> outcome_;
};

}  // namespace syncopate::inline v0_1::detail
