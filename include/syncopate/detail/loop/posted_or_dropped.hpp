// PostedOrDropped: a handler that is called once, or says that it was dropped without having been called.
#pragma once

#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// The target of a PostedOrDropped. It also has `called(arguments...) noexcept`, for what the handler is
/// called with.
template <class T>
concept PostTarget = std::is_nothrow_move_constructible_v<T> && requires(T target) {
    { target.dropped() } noexcept;
};

/// An execution context that ends destroys the handlers that it has not called. Whoever waits for one of them
/// has to hear of it. Exactly one of the target's functions is called, once.
template <PostTarget T>
class PostedOrDropped {
public:
    explicit PostedOrDropped(T target) noexcept : target_(std::move(target)) {}
    PostedOrDropped(PostedOrDropped&& other) noexcept
        : target_(std::move(other.target_)), is_due_(std::exchange(other.is_due_, false)) {}
    PostedOrDropped& operator=(PostedOrDropped&&) = delete;
    ~PostedOrDropped() {
        if (is_due_)
            target_.dropped();
    }

    template <class... Args>
    void operator()(Args&&... args) noexcept {
        is_due_ = false;
        T target = std::move(target_);
        target.called(std::forward<Args>(args)...);
    }

private:
    // Not a std::optional, of which GCC 12 says at -O2 that it may be uninitialised.
    T target_;
    bool is_due_ = true;
};

}  // namespace syncopate::inline v0_1::detail
