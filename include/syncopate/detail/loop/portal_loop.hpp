// PortalLoop: a loop that somebody else runs. Operations reach it through its executor.
#pragma once

#include <syncopate/detail/deadlock/host_threads.hpp>
#include <syncopate/detail/deadlock/thread_probe.hpp>
#include <syncopate/detail/loop/context_gate.hpp>
#include <syncopate/detail/loop/desertion.hpp>
#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/loop/loop_threads.hpp>
#include <syncopate/detail/loop/operation.hpp>
#include <syncopate/detail/loop/portal_registry.hpp>
#include <syncopate/detail/loop/traced_executor.hpp>
#include <syncopate/detail/task/posted_or_dropped.hpp>
#include <syncopate/detail/task/turn_gate.hpp>
#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/detail/wait/one_shot_event.hpp>
#include <syncopate/error.hpp>
#include <syncopate/options.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/strand.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
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
        boost::asio::execution_context& execution_context =
            boost::asio::query(executor, boost::asio::execution::context);
        // An execution context ends its services newest first. Made in this order, the registry ends before
        // the strands: it has marked the portals lost when the strands drop their operations.
        static_cast<void>(boost::asio::make_strand(executor));
        auto gate = ContextGate::of(executor);  // keeps this executor, and not the portal's strand
        auto loop = std::make_shared<PortalLoop>(
            std::move(options), threads_of(executor), execution_context, std::move(gate));
        loop->strand_ = serial(executor, loop);
        if (loop->may_be_deserted_)
            loop->set_executor(GatedAnyExecutor(loop->strand_, loop->turns_));
        else
            loop->set_executor(loop->strand_);
        loop->registry_->add(*loop);
        loop->HostThreads::enlist();
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
        require_here();
        // Posted under the lock and without a copy of the executor: once the loop has the operation, the
        // execution context may end, and a copy would refer to it.
        std::lock_guard lock(mutex_);
        if (is_detached_ || is_lost() || !strand_)
            throw_error(refusal());
        boost::asio::post(strand_, PostedOrDropped(Posted{shared_from_this()}));
        running_tasks().locked([&] { submitted_.push_back(operation); });
        ++deliveries_;
        ++posts_;
    }

    bool withdraw(Operation& operation) noexcept override {
        return running_tasks().locked([&] { return submitted_.remove(operation); });
    }

    /// Whoever has nothing to do here may stop running the executor.
    bool should_turn() const noexcept override { return running_tasks().has_any() || has_queued(); }

    void post_probe(std::shared_ptr<std::atomic<bool>> called) override {
        std::lock_guard const lock(mutex_);
        if (!is_detached_ && strand_)
            boost::asio::post(strand_, [called = std::move(called)]() noexcept {
                called->store(true, std::memory_order_release);
            });
    }

    boost::asio::any_io_executor open_executor() {
        require_here();
        std::lock_guard lock(mutex_);
        require_open();
        return strand_;
    }

    LoopIdentity identity() const noexcept override {
        return {&options().name(), this, execution_context_, thread_count_, probe_.get()};
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

    bool has_queued() const noexcept {
        return running_tasks().locked([this] { return !submitted_.empty(); });
    }

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

    void describe_host(HostThread& thread) const override {
        thread.identity = {nullptr, nullptr, execution_context_, thread_count_, nullptr};
        thread.name = options().name();
    }
    bool runs_on_this_thread() const override { return threads_.include_this_one(); }

    // A thread of the execution context that blocks takes one thread from it, and is counted. The context
    // outlives the count: it cannot be destroyed while a thread of its own is here.
    bool begin_blocking() override {
        std::unique_lock lock(mutex_);
        if (is_detached_)
            return false;
        if (threads_.wait_for_this_one())
            throw_blocks_itself();
        if (threads_.count == 0 || !threads_.include_this_one())
            return false;
        if (registry_->enter(threads_.count))
            return true;
        lock.unlock();
        if (!probe_ || !probe_->finds_another())
            throw DeadlockError(
                '"' + options().name() +
                "\" has no thread left to run the task: all that run its executor "
                "would be blocked; use co_await");
        return false;
    }
    void end_blocking() noexcept override { registry_->leave(); }

    bool block(OneShotEvent& event, Deadline deadline) noexcept override {
        if (!may_be_deserted_)
            return event.wait_until(deadline);
        Desertion desertion;
        for (bool is_late = false;;) {
            auto const look = deadline_after(Desertion::look_after);
            if (event.wait_until(is_late ? look : (std::min)(deadline, look)))
                return true;
            is_late = Deadline::clock::now() >= deadline;
            auto const found = look_at(desertion, is_late);
            if (found == Desertion::Found::deserted)
                give_up();
            else if (is_late && found == Desertion::Found::alive)
                return false;
        }
    }

    Desertion::Found look_at(Desertion& desertion, bool is_late) noexcept {
        if (turns_->is_shut())
            return Desertion::Found::deserted;
        std::lock_guard const lock(mutex_);
        if (is_lost() || is_detached_ || !threads_.have_left)
            return Desertion::Found::alive;
        return desertion.look(threads_, *probe_, is_late);
    }

    /// Ends what waits for the loop, with Errc::loop_failed. By a thread that waits, and may call this again: it does
    /// nothing while a handler of a task runs, or a worker uses what a task owns.
    void give_up() noexcept {
        auto const self = shared_from_this();
        std::unique_lock const giving_up(giving_up_mutex_, std::try_to_lock);
        if (!giving_up || is_closed() || (!turns_->is_shut() && (is_lost() || !turns_->shut())))
            return;
        if (has_no_tasks() && !is_closing())
            return refuse_what_waits();
        if (!is_lost()) {
            set_lost();
            HostThreads::strike_off();
            probe_->detach();
        }
        run_what_waits();
        try {
            if (!gate_->have_released(*turns_))
                return;
        } catch (std::exception const&) {
            return;
        }
        start_closing();
        running_tasks().lose_all();
        registry_->remove(*this);
        std::unique_lock lock(mutex_);
        detach(lock);
    }

    /// Nothing has begun: who waits is told, and the portal can be used when somebody runs the context again.
    void refuse_what_waits() noexcept {
        bool const is_first = refuse(Errc::loop_failed);
        run_what_waits();
        if (is_first)
            accept_again(Errc::loop_failed);
        turns_->open_again();
    }

    /// What is lost or refused, and run, tells its caller so.
    void run_what_waits() noexcept {
        while (Operation* const operation =
                   begin_next([this]() noexcept { return submitted_.pop_front(); }))
            operation->run();
    }

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
        if (turns_->enter()) {
            if (Operation* const operation =
                    begin_next([this]() noexcept { return submitted_.pop_front(); })) {
                lock.unlock();
                operation->run();
                lock.lock();
            }
            turns_->leave();
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
        HostThreads::strike_off();
        if (probe_)
            probe_->detach();
        auto executor = take_executor();
        auto strand = std::exchange(strand_, {});
        auto threads = std::exchange(threads_, {});  // it has the executor, too
        lock.unlock();
        executor = {};
        strand = {};
        threads = {};
        if (!is_lost())
            registry_->remove(*this);
        set_closed();  // the execution context may be destroyed from here on
    }

    void execution_context_ends() noexcept override {
        auto const self = shared_from_this();
        if (was_forked())
            return;
        std::lock_guard const giving_up(giving_up_mutex_);
        if (turns_->is_shut())
            return;
        set_lost();
        HostThreads::strike_off();
        if (probe_)
            probe_->detach();
        start_closing();
        std::lock_guard lock(mutex_);
        take_executor();
        strand_ = {};
    }

    LoopThreads threads_;
    std::size_t const thread_count_ = threads_.count;
    std::shared_ptr<ThreadProbe> const probe_ =
        threads_.post ? std::make_shared<ThreadProbe>(std::exchange(threads_.post, nullptr))
                      : nullptr;
    bool const may_be_deserted_ = threads_.have_left && probe_;
    TurnGatePointer const turns_{new TurnGate};
    boost::asio::any_io_executor strand_;  // on which everything runs; without the gate
    boost::asio::execution_context* const execution_context_;
    std::shared_ptr<ContextGate> const gate_;
    PortalRegistry* const registry_;
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
