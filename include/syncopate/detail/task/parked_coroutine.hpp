// ParkedCoroutine: one coroutine that waits until something happens on its own loop.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/cancellation/cancel_request.hpp>
#include <syncopate/detail/cancellation/coroutine_state.hpp>
#include <syncopate/detail/cancellation/moved_coroutine.hpp>
#include <syncopate/detail/task/inplace_handler.hpp>
#include <syncopate/detail/task/park.hpp>

#include SYNCOPATE_ASIO(awaitable.hpp)
#include SYNCOPATE_ASIO(cancellation_signal.hpp)
#include SYNCOPATE_ASIO(cancellation_state.hpp)
#include SYNCOPATE_ASIO(cancellation_type.hpp)
#include SYNCOPATE_ASIO(deferred.hpp)
#include SYNCOPATE_ASIO(dispatch.hpp)
#include SYNCOPATE_ASIO(post.hpp)
#include SYNCOPATE_ASIO(this_coro.hpp)

#include <concepts>
#include <exception>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// The coroutine waits until it is resumed. Its own cancellation does not end the wait.
class ParkedCoroutine {
    struct NoMark {
        int operator()() const noexcept { return 0; }
    };

public:
    /// Suspends the awaiting coroutine until it is resumed. Allocates nothing.
    auto suspend_uncancelled() noexcept {
        return park(handler_, [](asio::cancellation_slot) noexcept {}, [] {});
    }

    /// Calls `begin`, and then suspends the awaiting coroutine, unless `has_happened()`. On the coroutine's loop: one
    /// that bind_executor has moved goes back there first.
    ///
    /// on_cancel: called each time that the coroutine is cancelled. It may resume the coroutine.
    /// mark:      called before it is suspended; what it returns lives until the coroutine goes on.
    /// Throws:    std::bad_alloc if there was no memory to hear of cancellations. The wait is over then all the
    ///            same: it was cancelled at once.
    template <
        std::invocable Begin,
        std::predicate IsOver,
        std::invocable OnCancel,
        std::invocable Mark = NoMark>
    asio::awaitable<void> wait(
        Begin& begin, IsOver has_happened, OnCancel on_cancel, Mark mark = {}) {
        namespace this_coro = asio::this_coro;
        using asio::cancellation_type;
        bool const throws = co_await this_coro::throw_if_cancelled();
        auto const cancellation = co_await this_coro::cancellation_state;
        // A coroutine that was cancelled before, and went on, waits until it is cancelled once more.
        bool const was_cancelled = cancellation.cancelled() != cancellation_type::none;
        co_await this_coro::throw_if_cancelled(false);
        if (MovedStep::is_here())
            co_await asio::dispatch(asio::deferred);
        CoroutineBottom* bottom = nullptr;
        bool may_throw_again = throws;
        CancelRequest::Repetition* repetition = nullptr;
        auto const cancelled = [&, on_cancel] {
            if (auto* const again =
                    throws ? CancelRequest::stay_without_throwing(bottom) : nullptr) {
                may_throw_again = false;
                repetition = again;
            }
            on_cancel();
        };
        begin();
        bool const is_cancelled = cancellation.cancelled() != cancellation_type::none;
        if (is_cancelled && !was_cancelled && !has_happened())
            on_cancel();
        std::exception_ptr no_memory;
        if (!has_happened()) {
            co_await find_bottom(bottom);
            try {
                [[maybe_unused]] auto const marked = mark();
                co_await suspend(cancelled);
            } catch (...) {
                no_memory = std::current_exception();
            }
        }
        if (no_memory) {
            on_cancel();
            if (!has_happened())
                co_await suspend_uncancelled();
        }
        if (resumed_by_other_task_) {
            co_await this_coro::throw_if_cancelled(false);
            co_await asio::post(asio::deferred);
        }
        if (repetition)
            CancelRequest::go_on(*repetition);
        if (may_throw_again)
            co_await this_coro::throw_if_cancelled(true);
        if (no_memory)
            std::rethrow_exception(std::move(no_memory));
    }

    /// Resumes the coroutine inside this call, if it waits.
    void resume() noexcept {
        if (handler_)
            handler_.resume();
    }

    /// The same, from a task that goes on afterwards: the coroutine first lets that task suspend.
    void resume_from_task() noexcept {
        if (handler_) {
            resumed_by_other_task_ = true;
            handler_.resume();
        }
    }

    /// Destroys the coroutine: at the end of the loop, when nobody is left to resume it.
    void drop() noexcept { handler_.drop(); }

private:
    template <class OnCancel>
    struct CancellationHandler {
        OnCancel on_cancel;
        void operator()(asio::cancellation_type) const {
            CancelRequest::be_trusted();
            auto const called = on_cancel;  // resuming the coroutine clears the slot
            called();
        }
    };

    template <class OnCancel>
    auto suspend(OnCancel on_cancel) {
        return park(
            handler_,
            [on_cancel](asio::cancellation_slot slot) {
                if (slot.is_connected())
                    slot.assign(CancellationHandler<OnCancel>{on_cancel});
            },
            [] {});
    }

    InplaceHandler handler_;
    bool resumed_by_other_task_ = false;
};

}  // namespace syncopate::inline v0_1::detail
