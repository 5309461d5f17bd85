// A loop that somebody else runs: calls go to it through its executor.
#pragma once

#include <syncopate/detail/bridge.hpp>
#include <syncopate/detail/loop_threads.hpp>
#include <syncopate/detail/operation.hpp>
#include <syncopate/detail/traced_executor.hpp>
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

class PortalLoop final : public Bridge {
public:
    template <class Executor>
    static std::shared_ptr<PortalLoop> create(Executor const& executor, Options options) {
        boost::asio::execution_context& context =
            boost::asio::query(executor, boost::asio::execution::context);
        auto loop = std::make_shared<PortalLoop>(std::move(options), threads_of(executor), context);
        loop->set_executor(serial(executor, loop));
        return loop;
    }

    PortalLoop(Options options, LoopThreads threads, boost::asio::execution_context& context)
        : Bridge(std::move(options)), threads_(std::move(threads)), context_(context),
          blocked_threads_(boost::asio::use_service<BlockedThreads>(context)) {}

    void submit(Operation& operation) override {
        std::unique_lock lock(mutex_);
        if (ended_)
            throw_error(refusal());
        auto const executor = this->executor();
        ++deliveries_;
        lock.unlock();
        try {
            boost::asio::post(executor, Delivery(*this, operation));
        } catch (...) {
            delivered();
            throw;
        }
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
    // One operation's way to the loop. Where the execution context ends first and takes the handler
    // with it, the operation runs all the same, finds the loop lost, and tells its caller.
    class Delivery {
    public:
        Delivery(PortalLoop& loop, Operation& operation) noexcept
            : loop_(&loop), operation_(&operation) {}
        Delivery(Delivery&& other) noexcept
            : loop_(other.loop_), operation_(std::exchange(other.operation_, nullptr)) {}
        Delivery& operator=(Delivery&&) = delete;
        ~Delivery() {
            if (!operation_)
                return;
            loop_->set_lost();
            (*this)();
        }
        void operator()() noexcept {
            std::exchange(operation_, nullptr)->run();
            loop_->delivered();
        }

    private:
        PortalLoop* loop_;
        Operation* operation_;
    };

    // Calls to one portal run one after another. A strand does that already.
    template <class Inner>
    static boost::asio::any_io_executor serial(boost::asio::strand<Inner> const& executor,
                                               std::shared_ptr<Bridge> loop) {
        return TracedExecutor(executor, std::move(loop));
    }
    template <class Executor>
    static boost::asio::any_io_executor serial(Executor const& executor,
                                               std::shared_ptr<Bridge> loop) {
        return boost::asio::make_strand(TracedExecutor(executor, std::move(loop)));
    }

    void delivered() noexcept {
        std::lock_guard lock(mutex_);
        --deliveries_;
    }

    void const* exclusive_context() const noexcept override {
        return threads_.count == 1 ? &context_ : nullptr;
    }

    void begin_blocking() override {
        if (!threads_.include_this_one() || threads_.count == 0)
            return;
        if (!blocked_threads_.enter(threads_.count))
            throw DeadlockError('"' + options().name() +
                                "\" has no thread left to run the task: all that run its executor "
                                "would be blocked; use co_await");
    }
    void end_blocking() noexcept override {
        if (threads_.include_this_one() && threads_.count != 0)
            blocked_threads_.leave();
    }

    void begin_close(Errc reason) override {
        refuse(reason);
        std::unique_lock lock(mutex_);
        if (std::exchange(close_requested_, true))
            return;
        // Nothing under way: the loop need not turn, and perhaps nobody runs it any more.
        if (deliveries_ == 0 && idle())
            return end();
        lock.unlock();
        try {
            submit(close_);
        } catch (...) {
            lock.lock();
            close_requested_ = false;
            throw;
        }
    }

    void drained() noexcept override {
        std::lock_guard lock(mutex_);
        end();
    }

    // Lets go of the executor, which shares the ownership of this loop.
    void end() noexcept {
        ended_ = true;
        set_executor({});
        set_closed();
    }

    LoopThreads const threads_;
    boost::asio::execution_context& context_;
    BlockedThreads& blocked_threads_;
    MemberOperation<Bridge, &Bridge::start_closing> close_{*this};

    mutable std::mutex mutex_;
    std::size_t deliveries_ = 0;
    bool close_requested_ = false;
    bool ended_ = false;
};

}  // namespace syncopate::detail
