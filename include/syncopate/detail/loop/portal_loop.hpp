// PortalLoop: a loop that somebody else runs. Operations reach it through its executor.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/deadlock/host_threads.hpp>
#include <syncopate/detail/deadlock/thread_probe.hpp>
#include <syncopate/detail/loop/context_gate.hpp>
#include <syncopate/detail/loop/desertion.hpp>
#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/loop/loop_threads.hpp>
#include <syncopate/detail/loop/operation.hpp>
#include <syncopate/detail/loop/portal_registry.hpp>
#include <syncopate/detail/loop/traced_executor.hpp>
#include <syncopate/detail/separate.hpp>
#include <syncopate/detail/system/forks.hpp>
#include <syncopate/detail/task/caller_executor.hpp>
#include <syncopate/detail/task/pooled_coroutine.hpp>
#include <syncopate/detail/task/task_executor.hpp>
#include <syncopate/detail/task/turn_gate.hpp>
#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/detail/wait/one_shot_event.hpp>
#include <syncopate/error.hpp>
#include <syncopate/options.hpp>

#include SYNCOPATE_ASIO(any_io_executor.hpp)
#include SYNCOPATE_ASIO(execution/context.hpp)
#include SYNCOPATE_ASIO(execution_context.hpp)
#include SYNCOPATE_ASIO(query.hpp)
#include SYNCOPATE_ASIO(strand.hpp)

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1::detail {

class PortalLoop final : public Loop, private RegisteredPortal, private HostThreads {
public:
    template <class Executor>
    static std::shared_ptr<PortalLoop> create(Executor const& executor, Options options) {
        return create(executor, std::move(options), threads_of(executor));
    }

    template <class Executor>
    static std::shared_ptr<PortalLoop> create(
        Executor const& executor, Options options, LoopThreads threads) {
        asio::execution_context& execution_context =
            asio::query(executor, asio::execution::context);
        // An execution context ends its services newest first. Made in this order, the registry ends before
        // the strands: it has marked the portals lost when the strands drop their operations.
        static_cast<void>(asio::make_strand(executor));
        auto gate = ContextGate::of(executor);  // keeps this executor, and not the portal's strand
        auto loop = std::make_shared<PortalLoop>(
            std::move(options), std::move(threads), execution_context, std::move(gate));
        ExecutorCorePointer const core(
            new ExecutorCore(serial(executor, loop), without_strand(executor), loop->turns_));
        using Kind = TaskExecutor::Kind;
        loop->strand_ = TaskExecutor(core, nullptr, Kind::of_loop);
        loop->set_executor(
            TaskExecutor(core, nullptr, loop->may_be_deserted_ ? Kind::gated : Kind::of_loop));
        loop->registry_->add(*loop);
        loop->HostThreads::enlist();
        return loop;
    }

    PortalLoop(
        Options options,
        LoopThreads threads,
        asio::execution_context& execution_context,
        std::shared_ptr<ContextGate> gate)
        : Loop(std::move(options), "BlockingPortal"), threads_(std::move(threads)),
          execution_context_(&execution_context), gate_(std::move(gate)),
          registry_(&asio::use_service<PortalRegistry>(execution_context)) {}

    /// For a host whose loop a thread of its own can turn while it waits: then it does.
    ///
    /// wake_after: has the host turn once more, when the deadline has come.
    struct Turning {
        std::function<void()> turn;
        std::function<void(Deadline)> wake_after;
    };
    /// Before the loop is used.
    void set_turning(Turning turning) { turning_ = std::move(turning); }
    /// Lives as long as the loop.
    void keep(std::shared_ptr<void> object) { kept_ = std::move(object); }
    /// The execution context does not go on.
    void fail() noexcept { execution_context_ends(); }

    SYNCOPATE_DECL void submit(Operation& operation) override;

    /// The caller may be turning its host's loop, which sleeps.
    SYNCOPATE_DECL void wake_caller() noexcept override;

    bool withdraw(Operation& operation) noexcept override {
        return running_tasks().locked([&] { return submitted_.remove(operation); });
    }

    /// Whoever has nothing to do here may stop running the executor.
    bool should_turn() const noexcept override { return running_tasks().has_any() || has_queued(); }

    SYNCOPATE_DECL void post_probe(std::shared_ptr<std::atomic<bool>> called) override;

    asio::any_io_executor open_executor();

    CoroutinePool* coroutine_pool() noexcept override { return coroutines_.get(); }

    LoopIdentity identity() const noexcept override {
        return {&options().name(), this, execution_context_, thread_count_, probe_.get()};
    }

    SYNCOPATE_DECL void abandon() noexcept override;

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

    bool has_queued() const noexcept {
        return running_tasks().locked([this] { return !submitted_.empty(); });
    }

    // Calls to one portal run one after another. A strand does that already.
    template <class Inner>
    static asio::any_io_executor serial(
        asio::strand<Inner> const& executor, std::shared_ptr<Loop> loop) {
        return TracedExecutor(executor, std::move(loop));
    }
    template <class Executor>
    static asio::any_io_executor serial(Executor const& executor, std::shared_ptr<Loop> loop) {
        return asio::make_strand(TracedExecutor(executor, std::move(loop)));
    }

    void describe_host(HostThread& thread) const override {
        thread.identity = {nullptr, nullptr, execution_context_, thread_count_, nullptr};
        thread.name = options().name();
    }
    bool runs_on_this_thread() const override { return threads_.include_this_one(); }

    // A thread of the execution context that blocks takes one thread from it, and is counted. The context
    // outlives the count: it cannot be destroyed while a thread of its own is here.
    SYNCOPATE_DECL bool begin_blocking(FiberScope* fiber) override;
    void end_blocking() noexcept override { registry_->leave(); }

    bool block(OneShotEvent& event, Deadline deadline) noexcept override {
        if (turning_.turn && threads_.include_this_one())
            return turn_until(event, deadline);
        return block(deadline, [&event](Deadline until) { return event.wait_until(until); });
    }
    bool block_fiber(
        FiberScope& fiber,
        OneShotEvent& event,
        Deadline deadline,
        FiberScope::Others others) noexcept override {
        return block(
            deadline, [&](Deadline until) { return fiber.wait_until(event, until, others); });
    }
    template <class Wait>
    bool block(Deadline deadline, Wait wait) noexcept {
        if (!may_be_deserted_)
            return wait(deadline);
        Desertion desertion;
        for (bool is_late = false;;) {
            auto const look = deadline_after(Desertion::look_after);
            if (wait(is_late ? look : (std::min)(deadline, look)))
                return true;
            is_late = Deadline::clock::now() >= deadline;
            auto const found = look_at(desertion, is_late);
            if (found == Desertion::Found::deserted)
                give_up();
            else if (is_late && found == Desertion::Found::alive)
                return false;
        }
    }

    bool turn_until(OneShotEvent& event, Deadline deadline) noexcept;

    Desertion::Found look_at(Desertion& desertion, bool is_late) noexcept;

    bool has_counted_threads() const noexcept { return thread_count_ > 0 && !probe_; }

    /// Ends what waits for the loop, with Errc::loop_failed. By a thread that waits, and may call this again: it does
    /// nothing while a handler of a task runs, or a worker uses what a task owns.
    void give_up() noexcept;

    /// Where nothing has begun: tells those who wait. The portal can be used when somebody runs the context again.
    void refuse_what_waits() noexcept;

    /// Runs the operations that wait: each finds that it is lost or refused, and tells its caller.
    void run_what_waits() noexcept;

    bool is_closing() const noexcept {
        std::lock_guard const lock(mutex_);
        return close_submitted_;
    }

    void add_queued_operations(std::vector<Operation*>& operations) const override {
        submitted_.for_each([&](Operation& operation) { operations.push_back(&operation); });
    }
    void withdraw_operations(
        OperationList::Filter filter, OperationList& withdrawn) noexcept override {
        submitted_.move_if(filter, withdrawn);
    }
    /// Whether a post wakes a thread is the executor's business.
    std::uint64_t wake_ups() const noexcept override {
        std::lock_guard const lock(mutex_);
        return posts_;
    }
    std::vector<TaskWait> task_waits() const override { return gate_->waits(); }
    std::string pool_work() const override { return gate_->work(); }
    SYNCOPATE_DECL std::string obstacle_to_closing() const override;

    SYNCOPATE_DECL void begin_close(Errc reason) override;

    void deliver() noexcept;

    SYNCOPATE_DECL void unwound() noexcept override;

    /// Gives up the executor, which shares the ownership of this loop, and with it the execution context.
    /// The loop is closed then.
    void detach(std::unique_lock<std::mutex>& lock) noexcept;

    SYNCOPATE_DECL void execution_context_ends() noexcept override;

    std::shared_ptr<void> kept_;
    Turning turning_;
    LoopThreads threads_;
    std::size_t const thread_count_ = threads_.count;
    std::shared_ptr<ThreadProbe> const probe_ =
        threads_.post ? std::make_shared<ThreadProbe>(std::exchange(threads_.post, nullptr))
                      : nullptr;
    bool const may_be_deserted_ = threads_.have_left && probe_;
    // The process in which the portal was made, and the last in which its executor has run something. In the child of
    // a fork there is nobody to wait for unless the executor is run there, too.
    unsigned const made_in_ = this_process();
    std::atomic<unsigned> ran_in_{0};
    TurnGatePointer const turns_{new TurnGate};
    asio::any_io_executor strand_;  // on which everything runs; without the gate
    asio::execution_context* const execution_context_;
    std::shared_ptr<ContextGate> const gate_;
    PortalRegistry* const registry_;
    std::shared_ptr<CoroutinePool> const coroutines_ = CoroutinePool::shared();
    MemberOperation<LoopLifetime, &LoopLifetime::start_closing> close_{*this};

    std::mutex giving_up_mutex_;
    mutable std::mutex mutex_;
    OperationList submitted_;  // under the lock of the running tasks
    std::size_t deliveries_ =
        0;  // handlers of the executor's that have not ended; the withdrawn ones' too
    std::uint64_t posts_ = 0;
    bool close_submitted_ = false;
    bool waits_for_deliveries_ = false;
    bool is_detached_ = false;
};

}  // namespace syncopate::inline v0_1::detail

#ifndef SYNCOPATE_SEPARATE_COMPILATION
#include <syncopate/detail/loop/portal_loop.ipp>
#endif
