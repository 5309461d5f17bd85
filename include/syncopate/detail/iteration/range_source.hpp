// RangeSource: where a BlockingRange gets its items. StepSource: one that hops to the loop for each item.
#pragma once

#include <syncopate/concepts.hpp>
#include <syncopate/detail/call/task_call.hpp>
#include <syncopate/detail/iteration/iteration.hpp>
#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/task/current_values.hpp>
#include <syncopate/detail/task/task_values.hpp>

#include <boost/asio/awaitable.hpp>

#include <exception>
#include <memory>
#include <optional>
#include <source_location>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// Gives items to one consumer thread. After the end, or an exception, there are no more.
template <class T>
class RangeSource {
public:
    RangeSource() = default;
    RangeSource(RangeSource const&) = delete;
    RangeSource& operator=(RangeSource const&) = delete;
    virtual ~RangeSource() = default;

    /// Gives the next item. Blocks until it is there.
    virtual std::optional<T> next() = 0;

    /// Ends the iteration, and cleans up on the loop. Blocks until that is done, except on the loop's own
    /// thread.
    virtual void close() noexcept = 0;
};

/// The task that cleans up an iteration which has been left early.
template <AsyncIterable I>
struct CleanUp {
    using clean_up_tag = void;

    boost::asio::awaitable<void> operator()() const { return iteration->close(); }

    std::shared_ptr<Iteration<I>> iteration;
};

/// Cleans up on the loop. Blocks until that is done; where the wait could never end, the loop does it later.
/// Does nothing after the loop has been closed: there is nothing left to run the clean-up.
template <AsyncIterable I>
void close_iteration(
    Loop& loop,
    std::shared_ptr<Iteration<I>> iteration,
    std::source_location where,
    TaskValuesPointer const& values) noexcept {
    if (!iteration || iteration->is_closed() || loop.is_closed())
        return;
    CleanUp<I> clean_up{std::move(iteration)};
    try {
        try {
            BlockingCall<CleanUp<I>&>(loop, clean_up, where, values)
                .run(no_deadline, BlockingWait::Refuse::cycles);
        } catch (DeadlockError const&) {
            BackgroundCall<CleanUp<I>>::start(loop, std::move(clean_up), where, values);
        }
    } catch (...) {
        if (loop.is_open())
            loop.report(std::current_exception());
    }
}

/// Produces each item when it is asked for, in a task. All of them have the same context variables.
template <AsyncIterable I>
class StepSource final : public RangeSource<iterable_value_t<I>> {
    using Item = iterable_value_t<I>;

public:
    StepSource(std::shared_ptr<Loop> loop, I&& iterable, std::source_location where)
        : loop_(std::move(loop)), where_(where),
          iteration_(std::make_shared<Iteration<I>>(std::forward<I>(iterable))) {}

    std::optional<Item> next() override {
        if (iteration_->is_closed())
            return std::nullopt;
        auto step = [this] { return iteration_->next(); };
        BlockingCall<decltype(step)&> call(*loop_, step, where_, values_);
        return call.run();
    }

    void close() noexcept override {
        close_iteration(*loop_, std::move(iteration_), where_, values_);
    }

private:
    std::shared_ptr<Loop> loop_;
    std::source_location where_;
    std::shared_ptr<Iteration<I>> iteration_;
    TaskValuesPointer const values_ = CurrentValues::of_new_task();
};

}  // namespace syncopate::inline v0_1::detail
