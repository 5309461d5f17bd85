// ResultChild: a child whose result its supervisor gets. start_task(): starts one.
#pragma once

#include <syncopate/concepts.hpp>
#include <syncopate/detail/group/child.hpp>
#include <syncopate/detail/group/nursery.hpp>
#include <syncopate/detail/task/outcome.hpp>
#include <syncopate/detail/task/owned_or_ref.hpp>

#include SYNCOPATE_ASIO(awaitable.hpp)

#include <exception>
#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// A child whose result goes to an Outcome of its supervisor's.
template <Task T>
class ResultChild final : public TaskChild<T> {
public:
    using typename TaskChild<T>::Result;

    /// outcome:   stays empty if the task fails, or ends because it was cancelled.
    ResultChild(Nursery& nursery, OwnedOrRef<T> task, Outcome<Result>& outcome)
        : TaskChild<T>(nursery, std::move(task)), outcome_(outcome) {}

    asio::awaitable<void> begin() { return this->run_task(&outcome_); }
    void complete(std::exception_ptr error) noexcept;

private:
    Outcome<Result>& outcome_;
};

// Not in the class, where GCC would inline it more often than it is worth.
template <Task T>
void ResultChild<T>::complete(std::exception_ptr error) noexcept {
    if (this->is_failure(error))
        return this->nursery().fail(std::move(error));
    if constexpr (std::is_void_v<Result>)
        if (!error)
            outcome_.emplace();
}

/// Starts a task as a child whose result goes to the outcome. A failure to start is the nursery's.
template <Awaitable A>
void start_task(Nursery& nursery, A&& task, Outcome<task_result_t<A>>& outcome) noexcept {
    nursery.start_or_fail<ResultChild<A>>(OwnedOrRef<A>(std::forward<A>(task)), outcome);
}

}  // namespace syncopate::inline v0_1::detail
