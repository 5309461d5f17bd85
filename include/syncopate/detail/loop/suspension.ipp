// The functions of Suspension, and those of ContextGate that use it.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/intrusive_list.hpp>
#include <syncopate/detail/intrusive_pointer.hpp>
#include <syncopate/detail/loop/context_gate.hpp>
#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/loop/task_listing.hpp>
#include <syncopate/detail/separate.hpp>
#include <syncopate/detail/task/caller_executor.hpp>
#include <syncopate/detail/task/task_id.hpp>
#include <syncopate/detail/task/turn_gate.hpp>
#include <syncopate/detail/wait/kept_for_ever.hpp>

#include SYNCOPATE_ASIO(any_io_executor.hpp)
#include SYNCOPATE_ASIO(execution/outstanding_work.hpp)
#include SYNCOPATE_ASIO(post.hpp)
#include SYNCOPATE_ASIO(prefer.hpp)

#include <algorithm>
#include <chrono>
#include <mutex>
#include <new>
#include <thread>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1::detail {

SYNCOPATE_DECL Suspension::Suspension(asio::any_io_executor const& executor)
    : gate_(ContextGate::of(executor)), task_(task_of(executor)),
      executor_(asio::prefer(executor, asio::execution::outstanding_work.tracked)),
      is_direct_(gate_->loop() && runs_on_io_context(executor)),
      turns_(gate_->loop() ? nullptr : gate_of(executor)) {}

SYNCOPATE_DECL void Suspension::resume_soon() noexcept {
    IntrusivePointer<Suspension> const self(this);
    while (!try_resume_soon(self))
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

SYNCOPATE_DECL bool Suspension::try_resume_soon(IntrusivePointer<Suspension> self) noexcept {
    if (was_forked())
        return true;
    try {
        gate_->if_open([&] {
            if (!is_direct_)
                return asio::post(executor_, [self] { self->resume(); });
            gate_->loop()->submit(resume_);
            self.detach();  // it belongs to the operation from here on
        });
    } catch (std::bad_alloc const&) {
        return false;
    }
    return true;
}

SYNCOPATE_DECL TaskId Suspension::task_of(asio::any_io_executor const& executor) noexcept {
    auto const caller = caller_of(executor);
    if (auto const* const thread = caller ? caller->thread() : nullptr)
        return thread->task ? *thread->task : 0;
    return task_here();
}

SYNCOPATE_DECL TaskId Suspension::task_here() noexcept {
    auto const* const loop = Loop::of_this_thread();
    return loop ? loop->task_on_thread() : 0;
}

SYNCOPATE_DECL void Suspension::resume() noexcept {
    gate_->remove(*this);
    slot_.clear();
    executor_ = {};
    resumed();
    auto const* const loop = Loop::of_this_thread();
    if (!loop)
        return handler_.resume();
    Loop::TaskOnThread const on_thread(*loop, task_);
    handler_.resume();
}

SYNCOPATE_DECL void ContextGate::add(Suspension& suspension) noexcept {
    std::lock_guard const lock(mutex_);
    suspensions_.push_back(suspension);
}

SYNCOPATE_DECL void ContextGate::remove(Suspension& suspension) noexcept {
    std::lock_guard const lock(mutex_);
    suspension.unlink();
}

SYNCOPATE_DECL std::vector<TaskWait> ContextGate::waits() const {
    std::vector<TaskWait> all;
    std::lock_guard const lock(mutex_);
    suspensions_.for_each([&all](Suspension const& suspension) {
        all.push_back({suspension.task(), suspension.description()});
    });
    return all;
}

SYNCOPATE_DECL bool ContextGate::have_released(TurnGate const& turns) {
    std::vector<IntrusivePointer<Suspension>> shut_out;
    {
        std::lock_guard const lock(mutex_);
        suspensions_.for_each([&](Suspension& suspension) {
            if (suspension.turns_.get() == &turns)
                shut_out.emplace_back(&suspension);
        });
    }
    return std::ranges::all_of(
        shut_out, [](auto const& suspension) { return suspension->is_released(); });
}

SYNCOPATE_DECL void ContextGate::tell_of_end() noexcept {
    std::vector<IntrusivePointer<Suspension>> all;
    try {
        std::lock_guard const lock(mutex_);
        suspensions_.for_each([&all](Suspension& suspension) { all.emplace_back(&suspension); });
    } catch (std::bad_alloc const&) {
        return;  // who closes waits for the threads
    }
    for (auto const& suspension : all)
        suspension->loop_has_ended();
}

SYNCOPATE_DECL Suspension* ContextGate::take_newest() noexcept {
    std::lock_guard const lock(mutex_);
    if (suspensions_.empty())
        return nullptr;
    Suspension& newest = suspensions_.back();
    newest.unlink();
    return &newest;
}

SYNCOPATE_DECL bool ContextGate::drop_what_is_released() noexcept {
    // To drop a coroutine may lead back here, so the lock is not held. No other thread adds or removes now.
    IntrusiveList<Suspension> in_use;
    while (Suspension* const newest = take_newest()) {
        IntrusivePointer<Suspension> keep(newest);
        if (newest->was_forked())
            keep_for_ever(std::move(keep));
        else if (newest->is_released())
            newest->drop();
        else
            in_use.push_back(*newest);
    }
    bool const was_all = in_use.empty();
    while (!in_use.empty()) {
        Suspension& oldest = in_use.back();
        oldest.unlink();
        add(oldest);
    }
    return was_all;
}

}  // namespace syncopate::inline v0_1::detail
