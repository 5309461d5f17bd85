// OwnLoop: base of the loops that own their io_context. Operations reach it through an InjectionQueue.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/error/forced_unwind.hpp>
#include <syncopate/detail/loop/context_gate.hpp>
#include <syncopate/detail/loop/handler_storage.hpp>
#include <syncopate/detail/loop/injection_queue.hpp>
#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/loop/operation.hpp>
#include <syncopate/detail/system/context_shutdown.hpp>
#include <syncopate/detail/system/forks.hpp>
#include <syncopate/detail/task/pooled_coroutine.hpp>
#include <syncopate/detail/wait/parking_spot.hpp>
#include <syncopate/detail/wait/spin_wait.hpp>
#include <syncopate/error.hpp>
#include <syncopate/options.hpp>

#include SYNCOPATE_ASIO(bind_allocator.hpp)
#include SYNCOPATE_ASIO(execution_context.hpp)
#include SYNCOPATE_ASIO(executor_work_guard.hpp)
#include SYNCOPATE_ASIO(io_context.hpp)
#include SYNCOPATE_ASIO(post.hpp)

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1::detail {

/// One turn is one handler of the io_context: it runs a part of the queue, and then lets the io_context run
/// its other handlers. While the loop is parked no turn is posted, and the push that finds it so posts one.
class OwnLoop : public Loop {
public:
    using Loop::Loop;

    void submit(Operation& operation) override {
        if (push(operation) == InjectionQueue::Pushed::refused)
            throw_error(refusal());
    }

    bool withdraw(Operation& operation) noexcept override {
        return running_tasks().locked([&] { return queue_.withdraw(operation); });
    }

    void post_probe(std::shared_ptr<std::atomic<bool>> called) override {
        std::lock_guard const lock(wake_mutex_);
        if (!is_shut_down_)
            asio::post(context_, [called = std::move(called)]() noexcept {
                called->store(true, std::memory_order_release);
            });
    }

    CoroutinePool* coroutine_pool() noexcept override { return &coroutines_; }

    asio::io_context& context() noexcept { return context_; }

    LoopIdentity identity() const noexcept final { return {&options().name(), this, &context_}; }

protected:
    void initialise() {
        set_executor(context_.get_executor());
        gate_.set_loop(*this);
    }

    /// Calls `run`, which runs handlers of the io_context. The exception of a handler is reported. Where one ends the
    /// thread by pthread_exit(), which leaves this, nobody would turn the loop any more: it fails, and unwinds before.
    template <class Run>
    void turn(Run run) {
        try {
            run(context_);
        } catch (ForcedUnwind const&) {
            context_.stop();
            for (go_on(); !has_unwound(); go_on())
                run_without_end();
            throw;
        } catch (...) {
            report(std::current_exception());
        }
        go_on();
    }

private:
    void run_without_end() noexcept {
        try {
            context_.run();
        } catch (...) {
            report(std::current_exception());
        }
    }

    void go_on() noexcept {
        if (context_.stopped() && !has_unwound()) {
            // Stopped by a user. The tasks must unwind all the same, and for that the loop must turn.
            context_.restart();
            if (refuse(Errc::loop_failed))
                submit_close();
        }
        if (has_unwound())
            close_queue();  // runs what came too late, and that finds the loop closed
    }

protected:
    /// Destroys what close() does not wait for: coroutines that were spawned here without the library.
    void destroy_remains() noexcept {
        close_queue();
        {
            std::lock_guard lock(wake_mutex_);
            is_shut_down_ = true;
        }
        work_.reset();  // on Windows Asio waits for what is counted
        system::shut_down(context_, [this] { context_.shutdown(); });
        gate_.destroy_kept();
    }

    void unwound() noexcept override {
        coroutines_.close();
        context_.stop();
    }

    void submit_close() noexcept { push(close_); }

    InjectionQueue::Pushed push(Operation& operation) noexcept {
        auto const pushed = queue_.push(operation);
        if (pushed == InjectionQueue::Pushed::first && spot_.unpark())
            wake();
        return pushed;
    }

    /// What an io_context was made with before a fork is the parent's, too. If the loop was not in use then, the child
    /// makes its own, and registers with that what users have registered.
    void require_own_context() {
        if (made_in_.load(std::memory_order_acquire) == this_process())
            return;
        std::lock_guard const lock(wake_mutex_);
        if (made_in_.load(std::memory_order_relaxed) == this_process())
            return;
        context_.notify_fork(asio::execution_context::fork_child);
        made_in_.store(this_process(), std::memory_order_release);
    }

    ContextGate& gate() noexcept { return gate_; }

    /// Whether an operation has come since the last look.
    bool has_calls() const noexcept { return queue_.has_pushed(); }

private:
    // execution_context::shutdown() is for derived classes.
    struct Context : asio::io_context {
        using execution_context::shutdown;
        using io_context::io_context;
    };

    std::string work_in_hand() const override { return gate_.work(); }

    void add_queued_operations(std::vector<Operation*>& operations) const override {
        queue_.add_waiting_to(operations);
    }
    void withdraw_operations(
        OperationList::Filter filter, OperationList& withdrawn) noexcept override {
        queue_.withdraw_if(filter, withdrawn);
    }
    std::uint64_t wake_ups() const noexcept override {
        std::lock_guard const lock(wake_mutex_);
        return wake_ups_;
    }
    std::vector<TaskWait> task_waits() const override { return gate_.waits(); }
    std::string pool_work() const override { return gate_.work(); }

    /// During a turn: whether the queue holds more, or will very soon.
    virtual bool more_comes() noexcept { return false; }
    /// After a turn that leaves the queue empty: whether to take another after the io_context has run its
    /// handlers, instead of waiting to be woken.
    /// worked: whether this turn ran any operation.
    virtual bool should_poll_again(bool /*worked*/) noexcept { return false; }

    /// By the one thread whose push found the loop parked.
    void wake() noexcept {
        SpinWait::of_this_thread().has_woken_loop();
        // A push may come late, and the io_context must not be shut down during its post.
        std::lock_guard lock(wake_mutex_);
        ++wake_ups_;
        if (!is_shut_down_)
            post_turn();
    }

    /// At most one such handler exists. It is posted by its predecessor, or by the thread that wakes the
    /// parked loop, and has left its storage before it runs.
    void post_turn() noexcept {
        asio::post(
            context_,
            asio::bind_allocator(
                HandlerStorage::Allocator<void>(storage_), [this]() noexcept { turn_queue(); }));
    }

    /// Runs what is in the queue. Then posts the next turn, or parks the loop.
    void turn_queue() noexcept {
        bool worked = false;
        int bursts = bursts_per_turn;
        do
            worked |= queue_.run_some(
                operations_per_turn, [this](auto take) noexcept { return begin_next(take); });
        while (--bursts > 0 && more_comes());
        if (has_calls() || should_poll_again(worked) ||
            !spot_.park([this] { return is_queue_empty(); }))
            post_turn();
    }

    void prepare_first_use() override { require_own_context(); }

    bool is_queue_empty() const noexcept {
        return running_tasks().locked([this] { return queue_.empty(); });
    }

    void close_queue() noexcept {
        queue_.close([this](auto take) noexcept { return begin_next(take); });
    }

    // The most that one turn runs before the io_context runs its other handlers.
    static constexpr std::size_t operations_per_turn = 64;
    static constexpr int bursts_per_turn = 16;

    std::atomic<unsigned> made_in_{this_process()};
    CoroutinePool coroutines_;
    HandlerStorage storage_;
    Context context_{1};
    asio::executor_work_guard<asio::io_context::executor_type> work_{context_.get_executor()};
    ContextGate& gate_ = *asio::use_service<ContextGateService>(context_).gate();
    // Read by every caller that pushes first; the loop writes it only when it parks.
    alignas(cache_line) ParkingSpot spot_;
    mutable std::mutex wake_mutex_;
    bool is_shut_down_ = false;
    std::uint64_t wake_ups_ = 0;
    InjectionQueue queue_;
    MemberOperation<LoopLifetime, &LoopLifetime::start_closing> close_{*this};
};

}  // namespace syncopate::inline v0_1::detail
