// What looks into strands, and what makes an any_io_executor: compiled here only.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/separate.hpp>
#include <syncopate/detail/task/caller_link.hpp>
#include <syncopate/detail/task/task_executor.hpp>
#include <syncopate/detail/task/turn_gate.hpp>

#include SYNCOPATE_ASIO(any_io_executor.hpp)
#include SYNCOPATE_ASIO(strand.hpp)
#include SYNCOPATE_ASIO(thread_pool.hpp)

#include <utility>

namespace syncopate::inline v0_1::detail {

SYNCOPATE_DECL CallerLinkPointer caller_in_strand(asio::any_io_executor const& executor) noexcept {
    if (auto const* strand = executor.target<asio::strand<asio::any_io_executor>>())
        return caller_of(strand->get_inner_executor());
    return nullptr;
}

SYNCOPATE_DECL TurnGatePointer gate_of(asio::any_io_executor const& executor) noexcept {
    if (auto const* wrapped = executor.target<TaskExecutor>()) {
        auto gate = wrapped->gate();
        return gate ? gate : gate_of(wrapped->inner());
    }
    if (auto const* strand = executor.target<asio::strand<asio::any_io_executor>>())
        return gate_of(strand->get_inner_executor());
    return nullptr;
}

SYNCOPATE_DECL asio::any_io_executor without_strand(
    asio::any_io_executor const& executor) noexcept {
    using asio::strand;
    using PoolExecutor = asio::thread_pool::executor_type;
    if (auto const* const wrapped = executor.target<TaskExecutor>())
        return wrapped->of_context();
    auto inner = without_caller_and_gate(executor);
    if (auto const* const of_any = inner.target<strand<asio::any_io_executor>>())
        return without_strand(of_any->get_inner_executor());
    if (auto const* const of_io = inner.target<strand<IoExecutor>>())
        return of_io->get_inner_executor();
    if (auto const* const of_pool = inner.target<strand<PoolExecutor>>())
        return of_pool->get_inner_executor();
    return inner;
}

SYNCOPATE_DECL asio::any_io_executor without_caller(
    asio::any_io_executor const& executor) noexcept {
    if (auto const* direct = executor.target<CallerIoExecutor>())
        return direct->inner();
    if (auto const* wrapped = executor.target<TaskExecutor>()) {
        if (wrapped->is_of_loop())
            return wrapped->with_caller(nullptr);
        return wrapped->inner();
    }
    return executor;
}

SYNCOPATE_DECL asio::any_io_executor without_caller_and_gate(
    asio::any_io_executor const& executor) noexcept {
    if (auto const* wrapped = executor.target<TaskExecutor>())
        return wrapped->inner();
    return without_caller(executor);
}

SYNCOPATE_DECL asio::any_io_executor with_caller(
    asio::any_io_executor const& executor, CallerLinkPointer caller) {
    if (auto const* io = io_executor(executor))
        return CallerIoExecutor(*io, std::move(caller));
    if (auto const* wrapped = executor.target<TaskExecutor>())
        return wrapped->with_caller(std::move(caller));
    return TaskExecutor(
        new ExecutorCore(executor, without_strand(executor), nullptr), std::move(caller),
        TaskExecutor::Kind::of_user);
}

}  // namespace syncopate::inline v0_1::detail
