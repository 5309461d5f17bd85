// CoroutineState: a coroutine of Asio's as those see it who cancel it: whether it has heard, and what it awaits.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_type.hpp>

namespace syncopate::inline v0_1::detail {

struct CoroutineAccess;

/// What Asio keeps at the bottom of a stack of coroutines.
using CoroutineBottom = boost::asio::detail::awaitable_frame<
    boost::asio::detail::awaitable_thread_entry_point,
    boost::asio::any_io_executor>;

}  // namespace syncopate::inline v0_1::detail

namespace boost::asio::detail {

/// A coroutine cannot be asked from outside whether it is cancelled. Its bottom has this template as a friend:
/// the same in Asio 1.26 and 1.34.
template <>
class awaitable_thread<syncopate::detail::CoroutineAccess> {
    using Bottom = syncopate::detail::CoroutineBottom;

public:
    static any_io_executor const& executor(Bottom const& bottom) noexcept {
        return bottom.u_.executor_;
    }
    static cancellation_state const& state(Bottom const& bottom) noexcept {
        return bottom.cancellation_state_;
    }
    static bool& has_suspended(Bottom& bottom) noexcept { return bottom.has_context_switched_; }
    static bool& throws(Bottom& bottom) noexcept { return bottom.throw_if_cancelled_; }
};

}  // namespace boost::asio::detail

namespace syncopate::inline v0_1::detail {

/// On the coroutine's loop, as long as the coroutine is there.
class CoroutineState {
    using Access = boost::asio::detail::awaitable_thread<CoroutineAccess>;

public:
    explicit CoroutineState(CoroutineBottom& bottom) noexcept : bottom_(bottom) {}

    boost::asio::any_io_executor const& executor() const noexcept {
        return Access::executor(bottom_);
    }

    /// Whether a request has reached the coroutine since it last reset its cancellation state.
    bool is_cancelled() const noexcept {
        return Access::state(bottom_).cancelled() != boost::asio::cancellation_type::none;
    }

    /// Whether it awaits an operation that can be cancelled.
    bool awaits_cancellable() const noexcept { return Access::state(bottom_).slot().has_handler(); }

    /// Whether it has suspended since forget_suspension().
    bool has_suspended() const noexcept { return Access::has_suspended(bottom_); }
    void forget_suspension() noexcept { Access::has_suspended(bottom_) = false; }

    /// Whether each co_await of the cancelled coroutine throws at once.
    bool throws() const noexcept { return Access::throws(bottom_); }
    void set_throws(bool throws) noexcept { Access::throws(bottom_) = throws; }

private:
    CoroutineBottom& bottom_;
};

/// `co_await find_bottom(place)` writes where the bottom of the awaiting coroutine is.
inline auto find_bottom(CoroutineBottom*& place) {
    namespace asio_detail = boost::asio::detail;
    using Executor = boost::asio::any_io_executor;
    return [&place](asio_detail::awaitable_frame_base<Executor>* frame)
               -> asio_detail::awaitable_thread<Executor>* {
        auto* const thread = frame->detach_thread();
        frame->attach_thread(thread);
        place = thread->entry_point();
        return thread;
    };
}

}  // namespace syncopate::inline v0_1::detail
