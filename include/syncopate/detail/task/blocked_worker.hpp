// BlockedWorker: one blocking call of a pool's worker. PoolWorker: the worker, which is told of such calls.
#pragma once

#include <syncopate/detail/intrusive_pointer.hpp>

#include <atomic>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// Through this, running work tells its pool that the thread blocks.
class PoolWorker {
public:
    virtual void begin_blocking() noexcept = 0;
    virtual void end_blocking() noexcept = 0;
    /// The address of its pool, which identifies that as long as the worker is there.
    virtual void const* pool() const noexcept = 0;

protected:
    ~PoolWorker() = default;
};

/// Work that the awaited task gives to pools refers to this call. So a pool knows which of its workers
/// wait for a piece of work, and refuses the piece that no worker would be left to do.
class BlockedWorker : public ReferenceCounted<BlockedWorker> {
public:
    /// parent: the blocking call of another worker that waits for what this one does, or null.
    BlockedWorker(PoolWorker& worker, IntrusivePointer<BlockedWorker> parent) noexcept
        : worker_(worker), parent_(std::move(parent)) {}

    /// The worker, or null once it is not blocked any more.
    PoolWorker const* worker() const noexcept {
        return has_ended_.load(std::memory_order_relaxed) ? nullptr : &worker_;
    }
    BlockedWorker const* parent() const noexcept { return parent_.get(); }

    void begin() noexcept { worker_.begin_blocking(); }
    void end() noexcept {
        has_ended_.store(true, std::memory_order_relaxed);
        // Takes the lock of the pool, under which the pool reads has_ended_.
        worker_.end_blocking();
    }

private:
    PoolWorker& worker_;
    std::atomic<bool> has_ended_{false};
    IntrusivePointer<BlockedWorker> const parent_;
};

using BlockedWorkerPointer = IntrusivePointer<BlockedWorker>;

}  // namespace syncopate::inline v0_1::detail
