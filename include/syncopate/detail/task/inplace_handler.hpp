// InplaceHandler: keeps one completion handler of Asio's, of whichever type, without allocating.
#pragma once

#include <syncopate/detail/task/call_and_hand_on.hpp>
#include <syncopate/detail/task/nesting.hpp>

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// The handler is moved out before it is called or destroyed, because either may destroy this object.
class InplaceHandler {
public:
    InplaceHandler() = default;
    InplaceHandler(InplaceHandler const&) = delete;
    InplaceHandler& operator=(InplaceHandler const&) = delete;
    ~InplaceHandler() { drop(); }

    explicit operator bool() const noexcept { return take_ != nullptr; }

    /// Only while it is empty.
    template <class Handler>
    void keep(Handler&& handler) noexcept {
        using Kept = std::decay_t<Handler>;
        static_assert(
            sizeof(Kept) <= sizeof(storage_) && alignof(Kept) <= alignof(std::max_align_t));
        static_assert(std::is_nothrow_constructible_v<Kept, Handler>);
        new (storage_) Kept(std::forward<Handler>(handler));
        take_ = [](std::byte* storage, Then then) {
            auto* const kept = std::launder(reinterpret_cast<Kept*>(storage));
            Kept taken(std::move(*kept));
            std::destroy_at(kept);
            if (then == Then::call)
                call_handler(std::move(taken));
            else if (then == Then::resume)
                call_and_hand_on(std::move(taken));
            else if (then == Then::resume_later)
                post_and_hand_on(std::move(taken));
        };
    }

    /// Calls the handler of a coroutine. What then leaves the user's completion handler is thrown later, by
    /// the coroutine's executor. In a long chain of these calls the coroutine goes on later. Only while there is a
    /// handler.
    void resume() noexcept {
        Nesting const nesting;
        std::exchange(take_, nullptr)(
            storage_, nesting.is_too_deep() ? Then::resume_later : Then::resume);
    }

    /// Calls the handler, and lets pass what it throws. Only while there is one.
    void call() { std::exchange(take_, nullptr)(storage_, Then::call); }

    /// Destroys the handler, if there is one.
    void drop() noexcept {
        if (take_)
            std::exchange(take_, nullptr)(storage_, Then::nothing);
    }

private:
    enum class Then { call, resume, resume_later, nothing };

    alignas(std::max_align_t) std::byte storage_[64];
    void (*take_)(std::byte*, Then) = nullptr;
};

}  // namespace syncopate::inline v0_1::detail
