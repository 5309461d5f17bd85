// ThreadLoop: a loop on a thread of its own, which is started by the first use.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/deadlock/serving_scope.hpp>
#include <syncopate/detail/loop/operation.hpp>
#include <syncopate/detail/loop/own_loop.hpp>
#include <syncopate/detail/system/forks.hpp>
#include <syncopate/detail/threads/thread.hpp>
#include <syncopate/detail/threads/thread_hooks.hpp>
#include <syncopate/detail/wait/busy_poll_policy.hpp>
#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/detail/wait/one_shot_event.hpp>
#include <syncopate/detail/wait/spin_then_sleep.hpp>
#include <syncopate/options.hpp>

#include SYNCOPATE_ASIO(io_context.hpp)

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

namespace syncopate::inline v0_1::detail {

class ThreadLoop final : public OwnLoop {
public:
    static std::shared_ptr<ThreadLoop> create(Options options) {
        auto loop = std::make_shared<ThreadLoop>(std::move(options));
        loop->initialise();
        return loop;
    }

    explicit ThreadLoop(Options options) : OwnLoop(std::move(options), "ThreadRunner") {}

    void prepare() override {
        start();
        require_open();
    }

    void submit(Operation& operation) override {
        start();
        OwnLoop::submit(operation);
    }

    /// Starts the thread, if that has not happened yet. Safe for concurrent first use.
    /// Throws: std::system_error if the system has no thread to give; the next use tries again. Errc::forked.
    void start() {
        if (started_.here())
            return;
        require_here();
        std::lock_guard lock(thread_mutex_);
        if (started_.here())
            return;
        require_open();
        thread_ = start_thread([self = shared_from_this(), this] { serve(); });
        thread_id_ = thread_.get_id();
        started_.set_here();
    }

    bool should_turn() const noexcept override { return started_.here() && !is_closed(); }

    bool may_spin() const noexcept override {
        return options().spin().value_or((std::chrono::nanoseconds::max)()) >
               std::chrono::nanoseconds::zero();
    }

    void abandon() noexcept override {
        begin_close(Errc::runner_closed);
        std::lock_guard lock(thread_mutex_);
        if (thread_.joinable())
            thread_.detach();  // the thread shares the ownership of the loop
    }

private:
    void begin_close(Errc reason) noexcept override {
        std::lock_guard lock(thread_mutex_);
        if (!refuse(reason))
            return;
        if (started_.here())
            submit_close();
        else
            set_closed();
    }

    // One closer joins the thread, without the lock: the last objects of the thread's own may themselves want
    // to close. The others wait for the joiner.
    bool after_close(Deadline deadline) override {
        std::unique_lock lock(thread_mutex_);
        while (thread_id_ != std::this_thread::get_id()) {
            if (is_joining_ && !wait_for_joiner(lock, deadline))
                return false;
            if (is_joining_)
                continue;
            if (!thread_.joinable())
                return true;
            is_joining_ = true;
            auto thread = std::move(thread_);
            lock.unlock();
            bool const has_ended = join_until(thread, deadline);
            lock.lock();
            is_joining_ = false;
            thread_ = std::move(thread);
            joiner_is_done_.notify_all();
            if (!has_ended)
                return false;
        }
        return true;
    }

    bool wait_for_joiner(std::unique_lock<std::mutex>& lock, Deadline deadline) {
        auto const is_done = [this] { return !is_joining_; };
        if (deadline != no_deadline)
            return joiner_is_done_.wait_until(lock, deadline, is_done);
        joiner_is_done_.wait(lock, is_done);
        return true;
    }

    bool more_comes() noexcept override {
        if (!is_in_use_here()) [[unlikely]]
            forked_on_loop();
        return busy_poll_.more_comes([this] { return has_calls(); });
    }
    bool should_poll_again(bool worked) noexcept override {
        return busy_poll_.should_poll_again(worked);
    }

    bool block(OneShotEvent& event, Deadline deadline) noexcept override {
        return spin_then_sleep(event, deadline, options().spin());
    }

    /// The only thread of the child is at its end, and has to come there without the loop's other tasks.
    [[noreturn]] void forked_on_loop() noexcept override {
        std::exit(EXIT_SUCCESS);  // NOLINT(concurrency-mt-unsafe): it is the only thread
    }

    // Also where a handler ends the thread by pthread_exit(), which unwinds this.
    void serve() {
        name_this_thread(options().name());
        ServingScope const serving(identity(), ServingScope::Kind::own_thread);
        struct End {
            ThreadLoop& loop;
            ~End() { loop.set_closed(); }
        } const end{*this};
        HookedThread const hooked(options().name(), hooks_);
        struct Remains {
            ThreadLoop& loop;
            ~Remains() { loop.destroy_remains(); }
        } const remains{*this};
        while (!has_unwound())
            turn([](asio::io_context& context) { context.run(); });
    }

    BusyPollPolicy busy_poll_{options().spin()};  // the loop's own
    ThreadHooks const hooks_{
        options().on_thread_start(), options().on_thread_stop(),
        [this](std::exception_ptr error) { report(std::move(error)); }};
    UsedIn started_;
    std::mutex thread_mutex_;
    std::thread thread_;
    std::thread::id thread_id_;
    bool is_joining_ = false;
    std::condition_variable joiner_is_done_;
};

}  // namespace syncopate::inline v0_1::detail
