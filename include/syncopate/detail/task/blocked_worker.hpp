// A worker of a pool that is blocked on a loop: what the pool has to know to see that it can only wait.
#pragma once

#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>

#include <atomic>
#include <utility>

namespace syncopate::detail {

/// A thread of a worker pool, as what it does sees it.
class PoolWorker {
public:
    virtual void begin_blocking() noexcept = 0;
    virtual void end_blocking() noexcept = 0;

protected:
    ~PoolWorker() = default;
};

/// One blocking call of a worker. The work that the awaited task gives to pools in the meantime refers to
/// it, and so knows which workers wait for it.
class BlockedWorker
    : public boost::intrusive_ref_counter<BlockedWorker, boost::thread_safe_counter> {
public:
    /// within: the blocking call that waits for what the worker is doing.
    BlockedWorker(PoolWorker& worker, boost::intrusive_ptr<BlockedWorker> within) noexcept
        : worker_(worker), within_(std::move(within)) {}

    /// The worker, as long as it is blocked; then null.
    PoolWorker const* worker() const noexcept {
        return is_over_.load(std::memory_order_relaxed) ? nullptr : &worker_;
    }
    BlockedWorker const* within() const noexcept { return within_.get(); }

    void begin() noexcept { worker_.begin_blocking(); }
    void end() noexcept {
        is_over_.store(true, std::memory_order_relaxed);
        worker_.end_blocking();  // under the lock of the pool, which is the one who looks
    }

private:
    PoolWorker& worker_;
    std::atomic<bool> is_over_{false};
    boost::intrusive_ptr<BlockedWorker> const within_;
};

using BlockedWorkerPointer = boost::intrusive_ptr<BlockedWorker>;

}  // namespace syncopate::detail
