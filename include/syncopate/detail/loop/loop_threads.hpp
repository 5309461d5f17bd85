// LoopThreads, threads_of(): what an executor tells of the threads that run it.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/execution/occupancy.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>

#include <concepts>
#include <cstddef>
#include <functional>
#include <type_traits>

namespace syncopate::inline v0_1::detail {

struct LoopThreads {
    /// Whether the calling thread is one of them.
    std::function<bool()> include_this_one = [] { return false; };
    std::size_t count = 0;  // 0: unknown
    /// Whether the executor is a strand, and the calling thread holds it: then no other thread can run.
    std::function<bool()> wait_for_this_one = [] { return false; };
};

template <class Executor>
concept KnowsItsThreads = requires(Executor const& executor) {
    { executor.running_in_this_thread() } -> std::convertible_to<bool>;
};

template <class Executor>
LoopThreads threads_of(Executor const& executor);

template <class Inner>
LoopThreads threads_of(boost::asio::strand<Inner> const& executor) {
    auto threads = threads_of(executor.get_inner_executor());
    threads.wait_for_this_one = [executor] { return executor.running_in_this_thread(); };
    return threads;
}

template <class Target>
bool take_threads_of(boost::asio::any_io_executor const& executor, LoopThreads& threads) {
    auto const* target = executor.target<Target>();
    if (target)
        threads = threads_of(*target);
    return target != nullptr;
}

inline LoopThreads threads_of(boost::asio::any_io_executor const& executor) {
    using Io = boost::asio::io_context::executor_type;
    using Pool = boost::asio::thread_pool::executor_type;
    LoopThreads threads;
    take_threads_of<Io>(executor, threads) || take_threads_of<Pool>(executor, threads) ||
        take_threads_of<boost::asio::strand<Io>>(executor, threads) ||
        take_threads_of<boost::asio::strand<Pool>>(executor, threads) ||
        take_threads_of<boost::asio::strand<boost::asio::any_io_executor>>(executor, threads);
    return threads;
}

template <class Executor>
LoopThreads threads_of(Executor const& executor) {
    if constexpr (!KnowsItsThreads<Executor>) {
        return {};
    } else if constexpr (boost::asio::can_query_v<
                             Executor const&, boost::asio::execution::occupancy_t>) {
        return {
            [executor] { return executor.running_in_this_thread(); },
            boost::asio::query(executor, boost::asio::execution::occupancy)};
    } else {
        // An io_context does not tell. Most have one thread, and to assume so is safe.
        return {[executor] { return executor.running_in_this_thread(); }, 1};
    }
}

}  // namespace syncopate::inline v0_1::detail
