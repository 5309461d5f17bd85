// PortalLoop: a loop that somebody else runs. Operations reach it through its executor.
#pragma once

#include <syncopate/detail/loop/context_gate.hpp>
#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/loop/loop_threads.hpp>
#include <syncopate/detail/loop/operation.hpp>
#include <syncopate/detail/loop/portal_registry.hpp>
#include <syncopate/detail/loop/traced_executor.hpp>
#include <syncopate/detail/task/posted_or_dropped.hpp>
#include <syncopate/error.hpp>
#include <syncopate/options.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/strand.hpp>

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1::detail {

class PortalLoop final : public Loop, private RegisteredPortal {
public:
    template <class Executor>
    static std::shared_ptr<PortalLoop> create(Executor const& executor, Options options) {
        boost::asio::execution_context& execution_context =
            boost::asio::query(executor, boost::asio::execution::context);
        // An execution context ends its services newest first. Made in this order, the registry ends before
        // the strands: it has marked the portals lost when the strands drop their operations.
        static_cast<void>(boost::asio::make_strand(executor));
        auto gate = ContextGate::of(executor);  // keeps this executor, and not the portal's strand
        auto loop = std::make_shared<PortalLoop>(
            std::move(options), threads_of(executor), execution_context, std::move(gate));
        loop->set_executor(serial(executor, loop));
        loop->registry_->add(*loop);
        return loop;
    }

    PortalLoop(
        Options options,
        LoopThreads threads,
        boost::asio::execution_context& execution_context,
        std::shared_ptr<ContextGate> gate)
        : Loop(std::move(options), "BlockingPortal"), threads_(std::move(threads)),
          execution_context_(&execution_context), gate_(std::move(gate)),
          registry_(&boost::asio::use_service<PortalRegistry>(execution_context)) {}

    void submit(Operation& operation) override {
        // Posted under the lock and without a copy of the executor: once the loop has the operation, the
        // execution context may end, and a copy would refer to it.
        std::lock_guard lock(mutex_);
        if (is_detached_ || !executor())
            throw_error(refusal());
        boost::asio::post(executor(), PostedOrDropped(Posted{shared_from_this()}));
        running_tasks().locked([&] { submitted_.push_back(operation); });
        ++deliveries_;
    }

    bool withdraw(Operation& operation) noexcept override {
        return running_tasks().locked([&] { return submitted_.remove(operation); });
    }

    boost::asio::any_io_executor open_executor() const {
        std::lock_guard lock(mutex_);
        require_open();
        return executor();
    }

    void abandon() noexcept override {
        try {
            begin_close(Errc::runner_closed);
        } catch (...) {
            report(std::current_exception());
        }
    }

private:
    // The executor is to run the next operation, if it was not withdrawn. If the execution context ends first, it
    // runs all the same, finds the loop lost, and tells its caller. A handler that is dropped while the loop is
    // not lost has not been posted: submit() is about to throw.
    struct Posted {
        std::shared_ptr<Loop> loop;
        void called() const noexcept { static_cast<PortalLoop&>(*loop).deliver(); }
        void dropped() const noexcept {
            if (loop->is_lost())
                called();
        }
    };

    // Calls to one portal run one after another. A strand does that already.
    template <class Inner>
    static boost::asio::any_io_executor serial(
        boost::asio::strand<Inner> const& executor, std::shared_ptr<Loop> loop) {
        return TracedExecutor(executor, std::move(loop));
    }
    template <class Executor>
    static boost::asio::any_io_executor serial(
        Executor const& executor, std::shared_ptr<Loop> loop) {
        return boost::asio::make_strand(TracedExecutor(executor, std::move(loop)));
    }

    void const* exclusive_context() const noexcept override {
        return has_one_thread_ ? execution_context_ : nullptr;
    }

    // A thread of the execution context that blocks takes one thread from it, and is counted. The context
    // outlives the count: it cannot be destroyed while a thread of its own is here.
    bool begin_blocking() override {
        std::lock_guard const lock(mutex_);
        if (is_detached_)
            return false;
        if (threads_.wait_for_this_one())
            throw_blocks_itself();
        if (threads_.count == 0 || !threads_.include_this_one())
            return false;
        if (!registry_->enter(threads_.count))
            throw DeadlockError(
                '"' + options().name() +
                "\" has no thread left to run the task: all that run its executor "
                "would be blocked; use co_await");
        return true;
    }
    void end_blocking() noexcept override { registry_->leave(); }

    void add_queued_operations(std::vector<Operation*>& operations) const override {
        submitted_.for_each([&](Operation& operation) { operations.push_back(&operation); });
    }
    void withdraw_operations(
        OperationList::Filter filter, OperationList& withdrawn) noexcept override {
        submitted_.move_if(filter, withdrawn);
    }
    std::vector<TaskWait> task_waits() const override { return gate_->waits(); }
    std::string pool_work() const override { return gate_->work(); }

    void begin_close(Errc reason) override {
        std::unique_lock lock(mutex_);
        refuse(reason);
        if (is_detached_ || close_submitted_)
            return;
        // Nothing is under way. The loop need not turn, and perhaps nobody runs it any more.
        if (deliveries_ == 0 && has_no_tasks())
            return detach(lock);
        close_submitted_ = true;
        lock.unlock();
        try {
            submit(close_);
        } catch (...) {
            lock.lock();
            close_submitted_ = false;
            throw;
        }
    }

    void deliver() noexcept {
        std::unique_lock lock(mutex_);
        if (Operation* const operation =
                begin_next([this]() noexcept { return submitted_.pop_front(); })) {
            lock.unlock();
            operation->run();
            lock.lock();
        }
        if (--deliveries_ == 0 && waits_for_deliveries_)
            detach(lock);
    }

    void unwound() noexcept override {
        std::unique_lock lock(mutex_);
        waits_for_deliveries_ = true;
        if (deliveries_ == 0)
            detach(lock);
    }

    /// Gives up the executor, which shares the ownership of this loop, and with it the execution context.
    /// The loop is closed then.
    void detach(std::unique_lock<std::mutex>& lock) noexcept {
        auto const self = shared_from_this();
        if (std::exchange(is_detached_, true))
            return;
        auto executor = take_executor();
        auto threads = std::exchange(threads_, {});  // it has the executor, too
        lock.unlock();
        executor = {};
        threads = {};
        if (!is_lost())
            registry_->remove(*this);
        set_closed();  // the execution context may be destroyed from here on
    }

    void execution_context_ends() noexcept override {
        auto const self = shared_from_this();
        set_lost();
        start_closing();
        std::lock_guard lock(mutex_);
        take_executor();
    }

    LoopThreads threads_;
    bool const has_one_thread_ = threads_.count == 1;
    boost::asio::execution_context* const execution_context_;
    std::shared_ptr<ContextGate> const gate_;
    PortalRegistry* const registry_;
    MemberOperation<LoopLifetime, &LoopLifetime::start_closing> close_{*this};

    mutable std::mutex mutex_;
    OperationList submitted_;  // under the lock of the running tasks
    std::size_t deliveries_ =
        0;  // handlers of the executor's that have not ended; the withdrawn ones' too
    bool close_submitted_ = false;
    bool waits_for_deliveries_ = false;
    bool is_detached_ = false;
};

}  // namespace syncopate::inline v0_1::detail
