// Marks that this thread does a piece of work for a loop.
#pragma once

#include <syncopate/detail/blocked_worker.hpp>
#include <syncopate/detail/wait_graph.hpp>
#include <syncopate/detail/work.hpp>

namespace syncopate::detail {

class WorkerScope : public ServingScope {
public:
    /// worker: the thread, if it is a pool's of which it wants to know who waits for it.
    explicit WorkerScope(Work& work, PoolWorker* worker = nullptr) noexcept
        : ServingScope(work.loop(), {&work, worker, work.waiting_worker().get(), work.call()}) {}
};

}  // namespace syncopate::detail
