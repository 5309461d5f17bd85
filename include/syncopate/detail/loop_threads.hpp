// What can be known of the threads that run somebody else's executor, and how many of them are blocked.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/execution/occupancy.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>

#include <atomic>
#include <cstddef>
#include <functional>
#include <optional>
#include <type_traits>

namespace syncopate::detail {

/// The threads of an execution context, as its executor tells.
struct LoopThreads {
    std::function<bool()> include_this_one;
    std::size_t count = 0;  // 0: unknown
};

template <class Executor>
concept KnowsItsThreads = requires(Executor const& executor) {
    { executor.running_in_this_thread() } -> std::convertible_to<bool>;
};

template <class Executor>
LoopThreads threads_of(Executor const& executor);

template <class Inner>
LoopThreads threads_of(boost::asio::strand<Inner> const& executor) {
    return threads_of(executor.get_inner_executor());
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
    LoopThreads threads{[] { return false; }};
    take_threads_of<Io>(executor, threads) || take_threads_of<Pool>(executor, threads) ||
        take_threads_of<boost::asio::strand<Io>>(executor, threads) ||
        take_threads_of<boost::asio::strand<Pool>>(executor, threads) ||
        take_threads_of<boost::asio::strand<boost::asio::any_io_executor>>(executor, threads);
    return threads;
}

template <class Executor>
LoopThreads threads_of(Executor const& executor) {
    if constexpr (!KnowsItsThreads<Executor>) {
        return {[] { return false; }};
    } else if constexpr (boost::asio::can_query_v<Executor const&,
                                                  boost::asio::execution::occupancy_t>) {
        return {[executor] { return executor.running_in_this_thread(); },
                boost::asio::query(executor, boost::asio::execution::occupancy)};
    } else {
        // An io_context does not tell. One thread is what most have, and the safe assumption.
        return {[executor] { return executor.running_in_this_thread(); }, 1};
    }
}

/// How many of a context's own threads are blocked on something that the context must run.
class BlockedThreads : public boost::asio::execution_context::service {
public:
    static inline boost::asio::execution_context::id id;

    explicit BlockedThreads(boost::asio::execution_context& context) : service(context) {}

    /// One more, unless none of `threads` would be left.
    bool enter(std::size_t threads) noexcept {
        if (count_.fetch_add(1, std::memory_order_acq_rel) + 1 < threads)
            return true;
        leave();
        return false;
    }
    void leave() noexcept { count_.fetch_sub(1, std::memory_order_acq_rel); }

private:
    void shutdown() override {}

    std::atomic<std::size_t> count_{0};
};

}  // namespace syncopate::detail
