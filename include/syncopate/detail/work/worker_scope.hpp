// Marks that this thread does a piece of work for a loop.
#pragma once

#include <syncopate/detail/loop/wait_graph.hpp>
#include <syncopate/detail/task/blocked_worker.hpp>
#include <syncopate/detail/work/work.hpp>

namespace syncopate::detail {

class WorkerScope : public ServingScope {
public:
    /// worker: the thread, if it is a pool's of which it wants to know who waits for it.
    explicit WorkerScope(Work& work, PoolWorker* worker = nullptr) noexcept
        : ServingScope(work.loop(), {&work, worker, work.waiting_worker().get(), work.call()}) {}

    /// The same for a caller, who does it while it waits: it does not get back to the loop, which it may
    /// have to turn.
    struct OnCaller {};
    WorkerScope(Work& work, OnCaller) noexcept
        : ServingScope(work.loop(), {nullptr, nullptr, nullptr, work.call()}) {}
};

}  // namespace syncopate::detail
