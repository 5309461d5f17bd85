// CancelRequest: asks a coroutine to stop, and asks again where it could not hear, or has not stopped.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/detail/cancellation/coroutine_state.hpp>
#include <syncopate/detail/cancellation/moved_handler.hpp>  // wherever tasks are made that it could move

#include SYNCOPATE_ASIO(cancellation_signal.hpp)

#include <memory>

namespace syncopate::inline v0_1::detail {

/// Asio delivers a cancellation once: it is lost in a section where cancellation is disabled. And from then on
/// each co_await of the cancelled coroutine throws at once: one that catches everything and tries again would
/// spin, and its loop with it. So the request is repeated until the coroutine has ended, or has dealt with it:
///
/// - In a section with disabled cancellation it is repeated until the section has ended.
/// - A coroutine that goes on after it was cancelled begins what it awaits, which is cancelled a turn of the
///   loop later. So everybody else on the loop goes on, too.
/// - Where it awaits nothing but posts, which cannot be cancelled, a later one throws, and then others.
/// - Where all that it awaits is done before it can be cancelled, such as reads of what has already come, one throws
///   now and then.
/// - Where it awaits only other things that cannot be cancelled, each later co_await throws.
/// - A coroutine that has reset its cancellation state has dealt with the request.
///
/// Everything happens on the coroutine's loop. While the coroutine runs on another thread, to which bind_executor has
/// moved it, it is left alone: the request is made when it has suspended.
class [[gnu::visibility("default")]] CancelRequest {
public:
    CancelRequest() = default;
    CancelRequest(CancelRequest const&) = delete;
    CancelRequest& operator=(CancelRequest const&) = delete;
    ~CancelRequest() { end(); }

    /// Cancels the coroutine. May be called again, which is a request of its own. The coroutine may end inside
    /// this call, and destroy this object.
    ///
    /// bottom: the coroutine's. If null, the request is not repeated, and made also while the coroutine has moved.
    /// signal: is there as long as the coroutine is.
    /// Throws: std::bad_alloc, and what a user's cancellation handler throws.
    void request(CoroutineBottom* bottom, asio::cancellation_signal& signal);

    /// The coroutine is about to end.
    void end() noexcept {
        if (repetition_)
            end_repetition();
    }

    class Repetition;

    /// In the handler of a cancellation: the coroutine has been kept from throwing, for as long as it waits. Returns
    /// what will repeat the request, if it is to stay so for that; or null. Until go_on(), which must follow when the
    /// wait is over, nothing is repeated: of many tasks that wait for one another, only the innermost has to hear.
    static Repetition* stay_without_throwing(CoroutineBottom const* bottom) noexcept;
    static void go_on(Repetition& repetition) noexcept;

    /// In the handler of a cancellation: it ends the wait, soon or now.
    static void be_trusted() noexcept;

private:
    friend class FiberLocals;

    void end_repetition() noexcept;

    [[gnu::noinline]] static Repetition** delivering() noexcept {
        static thread_local Repetition* repetition = nullptr;
        return &repetition;
    }

    std::shared_ptr<Repetition> repetition_;
};

}  // namespace syncopate::inline v0_1::detail

#ifndef SYNCOPATE_SEPARATE_COMPILATION
#include <syncopate/detail/cancellation/cancel_request.ipp>
#endif
