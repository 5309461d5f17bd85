// The way back to the coroutines of one execution context, for threads that may outlive it.
#pragma once

#include <syncopate/detail/intrusive_list.hpp>
#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/loop/wait_graph.hpp>
#include <syncopate/detail/loop/work_executor.hpp>
#include <syncopate/detail/task/caller_link.hpp>
#include <syncopate/detail/wait/deadline.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/query.hpp>

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

namespace syncopate::detail {

class Suspension;

/// Open as long as the execution context is there. Whoever posts to the context from outside does so
/// under the lock, and so not to a context that has gone.
///
/// The end. The context's shutdown shuts the gate, and then destroys what is pending in the context.
/// What waits for other threads is pending here. It is destroyed last, because what those threads are
/// doing may refer to it, and may wait for something that is pending in the context. So the shutdown
/// posts a handler; when that is destroyed, it destroys here what no thread uses any more, and as long as
/// there is more, posts itself again, behind whatever was posted meanwhile.
class ContextGate {
public:
    static std::shared_ptr<ContextGate> of(boost::asio::any_io_executor const& executor);

    explicit ContextGate(boost::asio::execution_context& context) noexcept : context_(context) {}

    /// The runner's loop, if it owns the context.
    Loop* loop() const noexcept { return loop_; }
    void set_loop(Loop& loop) {
        name_ = loop.options().name();
        may_spin_ = loop.may_spin();
        loop_ = &loop;
    }
    /// Whether it makes sense for a waiting thread to look for what the loop does.
    bool may_spin() const noexcept { return may_spin_; }

    LoopIdentity identity() const noexcept { return {&name_, loop_, &context_}; }

    /// Calls f, unless the gate is shut. Returns whether f succeeded.
    /// Throws: what f throws, unless it is that the loop has ended.
    template <class F>
    bool if_open(F f) {
        std::lock_guard const lock(mutex_);
        if (!is_open_)
            return false;
        try {
            f();
        } catch (std::system_error const&) {
            return false;
        }
        return true;
    }

    /// The threads that do the work of coroutines that do not say who shall. They are closed with the
    /// context.
    /// make: makes them, the first time.
    template <class Make>
    std::shared_ptr<OwnedWorkExecutor> workers(Make make) {
        std::lock_guard const lock(mutex_);
        if (!workers_)
            workers_ = make();
        return workers_;
    }

    /// Closes them, and returns whether they had ended before the deadline.
    bool close_workers(Deadline deadline) noexcept {
        std::unique_lock lock(mutex_);
        auto const workers = workers_;
        lock.unlock();
        return !workers || workers->close_until(deadline);
    }

    /// What they are doing, in words.
    std::string work() const {
        std::lock_guard const lock(mutex_);
        return workers_ ? workers_->description() : std::string();
    }

    // Of Suspension.
    void add(Suspension& suspension) noexcept;
    void remove(Suspension& suspension) noexcept;

private:
    friend class ContextGateService;

    // The handler that destroys, last of all.
    class LastHandler {
    public:
        LastHandler(
            std::shared_ptr<ContextGate> gate, boost::asio::any_io_executor executor) noexcept
            : gate_(std::move(gate)), executor_(std::move(executor)) {}
        LastHandler(LastHandler&&) = default;
        LastHandler& operator=(LastHandler&&) = delete;
        ~LastHandler() {
            if (gate_)
                end();
        }
        void operator()() const noexcept {}

        /// Posts itself. Returns whether it is gone.
        bool post() noexcept {
            LastHandler next(std::move(gate_), executor_);
            try {
                boost::asio::post(executor_, std::move(next));
            } catch (...) {
                gate_ = std::move(next.gate_);  // no memory: it goes on here
            }
            return !gate_;
        }

    private:
        void end() noexcept {
            while (!gate_->drop_what_is_settled()) {
                std::this_thread::sleep_for(std::chrono::microseconds(100));
                if (post())
                    return;
            }
            gate_->close_workers(no_deadline);
        }

        std::shared_ptr<ContextGate> gate_;
        boost::asio::any_io_executor executor_;
    };

    /// Shuts the gate. The context is about to destroy what is pending.
    static void shut(std::shared_ptr<ContextGate> const& gate) noexcept;

    /// Destroys what waits here and is used by nobody. Returns whether that was all.
    bool drop_what_is_settled() noexcept;
    Suspension* take_newest() noexcept;

    boost::asio::execution_context const& context_;
    std::string name_ = "event loop";
    Loop* loop_ = nullptr;
    bool may_spin_ = true;

    mutable std::mutex mutex_;
    bool is_open_ = true;
    IntrusiveList<Suspension> suspensions_;
    boost::asio::any_io_executor executor_;
    std::shared_ptr<OwnedWorkExecutor> workers_;
};

/// Keeps the gate of an execution context, and tells it when that ends.
class ContextGateService final : public boost::asio::execution_context::service {
public:
    inline static boost::asio::execution_context::id id;

    explicit ContextGateService(boost::asio::execution_context& context)
        : service(context), gate_(std::make_shared<ContextGate>(context)) {}

    std::shared_ptr<ContextGate> const& gate() const noexcept { return gate_; }

private:
    void shutdown() override { ContextGate::shut(gate_); }

    std::shared_ptr<ContextGate> const gate_;
};

inline std::shared_ptr<ContextGate> ContextGate::of(boost::asio::any_io_executor const& executor) {
    auto& context = boost::asio::query(executor, boost::asio::execution::context);
    auto gate = boost::asio::use_service<ContextGateService>(context).gate();
    std::lock_guard const lock(gate->mutex_);
    if (!gate->executor_)
        gate->executor_ = without_strand(executor);
    return gate;
}

inline void ContextGate::shut(std::shared_ptr<ContextGate> const& gate) noexcept {
    std::unique_lock lock(gate->mutex_);
    gate->is_open_ = false;
    auto executor = std::move(gate->executor_);
    lock.unlock();
    if (executor)
        static_cast<void>(LastHandler(gate, std::move(executor)).post());
}

}  // namespace syncopate::detail
