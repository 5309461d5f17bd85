// Some POSIX system: what is the same on all of them. Nothing here is needed for a program to be right.
#pragma once

#if !defined(_WIN32)

#include <syncopate/detail/system/posix.hpp>

#include <string>

namespace syncopate::inline v0_1::detail::system {

using AddressWait = void;
using Joining = void;

using EventDescriptor = PipeDescriptor;

inline bool has_one_processor() noexcept {
    return is_only_processor();
}

/// Threads are scheduled as the system does it.
inline void schedule_as_main_thread() noexcept {}

/// Zero: the system has no number for a thread.
inline long thread_id() noexcept {
    return 0;
}

inline std::string thread_name() {
    return {};
}

inline void name_this_thread(std::string const& /*name*/) noexcept {}

}  // namespace syncopate::inline v0_1::detail::system

#endif
