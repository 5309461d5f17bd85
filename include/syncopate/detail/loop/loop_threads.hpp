// LoopThreads, threads_of(): what an executor tells of the threads that run it.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/deadlock/thread_probe.hpp>
#include <syncopate/detail/loop/traced_executor.hpp>
#include <syncopate/detail/task/caller_executor.hpp>

#include SYNCOPATE_ASIO(any_io_executor.hpp)
#include SYNCOPATE_ASIO(detail/scheduler.hpp)
#include SYNCOPATE_ASIO(execution/occupancy.hpp)
#include SYNCOPATE_ASIO(execution_context.hpp)
#include SYNCOPATE_ASIO(io_context.hpp)
#include SYNCOPATE_ASIO(post.hpp)
#include SYNCOPATE_ASIO(query.hpp)
#include SYNCOPATE_ASIO(strand.hpp)
#include SYNCOPATE_ASIO(thread_pool.hpp)

#include <concepts>
#include <cstddef>
#include <functional>
#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1::detail {

struct LoopThreads {
    /// Whether the calling thread is one of them.
    std::function<bool()> include_this_one = [] { return false; };
    std::size_t count = 0;  // 0: unknown
    /// Whether the executor is a strand, or runs on one, and the calling thread holds it: then no other thread
    /// can run.
    std::function<bool()> wait_for_this_one = [] { return false; };
    /// Whether they have left the loop, because it was stopped or ran out of work. An io_context tells.
    std::function<bool()> have_left = nullptr;
    /// Whether they will never run anything any more. A pool that was stopped or joined cannot be started again.
    std::function<bool()> have_ended = nullptr;
    /// Where the count is an assumption: posts to the executor.
    ThreadProbe::Post post = nullptr;
};

template <class Executor>
concept KnowsItsThreads = requires(Executor const& executor) {
    { executor.running_in_this_thread() } -> std::convertible_to<bool>;
};

// All of them, because each finds only what has been declared before it: the executors are Asio's.
template <class Executor>
LoopThreads threads_of(Executor const& executor);
template <class Inner>
LoopThreads threads_of(asio::strand<Inner> const& executor);
template <class Inner>
LoopThreads threads_of(TracedExecutor<Inner> const& executor);
LoopThreads threads_of(asio::any_io_executor const& executor);

template <class Inner>
LoopThreads threads_of(asio::strand<Inner> const& executor) {
    auto threads = threads_of(executor.get_inner_executor());
    threads.wait_for_this_one = [executor, inner = std::move(threads.wait_for_this_one)] {
        return executor.running_in_this_thread() || inner();
    };
    return threads;
}

template <class Inner>
LoopThreads threads_of(TracedExecutor<Inner> const& executor) {
    return threads_of(executor.inner());
}

template <class Target>
bool take_threads_of(asio::any_io_executor const& executor, LoopThreads& threads) {
    auto const* target = executor.target<Target>();
    if (target)
        threads = threads_of(*target);
    return target != nullptr;
}

template <class... Targets>
void take_threads_of_one(asio::any_io_executor const& executor, LoopThreads& threads) {
    static_cast<void>((take_threads_of<Targets>(executor, threads) || ...));
}

/// Looks into what the runners and the portals give out, too: the executor of a task, and get_executor().
inline LoopThreads threads_of(asio::any_io_executor const& executor) {
    using Any = asio::any_io_executor;
    using Io = asio::io_context::executor_type;
    using Pool = asio::thread_pool::executor_type;
    using asio::strand;
    auto const inner = without_caller_and_gate(executor);
    LoopThreads threads;
    take_threads_of_one<
        Io, Pool, strand<Io>, strand<Pool>, strand<Any>, strand<TracedExecutor<Io>>,
        strand<TracedExecutor<Pool>>, strand<TracedExecutor<Any>>, TracedExecutor<strand<Io>>,
        TracedExecutor<strand<Pool>>, TracedExecutor<strand<Any>>>(inner, threads);
    return threads;
}

template <class Executor>
LoopThreads threads_of(Executor const& executor) {
    if constexpr (!KnowsItsThreads<Executor>) {
        return {};
    } else if constexpr (asio::can_query_v<Executor const&, asio::execution::occupancy_t>) {
        LoopThreads threads{
            [executor] { return executor.running_in_this_thread(); },
            asio::query(executor, asio::execution::occupancy)};
        if constexpr (std::convertible_to<decltype(executor.context()), asio::thread_pool&>)
            threads.have_ended = [&pool = asio::use_service<asio::detail::scheduler>(
                                      executor.context())] { return pool.stopped(); };
        return threads;
    } else {
        // An io_context does not tell. Most have one thread; a probe finds out.
        LoopThreads threads{[executor] { return executor.running_in_this_thread(); }, 1};
        threads.post = [executor](ThreadProbe::Handler handler) {
            asio::post(executor, std::move(handler));
        };
        if constexpr (std::convertible_to<decltype(executor.context()), asio::io_context&>)
            threads.have_left = [executor] { return executor.context().stopped(); };
        return threads;
    }
}

}  // namespace syncopate::inline v0_1::detail
