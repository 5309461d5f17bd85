// Code that has to run on the synchronous side's thread: the caller who is blocked in run() does it.
#pragma once

#include <syncopate/detail/loop/work_executor.hpp>
#include <syncopate/detail/task/caller_link.hpp>
#include <syncopate/detail/work/offload.hpp>
#include <syncopate/detail/work/work.hpp>
#include <syncopate/error.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <source_location>
#include <system_error>
#include <type_traits>
#include <utility>

namespace syncopate {

namespace detail {

/// The thread that is blocked on the task that has this executor.
struct BlockedCaller {
    WorkExecutor* operator()(boost::asio::any_io_executor const& executor) const {
        auto const caller = caller_of(executor);
        auto const* const thread = caller ? caller->serving_thread() : nullptr;
        if (!thread)
            throw std::system_error(make_error_code(Errc::no_calling_thread));
        return thread->caller_queue;
    }
};

}  // namespace detail

/// Calls a function on the thread that is blocked in the run() of which this task is a part, and gives
/// what it returns. That thread then goes on waiting. For what belongs to the thread of the synchronous
/// side: a database handle, a widget, a progress bar.
///
/// A part of a run() is what it awaits and all that is started on the executor of its task: the children
/// of task groups, what workers run on the loop, coroutines that the user spawns; but only until the task
/// has ended. ++ on a range counts as a run(), for the iterable. Several functions are called in the order
/// in which they were asked for.
///
/// function:  is moved to that thread, called once, and destroyed there. It may refer to the task's frame.
///            It may block, and use the runner; meanwhile no time-out of the run() has an effect.
/// Throws:    what the function throws. Errc::no_calling_thread if nobody is blocked: in a task of
///            run_as_future() or start_soon(), in a context, or after the end of the task.
/// Cancel:    a function that has not been called yet is not called. One that runs is awaited. Either way
///            the task ends by operation_aborted, unless the function fails with an error of its own.
/// Semantics: asgiref's `sync_to_async(thread_sensitive=True)`; JoinableTaskFactory's main thread.
template <BlockingFunction F>
boost::asio::awaitable<std::invoke_result_t<std::decay_t<F>>> to_calling_thread(
    F&& function, std::source_location where = std::source_location::current()) {
    return detail::offload(
        std::decay_t<F>(std::forward<F>(function)), detail::BlockedCaller(), OnCancel::wait, where);
}

}  // namespace syncopate
