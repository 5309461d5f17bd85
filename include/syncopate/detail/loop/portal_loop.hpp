// A loop that somebody else runs: calls go to it through its executor.
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
#include <utility>

namespace syncopate::detail {

class PortalLoop final : public Loop, private RegisteredPortal {
public:
    template <class Executor>
    static std::shared_ptr<PortalLoop> create(Executor const& executor, Options options) {
        boost::asio::execution_context& context =
            boost::asio::query(executor, boost::asio::execution::context);
        // Services end newest first: by this order the registry ends before the strands, and what they
        // drop then is known to be lost.
        static_cast<void>(boost::asio::make_strand(executor));
        static_cast<void>(
            ContextGate::of(executor));  // takes this one, and not the portal's strand
        auto loop = std::make_shared<PortalLoop>(std::move(options), threads_of(executor), context);
        loop->set_executor(serial(executor, loop));
        loop->registry_->add(*loop);
        return loop;
    }

    PortalLoop(Options options, LoopThreads threads, boost::asio::execution_context& context)
        : Loop(std::move(options), "BlockingPortal"), threads_(std::move(threads)),
          context_(&context), registry_(&boost::asio::use_service<PortalRegistry>(context)) {}

    void submit(Operation& operation) override {
        // Posted under the lock, and without a copy of the executor: as soon as the loop has the
        // operation, the context may come to its end, and a copy would refer to it.
        std::lock_guard lock(mutex_);
        if (ended_ || !executor())
            throw_error(refusal());
        boost::asio::post(executor(), PostedOrDropped(Posted{shared_from_this(), &operation}));
        ++deliveries_;
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
    // An operation that the executor is to run. If the execution context ends first, the operation runs all the
    // same, finds the loop lost, and tells its caller. A handler that is dropped while the loop is not lost has
    // not been posted: submit() is about to throw.
    struct Posted {
        std::shared_ptr<Loop> loop;
        Operation* operation;
        void called() const noexcept {
            operation->run();
            static_cast<PortalLoop&>(*loop).delivered();
        }
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
        return has_one_thread_ ? context_ : nullptr;
    }

    // A thread of the context holds one of its own when it blocks. It is counted, and uncounted, only
    // while the context exists: it cannot go while a thread of its own is here.
    bool begin_blocking() override {
        std::lock_guard const lock(mutex_);
        if (ended_)
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

    void begin_close(Errc reason) override {
        std::unique_lock lock(mutex_);
        refuse(reason);
        if (ended_ || close_submitted_)
            return;
        // Nothing under way: the loop need not turn, and perhaps nobody runs it any more.
        if (deliveries_ == 0 && idle())
            return end(lock);
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

    void delivered() noexcept {
        std::unique_lock lock(mutex_);
        if (--deliveries_ == 0 && drained_)
            end(lock);
    }

    void drained() noexcept override {
        std::unique_lock lock(mutex_);
        drained_ = true;
        if (deliveries_ == 0)
            end(lock);
    }

    /// Lets go of the executor, which shares the ownership of this loop, and of the context.
    void end(std::unique_lock<std::mutex>& lock) noexcept {
        auto const self = shared_from_this();
        if (std::exchange(ended_, true))
            return;
        auto executor = take_executor();
        auto threads = std::exchange(threads_, {});  // has the executor, too
        lock.unlock();
        executor = {};
        threads = {};
        if (!is_lost())
            registry_->remove(*this);
        set_closed();  // the context may be gone from here on
    }

    void context_ends() noexcept override {
        auto const self = shared_from_this();
        set_lost();
        start_closing();
        std::lock_guard lock(mutex_);
        take_executor();
    }

    LoopThreads threads_;
    bool const has_one_thread_ = threads_.count == 1;
    boost::asio::execution_context* const context_;
    PortalRegistry* const registry_;
    MemberOperation<Loop, &Loop::start_closing> close_{*this};

    mutable std::mutex mutex_;
    std::size_t deliveries_ = 0;
    bool close_submitted_ = false;
    bool drained_ = false;
    bool ended_ = false;
};

}  // namespace syncopate::detail
