// FunctionWork: Work with its function and the function's result.
#pragma once

#include <syncopate/detail/cancellation/cancellation.hpp>
#include <syncopate/detail/task/outcome.hpp>
#include <syncopate/detail/work/work.hpp>

#include <concepts>
#include <exception>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1::detail {

template <std::invocable F>
class FunctionWork : public Work {
public:
    using Result = std::invoke_result_t<F>;

    template <class... Args>
    explicit FunctionWork(F&& function, Args&&... args)
        : Work(std::forward<Args>(args)...), function_(std::move(function)) {}

    /// Gives what the function returned or threw. Once, after the coroutine has gone on. Nothing of it is
    /// left here: the thread that did the work may release it later than the task ends.
    Result take_result() {
        if (!is_completed())
            throw_cancellation();
        auto outcome = std::move(outcome_);
        outcome_.reset();
        if (ended_by_cancellation(outcome.error()))
            throw_cancellation();
        return outcome.take();
    }

private:
    void call_function() final {
        capture(outcome_, [this]() -> Result { return std::invoke(std::move(*function_)); });
        function_.reset();
    }
    void discard_function() noexcept final { function_.reset(); }
    void discard_result() noexcept final { outcome_.reset(); }
    void fail(std::exception_ptr error) noexcept final { outcome_.fail(std::move(error)); }

    std::optional<F> function_;
    Outcome<Result> outcome_;
};

}  // namespace syncopate::inline v0_1::detail
