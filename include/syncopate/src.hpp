// The functions of the library that are no templates, for the one unit that compiles them.
#pragma once

// A program that defines SYNCOPATE_SEPARATE_COMPILATION in all of its units includes this header in one of them, and, if it
// uses syncopate::http, <syncopate/http/src.hpp> in that unit or another one. The others compile less then. The CMake
// target syncopate::compiled is just that.

// clang-format off: that comes first, and the headers before their functions.
#include <syncopate/detail/in_source.hpp>

#include <syncopate/detail/error/report.hpp>
#include <syncopate/detail/threads/descriptor_alarm.hpp>
#include <syncopate/detail/task/caller_executor.hpp>
#include <syncopate/detail/task/park_on_context.hpp>
#include <syncopate/detail/call/call.hpp>
#include <syncopate/detail/deadlock/host_threads.hpp>
#include <syncopate/detail/deadlock/wait_graph.hpp>
#include <syncopate/detail/context/context_task.hpp>
#include <syncopate/detail/loop/portal_loop.hpp>
#include <syncopate/detail/loop/running_tasks.hpp>
#include <syncopate/detail/loop/suspension.hpp>
#include <syncopate/detail/loop/task_listing.hpp>
#include <syncopate/detail/cancellation/cancel_request.hpp>
#include <syncopate/detail/cancellation/cancellation.hpp>
#include <syncopate/detail/cancellation/coroutine_state.hpp>
#include <syncopate/detail/task/pooled_coroutine.hpp>
#include <syncopate/detail/task/spawned_task.hpp>
#include <syncopate/detail/wait/suspended_waits.hpp>
#include <syncopate/detail/watch/stall_watch.hpp>
#include <syncopate/detail/work/caller_queue.hpp>
#include <syncopate/detail/work/calling_thread.hpp>
#include <syncopate/runner.hpp>
#include <syncopate/runner_base.hpp>
#include <syncopate/thread_runner.hpp>

#include <syncopate/detail/error/report.ipp>
#include <syncopate/detail/threads/descriptor_alarm.ipp>
#include <syncopate/detail/task/caller_executor.ipp>
#include <syncopate/detail/task/park_on_context.ipp>
#include <syncopate/detail/call/call.ipp>
#include <syncopate/detail/deadlock/host_threads.ipp>
#include <syncopate/detail/deadlock/wait_graph.ipp>
#include <syncopate/detail/context/context_task.ipp>
#include <syncopate/detail/loop/portal_loop.ipp>
#include <syncopate/detail/loop/running_tasks.ipp>
#include <syncopate/detail/loop/suspension.ipp>
#include <syncopate/detail/loop/task_listing.ipp>
#include <syncopate/detail/cancellation/cancel_request.ipp>
#include <syncopate/detail/cancellation/cancellation.ipp>
#include <syncopate/detail/cancellation/coroutine_state.ipp>
#include <syncopate/detail/task/pooled_coroutine.ipp>
#include <syncopate/detail/task/spawned_task.ipp>
#include <syncopate/detail/wait/suspended_waits.ipp>
#include <syncopate/detail/watch/stall_watch.ipp>
#include <syncopate/detail/work/caller_queue.ipp>
#include <syncopate/detail/work/calling_thread.ipp>
#include <syncopate/impl/runner.ipp>
#include <syncopate/impl/runner_base.ipp>
#include <syncopate/impl/thread_runner.ipp>
// clang-format on
