// Child: one task of a nursery. TaskChild: the same for a task of the user's.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/concepts.hpp>
#include <syncopate/detail/cancellation/cancel_request.hpp>
#include <syncopate/detail/cancellation/coroutine_state.hpp>
#include <syncopate/detail/foreign/foreign_task.hpp>
#include <syncopate/detail/intrusive_list.hpp>
#include <syncopate/detail/task/awaitable_of.hpp>
#include <syncopate/detail/task/outcome.hpp>
#include <syncopate/detail/task/owned_or_ref.hpp>
#include <syncopate/detail/values/current_values.hpp>
#include <syncopate/detail/values/task_values.hpp>

#include SYNCOPATE_ASIO(awaitable.hpp)
#include SYNCOPATE_ASIO(cancellation_signal.hpp)

#include <exception>
#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1::detail {

class Nursery;

/// Owned by the coroutine that runs it. A class that derives from it adds
///
///     awaitable<void> begin();                      gives the task, once; throws if there is none
///     void complete(std::exception_ptr) noexcept;   called at the task's end, with what it threw
///
/// complete() is not called if the coroutine is destroyed before its end.
class Child : public ListHook<Child> {
public:
    /// Throws: std::bad_alloc.
    explicit Child(Nursery& nursery);
    Child(Child const&) = delete;
    Child& operator=(Child const&) = delete;

protected:
    ~Child();

    Nursery& nursery() const noexcept { return *nursery_; }

    /// Whether there is an error, and it is not how a cancelled task ends.
    bool is_failure(std::exception_ptr const& error) const noexcept;

private:
    friend class Nursery;

    void move_to(IntrusiveList<Child>& list) noexcept {
        unlink();
        list.push_back(*this);
    }
    /// Its nursery is being destroyed: it goes on without one.
    void leave() noexcept {
        unlink();
        nursery_ = nullptr;
    }

    Nursery* nursery_;
    // Its context variables, inherited from the code that starts it.
    TaskValuesPointer const values_ = CurrentValues::of_new_task();
    asio::cancellation_signal signal_;
    CoroutineBottom* bottom_ = nullptr;  // until the coroutine ends
    CancelRequest cancel_request_;
    // Whether the child has been started, and its starter runs again.
    bool is_running_ = false;
    bool is_cancelled_ = false;
};

/// T: as for OwnedOrRef.
template <Task T>
class TaskChild : public Child {
protected:
    using Result = task_result_t<T>;

    TaskChild(Nursery& nursery, OwnedOrRef<T> task) : Child(nursery), task_(std::move(task)) {}
    ~TaskChild() = default;

    /// Runs the task. Its value goes to the outcome; it is dropped if that is null.
    asio::awaitable<void> run_task(Outcome<Result>* outcome) {
        if constexpr (std::is_void_v<Result> && !DeferredOperation<T>)
            return awaitable_of(task_);  // as it is, without a frame around it
        else
            return run_task_into(outcome);
    }

private:
    asio::awaitable<void> run_task_into(Outcome<Result>* outcome) {
        if constexpr (std::is_void_v<Result>)
            co_await awaitable_of(task_);
        else if (outcome)
            outcome->emplace(co_await awaitable_of(task_));
        else
            static_cast<void>(co_await awaitable_of(task_));
    }

    OwnedOrRef<T> task_;
};

}  // namespace syncopate::inline v0_1::detail
