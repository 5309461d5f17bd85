// Outcome: what a task completed with, a value or an exception. Written on the loop, taken by the caller.
#pragma once

#include <syncopate/detail/error/forced_unwind.hpp>

#include <concepts>
#include <exception>
#include <functional>
#include <future>
#include <optional>
#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// Holds nothing, a value, or an exception. T may be void or a reference, and need not be
/// default-constructible.
template <class T>
class Outcome {
    struct Nothing {};
    using Stored = std::conditional_t<
        std::is_void_v<T>,
        Nothing,
        std::conditional_t<
            std::is_reference_v<T>,
            std::reference_wrapper<std::remove_reference_t<T>>,
            T>>;

public:
    template <class... Args>
    void emplace(Args&&... args) {
        if constexpr (std::is_reference_v<T>)
            value_.emplace(args...);
        else
            value_.emplace(std::forward<Args>(args)...);
    }
    void fail(std::exception_ptr error) noexcept { error_ = std::move(error); }

    std::exception_ptr const& error() const noexcept { return error_; }
    bool empty() const noexcept { return !value_ && !error_; }

    /// Destroys what it holds.
    void reset() noexcept {
        value_.reset();
        error_ = nullptr;
    }

    /// Gives the value, or throws. Leaves no reference to the exception behind.
    T take() {
        if (error_)
            std::rethrow_exception(std::exchange(error_, nullptr));
        if constexpr (!std::is_void_v<T>)
            return T(value());
    }

    /// The same, into a promise.
    void move_to(std::promise<T>& promise) noexcept {
        if (error_)
            return promise.set_exception(std::exchange(error_, nullptr));
        try {
            if constexpr (std::is_void_v<T>)
                promise.set_value();
            else
                promise.set_value(value());
        } catch (...) {
            promise.set_exception(std::current_exception());  // the value's own move failed
        }
    }

private:
    decltype(auto) value() noexcept {
        if constexpr (std::is_reference_v<T>)
            return static_cast<T&&>(value_->get());
        else
            return static_cast<T&&>(*value_);
    }

    std::optional<Stored> value_;
    std::exception_ptr error_;
};

/// Calls f and keeps what it returned or threw. Only pthread_exit() leaves it otherwise.
template <class T, std::invocable F>
void capture(Outcome<T>& outcome, F&& f) {
    try {
        if constexpr (std::is_void_v<T>) {
            std::invoke(std::forward<F>(f));
            outcome.emplace();
        } else {
            outcome.emplace(std::invoke(std::forward<F>(f)));
        }
    } catch (ForcedUnwind const&) {
        throw;
    } catch (...) {
        outcome.fail(std::current_exception());
    }
}

}  // namespace syncopate::inline v0_1::detail
