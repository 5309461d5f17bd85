// ClosingThreads: the threads that are blocked in a loop's close(), and call functions for the contexts that this
// leaves.
#pragma once

#include <syncopate/detail/loop/closing_queue.hpp>
#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/wait/one_shot_event.hpp>
#include <syncopate/detail/work/caller_queue.hpp>
#include <syncopate/detail/work/no_calling_thread.hpp>
#include <syncopate/detail/work/work.hpp>
#include <syncopate/event.hpp>

#include <memory>
#include <mutex>

namespace syncopate::inline v0_1::detail {

/// The loop sets the event at its end, on the thread that submits the work. When the event is notified, each
/// waiting thread looks for work; one of them takes the notification.
class ClosingThreads final : public ClosingQueue {
public:
    /// Those of the loop, which keeps them. From any thread. Throws: std::bad_alloc.
    static WorkExecutor& of(Loop& loop) {
        return loop.closing_queue([](OneShotEvent& closed) -> std::unique_ptr<ClosingQueue> {
            return std::make_unique<ClosingThreads>(closed);
        });
    }

    explicit ClosingThreads(OneShotEvent& closed) noexcept : closed_(closed) {}

    void begin_wait() noexcept override {
        std::lock_guard const lock(mutex_);
        ++waiting_;
    }
    void do_work() noexcept override { queue_.run(); }
    void end_wait() noexcept override {
        {
            std::lock_guard const lock(mutex_);
            if (--waiting_ > 0)
                return;
        }
        queue_.refuse(nobody);
    }

    void submit(Work& work) override {
        std::lock_guard const lock(mutex_);
        if (waiting_ == 0)
            throw_no_calling_thread(nobody);
        queue_.push(work);
        closed_.notify();
    }
    void withdraw(Work& work) noexcept override { queue_.withdraw(work); }

    Event::Kind event_kind() const noexcept override { return Event::Kind::to_calling_thread; }
    char const* thread_in_words() const noexcept override {
        return "the thread that closes the runner";
    }

private:
    static constexpr char const* nobody =
        "to_calling_thread() in a context that close() leaves: no thread waits for that any more";

    OneShotEvent& closed_;
    std::mutex mutex_;
    int waiting_ = 0;
    CallerQueue queue_;
};

}  // namespace syncopate::inline v0_1::detail
