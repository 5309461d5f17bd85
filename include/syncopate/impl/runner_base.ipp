// The functions of RunnerBase that are no templates.
#pragma once

#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/separate.hpp>
#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/detail/wait/kept_for_ever.hpp>
#include <syncopate/detail/watch/stall_watch.hpp>
#include <syncopate/error.hpp>
#include <syncopate/stats.hpp>
#include <syncopate/task_info.hpp>

#include <exception>
#include <memory>
#include <optional>
#include <ostream>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1 {

SYNCOPATE_DECL void RunnerBase::close() {
    if (!loop_->close_until(detail::deadline_after(loop_->options().close_timeout())))
        loop_->throw_close_timed_out();
    rethrow_exit_error();
}

SYNCOPATE_DECL std::vector<TaskInfo> RunnerBase::tasks() const {
    return loop_->tasks();
}

SYNCOPATE_DECL void RunnerBase::dump(std::ostream& out) const {
    out << loop_->dump();
}

SYNCOPATE_DECL Stats RunnerBase::stats() const {
    return loop_->stats();
}

SYNCOPATE_DECL RunnerBase::RunnerBase(std::shared_ptr<detail::Loop> loop)
    : loop_(std::move(loop)), watch_(std::in_place, loop_) {}

SYNCOPATE_DECL void RunnerBase::replace_forked(std::shared_ptr<detail::Loop> loop) {
    watch_.emplace(loop);
    detail::keep_for_ever(std::exchange(loop_, std::move(loop)));
}

SYNCOPATE_DECL RunnerBase::~RunnerBase() {
    if (!loop_->is_usable_here()) {
        detail::keep_for_ever(std::move(loop_));
        return;
    }
    auto const limit = loop_->options().close_timeout();
    auto deadline = detail::deadline_after(limit);
    for (bool closed = false; !closed;) {
        try {
            closed = loop_->close_until(deadline, detail::BlockingWait::Refuse::cycles);
            if (!closed)
                loop_->throw_close_timed_out();
        } catch (DeadlockError const&) {
            loop_->abandon();
            closed = true;
        } catch (...) {
            loop_->report(std::current_exception());
            // A limit of zero has elapsed once and for all.
            deadline = limit.count() > 0 ? detail::deadline_after(limit) : detail::no_deadline;
        }
    }
    if (auto error = loop_->take_last_exit_error())
        loop_->report(std::move(error));
}

SYNCOPATE_DECL void RunnerBase::rethrow_exit_error() {
    if (auto error = loop_->take_exit_error())
        std::rethrow_exception(std::move(error));
}

}  // namespace syncopate::inline v0_1
