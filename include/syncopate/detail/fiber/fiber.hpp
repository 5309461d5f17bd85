// Fiber: a synchronous part of a task, on a stack of its own. FiberWait: one wait of it. FunctionFiber: with its function.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/blocking_function.hpp>
#include <syncopate/detail/cancellation/cancellation.hpp>
#include <syncopate/detail/deadlock/fiber_scope.hpp>
#include <syncopate/detail/deadlock/loop_identity.hpp>
#include <syncopate/detail/fiber/fiber_locals.hpp>
#include <syncopate/detail/fiber/fiber_stack.hpp>
#include <syncopate/detail/intrusive_pointer.hpp>
#include <syncopate/detail/loop/context_gate.hpp>
#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/loop/suspension.hpp>
#include <syncopate/detail/task/caller_executor.hpp>
#include <syncopate/detail/task/outcome.hpp>
#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/detail/wait/one_shot_event.hpp>
#include <syncopate/detail/wait/suspended_waits.hpp>

#include SYNCOPATE_ASIO(any_io_executor.hpp)
#include SYNCOPATE_ASIO(steady_timer.hpp)

#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// The coroutine that has the fiber go on waits in it, while the fiber does.
class FiberWait final : public Suspension, public SuspendedWait {
public:
    using OnCancel = std::function<void()>;

    FiberWait(
        asio::any_io_executor const& executor,
        OneShotEvent& event,
        Deadline deadline,
        Others others,
        OnCancel on_cancel)
        : Suspension(executor), SuspendedWait(event.address(), others), event_(event),
          on_cancel_(std::move(on_cancel)) {
        if (deadline == no_deadline)
            return;
        timer_.emplace(executor, deadline);
        timer_->async_wait([self = IntrusivePointer<FiberWait>(this)](auto const& error) {
            if (!error)
                self->end();
        });
    }

private:
    void begin() noexcept override {
        SuspendedWaits::add(*this);
        if (!event_.mark_suspended())
            end();
    }
    void cancelled() noexcept override { on_cancel_(); }
    void resumed() noexcept override { timer_.reset(); }

    std::string description() const override { return "a blocking call in a fiber"; }

    /// The call, which may be another loop's, uses what belongs to the fiber.
    bool is_released() noexcept override {
        if (!event_.is_set())
            on_cancel_();
        return event_.is_set();
    }

    void end() noexcept {
        if (SuspendedWaits::remove(*this))
            resume_soon();
    }
    void keep() noexcept override { intrusive_ptr_add_ref(static_cast<Suspension*>(this)); }
    void go_on() noexcept override {
        IntrusivePointer<FiberWait> const self(this, false);
        resume_soon();
    }

    OneShotEvent& event_;
    OnCancel const on_cancel_;
    std::optional<asio::steady_timer> timer_;
};

using FiberWaitPointer = IntrusivePointer<FiberWait>;

/// Part of a coroutine's frame. The coroutine calls resume() until the fiber has ended, and in between waits in the
/// FiberWait. It is destroyed before that only when its execution context ends; then the function goes on to its end
/// in the destructor, and whatever it wants to wait for is refused.
class Fiber : public FiberScope {
public:
    Fiber(Fiber const&) = delete;
    Fiber& operator=(Fiber const&) = delete;

    // By the coroutine.

    /// Runs the function to its end, or to its next wait.
    void resume() noexcept {
        enter();
        locals_.exchange();
        stack_.resume();
        locals_.exchange();
        leave();
    }
    bool has_ended() const noexcept { return stack_.has_ended(); }
    FiberWait& wait() const noexcept { return *wait_; }

    void cancel() noexcept {
        was_cancelled_ = true;
        request_stop();
    }

    // On the fiber.

    bool wait_until(OneShotEvent& event, Deadline deadline, Others others) noexcept override {
        while (!event.is_signalled()) {
            if (is_abandoned())
                return event.wait_until(deadline);
            if (deadline != no_deadline && Deadline::clock::now() >= deadline)
                return false;
            while (!(wait_ = make_wait(event, deadline, others)))
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
            stack_.suspend();
            wait_.reset();
        }
        return true;
    }

protected:
    /// Throws: std::bad_alloc.
    Fiber(asio::any_io_executor const& executor, std::size_t stack_size)
        : Fiber(executor, ContextGate::of(executor), stack_size) {}
    ~Fiber() = default;

    /// By the destructor of what derives from it.
    void end() noexcept {
        if (!stack_.has_begun())
            return;
        abandon();
        while (!stack_.has_ended())
            resume();
    }

    bool was_cancelled() const noexcept { return was_cancelled_; }

private:
    Fiber(
        asio::any_io_executor const& executor,
        std::shared_ptr<ContextGate> gate,
        std::size_t stack_size)
        : FiberScope(loop_of(*gate), call_of(executor)), gate_(std::move(gate)),
          executor_(executor),
          stack_(
              stack_size,
              [](void* self) noexcept { static_cast<Fiber*>(self)->call_function(); },
              this) {
        SuspendedWaits::prepare();
    }

    virtual void call_function() noexcept = 0;

    /// A portal's execution context belongs to somebody else, so its gate knows no loop.
    static LoopIdentity loop_of(ContextGate const& gate) noexcept {
        auto const* const portal = Loop::of_this_thread();
        return portal && !gate.loop() ? portal->identity() : gate.identity();
    }
    static CallId call_of(asio::any_io_executor const& executor) noexcept {
        auto const caller = caller_of(executor);
        auto const* const thread = caller ? caller->thread() : nullptr;
        return thread ? thread->call : 0;
    }

    /// Null if there is no memory.
    FiberWaitPointer make_wait(OneShotEvent& event, Deadline deadline, Others others) noexcept {
        try {
            return new FiberWait(executor_, event, deadline, others, [this] { cancel(); });
        } catch (...) {
            return nullptr;
        }
    }

    std::shared_ptr<ContextGate> const gate_;  // has the loop's name
    asio::any_io_executor const executor_;
    FiberLocals locals_;
    FiberWaitPointer wait_;
    bool was_cancelled_ = false;
    FiberStack stack_;
};

template <BlockingFunction F>
class FunctionFiber final : public Fiber {
public:
    using Result = std::invoke_result_t<F>;

    FunctionFiber(asio::any_io_executor const& executor, F&& function, std::size_t stack_size)
        : Fiber(executor, stack_size), function_(std::move(function)) {}
    ~FunctionFiber() { end(); }

    /// What the function has returned or thrown.
    Result take_result() {
        if (was_cancelled() && outcome_.error() && is_cancellation(outcome_.error()))
            throw_cancellation();
        return outcome_.take();
    }

private:
    void call_function() noexcept override {
        capture(outcome_, [this]() -> Result { return std::invoke(std::move(*function_)); });
        function_.reset();
    }

    std::optional<F> function_;
    Outcome<Result> outcome_;
};

}  // namespace syncopate::inline v0_1::detail
