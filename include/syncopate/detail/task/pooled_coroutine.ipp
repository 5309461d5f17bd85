// The functions of PooledCoroutine.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/separate.hpp>
#include <syncopate/detail/task/caller_executor.hpp>
#include <syncopate/detail/task/caller_link.hpp>
#include <syncopate/detail/task/spawn.hpp>
#include <syncopate/detail/task/spawned_task.hpp>

#include SYNCOPATE_ASIO(any_io_executor.hpp)
#include SYNCOPATE_ASIO(awaitable.hpp)
#include SYNCOPATE_ASIO(co_spawn.hpp)
#include SYNCOPATE_ASIO(execution.hpp)
#include SYNCOPATE_ASIO(prefer.hpp)
#include SYNCOPATE_ASIO(this_coro.hpp)

#include <exception>
#include <memory>
#include <utility>

namespace syncopate::inline v0_1::detail {

SYNCOPATE_DECL void PooledCoroutine::spawn(
    asio::any_io_executor const& executor, SpawnedTask& task) {
    auto of_task = executor;
    if (task.needs_link()) {
        if (!task.caller_)
            task.caller_ = new CallerLink;
        task.caller_->set_thread(task.blocked_thread_);
        of_task = with_caller(executor, task.caller_);
    }
    task.is_being_spawned_ = true;
    asio::co_spawn(
        of_task, Start{SpawnedTask::Hold(task), nullptr}, Completion(task.signal_, &task));
    task.is_being_spawned_ = false;  // the caller holds it
}

SYNCOPATE_DECL void PooledCoroutine::add_to(
    CoroutinePool& pool, asio::any_io_executor const& executor, CallerLinkPointer caller) {
    auto const of_coroutine = caller ? with_caller(executor, caller) : executor;
    auto owned = std::make_unique<PooledCoroutine>(pool, std::move(caller));
    if (pool.is_shared_) {
        PooledCoroutine& coroutine = *owned;
        return launch(
            of_coroutine, coroutine.signal_.slot(), coroutine.bottom_,
            serve_alone(std::move(owned)));
    }
    auto& signal = owned->signal_;
    // Of the same types as above, so that co_spawn is compiled once.
    asio::co_spawn(of_coroutine, Start{{}, std::move(owned)}, Completion(signal, nullptr));
}

SYNCOPATE_DECL void PooledCoroutine::run_in_shared(
    asio::any_io_executor const& executor, CoroutinePool& pool, SpawnedTask& task) {
    bool const has_link = task.needs_link();
    auto* coroutine = pool.take_shared(has_link);
    if (coroutine && coroutine->is_executor_shared())
        coroutine = take_another(pool, *coroutine);
    if (!coroutine && pool.may_add()) {
        add_to(pool, executor, has_link ? new CallerLink : nullptr);
        coroutine = pool.take_shared(has_link);
    }
    if (!coroutine)
        return spawn(executor, task);
    coroutine->count_as_work(executor);
    coroutine->go_on_with(task);
}

SYNCOPATE_DECL PooledCoroutine* PooledCoroutine::take_another(
    CoroutinePool& pool, PooledCoroutine& shared) noexcept {
    PooledCoroutine* next = &shared;
    do {
        next->end();
        next = pool.take_shared(true);
    } while (next && next->is_executor_shared());
    return next;
}

SYNCOPATE_DECL BottomCoroutine PooledCoroutine::serve_alone(std::unique_ptr<PooledCoroutine> own) {
    try {
        co_await own->serve();
    } catch (...) {
        // There was no memory to wait for a task.
    }
}

SYNCOPATE_DECL void PooledCoroutine::count_as_work(asio::any_io_executor const& executor) noexcept {
    try {
        work_ = asio::prefer(executor, asio::execution::outstanding_work.tracked);
    } catch (...) {
        // A portal's executor takes no memory for that.
    }
}

SYNCOPATE_DECL asio::awaitable<void> PooledCoroutine::serve() {
    namespace this_coro = asio::this_coro;
    co_await find_bottom(bottom_);
    co_await wait();
    own_references_ = caller_ ? caller_->use_count() : 0;
    while (task_) {
        task_->coroutine_ = this;
        task_->bottom_ = bottom_;
        if (caller_)
            caller_->set_thread(task_->blocked_thread_);
        try {
            co_await task_->body();
        } catch (...) {
            task_->fail(std::current_exception());
        }
        // Filters and slot handlers that the task has set end with the task.
        co_await this_coro::reset_cancellation_state();
        co_await this_coro::throw_if_cancelled(true);
        if (caller_)
            caller_->set_thread(nullptr);
        // What the task has left behind keeps that, and the link with it; and may read it on another thread.
        bool const has_more = caller_ && caller_->has_more();
        bool const keeps_link = has_more && is_executor_shared();
        if (has_more && !keeps_link)
            caller_->clear();
        task_->coroutine_ = nullptr;
        if (shared_pool_) [[unlikely]]
            work_ = nullptr;
        task_.release();
        // The pool is closed if this task was the last that the loop's end waited for.
        if (!pool_.is_open() || keeps_link)
            co_return;
        co_await wait();
    }
}

}  // namespace syncopate::inline v0_1::detail
