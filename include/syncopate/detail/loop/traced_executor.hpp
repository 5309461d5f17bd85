// TracedExecutor: an executor that marks its handlers as code of a loop.
#pragma once

#include <syncopate/detail/deadlock/serving_scope.hpp>
#include <syncopate/detail/forwarding_executor.hpp>
#include <syncopate/detail/loop/loop.hpp>

#include <memory>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// What it executes runs in a ServingScope. By that, a blocking call from a task of the loop is recognised.
/// Pending handlers share the ownership of the loop.
template <class Inner>
class TracedExecutor : public ForwardingExecutor<TracedExecutor, Inner, std::shared_ptr<Loop>> {
    using Base = ForwardingExecutor<detail::TracedExecutor, Inner, std::shared_ptr<Loop>>;

public:
    using Base::Base;

    template <class Function>
    void execute(Function function) const {
        this->inner().execute(
            [loop = this->attachment(), function = std::move(function)]() mutable {
                ServingScope const serving(loop->identity(), ServingScope::Kind::own_thread);
                std::move(function)();
            });
    }
};

// Inherited constructors are not enough for class template argument deduction.
template <class Inner>
TracedExecutor(Inner, std::shared_ptr<Loop>) -> TracedExecutor<Inner>;

}  // namespace syncopate::inline v0_1::detail
