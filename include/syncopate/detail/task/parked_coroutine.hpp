// One coroutine's wait for something that happens on its own loop.
#pragma once

#include <syncopate/detail/task/inplace_handler.hpp>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

#include <concepts>
#include <utility>

namespace syncopate::detail {

/// Where a coroutine is suspended until it is resumed. Its own cancellation does not end the wait.
class ParkedCoroutine {
public:
    /// Calls `begin`, and waits unless `is_over` says that there is nothing to wait for.
    ///
    /// on_cancel: called each time that the awaiting coroutine is cancelled. It may resume it.
    template <std::invocable Begin, std::predicate IsOver, std::invocable OnCancel>
    boost::asio::awaitable<void> wait(Begin& begin, IsOver is_over, OnCancel on_cancel) {
        namespace this_coro = boost::asio::this_coro;
        using boost::asio::cancellation_type;
        bool const throws = co_await this_coro::throw_if_cancelled();
        auto const cancellation = co_await this_coro::cancellation_state;
        // Who was cancelled, and goes on nevertheless, has to be cancelled again.
        bool const was_cancelled = cancellation.cancelled() != cancellation_type::none;
        co_await this_coro::throw_if_cancelled(false);
        begin();
        bool const is_cancelled = cancellation.cancelled() != cancellation_type::none;
        if (is_cancelled && !was_cancelled && !is_over())
            on_cancel();
        if (!is_over())
            co_await suspend(on_cancel);
        if (resumed_by_other_task_)
            co_await boost::asio::post(boost::asio::deferred);
        co_await this_coro::throw_if_cancelled(throws);
    }

    /// Resumes it, inside this call, if it waits.
    void resume() {
        if (handler_)
            handler_.call();
    }

    /// The same, for a task that goes on afterwards: the coroutine lets it come to its next suspension.
    void resume_from_task() {
        if (handler_) {
            resumed_by_other_task_ = true;
            handler_.call();
        }
    }

    /// Destroys it instead: for the end of the loop, when nobody is left who could resume it.
    void drop() noexcept { handler_.drop(); }

private:
    template <class OnCancel>
    struct CancellationHandler {
        OnCancel on_cancel;
        void operator()(boost::asio::cancellation_type) const {
            auto const called = on_cancel;  // resuming the coroutine clears the slot
            called();
        }
    };

    template <class OnCancel>
    auto suspend(OnCancel on_cancel) {
        return boost::asio::async_initiate<boost::asio::deferred_t const, void()>(
            [this, on_cancel](auto handler) {
                auto slot = boost::asio::get_associated_cancellation_slot(handler);
                if (slot.is_connected())
                    slot.assign(CancellationHandler<OnCancel>{on_cancel});
                handler_.keep(std::move(handler));
            },
            boost::asio::deferred);
    }

    InplaceHandler handler_;
    bool resumed_by_other_task_ = false;
};

}  // namespace syncopate::detail
