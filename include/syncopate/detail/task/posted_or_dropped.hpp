// PostedOrDropped: a handler that is called once, or says that it was dropped without having been called.
#pragma once

#include <optional>
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
    PostedOrDropped(PostedOrDropped&& other) noexcept : target_(std::move(other.target_)) {
        other.target_.reset();
    }
    PostedOrDropped& operator=(PostedOrDropped&&) = delete;
    ~PostedOrDropped() {
        if (target_)
            target_->dropped();
    }

    template <class... Args>
    void operator()(Args&&... args) noexcept {
        T target = std::move(*target_);
        target_.reset();
        target.called(std::forward<Args>(args)...);
    }

private:
    std::optional<T> target_;
};

}  // namespace syncopate::inline v0_1::detail
