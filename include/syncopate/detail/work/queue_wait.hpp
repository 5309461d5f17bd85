// QueueWait: work that waits in a queue, as the graph of waits sees it. BusyThreads: the threads that it waits for.
#pragma once

#include <syncopate/detail/deadlock/resource_wait.hpp>
#include <syncopate/detail/task/call_id.hpp>

#include <cstddef>

namespace syncopate::inline v0_1::detail {

class Work;

class BusyThreads {
public:
    /// As ResourceWait::holders(): the number of the threads, while the work is in their queue.
    virtual std::size_t holders_before(Work const& work) const noexcept = 0;

protected:
    ~BusyThreads() = default;
};

class QueueWait final : public ResourceWait {
public:
    /// call:     the work's.
    /// resource: the address by which the graph knows the threads.
    QueueWait(
        Work const& work, CallId call, BusyThreads const& threads, void const* resource) noexcept
        : ResourceWait(call, resource), work_(work), threads_(threads) {}

private:
    std::size_t holders() const noexcept override { return threads_.holders_before(work_); }

    Work const& work_;
    BusyThreads const& threads_;
};

}  // namespace syncopate::inline v0_1::detail
