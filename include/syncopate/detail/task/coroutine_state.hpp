// CoroutineState: a coroutine of Asio's as those see it who cancel it: whether it has heard, and what it awaits.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/defer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <exception>
#include <utility>

namespace syncopate::inline v0_1::detail {

struct CoroutineAccess;

/// What Asio keeps at the bottom of a stack of coroutines.
using CoroutineBottom = boost::asio::detail::awaitable_frame<
    boost::asio::detail::awaitable_thread_entry_point,
    boost::asio::any_io_executor>;

}  // namespace syncopate::inline v0_1::detail

namespace boost::asio::detail {

/// The frame of any coroutine, of which this tells what only derived classes know.
struct FrameAccess : awaitable_frame_base<any_io_executor> {
    /// The address of the coroutine's code: it stands at the begin of each frame that GCC and Clang make.
    static void const* code(awaitable_frame_base<any_io_executor> const& frame) noexcept {
        return *static_cast<void* const*>((frame.*&FrameAccess::coro_).address());
    }
};

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
    static cancellation_slot const& parent_slot(Bottom const& bottom) noexcept {
        return bottom.parent_cancellation_slot_;
    }
    static bool& has_suspended(Bottom& bottom) noexcept { return bottom.has_context_switched_; }
    static bool& throws(Bottom& bottom) noexcept { return bottom.throw_if_cancelled_; }
    /// The innermost coroutine.
    static awaitable_frame_base<any_io_executor>& top(Bottom const& bottom) noexcept {
        return *bottom.top_of_stack_;
    }
    static void const* code_of(awaitable<void, any_io_executor> const& coroutine) noexcept {
        return FrameAccess::code(*coroutine.frame_);
    }
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

    /// Whether somebody could cancel it. That is so of each that is awaited by another coroutine, or by a call.
    static bool is_awaited(CoroutineBottom const& bottom) noexcept {
        return Access::parent_slot(bottom).is_connected();
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

    /// Whether it awaits a post or a defer, which nothing cancels, and which have no result that could be lost.
    /// Throws: std::bad_alloc.
    bool awaits_post() const {
        namespace asio = boost::asio;
        auto const& here = executor();
        auto const is_top = [code = Code::code(Access::top(bottom_))](auto&&... posts) {
            return ((code == Access::code_of(posts)) || ...);
        };
        if (is_top(
                asio::post(asio::use_awaitable), asio::post(here, asio::use_awaitable),
                asio::defer(asio::use_awaitable), asio::defer(here, asio::use_awaitable)))
            return true;
        auto const* const io = here.target<asio::io_context::executor_type>();
        return io && is_top(asio::post(*io, asio::use_awaitable));
    }

    /// While it awaits a post: it goes on with this error.
    void throw_from_post(std::exception_ptr error) noexcept {
        Access::top(bottom_).set_except(std::move(error));
    }

private:
    using Code = boost::asio::detail::FrameAccess;

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
