// ReadAheadSource: the consumer's end of a Pump, for a range.
#pragma once

#include <syncopate/detail/iteration/close_iteration.hpp>
#include <syncopate/detail/iteration/iteration.hpp>
#include <syncopate/detail/iteration/pump.hpp>
#include <syncopate/detail/iteration/range_source.hpp>
#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/detail/wait/kept_for_ever.hpp>
#include <syncopate/error.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <source_location>
#include <stop_token>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// A stop request ends it for good: it is told of once, and what waits in the ring is dropped.
template <IterableSource S>
class ReadAheadSource final : public RangeSource<typename Iteration<S>::Item> {
    using Item = typename Iteration<S>::Item;

public:
    ReadAheadSource(
        Loop& loop, S&& source, std::size_t count, std::stop_token stop, std::source_location where)
        : pump_(std::make_shared<Pump<S>>(loop, std::forward<S>(source), count, where)),
          stop_(std::move(stop)), on_stop_(std::in_place, stop_, Canceller{pump_.get()}) {
        pump_->start();
    }

    std::optional<Item> next() override {
        return stop_.stop_requested() ? stopped() : pump_->next(no_deadline);
    }

    std::optional<Item> next_until(Deadline deadline) override {
        return stop_.stop_requested() ? stopped() : pump_->next(deadline);
    }

    void close() noexcept override {
        if (pump_->loop().was_forked())
            return keep_for_ever(std::move(pump_));
        on_stop_.reset();
        pump_->end();
    }

private:
    std::optional<Item> stopped() {
        if (!std::exchange(is_stopped_, true))
            pump_->loop().throw_error(Errc::cancelled);
        return std::nullopt;
    }

    struct Canceller {
        Pump<S>* pump;
        void operator()() const noexcept { pump->withdraw_or_stop(); }
    };

    std::shared_ptr<Pump<S>> pump_;
    std::stop_token stop_;
    std::optional<std::stop_callback<Canceller>> on_stop_;
    bool is_stopped_ = false;
};

}  // namespace syncopate::inline v0_1::detail
