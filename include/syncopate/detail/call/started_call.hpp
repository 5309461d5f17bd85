// StartedCall: a task of RunnerBase::start(), for which a thread waits until it is ready, and nobody afterwards.
#pragma once

#include <syncopate/detail/call/task_call.hpp>
#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/task/awaitable_of.hpp>
#include <syncopate/detail/task/outcome.hpp>
#include <syncopate/detail/wait/one_shot_event.hpp>
#include <syncopate/error.hpp>
#include <syncopate/ready.hpp>

#include <boost/asio/awaitable.hpp>

#include <exception>
#include <memory>
#include <source_location>
#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1::detail {

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
    void fail(std::exception_ptr error) noexcept {
        outcome_.fail(std::move(error));
        done_.set();
    }

    OneShotEvent& done() noexcept { return done_; }
    V take() { return outcome_.take(); }

private:
    Outcome<V> outcome_;
    OneShotEvent done_;
};

/// The task: the user's function, called with a Ready.
template <class V, class F>
struct StartFactory {
    boost::asio::awaitable<void> operator()() { return awaitable_from(function, Ready<V>(start)); }

    F function;
    std::shared_ptr<Start<V>> start;
};

template <class V, class F>
class StartedCall final : public TaskCall<StartFactory<V, F>> {
    using Factory = StartFactory<V, F>;

public:
    /// Blocks until the task is ready.
    static V start(Loop& loop, F function, std::source_location where) {
        auto const start = std::make_shared<Start<V>>();
        Loop::Blocking blocking(loop, start->done());
        loop.require_open();
        std::unique_ptr<StartedCall> call(
            new StartedCall(loop, Factory{std::move(function), start}, start, where));
        call->submit_or_throw();
        call.release();  // it owns itself, and may have been destroyed by now
        blocking.wait();
        loop.require_here();
        return start->take();
    }

private:
    StartedCall(
        Loop& loop, Factory factory, std::shared_ptr<Start<V>> start, std::source_location where)
        : TaskCall<Factory>(loop, std::move(factory), where), start_(std::move(start)) {}

    void released() noexcept override {
        std::unique_ptr<StartedCall> const self(this);
        bool const was_closed = this->was_cancelled() && this->reason() == Errc::runner_closed;
        auto& outcome = this->final_outcome();
        auto error = outcome.error();
        outcome.reset();
        if (!start_->is_done())
            return start_->fail(error ? std::move(error) : this->loop().error(Errc::never_ready));
        if (error && !was_closed)
            this->loop().report(std::move(error));
    }

    std::shared_ptr<Start<V>> const start_;
};

}  // namespace syncopate::inline v0_1::detail
