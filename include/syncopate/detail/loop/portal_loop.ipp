// The functions of PortalLoop: what passes between its executor, its tasks and the threads that wait for them.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/loop/desertion.hpp>
#include <syncopate/detail/loop/operation.hpp>
#include <syncopate/detail/loop/posted_or_dropped.hpp>
#include <syncopate/detail/separate.hpp>
#include <syncopate/detail/system/forks.hpp>
#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/detail/wait/one_shot_event.hpp>
#include <syncopate/error.hpp>

#include SYNCOPATE_ASIO(any_io_executor.hpp)
#include SYNCOPATE_ASIO(post.hpp)

#include <atomic>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace syncopate::inline v0_1::detail {

SYNCOPATE_DECL void PortalLoop::submit(Operation& operation) {
    require_here();
    if (made_in_ != this_process() && has_counted_threads()) [[unlikely]]
        throw_error(Errc::forked);  // those of a pool are the parent's
    // Posted under the lock and without a copy of the executor: once the loop has the operation, the
    // execution context may end, and a copy would refer to it.
    std::lock_guard lock(mutex_);
    if (is_detached_ || is_lost() || !strand_)
        throw_error(refusal());
    if (threads_.have_ended && threads_.have_ended())
        throw_error(Errc::loop_failed);
    asio::post(strand_, PostedOrDropped(Posted{shared_from_this()}));
    running_tasks().locked([&] { submitted_.push_back(operation); });
    ++deliveries_;
    ++posts_;
}

SYNCOPATE_DECL void PortalLoop::wake_caller() noexcept {
    if (!turning_.turn)
        return;
    try {
        turning_.wake_after(Deadline::clock::now());
    } catch (...) {
        report(std::current_exception());
    }
}

SYNCOPATE_DECL void PortalLoop::post_probe(std::shared_ptr<std::atomic<bool>> called) {
    std::lock_guard const lock(mutex_);
    if (!is_detached_ && strand_)
        asio::post(strand_, [called = std::move(called)]() noexcept {
            called->store(true, std::memory_order_release);
        });
}

SYNCOPATE_DECL asio::any_io_executor PortalLoop::open_executor() {
    require_here();
    std::lock_guard lock(mutex_);
    require_open();
    return strand_;
}

SYNCOPATE_DECL void PortalLoop::abandon() noexcept {
    try {
        begin_close(Errc::runner_closed);
    } catch (...) {
        report(std::current_exception());
    }
}

SYNCOPATE_DECL bool PortalLoop::begin_blocking(FiberScope* fiber) {
    if (fiber)
        return false;
    std::unique_lock lock(mutex_);
    if (is_detached_)
        return false;
    if (turning_.turn && threads_.include_this_one())
        return false;
    if (threads_.wait_for_this_one())
        throw_blocks_itself();
    if (threads_.count == 0 || !threads_.include_this_one())
        return false;
    if (registry_->enter(threads_.count))
        return true;
    lock.unlock();
    if (!probe_ || !probe_->finds_another())
        throw DeadlockError(
            '"' + options().name() +
            "\" has no thread left to run the task: all that run its executor "
            "would be blocked; use co_await");
    return false;
}

SYNCOPATE_DECL bool PortalLoop::turn_until(OneShotEvent& event, Deadline deadline) noexcept {
    try {
        if (deadline != no_deadline)
            turning_.wake_after(deadline);
        while (!event.is_signalled()) {
            if (Deadline::clock::now() >= deadline)
                return false;
            turning_.turn();
        }
    } catch (...) {
        report(std::current_exception());
        return event.wait_until(deadline);
    }
    return true;
}

SYNCOPATE_DECL Desertion::Found PortalLoop::look_at(Desertion& desertion, bool is_late) noexcept {
    if (turns_->is_shut())
        return Desertion::Found::deserted;
    std::lock_guard const lock(mutex_);
    if (is_lost() || is_detached_ || !threads_.have_left)
        return Desertion::Found::alive;
    bool const is_run_here =
        made_in_ == this_process() || ran_in_.load(std::memory_order_relaxed) == this_process();
    auto const suspect =
        is_run_here ? Desertion::Suspect::stopped : Desertion::Suspect::left_in_parent;
    return desertion.look(threads_, *probe_, suspect, is_late);
}

SYNCOPATE_DECL void PortalLoop::give_up() noexcept {
    auto const self = shared_from_this();
    std::unique_lock const giving_up(giving_up_mutex_, std::try_to_lock);
    if (!giving_up || is_closed() || (!turns_->is_shut() && (is_lost() || !turns_->shut())))
        return;
    if (has_no_tasks() && !is_closing())
        return refuse_what_waits();
    if (!is_lost()) {
        set_lost();
        HostThreads::strike_off();
        probe_->detach();
    }
    run_what_waits();
    try {
        if (!gate_->have_released(*turns_))
            return;
    } catch (std::exception const&) {
        return;
    }
    start_closing();
    running_tasks().lose_all();
    registry_->remove(*this);
    std::unique_lock lock(mutex_);
    detach(lock);
}

SYNCOPATE_DECL void PortalLoop::refuse_what_waits() noexcept {
    bool const is_first = refuse(Errc::loop_failed);
    run_what_waits();
    if (is_first)
        accept_again(Errc::loop_failed);
    turns_->open_again();
}

SYNCOPATE_DECL void PortalLoop::run_what_waits() noexcept {
    while (Operation* const operation =
               begin_next([this]() noexcept { return submitted_.pop_front(); }))
        operation->run();
}

SYNCOPATE_DECL std::string PortalLoop::obstacle_to_closing() const {
    if (!is_closing() || !has_queued())
        return {};
    return "its host does not turn the loop: nobody runs that, or a handler blocks it";
}

SYNCOPATE_DECL void PortalLoop::begin_close(Errc reason) {
    std::unique_lock lock(mutex_);
    refuse(reason);
    if (is_detached_ || close_submitted_)
        return;
    // Nothing is under way. The loop need not turn, and perhaps nobody runs it any more.
    if (deliveries_ == 0 && has_no_tasks())
        return detach(lock);
    close_submitted_ = true;
    lock.unlock();
    try {
        submit(close_);
    } catch (...) {
        lock.lock();
        close_submitted_ = false;
        throw;
    }
}

SYNCOPATE_DECL void PortalLoop::deliver() noexcept {
    if (made_in_ != this_process()) [[unlikely]]
        ran_in_.store(this_process(), std::memory_order_relaxed);
    std::unique_lock lock(mutex_);
    if (turns_->enter()) {
        if (Operation* const operation =
                begin_next([this]() noexcept { return submitted_.pop_front(); })) {
            lock.unlock();
            operation->run();
            lock.lock();
        }
        turns_->leave();
    }
    if (--deliveries_ == 0 && waits_for_deliveries_)
        detach(lock);
}

SYNCOPATE_DECL void PortalLoop::unwound() noexcept {
    std::unique_lock lock(mutex_);
    waits_for_deliveries_ = true;
    if (deliveries_ == 0)
        detach(lock);
}

SYNCOPATE_DECL void PortalLoop::detach(std::unique_lock<std::mutex>& lock) noexcept {
    auto const self = shared_from_this();
    if (std::exchange(is_detached_, true))
        return;
    HostThreads::strike_off();
    if (probe_)
        probe_->detach();
    auto executor = take_executor();
    auto strand = std::exchange(strand_, {});
    auto threads = std::exchange(threads_, {});  // it has the executor, too
    lock.unlock();
    coroutines_->close();
    executor = {};
    strand = {};
    threads = {};
    if (!is_lost())
        registry_->remove(*this);
    set_closed();  // the execution context may be destroyed from here on
}

SYNCOPATE_DECL void PortalLoop::execution_context_ends() noexcept {
    auto const self = shared_from_this();
    if (was_forked())
        return;
    std::lock_guard const giving_up(giving_up_mutex_);
    if (turns_->is_shut())
        return;
    set_lost();
    HostThreads::strike_off();
    if (probe_)
        probe_->detach();
    start_closing();
    coroutines_->close();
    std::lock_guard lock(mutex_);
    take_executor();
    strand_ = {};
}

}  // namespace syncopate::inline v0_1::detail
