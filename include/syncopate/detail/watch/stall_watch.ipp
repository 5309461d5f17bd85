// The functions of StallWatch, and what it looks at.
#pragma once

#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/separate.hpp>
#include <syncopate/detail/task/task_id.hpp>
#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/detail/watch/stall_watcher.hpp>
#include <syncopate/options.hpp>
#include <syncopate/stall.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1::detail {

class StallWatch::State final : public Watched {
public:
    explicit State(std::shared_ptr<Loop> loop) noexcept : loop_(std::move(loop)) {}

    void look() noexcept override {
        try {
            look_for_block();
            look_for_heedless_tasks();
        } catch (...) {
            // There was no memory; the next look tries again.
        }
    }

    std::chrono::nanoseconds period() const noexcept override {
        using namespace std::chrono_literals;
        return std::clamp<std::chrono::nanoseconds>(threshold() / 2, 1ms, 1s);
    }

private:
    struct Heedless {
        TaskId id;
        Deadline::clock::time_point since;
        bool is_told = false;
    };

    std::chrono::nanoseconds threshold() const noexcept {
        return loop_->options().stall_threshold();
    }

    void look_for_block() {
        auto const now = Deadline::clock::now();
        if (answered_ && (answered_->load(std::memory_order_acquire) || !loop_->should_turn()))
            answered_.reset();
        if (!answered_) {
            if (!loop_->should_turn())
                return;
            auto probe = std::make_shared<std::atomic<bool>>(false);
            answered_ = probe;
            restart(now);
            loop_->post_probe(std::move(probe));
        } else if (loop_->begun_tasks() != begun_) {
            restart(now);  // it has much to do, and does it
        } else if (now - since_ >= threshold() && !std::exchange(is_told_, true)) {
            auto culprit = loop_->culprit();
            tell(
                {Stall::Kind::loop_blocked, std::move(culprit.label), culprit.location,
                 now - since_});
        }
    }

    void restart(Deadline::clock::time_point now) noexcept {
        since_ = now;
        begun_ = loop_->begun_tasks();
        is_told_ = false;
    }

    void look_for_heedless_tasks() {
        auto const now = Deadline::clock::now();
        std::vector<Heedless> seen;
        auto next = heedless_.begin();  // most often they come in the order of the last look
        for (auto const& task : loop_->cancelling_tasks()) {
            auto known = std::ranges::find(next, heedless_.end(), task.id, &Heedless::id);
            if (known == heedless_.end())
                known = std::ranges::find(heedless_, task.id, &Heedless::id);
            bool const is_new = known == heedless_.end();
            auto& one = seen.emplace_back(is_new ? Heedless{task.id, now} : *known);
            if (!is_new)
                next = known + 1;
            if (now - one.since >= threshold() && !std::exchange(one.is_told, true))
                tell(
                    {Stall::Kind::ignores_cancellation, task.label, task.location,
                     now - one.since});
        }
        heedless_ = std::move(seen);
    }

    void tell(Stall const& stall) const noexcept {
        try {
            loop_->options().on_stall()(stall);
        } catch (...) {
            // The handler's own failure has nowhere to go.
        }
    }

    std::shared_ptr<Loop> const loop_;
    std::shared_ptr<std::atomic<bool>> answered_;  // the probe that is under way
    Deadline::clock::time_point since_;
    std::uint64_t begun_ = 0;
    bool is_told_ = false;
    std::vector<Heedless> heedless_;
};

SYNCOPATE_DECL StallWatch::StallWatch(std::shared_ptr<Loop> loop) {
    if (!loop->options().on_stall())
        return;
    state_ = std::make_shared<State>(std::move(loop));
    watcher_ = &StallWatcher::instance();
    watcher_->add(state_);
}

SYNCOPATE_DECL StallWatch::~StallWatch() {
    if (state_)
        watcher_->remove(*state_);
}

}  // namespace syncopate::inline v0_1::detail
