// InterruptibleCall: a call whose task Ctrl-C cancels, in the frame of the thread that blocks on it.
#pragma once

#include <syncopate/concepts.hpp>
#include <syncopate/detail/call/blocking_call.hpp>
#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/threads/descriptor_alarm.hpp>
#include <syncopate/detail/threads/interrupt_listener.hpp>
#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/error.hpp>

#include <algorithm>
#include <chrono>
#include <optional>

namespace syncopate::inline v0_1::detail {

/// A BlockingCall whose task Ctrl-C cancels. The signal comes to the loop, and not to the thread that blocks: that may be
/// busy with what the task has it do, or turn the loop itself. So the loop waits for the listener's descriptor, from
/// just before the task starts until it has ended. Before that the loop may be busy for long, and the thread looks for
/// the signal itself, and withdraws the task.
template <Task T>
class InterruptibleCall final : public BlockingCall<T> {
public:
    using Result = task_result_t<T>;
    using BlockingCall<T>::BlockingCall;

    Result run() {
        Loop::Blocking blocking(this->loop(), this->done_);
        this->loop().require_open();
        auto const run = [&] {
            InterruptListener listener;
            listener_ = &listener;
            this->submit(blocking);
            wait_for_begin(blocking, listener);
            this->thread_.wait(blocking);
        };
        if (blocking.fiber())
            return this->run_in_fiber(blocking, run);
        run();
        return this->final_outcome().take();
    }

private:
    /// Waits until the loop has begun with the task, or it has been withdrawn.
    void wait_for_begin(Loop::Blocking& blocking, InterruptListener& listener) noexcept {
        using namespace std::chrono_literals;
        std::chrono::microseconds pause = 20us;
        while (!this->has_begun()) {
            if (listener.is_interrupted() && this->withdraw(Errc::interrupted))
                return listener.set_heeded();
            if (this->thread_.wait_until(blocking, Deadline::clock::now() + pause))
                return;
            pause = (std::min<std::chrono::microseconds>)(pause * 2, 20ms);
        }
    }

    void starting() override {
        alarm_.emplace(this->loop().executor(), listener_->descriptor(), [this] {
            listener_->set_heeded();
            this->cancel(Errc::interrupted);  // may be the end of the call
        });
    }
    void released() noexcept override {
        alarm_.reset();
        BlockingCall<T>::released();
    }

    InterruptListener* listener_ = nullptr;
    std::optional<DescriptorAlarm> alarm_;  // the loop's
};

}  // namespace syncopate::inline v0_1::detail
