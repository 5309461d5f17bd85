// CallerExecutor: an executor that carries a CallerLink, so that whatever a task starts inherits it.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/forwarding_executor.hpp>
#include <syncopate/detail/separate.hpp>
#include <syncopate/detail/task/caller_link.hpp>
#include <syncopate/detail/task/task_executor.hpp>
#include <syncopate/detail/task/turn_gate.hpp>
#include <syncopate/detail/values/task_values.hpp>

#include SYNCOPATE_ASIO(any_io_executor.hpp)
#include SYNCOPATE_ASIO(io_context.hpp)

#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1::detail {

template <class Inner>
class CallerExecutor : public ForwardingExecutor<CallerExecutor, Inner, CallerLinkPointer> {
    using Base = ForwardingExecutor<detail::CallerExecutor, Inner, CallerLinkPointer>;

public:
    using Base::Base;

    CallerLinkPointer const& caller() const noexcept { return this->attachment(); }

    template <class Function>
    void execute(Function&& function) const {
        using F = std::decay_t<Function>;
        this->inner().execute(StepHandler<F>(caller(), F(std::forward<Function>(function))));
    }
};

using IoExecutor = asio::io_context::executor_type;
using CallerIoExecutor = CallerExecutor<IoExecutor>;

/// The link that the executor inside a strand carries, or null, also where there is no strand.
SYNCOPATE_DECL CallerLinkPointer caller_in_strand(asio::any_io_executor const& executor) noexcept;

/// The link that an executor carries, or null.
inline CallerLinkPointer caller_of(asio::any_io_executor const& executor) noexcept {
    if (auto const* direct = executor.target<CallerIoExecutor>())
        return direct->caller();
    if (auto const* wrapped = executor.target<TaskExecutor>())
        return wrapped->caller();
    return caller_in_strand(executor);
}

/// The context variables of the task with this executor; null if it has none.
inline TaskValuesPointer values_of(asio::any_io_executor const& executor) noexcept {
    auto const caller = caller_of(executor);
    return caller ? caller->values() : nullptr;
}

/// The executor without the link that it may carry.
SYNCOPATE_DECL asio::any_io_executor without_caller(asio::any_io_executor const& executor) noexcept;

/// The gate through which the executor leads, or null.
SYNCOPATE_DECL TurnGatePointer gate_of(asio::any_io_executor const& executor) noexcept;

/// The executor without the link and the gate that it may have.
SYNCOPATE_DECL asio::any_io_executor without_caller_and_gate(
    asio::any_io_executor const& executor) noexcept;

/// The executor inside all strands, gates and links.
SYNCOPATE_DECL asio::any_io_executor without_strand(asio::any_io_executor const& executor) noexcept;

/// The io_context's own executor, with a link or without, and no strand; or null.
inline IoExecutor const* io_executor(asio::any_io_executor const& executor) noexcept {
    if (auto const* const direct = executor.target<CallerIoExecutor>())
        return &direct->inner();
    return executor.target<IoExecutor>();
}

/// The executor with this link, instead of the one that it may carry.
SYNCOPATE_DECL asio::any_io_executor with_caller(
    asio::any_io_executor const& executor, CallerLinkPointer caller);

/// Whether the executor is an io_context's own, with a link or without, and no strand.
inline bool runs_on_io_context(asio::any_io_executor const& executor) noexcept {
    return io_executor(executor) != nullptr;
}

}  // namespace syncopate::inline v0_1::detail

#ifndef SYNCOPATE_SEPARATE_COMPILATION
#include <syncopate/detail/task/caller_executor.ipp>
#endif
