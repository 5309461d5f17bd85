// ClosingThreads: the threads that are blocked in a loop's close(), and call functions for the contexts that this
// leaves.
#pragma once

#include <syncopate/detail/loop/closing_queue.hpp>
#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/wait/one_shot_event.hpp>
#include <syncopate/detail/work/caller_queue.hpp>
#include <syncopate/detail/work/work.hpp>
#include <syncopate/event.hpp>

#include <atomic>
#include <memory>

namespace syncopate::inline v0_1::detail {

/// The loop sets the event at its end, on the thread that submits the work. When the event is notified, each
/// waiting thread wakes, and one of them takes the notification.
///
/// Memory order. Work is pushed, and then the number of waiting threads is loaded. The last of these takes itself
/// off that number, and then empties the queue. If it found the queue empty before the push, the queue's lock
/// orders its subtraction before the load, which finds none. So nothing is left in the queue for which nobody
/// waits.
class ClosingThreads final : public ClosingQueue {
public:
    /// Those of the loop, which keeps them. From any thread. Throws: std::bad_alloc.
    static WorkExecutor& of(Loop& loop) {
        return loop.closing_queue(
            [](OneShotEvent& closed,
               std::atomic<int> const& waiting) -> std::unique_ptr<ClosingQueue> {
                return std::make_unique<ClosingThreads>(closed, waiting);
            });
    }

    ClosingThreads(OneShotEvent& closed, std::atomic<int> const& waiting) noexcept
        : closed_(closed), waiting_(waiting) {}

    void do_work() override {
        queue_.run([] {});
    }
    void refuse_rest() noexcept override { queue_.refuse(nobody); }

    void submit(Work& work) override {
        queue_.push(work);
        closed_.notify();
        if (waiting_.load(std::memory_order_relaxed) == 0)
            refuse_rest();
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
    std::atomic<int> const& waiting_;
    CallerQueue queue_;
};

}  // namespace syncopate::inline v0_1::detail
