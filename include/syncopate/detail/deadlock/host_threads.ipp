// The functions of HostThread.
#pragma once

#include <syncopate/detail/separate.hpp>

#include <mutex>

namespace syncopate::inline v0_1::detail {

/// For a thread that runs no portal's executor this is the reading of one counter, and of a thread-local
/// pointer of Asio's if there are portals at all.
SYNCOPATE_DECL HostThread HostThread::this_one() {
    HostThread thread;
    if (!HostThreads::may_be_host())
        return thread;
    std::lock_guard const lock(HostThreads::registry().mutex);
    HostThreads::registry().portals.for_each([&](HostThreads const& portal) {
        if (!thread.is_one() && portal.runs_on_this_thread())
            portal.describe_host(thread);
    });
    return thread;
}

}  // namespace syncopate::inline v0_1::detail
