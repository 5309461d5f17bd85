// StartedChild: the child of TaskGroup::start(). ReadyState: through it the child says that it is ready.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/concepts.hpp>
#include <syncopate/detail/cancellation/cancellation.hpp>
#include <syncopate/detail/error/thrown_by.hpp>
#include <syncopate/detail/group/child.hpp>
#include <syncopate/detail/group/nursery.hpp>
#include <syncopate/detail/task/awaitable_of.hpp>
#include <syncopate/detail/task/outcome.hpp>
#include <syncopate/detail/task/owned_or_ref.hpp>
#include <syncopate/detail/task/parked_coroutine.hpp>
#include <syncopate/error.hpp>
#include <syncopate/ready.hpp>

#include SYNCOPATE_ASIO(awaitable.hpp)

#include <exception>
#include <memory>
#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// Shared by the child, its Ready, and the coroutine in start(). The first outcome counts: the value that
/// the child is ready with, or its end.
template <class V>
class ReadyState final : public ReadySink<V> {
public:
    void ready(typename ReadySink<V>::Value value) override {
        if (!outcome_.empty() || is_cancelled_)
            return;
        if constexpr (std::is_void_v<V>)
            outcome_.emplace();
        else
            outcome_.emplace(std::move(value));
        starter_.resume_from_task();
    }

    /// Takes the error with which the child ended, or null. Returns whether that has become the outcome.
    bool end(std::exception_ptr const& error) noexcept {
        child_ = nullptr;
        if (!outcome_.empty())
            return false;
        outcome_.fail(error ? error : without_value());
        starter_.resume();
        return true;
    }

    /// The child's frame has been destroyed before its end.
    void lost() noexcept {
        child_ = nullptr;
        starter_.drop();
    }

    /// Calls `start`, which starts the child, and waits for the outcome. Cancelling the wait cancels the
    /// child, and still waits for its end.
    template <class Start>
    asio::awaitable<void> wait(Nursery& nursery, Start& start) {
        return starter_.wait(
            start, [this] { return !outcome_.empty(); }, [this, &nursery] { cancel(nursery); });
    }

    void belongs_to(Child& child) noexcept { child_ = &child; }
    void could_not_start(std::exception_ptr error) noexcept { outcome_.fail(std::move(error)); }

    V take() { return outcome_.take(); }

private:
    void cancel(Nursery& nursery) noexcept {
        is_cancelled_ = true;
        if (child_)
            nursery.cancel(*child_);
    }

    std::exception_ptr without_value() const {
        if (is_cancelled_)
            return cancellation_error();
        return error_of(Errc::never_ready, "TaskGroup::start");
    }

    Outcome<V> outcome_;
    ParkedCoroutine starter_;
    Child* child_ = nullptr;  // from its construction to its end
    bool is_cancelled_ = false;
};

/// F: as for OwnedOrRef.
template <class V, class F>
class StartedChild final : public Child {
public:
    StartedChild(Nursery& nursery, OwnedOrRef<F> function, std::shared_ptr<ReadyState<V>> state)
        : Child(nursery), function_(std::move(function)), state_(std::move(state)) {
        state_->belongs_to(*this);
    }
    ~StartedChild() {
        if (state_)
            state_->lost();
    }

    asio::awaitable<void> begin() { return awaitable_from(function_.get(), Ready<V>(state_)); }

    void complete(std::exception_ptr error) noexcept {
        if (!std::exchange(state_, nullptr)->end(error) && is_failure(error))
            nursery().fail(std::move(error));
    }

private:
    OwnedOrRef<F> function_;
    std::shared_ptr<ReadyState<V>> state_;
};

template <class V, class F>
asio::awaitable<V> start_child(Nursery& nursery, OwnedOrRef<F> function) {
    auto const state = std::make_shared<ReadyState<V>>();
    auto const start = [&]() noexcept {
        try {
            nursery.start<StartedChild<V, F>>(std::move(function), state);
        } catch (...) {
            state->could_not_start(std::current_exception());
        }
    };
    co_await state->wait(nursery, start);
    co_return state->take();
}

}  // namespace syncopate::inline v0_1::detail
