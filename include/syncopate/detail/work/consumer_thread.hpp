// ConsumerThread: the thread that takes what a task produces, and calls functions for the task whenever it waits.
#pragma once

#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/loop/work_executor.hpp>
#include <syncopate/detail/task/caller_link.hpp>
#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/detail/wait/one_shot_event.hpp>
#include <syncopate/detail/work/caller_queue.hpp>
#include <syncopate/detail/work/no_calling_thread.hpp>
#include <syncopate/detail/work/work.hpp>
#include <syncopate/error.hpp>
#include <syncopate/event.hpp>

#include <atomic>
#include <mutex>

namespace syncopate::inline v0_1::detail {

/// Unlike a CallingThread it waits now and then, each time for another event. Meanwhile the work is kept for it.
///
/// The event for which it waits is published under the mutex, and taken back under it: so it exists while it is
/// notified. has_work_ is a hint: it is set after the push, and cleared before the queue is emptied; the lock of
/// the queue orders the rest. So it may say that there is work where there is none any more, and not the other
/// way round.
class ConsumerThread final : public BlockedThread, public WorkExecutor {
public:
    ConsumerThread() noexcept { caller_queue = this; }
    ConsumerThread(ConsumerThread const&) = delete;
    ConsumerThread& operator=(ConsumerThread const&) = delete;

    // On the consumer's thread.

    bool has_work() const noexcept { return has_work_.load(std::memory_order_relaxed); }

    /// False: see CallerQueue::run(). Only pthread_exit() leaves it otherwise.
    bool do_work() {
        return do_work([] {});
    }

    /// Throws: DeadlockError if the thread does work for the task, which does not go on before that is done.
    void require_idle() const {
        if (depth_ > 0)
            throw DeadlockError(
                "a function of to_calling_thread() waits for an item of the very range whose task waits "
                "for the function");
    }

    /// Waits, and does the work that comes meanwhile. Returns whether the event was set before the deadline,
    /// which interrupts no work. Only pthread_exit() leaves it otherwise, after the event has been set.
    bool wait_until(Loop::Blocking& blocking, OneShotEvent& event, Deadline deadline) {
        Waiting const waiting(*this, event);
        while (blocking.wait_until(deadline)) {
            if (event.is_set() || !event.take_notification())
                return true;
            if (!do_work([&] { queue_.refuse_until_set(blocking, event); }))
                return true;
        }
        return false;
    }

    // On the loop.

    void submit(Work& work) override {
        std::lock_guard const lock(mutex_);
        if (is_leaving_ && !waits_for_)
            throw_no_calling_thread(left);
        queue_.push_or_refuse(work);
        has_work_.store(true, std::memory_order_relaxed);
        if (waits_for_)
            waits_for_->notify();
    }

    void withdraw(Work& work) noexcept override { queue_.withdraw(work); }

    Event::Kind event_kind() const noexcept override { return Event::Kind::to_calling_thread; }
    char const* thread_in_words() const noexcept override {
        return "the thread that takes its items";
    }

    /// The thread may not come again: refuses work, except while it waits.
    void close() noexcept {
        {
            std::lock_guard const lock(mutex_);
            is_leaving_ = true;
            if (waits_for_)
                return;
        }
        queue_.refuse(left);
    }

    /// The task has ended: refuses the work that is left.
    void refuse_rest() noexcept { queue_.refuse(left); }

private:
    template <class Lost>
    bool do_work(Lost lost) {
        has_work_.store(false, std::memory_order_relaxed);
        ++depth_;
        struct Depth {
            ~Depth() { --depth; }
            int& depth;
        } const inside{depth_};
        return queue_.run(lost);
    }

    class Waiting {
    public:
        Waiting(ConsumerThread& thread, OneShotEvent& event) noexcept : thread_(thread) {
            std::lock_guard const lock(thread_.mutex_);
            thread_.waits_for_ = &event;
            if (thread_.has_work())
                event.notify();
        }
        Waiting(Waiting const&) = delete;
        Waiting& operator=(Waiting const&) = delete;
        ~Waiting() {
            bool is_leaving;
            {
                std::lock_guard const lock(thread_.mutex_);
                thread_.waits_for_ = nullptr;
                is_leaving = thread_.is_leaving_;
            }
            if (is_leaving)
                thread_.refuse_rest();
        }

    private:
        ConsumerThread& thread_;
    };

    static constexpr char const* left =
        "to_calling_thread() in the task of a range that has ended, or whose runner is closed";

    std::mutex mutex_;
    OneShotEvent* waits_for_ = nullptr;
    bool is_leaving_ = false;
    CallerQueue queue_;
    std::atomic<bool> has_work_{false};
    int depth_ = 0;  // the consumer's
};

}  // namespace syncopate::inline v0_1::detail
