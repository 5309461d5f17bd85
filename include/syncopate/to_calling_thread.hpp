// to_calling_thread(): has the thread that is blocked in run() call a function for the task it waits for.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/blocking_function.hpp>
#include <syncopate/detail/loop/work_executor.hpp>
#include <syncopate/detail/task/caller_executor.hpp>
#include <syncopate/detail/task/caller_link.hpp>
#include <syncopate/detail/work/no_calling_thread.hpp>
#include <syncopate/detail/work/offload.hpp>
#include <syncopate/on_cancel.hpp>

#include SYNCOPATE_ASIO(any_io_executor.hpp)
#include SYNCOPATE_ASIO(awaitable.hpp)

#include <source_location>
#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1 {

namespace detail {

/// Selects the thread that is blocked on the task with this executor, for offload().
struct BlockedCaller {
    WorkExecutor* operator()(asio::any_io_executor const& executor) const {
        auto const caller = caller_of(executor);
        auto const* const thread = caller ? caller->serving_thread() : nullptr;
        if (!thread)
            throw_no_calling_thread(caller);
        return thread->caller_queue;
    }
};

}  // namespace detail

/// Calls a function on the thread that is blocked on this task, and gives what it returns.
///
/// That thread then goes on waiting. It is meant for objects that belong to the thread of the synchronous
/// side: a database handle, a widget, a progress bar.
///
/// That thread is in run(), enters or leaves a context, or takes the items of a range or leaves it. With a range
/// that is read ahead, and after BlockingRange::next_for(), the function waits until the thread next takes an
/// item. To a call belong its task, and all that is started on the executor of that task until it has ended: the
/// children of task groups, the tasks of from_thread::run(), coroutines that the user spawns. Several functions
/// are called in the order in which they were requested.
///
/// function:  is moved to that thread, called once, and destroyed there. It may refer to the task's frame.
///            It may block, and use the runner; until it returns, no time-out of the run() takes effect.
///            from_thread:: does not lead back to the task.
/// where:     the call site, for messages: leave it to its default.
/// Throws:    what the function throws. The function ends its thread by pthread_exit() -> Errc::worker_lost; the
///            thread is unwound when the task has ended. The thread is in a function that waits, through workers or
///            pools, for this one -> DeadlockError. No thread is blocked on this task, as in run_as_future(), in
///            start_soon(), in a context that is open, or after the end of the call ->
///            Errc::no_calling_thread, with a text that says which.
/// Cancel:    a function that has not been called yet is not called; the task waits for one that runs. Then
///            it ends by operation_aborted, unless the function has failed with an error of its own.
/// Threads:   in a task whose executor runs one handler at a time.
/// Semantics: asgiref's `sync_to_async(thread_sensitive=True)`; JoinableTaskFactory's main thread.
template <BlockingFunction F>
asio::awaitable<blocking_result_t<F>> to_calling_thread(
    F&& function, std::source_location where = std::source_location::current()) {
    return detail::offload(
        std::decay_t<F>(std::forward<F>(function)), detail::BlockedCaller(), OnCancel::wait, where);
}

}  // namespace syncopate::inline v0_1
