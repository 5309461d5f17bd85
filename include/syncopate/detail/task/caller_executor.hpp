// CallerExecutor: an executor that carries a CallerLink, so that whatever a task starts inherits it.
#pragma once

#include <syncopate/detail/task/caller_link.hpp>
#include <syncopate/detail/task/forwarding_executor.hpp>
#include <syncopate/detail/task/turn_gate.hpp>
#include <syncopate/detail/values/current_values.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>

#include <utility>

namespace syncopate::inline v0_1::detail {

template <class Inner>
class CallerExecutor : public ForwardingExecutor<CallerExecutor, Inner, CallerLinkPointer> {
    using Base = ForwardingExecutor<detail::CallerExecutor, Inner, CallerLinkPointer>;

public:
    using Base::Base;

    CallerLinkPointer const& caller() const noexcept { return this->attachment(); }

    /// The function is a step of the task, and sees its context variables.
    template <class Function>
    void execute(Function&& function) const {
        auto const& values = caller()->values();
        if (!values)
            return this->inner().execute(
                [link = caller(), function = std::forward<Function>(function)]() mutable {
                    TaskStep const step(std::move(link));
                    std::move(function)();
                });
        this->inner().execute(
            [link = caller(), values, function = std::forward<Function>(function)]() mutable {
                TaskStep const step(std::move(link));
                ValuesScope const scope(std::move(values));
                std::move(function)();
            });
    }
};

using IoExecutor = boost::asio::io_context::executor_type;
using CallerIoExecutor = CallerExecutor<IoExecutor>;
using CallerAnyExecutor = CallerExecutor<boost::asio::any_io_executor>;

/// The link that an executor carries, or null.
inline CallerLinkPointer caller_of(boost::asio::any_io_executor const& executor) noexcept {
    if (auto const* direct = executor.target<CallerIoExecutor>())
        return direct->caller();
    if (auto const* wrapped = executor.target<CallerAnyExecutor>())
        return wrapped->caller();
    if (auto const* strand = executor.target<boost::asio::strand<boost::asio::any_io_executor>>())
        return caller_of(strand->get_inner_executor());
    return nullptr;
}

/// The context variables of the task with this executor; null if it has none.
inline TaskValuesPointer values_of(boost::asio::any_io_executor const& executor) noexcept {
    auto const caller = caller_of(executor);
    return caller ? caller->values() : nullptr;
}

/// The executor without the link that it may carry.
inline boost::asio::any_io_executor without_caller(
    boost::asio::any_io_executor const& executor) noexcept {
    if (auto const* direct = executor.target<CallerIoExecutor>())
        return direct->inner();
    if (auto const* wrapped = executor.target<CallerAnyExecutor>())
        return wrapped->inner();
    return executor;
}

/// The gate through which the executor leads, or null.
inline TurnGatePointer gate_of(boost::asio::any_io_executor const& executor) noexcept {
    auto const inner = without_caller(executor);
    if (auto const* gated = inner.target<GatedAnyExecutor>())
        return gated->gate();
    if (auto const* strand = inner.target<boost::asio::strand<boost::asio::any_io_executor>>())
        return gate_of(strand->get_inner_executor());
    return nullptr;
}

/// The executor without the link and the gate that it may have.
inline boost::asio::any_io_executor without_caller_and_gate(
    boost::asio::any_io_executor const& executor) noexcept {
    auto inner = without_caller(executor);
    if (auto const* gated = inner.target<GatedAnyExecutor>())
        return gated->inner();
    return inner;
}

/// The executor inside all strands, gates and links.
inline boost::asio::any_io_executor without_strand(
    boost::asio::any_io_executor const& executor) noexcept {
    using boost::asio::strand;
    using PoolExecutor = boost::asio::thread_pool::executor_type;
    auto inner = without_caller_and_gate(executor);
    if (auto const* const of_any = inner.target<strand<boost::asio::any_io_executor>>())
        return without_strand(of_any->get_inner_executor());
    if (auto const* const of_io = inner.target<strand<IoExecutor>>())
        return of_io->get_inner_executor();
    if (auto const* const of_pool = inner.target<strand<PoolExecutor>>())
        return of_pool->get_inner_executor();
    return inner;
}

/// The executor with this link, instead of the one that it may carry.
inline boost::asio::any_io_executor with_caller(
    boost::asio::any_io_executor const& executor, CallerLinkPointer caller) {
    auto inner = without_caller(executor);
    if (auto const* io = inner.target<IoExecutor>())
        return CallerIoExecutor(*io, std::move(caller));
    return CallerAnyExecutor(std::move(inner), std::move(caller));
}

/// The io_context's own executor, with a link or without, and no strand; or null.
inline IoExecutor const* io_executor(boost::asio::any_io_executor const& executor) noexcept {
    if (auto const* const direct = executor.target<CallerIoExecutor>())
        return &direct->inner();
    return executor.target<IoExecutor>();
}

/// Whether the executor is an io_context's own, with a link or without, and no strand.
inline bool runs_on_io_context(boost::asio::any_io_executor const& executor) noexcept {
    return io_executor(executor) != nullptr;
}

}  // namespace syncopate::inline v0_1::detail
