// WorkerScope: marks that the calling thread does a piece of work for a loop.
#pragma once

#include <syncopate/detail/deadlock/wait_graph.hpp>
#include <syncopate/detail/task/blocked_worker.hpp>
#include <syncopate/detail/work/work.hpp>

namespace syncopate::inline v0_1::detail {

/// While it lives, from_thread:: finds the work, and the wait graph knows for which call the thread works.
class WorkerScope : public ServingScope {
public:
    /// worker: the calling thread, if its pool wants to know when it blocks; else null.
    explicit WorkerScope(Work& work, PoolWorker* worker = nullptr) noexcept
        : ServingScope(
              work.loop(),
              {&work, worker, work.waiting_worker().get(), work.call(), work.limiter()}) {}

    /// On the thread of a blocked caller. There from_thread:: does not find the work: the caller may itself have
    /// to run the loop.
    struct OnCaller {
        void const* queue;
    };
    WorkerScope(Work& work, OnCaller caller) noexcept
        : ServingScope(
              work.loop(), {nullptr, nullptr, nullptr, work.call(), nullptr, caller.queue}) {}
};

}  // namespace syncopate::inline v0_1::detail
