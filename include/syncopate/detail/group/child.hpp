// One task of several that belong together.
#pragma once

#include <syncopate/concepts.hpp>
#include <syncopate/detail/intrusive_list.hpp>
#include <syncopate/detail/task/awaitable_of.hpp>
#include <syncopate/detail/task/outcome.hpp>
#include <syncopate/detail/task/owned_or_ref.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <exception>
#include <type_traits>
#include <utility>

namespace syncopate::detail {

class Nursery;

/// A child of a nursery, owned by the coroutine that runs it. What is derived from it adds
///
///     awaitable<void> begin();                    the task, asked for once; it fails by throwing
///     void complete(std::exception_ptr) noexcept;   called at its end, with what it threw
///
/// and is destroyed without settle() if the coroutine is destroyed before its end.
class Child : public ListHook<Child> {
public:
    explicit Child(Nursery& nursery) noexcept;
    Child(Child const&) = delete;
    Child& operator=(Child const&) = delete;

protected:
    ~Child();

    Nursery& nursery() const noexcept { return *nursery_; }

    /// Whether this is an exception, and not just the answer to being cancelled.
    bool is_failure(std::exception_ptr const& error) const noexcept;

private:
    friend class Nursery;

    void move_to(IntrusiveList<Child>& list) noexcept {
        unlink();
        list.push_back(*this);
    }
    /// Has nothing to do with its nursery any more.
    void leave() noexcept {
        unlink();
        nursery_ = nullptr;
    }

    Nursery* nursery_;
    boost::asio::cancellation_signal signal_;
    bool is_running_ =
        false;  // it has been started, and the one who started it has the control back
    bool is_cancelled_ = false;
};

/// A child whose task is a Task as the user passed it, T being its type with its value category.
template <Task T>
class TaskChild : public Child {
protected:
    using Result = task_result_t<T>;

    TaskChild(Nursery& nursery, OwnedOrRef<T> task) : Child(nursery), task_(std::move(task)) {}
    ~TaskChild() = default;

    /// The task. Its value goes to the outcome, or nowhere if that is null.
    boost::asio::awaitable<void> run_task(Outcome<Result>* outcome) {
        if constexpr (std::is_void_v<Result> && !DeferredOperation<T>)
            return awaitable_of(task_);  // as it is, without a frame around it
        else
            return run_task_into(outcome);
    }

private:
    boost::asio::awaitable<void> run_task_into(Outcome<Result>* outcome) {
        if constexpr (std::is_void_v<Result>)
            co_await awaitable_of(task_);
        else if (outcome)
            outcome->emplace(co_await awaitable_of(task_));
        else
            static_cast<void>(co_await awaitable_of(task_));
    }

    OwnedOrRef<T> task_;
};

/// A child whose result somebody waits for.
template <Task T>
class ResultChild final : public TaskChild<T> {
public:
    using typename TaskChild<T>::Result;

    /// outcome:   stays empty if the task fails, or ends because it was cancelled.
    ResultChild(Nursery& nursery, OwnedOrRef<T> task, Outcome<Result>& outcome)
        : TaskChild<T>(nursery, std::move(task)), outcome_(outcome) {}

    boost::asio::awaitable<void> begin() { return this->run_task(&outcome_); }
    void complete(std::exception_ptr error) noexcept;

private:
    Outcome<Result>& outcome_;
};

}  // namespace syncopate::detail
