// FunctionCall: a plain function's way through a loop, for the thread that blocks until it has returned.
#pragma once

#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/loop/operation.hpp>
#include <syncopate/detail/loop/task_record.hpp>
#include <syncopate/detail/task/event_sink.hpp>
#include <syncopate/detail/task/outcome.hpp>
#include <syncopate/detail/task/owned_or_ref.hpp>
#include <syncopate/detail/wait/one_shot_event.hpp>
#include <syncopate/error.hpp>
#include <syncopate/event.hpp>

#include <concepts>
#include <functional>
#include <source_location>
#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// A plain function, in the frame of the thread that blocks until the loop has called it.
template <std::invocable F>
class FunctionCall final : private TaskRecord, private Operation {
public:
    using Result = std::invoke_result_t<F>;

    FunctionCall(Loop& loop, F&& function, std::source_location where)
        : TaskRecord(where, Kind::function), Operation(&run_function, this), loop_(loop),
          function_(std::forward<F>(function)) {}

    Result run() {
        Loop::Blocking blocking(loop_, done_);
        loop_.require_open();
        FiberScope::throw_if_requested(blocking.fiber());
        loop_.submit(*this);
        blocking.wait();
        return outcome_.take();
    }

private:
    static void run_function(Operation& operation) noexcept {
        static_cast<FunctionCall&>(operation).run_and_release();
    }

    void run_and_release() noexcept {
        capture(outcome_, [this]() -> Result {
            if (auto const refusal = loop_.refusal(); refusal != Errc{})
                loop_.throw_error(refusal);
            if (loop_.events()) [[unlikely]]
                return call_and_tell();
            return std::invoke(std::forward<F>(function_.get()));
        });
        loop_.function_ended();
        release();
    }

    [[gnu::noinline]] Result call_and_tell() {
        EventScope const told(loop_.events().get(), [this] { return event_source(); });
        return std::invoke(std::forward<F>(function_.get()));
    }

    EventSource event_source() const noexcept {
        auto source = TaskRecord::event_source();
        source.kind = Event::Kind::call;
        source.id = source.task = loop_.function_id();
        return source;
    }

    void refuse(Errc reason) noexcept override {
        outcome_.fail(loop_.error(reason));
        release();
    }

    void release() noexcept {
        function_.release();
        done_.set();
    }

    void cancel(Errc) noexcept override {}

    Loop& loop_;
    OwnedOrRef<F> function_;
    Outcome<Result> outcome_;
    OneShotEvent done_;
};

}  // namespace syncopate::inline v0_1::detail
