// BlockingCall: a call in the frame of the thread that blocks on it.
#pragma once

#include <syncopate/concepts.hpp>
#include <syncopate/detail/call/call.hpp>
#include <syncopate/detail/call/task_call.hpp>
#include <syncopate/detail/foreign/foreign_task.hpp>
#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/values/task_values.hpp>
#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/detail/wait/one_shot_event.hpp>
#include <syncopate/detail/wait/platform.hpp>
#include <syncopate/detail/work/calling_thread.hpp>
#include <syncopate/error.hpp>

#include <algorithm>
#include <chrono>
#include <concepts>
#include <source_location>
#include <stop_token>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// A call in the frame of the thread that blocks on it.
template <Task T>
// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): it is destroyed as what it was made
class BlockingCall : public TaskCall<T> {
public:
    using Result = task_result_t<T>;

    /// values: nothing, or as for SpawnedTask.
    template <std::same_as<TaskValuesPointer>... Values>
    BlockingCall(Loop& loop, T&& task, std::source_location where, Values const&... values)
        : TaskCall<T>(loop, std::forward<T>(task), where, values...) {}

    /// Runs the task. When the deadline passes first, the task is cancelled and its end awaited; one that has not
    /// begun never begins. A deadline that has passed already is no reason not to begin: see time_to_begin.
    Result run(
        Deadline deadline = no_deadline,
        BlockingWait::Refuse refused = BlockingWait::Refuse::blocking) {
        Loop::Blocking blocking(this->loop(), done_, refused);
        if constexpr (!CleanUpTask<T>) {
            this->loop().require_open();
            if (blocking.fiber() && refused == BlockingWait::Refuse::blocking) [[unlikely]]
                return run_in_fiber(blocking, [&] { submit_and_wait(blocking, deadline, true); });
        }
        submit_and_wait(blocking, deadline, false);
        return this->final_outcome().take();
    }

    /// Runs the task, unless a stop has been requested already. When it is requested later, the task is
    /// cancelled and its end awaited.
    Result run(std::stop_token stop) {
        Loop::Blocking blocking(this->loop(), done_);
        this->loop().require_open();
        if (stop.stop_requested())
            this->loop().throw_error(Errc::cancelled);
        thread_.may_give_up = stop.stop_possible();
        auto const run = [&] {
            submit(blocking);  // first, so that there is something to withdraw
            std::stop_callback const on_stop(
                std::move(stop), [this]() noexcept { this->withdraw_or_cancel(Errc::cancelled); });
            thread_.wait(blocking);
        };
        if (blocking.fiber()) [[unlikely]]
            return run_in_fiber(blocking, run);
        run();
        return this->final_outcome().take();
    }

protected:
    void submit(Loop::Blocking const& blocking) noexcept {
        thread_.blocks_in(blocking);
        thread_.task = &this->id();
        this->set_blocked_thread(thread_);
        Call::submit();
    }

    void released() noexcept override {
        thread_.close();
        done_.set();
    }

    /// Submits and waits, by `run()`. A request to stop the fiber's task cancels this one, and its end is awaited.
    template <std::invocable Run>
    [[gnu::noinline]] Result run_in_fiber(Loop::Blocking const& blocking, Run run) {
        auto stop = [this]() noexcept { this->withdraw_or_cancel(Errc::cancelled); };
        FiberScope::Stoppable const stoppable(blocking.fiber(), stop);
        thread_.may_give_up = true;
        run();
        if (this->was_cancelled() && this->reason() != Errc::timed_out)
            stoppable.set_delivered();
        return this->final_outcome().take();
    }

    alignas(cache_line) OneShotEvent done_;
    CallingThread thread_{done_};

private:
    // Inlined: a short call would notice.
    [[gnu::always_inline]] void submit_and_wait(
        Loop::Blocking& blocking, Deadline deadline, bool may_give_up) {
        if (deadline == no_deadline) {
            thread_.may_give_up = may_give_up;
            submit(blocking);
            return thread_.wait(blocking);
        }
        auto const begin_by = (std::max)(deadline, Deadline::clock::now() + time_to_begin);
        submit(blocking);
        if (!thread_.wait_until(blocking, deadline) && !wait_for_begin(blocking, begin_by)) {
            this->withdraw_or_cancel(Errc::timed_out);
            thread_.wait(blocking);
        }
    }

    /// Waits until the loop has begun with the task, or the deadline passes. Nobody tells of the begin, so it is
    /// looked for, ever less often. Returns whether the task has ended.
    bool wait_for_begin(Loop::Blocking& blocking, Deadline deadline) {
        auto pause = std::chrono::microseconds(20);
        while (!this->has_begun()) {
            auto const now = Deadline::clock::now();
            if (now >= deadline)
                return false;
            if (thread_.wait_until(blocking, (std::min<Deadline>)(deadline, now + pause)))
                return true;
            pause *= 2;
        }
        return false;
    }

    /// What a task gets to begin, however short its time: the loop may have to start a thread, or wake one.
    static constexpr std::chrono::milliseconds time_to_begin{100};
};

}  // namespace syncopate::inline v0_1::detail
