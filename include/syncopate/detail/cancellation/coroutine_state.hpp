// CoroutineState: a coroutine of Asio's as those see it who cancel it: whether it has heard, and what it awaits.
#pragma once

#include <syncopate/asio.hpp>

#include SYNCOPATE_ASIO(any_io_executor.hpp)
#include SYNCOPATE_ASIO(awaitable.hpp)
#include SYNCOPATE_ASIO(cancellation_type.hpp)

#include <concepts>
#include <exception>
#include <utility>

namespace syncopate::inline v0_1::detail {

struct CoroutineAccess;

/// What Asio keeps at the bottom of a stack of coroutines.
using CoroutineBottom = asio::detail::
    awaitable_frame<asio::detail::awaitable_thread_entry_point, asio::any_io_executor>;

/// Gives access to the protected members of a coroutine's frame.
struct FrameAccess : asio::detail::awaitable_frame_base<asio::any_io_executor> {
    using Frame = asio::detail::awaitable_frame_base<asio::any_io_executor>;

    /// The address of the coroutine's code, with which each frame begins that GCC and Clang make.
    static void const* code(Frame const& frame) noexcept {
        return *static_cast<void* const*>((frame.*&FrameAccess::coro_).address());
    }

    /// Who awaits the frame, or null.
    static Frame* caller(Frame& frame) noexcept { return frame.*&FrameAccess::caller_; }

    /// What the frame will end with.
    static std::exception_ptr& pending(Frame& frame) noexcept {
        return frame.*&FrameAccess::pending_exception_;
    }

    /// The pointer to what the frame's last step calls after it has suspended.
    template <std::same_as<Frame> F>
    static auto& step(F& frame) noexcept {
        return frame.*&FrameAccess::resume_context_;
    }
};

}  // namespace syncopate::inline v0_1::detail

/// A coroutine cannot be asked from outside whether it is cancelled. Its bottom has this template as a friend:
/// the same in Asio 1.26 and 1.34.
template <>
class syncopate::asio::detail::awaitable_thread<syncopate::detail::CoroutineAccess> {
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
    /// Whether it has suspended since it was last told to forget that. Asios newer than 1.34 keep no note: each step of
    /// a coroutine writes where its context is, which nobody reads before the next step.
    template <std::same_as<Bottom> B>
    static bool has_suspended(B const& bottom) noexcept {
        if constexpr (requires { bottom.has_context_switched_; })
            return bottom.has_context_switched_;
        else
            return syncopate::detail::FrameAccess::step(top(bottom)) != nullptr;
    }
    template <std::same_as<Bottom> B>
    static void forget_suspension(B& bottom) noexcept {
        if constexpr (requires { bottom.has_context_switched_; })
            bottom.has_context_switched_ = false;
        else
            syncopate::detail::FrameAccess::step(top(bottom)) = nullptr;
    }
    static bool& throws(Bottom& bottom) noexcept { return bottom.throw_if_cancelled_; }
    /// The innermost coroutine.
    static awaitable_frame_base<any_io_executor>& top(Bottom const& bottom) noexcept {
        return *bottom.top_of_stack_;
    }
    static void const* code_of(awaitable<void, any_io_executor> const& coroutine) noexcept {
        return syncopate::detail::FrameAccess::code(*coroutine.frame_);
    }
};

namespace syncopate::inline v0_1::detail {

/// On the coroutine's loop, as long as the coroutine is there.
class CoroutineState {
    using Access = asio::detail::awaitable_thread<CoroutineAccess>;

public:
    explicit CoroutineState(CoroutineBottom& bottom) noexcept : bottom_(bottom) {}

    asio::any_io_executor const& executor() const noexcept { return Access::executor(bottom_); }

    /// Whether somebody could cancel it. That is so of each that is awaited by another coroutine, or by a call.
    static bool is_awaited(CoroutineBottom const& bottom) noexcept {
        return Access::parent_slot(bottom).is_connected();
    }

    /// Whether a request has reached the coroutine since it last reset its cancellation state.
    bool is_cancelled() const noexcept {
        return Access::state(bottom_).cancelled() != asio::cancellation_type::none;
    }

    /// Whether it awaits an operation that can be cancelled.
    bool awaits_cancellable() const noexcept { return Access::state(bottom_).slot().has_handler(); }

    /// Whether it has suspended since forget_suspension().
    bool has_suspended() const noexcept { return Access::has_suspended(bottom_); }
    void forget_suspension() noexcept { Access::forget_suspension(bottom_); }

    /// Whether each co_await of the cancelled coroutine throws at once.
    bool throws() const noexcept { return Access::throws(bottom_); }
    void set_throws(bool throws) noexcept { Access::throws(bottom_) = throws; }

    /// Whether it awaits a post or a defer, which nothing cancels, and which have no result that could be lost.
    /// Throws: std::bad_alloc.
    bool awaits_post() const;

    /// The innermost coroutine ends with this error. With use_awaitable each operation has a coroutine of its own,
    /// which ends with the operation.
    void throw_at_end(std::exception_ptr error) noexcept {
        [&](auto& top) {
            if constexpr (requires { top.set_except(error); })
                top.set_except(std::move(error));
            else  // its name in newer Asios: 1.34 has it
                top.set_disposition(std::move(error));
        }(Access::top(bottom_));
    }

    /// Takes back what throw_at_end() was given. Returns false if nobody has it any more.
    bool take_back(std::exception_ptr const& error) noexcept {
        if (!error)
            return false;
        for (auto* frame = &Access::top(bottom_); frame; frame = FrameAccess::caller(*frame))
            if (auto& pending = FrameAccess::pending(*frame); pending == error) {
                pending = nullptr;
                return true;
            }
        return false;
    }

private:
    CoroutineBottom& bottom_;
};

/// `co_await find_bottom(place)` writes where the bottom of the awaiting coroutine is.
inline auto find_bottom(CoroutineBottom*& place) {
    namespace asio_detail = asio::detail;
    using Executor = asio::any_io_executor;
    return [&place](asio_detail::awaitable_frame_base<Executor>* frame)
               -> asio_detail::awaitable_thread<Executor>* {
        auto* const thread = frame->detach_thread();
        frame->attach_thread(thread);
        place = thread->entry_point();
        return thread;
    };
}

}  // namespace syncopate::inline v0_1::detail

#ifndef SYNCOPATE_SEPARATE_COMPILATION
#include <syncopate/detail/cancellation/coroutine_state.ipp>
#endif
