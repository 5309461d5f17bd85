// no_calling_thread(): why a function that a task hands to its calling thread finds none.
#pragma once

#include <syncopate/detail/task/caller_link.hpp>
#include <syncopate/error.hpp>

#include <system_error>

namespace syncopate::inline v0_1::detail {

[[noreturn]] inline void throw_no_calling_thread(char const* why) {
    throw std::system_error(make_error_code(Errc::no_calling_thread), why);
}

/// caller: the task's link, or null. No thread that serves it was found.
[[noreturn]] inline void throw_no_calling_thread(CallerLinkPointer const& caller) {
    if (!caller)
        throw_no_calling_thread(
            "to_calling_thread() in a task of run_as_future() or start_soon(), or on an executor that no "
            "call has given the task");
    // A task with context variables has a link also if no thread was ever blocked on it.
    if (!caller->thread())
        throw_no_calling_thread(
            "to_calling_thread() after the end of the call that it belongs to, or in a task of run_as_future() or "
            "start_soon()");
    throw_no_calling_thread(caller->thread()->takes_none_because);
}

}  // namespace syncopate::inline v0_1::detail
