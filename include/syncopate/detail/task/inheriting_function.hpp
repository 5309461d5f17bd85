// InheritingFunction: a function that is called elsewhere with the context variables of the code that made it.
#pragma once

#include <syncopate/detail/task/owned_or_ref.hpp>
#include <syncopate/detail/values/current_values.hpp>
#include <syncopate/detail/values/task_values.hpp>

#include <concepts>
#include <functional>
#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// F: as for OwnedOrRef. Only where the process has a context variable: see CurrentValues::are_used().
template <std::invocable F>
class InheritingFunction {
public:
    /// Throws: std::bad_alloc.
    explicit InheritingFunction(F&& function)
        : function_(std::forward<F>(function)), values_(CurrentValues::of_new_task()) {}

    std::invoke_result_t<F> operator()() {
        ValuesScope const scope(values_);
        return std::invoke(std::forward<F>(function_.get()));
    }

private:
    OwnedOrRef<F> function_;
    TaskValuesPointer values_;
};

}  // namespace syncopate::inline v0_1::detail
