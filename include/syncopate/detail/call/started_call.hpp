// StartedCall: a task of RunnerBase::start(), for which a thread waits until it is ready, and nobody afterwards.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/call/task_call.hpp>
#include <syncopate/detail/deadlock/fiber_scope.hpp>
#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/task/awaitable_of.hpp>
#include <syncopate/detail/task/outcome.hpp>
#include <syncopate/detail/wait/one_shot_event.hpp>
#include <syncopate/error.hpp>
#include <syncopate/ready.hpp>

#include SYNCOPATE_ASIO(awaitable.hpp)

#include <exception>
#include <memory>
#include <optional>
#include <source_location>
#include <stop_token>
#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1::detail {

// Where it is inlined into much else, GCC 12 warns that the new object is read before it is there.
[[gnu::noinline]] inline std::stop_source new_stop_source() {
    return {};
}

/// Shared by the thread that waits, the task, and its Ready. The first outcome counts: the value that the task is
/// ready with, or its end.
///
/// Memory order. On the loop everything happens one after another. The thread reads the outcome once it has seen the
/// event set, which comes after it.
template <class V>
class Start final : public ReadySink<V> {
public:
    void ready(typename ReadySink<V>::Value value) override {
        if (done_.is_set())
            return;
        if constexpr (std::is_void_v<V>)
            outcome_.emplace();
        else
            outcome_.emplace(std::move(value));
        done_.set();
    }

    bool is_done() const noexcept { return done_.is_set(); }

    /// The task has ended without being ready. Leaves no reference to the error on the loop.
    ///
    /// reason: why it was asked to end, or Errc{}.
    void fail(std::exception_ptr error, Errc reason) noexcept {
        outcome_.fail(std::move(error));
        reason_ = reason;
        done_.set();
    }
    bool was_stopped() const noexcept { return reason_ == Errc::cancelled; }

    OneShotEvent& done() noexcept { return done_; }
    V take() { return outcome_.take(); }

private:
    Outcome<V> outcome_;
    Errc reason_{};
    OneShotEvent done_;
};

/// The task: the user's function, called with a Ready.
template <class V, class F>
struct StartFactory {
    asio::awaitable<void> operator()() { return awaitable_from(function, Ready<V>(start)); }

    F function;
    std::shared_ptr<Start<V>> start;
};

template <class V, class F>
class StartedCall final : public TaskCall<StartFactory<V, F>> {
    using Factory = StartFactory<V, F>;

public:
    /// Blocks until the task is ready. A request to stop the fiber that waits cancels the task, and its end is awaited.
    static V start(Loop& loop, F function, std::source_location where) {
        auto const start = std::make_shared<Start<V>>();
        Loop::Blocking blocking(loop, start->done());
        loop.require_open();
        std::stop_source stop(std::nostopstate);
        if (blocking.fiber()) [[unlikely]]
            stop = new_stop_source();
        auto request_stop = [&stop]() noexcept { stop.request_stop(); };
        FiberScope::Stoppable const stoppable(blocking.fiber(), request_stop);
        std::unique_ptr<StartedCall> call(
            new StartedCall(loop, Factory{std::move(function), start}, start, where));
        // Only a call that has been submitted can end, so this reference is good until then.
        if (stop.stop_possible()) [[unlikely]]
            call->on_stop_.emplace(stop.get_token(), Canceller{call.get()});
        call->submit_or_throw();
        call.release();  // it owns itself, and may have been destroyed by now
        blocking.wait();
        loop.require_here();
        if (start->was_stopped())
            stoppable.set_delivered();
        return start->take();
    }

private:
    struct Canceller {
        StartedCall* call;
        /// A task that is ready goes on: nobody waits for it any more.
        void operator()() const noexcept {
            if (!call->start_->is_done())
                call->withdraw_or_cancel(Errc::cancelled);
        }
    };

    StartedCall(
        Loop& loop, Factory factory, std::shared_ptr<Start<V>> start, std::source_location where)
        : TaskCall<Factory>(loop, std::move(factory), where), start_(std::move(start)) {}

    void released() noexcept override {
        std::unique_ptr<StartedCall> const self(this);
        on_stop_.reset();
        Errc const reason = this->was_cancelled() ? this->reason() : Errc{};
        auto& outcome = this->final_outcome();
        auto error = outcome.error();
        outcome.reset();
        if (!start_->is_done())
            return start_->fail(
                error ? std::move(error) : this->loop().error(Errc::never_ready), reason);
        if (error && reason != Errc::runner_closed)
            this->loop().report(std::move(error));
    }

    std::shared_ptr<Start<V>> const start_;
    std::optional<std::stop_callback<Canceller>> on_stop_;
};

}  // namespace syncopate::inline v0_1::detail
