// StepSource: the source of a range that hops to the loop for each item. LongStep: the making of an item for
// which its consumer may give up waiting.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/concepts.hpp>
#include <syncopate/detail/call/blocking_call.hpp>
#include <syncopate/detail/call/task_call.hpp>
#include <syncopate/detail/iteration/close_iteration.hpp>
#include <syncopate/detail/iteration/iteration.hpp>
#include <syncopate/detail/iteration/leftover.hpp>
#include <syncopate/detail/iteration/range_source.hpp>
#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/values/current_values.hpp>
#include <syncopate/detail/values/task_values.hpp>
#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/detail/wait/kept_for_ever.hpp>
#include <syncopate/detail/wait/one_shot_event.hpp>
#include <syncopate/detail/work/consumer_thread.hpp>
#include <syncopate/error.hpp>

#include SYNCOPATE_ASIO(awaitable.hpp)

#include <atomic>
#include <memory>
#include <optional>
#include <source_location>
#include <stop_token>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// The task that makes the next item.
template <IterableSource S>
struct NextStep {
    asio::awaitable<std::optional<typename Iteration<S>::Item>> operator()() const {
        return iteration->next();
    }

    std::shared_ptr<Iteration<S>> iteration;
};

/// Owns itself until its end; the source owns it until it has the item.
///
/// Memory order. The end of the step and a source that goes without awaiting it both mark that in ends_; the
/// second of them has the iteration cleaned up. acq_rel: it comes after all that the other has done.
template <IterableSource S>
class LongStep final : public TaskCall<NextStep<S>>,
                       public std::enable_shared_from_this<LongStep<S>> {
    using Item = typename Iteration<S>::Item;

public:
    LongStep(
        Loop& loop,
        std::shared_ptr<Iteration<S>> iteration,
        std::stop_token stop,
        std::source_location where,
        TaskValuesPointer const& values)
        : TaskCall<NextStep<S>>(loop, NextStep<S>{iteration}, where, values), values_(values),
          keep_loop_(loop.shared_from_this()), iteration_(std::move(iteration)),
          stop_(std::move(stop)), where_(where) {}

    /// Once.
    void start() {
        keep_self_ = this->shared_from_this();
        consumer_.task = &this->id();
        this->set_blocked_thread(consumer_);
        if (stop_.stop_possible())
            on_stop_.emplace(std::move(stop_), Canceller{this});
        this->submit();
    }

    /// Returns whether the step had ended before the deadline.
    bool wait_until(
        Deadline deadline, BlockingWait::Refuse refused = BlockingWait::Refuse::blocking) {
        if (done_.is_set())
            return true;
        consumer_.require_idle();
        Loop::Blocking blocking(this->loop(), done_, refused);
        if (!blocking.fiber() || refused == BlockingWait::Refuse::cycles)
            return consumer_.wait_until(blocking, done_, deadline);
        auto stop = [this]() noexcept { this->withdraw_or_cancel(Errc::cancelled); };
        FiberScope::Stoppable const stoppable(blocking.fiber(), stop);
        bool const has_ended = consumer_.wait_until(blocking, done_, deadline);
        if (has_ended && this->was_cancelled())
            stoppable.set_delivered();
        return has_ended;
    }

    /// After its end, once.
    std::optional<Item> take() { return this->final_outcome().take(); }

    /// The source goes: cancels the step, and waits for its end. Returns whether the source has to clean up; if
    /// not, the wait could never end, and the step does so later.
    bool leave() noexcept {
        this->withdraw_or_cancel(Errc::cancelled);
        try {
            return wait_until(no_deadline, BlockingWait::Refuse::cycles);
        } catch (...) {
            consumer_.close();
            return ends_.fetch_or(source_went, std::memory_order_acq_rel) & step_ended;
        }
    }

    /// After its end: what it has made and nobody has taken.
    Leftover<Item> leftover() {
        Leftover<Item> leftover;
        bool const was_interrupted = this->was_cancelled();
        auto& outcome = this->final_outcome();
        if (was_interrupted)
            leftover.error = interrupted_iteration_error();
        else if (outcome.error())
            leftover.error = outcome.error();
        else if (auto item = outcome.take())
            leftover.items.push_back(std::move(*item));
        return leftover;
    }

private:
    struct Canceller {
        LongStep* step;
        void operator()() const noexcept { step->withdraw_or_cancel(Errc::cancelled); }
    };

    static constexpr unsigned step_ended = 1;
    static constexpr unsigned source_went = 2;

    // Who closes the loop may be the very thread that would take the item.
    void stop(Errc reason) noexcept override {
        if (reason != Errc::cancelled)
            consumer_.close();
        TaskCall<NextStep<S>>::stop(reason);
    }

    void released() noexcept override {
        auto const keep = std::move(keep_self_);
        on_stop_.reset();
        consumer_.refuse_rest();
        bool const clean_up = ends_.fetch_or(step_ended, std::memory_order_acq_rel) & source_went;
        done_.set();
        if (clean_up && !iteration_->is_closed())
            close_iteration_later(this->loop(), std::move(iteration_), where_, values_);
    }

    TaskValuesPointer const values_;
    std::shared_ptr<Loop> const keep_loop_;
    std::shared_ptr<LongStep> keep_self_;
    std::shared_ptr<Iteration<S>> iteration_;
    std::stop_token stop_;
    std::source_location const where_;
    std::atomic<unsigned> ends_{0};
    OneShotEvent done_;
    ConsumerThread consumer_;
    std::optional<std::stop_callback<Canceller>> on_stop_;
};

/// Produces each item when it is asked for, in a task. All of them have the same context variables.
template <IterableSource S>
class StepSource final : public RangeSource<typename Iteration<S>::Item> {
    using Item = typename Iteration<S>::Item;

public:
    StepSource(
        std::shared_ptr<Loop> loop, S&& source, std::stop_token stop, std::source_location where)
        : loop_(std::move(loop)), where_(where), stop_(std::move(stop)),
          iteration_(std::make_shared<Iteration<S>>(std::forward<S>(source))) {}

    std::optional<Item> next() override {
        loop_->require_here();
        if (step_)
            return next_until(no_deadline);
        if (is_at_end())
            return std::nullopt;
        auto step = [this] { return iteration_->next(); };
        BlockingCall<decltype(step)&> call(*loop_, step, where_, values_);
        return stop_.stop_possible() ? ending_if_stopped([&] { return call.run(stop_); })
                                     : call.run();
    }

    std::optional<Item> next_until(Deadline deadline) override {
        loop_->require_here();
        if (!step_) {
            if (is_at_end())
                return std::nullopt;
            loop_->require_other_thread();
            loop_->require_open();
            auto step = std::make_shared<LongStep<S>>(*loop_, iteration_, stop_, where_, values_);
            step->start();
            step_ = std::move(step);
        }
        if (!step_->wait_until(deadline))
            loop_->throw_error(Errc::timed_out);
        auto const step = std::exchange(step_, nullptr);
        return ending_if_stopped([&] { return step->take(); });
    }

    void close() noexcept override {
        if (loop_->was_forked()) {
            keep_for_ever(std::move(step_));
            keep_for_ever(std::move(iteration_));
            return keep_for_ever(loop_);
        }
        if (auto const step = std::move(step_)) {
            if (!step->leave())
                return;
            if (step->has_begun())
                hand_back(*step);
        }
        // Without waiting for a loop that may be busy for long.
        if (iteration_ && iteration_->end_unbegun())
            return iteration_.reset();
        close_iteration(*loop_, std::move(iteration_), where_, values_);
    }

private:
    /// Throws: Errc::cancelled if a stop has been requested; then the range is at its end.
    bool is_at_end() {
        if (!iteration_ || iteration_->is_closed())
            return true;
        if (!stop_.stop_requested())
            return false;
        close();
        loop_->throw_error(Errc::cancelled);
    }

    /// A step that was stopped before it had begun has not ended the iteration.
    template <class Take>
    std::optional<Item> ending_if_stopped(Take take) {
        try {
            return take();
        } catch (...) {
            if (stop_.stop_requested() && !iteration_->is_closed())
                close();
            throw;
        }
    }

    void hand_back([[maybe_unused]] LongStep<S>& step) noexcept {
        if constexpr (Iteration<S>::is_resumable) {
            try {
                iteration_->hand_back(step.leftover());
            } catch (...) {
                loop_->report(std::current_exception());
            }
        }
    }

    std::shared_ptr<Loop> loop_;
    std::source_location where_;
    std::stop_token stop_;
    std::shared_ptr<Iteration<S>> iteration_;
    TaskValuesPointer const values_ = CurrentValues::of_new_task();
    std::shared_ptr<LongStep<S>> step_;  // whose item has not been taken yet
};

}  // namespace syncopate::inline v0_1::detail
