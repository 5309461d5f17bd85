// The functions of Call.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/cancellation/cancellation.hpp>
#include <syncopate/detail/loop/loop.hpp>
#include <syncopate/detail/separate.hpp>
#include <syncopate/detail/task/pooled_coroutine.hpp>
#include <syncopate/error.hpp>
#include <syncopate/event.hpp>

#include SYNCOPATE_ASIO(awaitable.hpp)
#include SYNCOPATE_ASIO(post.hpp)
#include SYNCOPATE_ASIO(use_awaitable.hpp)

#include <exception>
#include <string>
#include <utility>

namespace syncopate::inline v0_1::detail {

SYNCOPATE_DECL void Call::submit() noexcept {
    try {
        loop_.submit(start_);
    } catch (...) {
        fail(std::current_exception());
        release();
    }
}

SYNCOPATE_DECL void Call::withdraw_or_cancel(Errc reason) noexcept {
    if (loop_.was_forked())
        return;  // asked in the child of a fork, by a token that it has a copy of
    if (!withdraw(reason))
        request_cancel(reason);
}

SYNCOPATE_DECL void Call::request_cancel(Errc reason) noexcept {
    if (loop_.was_forked())
        return;
    if (!handshake_.request())
        return;
    requested_ = reason;
    try {
        loop_.submit(cancel_);
    } catch (...) {
        // Either the loop has ended, and the task with it; or there is no memory, and the task goes on.
        if (!loop_.is_closed())
            loop_.report(std::current_exception());
        release_cancel();
    }
}

SYNCOPATE_DECL void Call::lose() noexcept {
    release_without_end();
}

SYNCOPATE_DECL bool Call::withdraw(Errc reason) noexcept {
    if (!may_be_refused() || !loop_.withdraw(start_))
        return false;
    auto const loop = loop_.shared_from_this();  // the call ends here, and with it maybe the runner
    refuse(reason);
    loop->wake_caller();
    return true;
}

SYNCOPATE_DECL void Call::refuse(Errc reason) noexcept {
    set_reason(reason);
    fail(cancellation_error());
    release();
}

SYNCOPATE_DECL void Call::cancel(Errc reason) noexcept {
    if (is_clean_up())
        return;
    // The task may have dealt with an earlier request, or was not to be cancelled then: this is another.
    if (this->reason() == Errc{})
        set_reason(reason);
    stop(reason);
}

SYNCOPATE_DECL asio::awaitable<void> Call::return_to_loop() {
    return asio::async_initiate<asio::use_awaitable_t<> const, void()>(
        [&loop = loop_](auto handler) {
            auto const keep = loop.shared_from_this();
            asio::post(keep->executor(), std::move(handler));
        },
        asio::use_awaitable);
}

SYNCOPATE_DECL void Call::emit_cancellation() noexcept {
    if (loop_.is_lost())
        return;
    Loop::TaskOnThread const on_thread(loop_, id());
    try {
        SpawnedTask::emit_cancellation();
    } catch (...) {
        loop_.report(std::current_exception());
    }
}

SYNCOPATE_DECL void Call::start() noexcept {
    Hold const hold(*this);
    if (reason() == Errc{} && (!is_clean_up() || loop_.has_unwound()))
        set_reason(loop_.refusal());
    if (reason() != Errc{})
        return fail(cancellation_error());  // the task does not start
    Loop::TaskOnThread const on_thread(loop_, id());
    if (loop_.events()) [[unlikely]]
        tell_begin();
    try {
        starting();
        PooledCoroutine::run(loop_.executor(), loop_.coroutine_pool(), *this);
    } catch (...) {
        fail(std::current_exception());
    }
}

SYNCOPATE_DECL void Call::tell_begin() noexcept {
    is_told_of_ = true;
    loop_.events()->tell(Event::Phase::begin, event_source());
}

SYNCOPATE_DECL std::string Call::waits_for() const {
    return has_children() ? "tasks that it has started" : "";
}

SYNCOPATE_DECL void Call::released_by_loop() noexcept {
    Loop& loop = loop_;
    loop.task_completed(*this);
    if (is_told_of_) [[unlikely]]
        loop.events()->tell(Event::Phase::end, event_source());
    release();
    loop.task_released();
}

SYNCOPATE_DECL void Call::run_cancel() noexcept {
    if (!handshake_.is_call_released())
        cancel(requested_);
    release_cancel();
}

}  // namespace syncopate::inline v0_1::detail
