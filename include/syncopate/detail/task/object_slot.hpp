// ObjectSlot: an object that is owned, or one of the user's. make_into(): fills it from a source.
#pragma once

#include <syncopate/asio.hpp>
#include <syncopate/concepts.hpp>
#include <syncopate/detail/task/awaitable_of.hpp>
#include <syncopate/detail/task/owned_or_ref.hpp>

#include SYNCOPATE_ASIO(awaitable.hpp)

#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1::detail {

template <class T>
class ObjectSlot {
public:
    void refer_to(T& object) noexcept { object_ = &object; }

    template <class... Args>
    void emplace(Args&&... args) {
        object_ = &owned_.emplace(std::forward<Args>(args)...);
    }

    bool is_empty() const noexcept { return object_ == nullptr; }
    T& operator*() const noexcept { return *object_; }

    void reset() noexcept { owned_.reset(); }

private:
    std::optional<T> owned_;
    T* object_ = nullptr;
};

/// Converts to what a function returns: so that is constructed in place, and need not be movable.
template <class F>
struct ResultOf {
    F& function;
    operator std::invoke_result_t<F&>() { return std::invoke(function); }
};

/// A source that is not the object itself, and makes it without awaiting anything.
template <class S>
concept PlainFactory =
    !Awaitable<S> && !TaskFactory<S> && !ForeignAwaitable<S> && !ForeignFactory<S>;

/// Calls a function that makes an object, or gives a reference to one.
template <PlainFactory S, class T>
void make_into(ObjectSlot<T>& slot, OwnedOrRef<S>& source) {
    using Function = std::remove_reference_t<S>;
    if constexpr (std::is_lvalue_reference_v<std::invoke_result_t<Function&>>)
        slot.refer_to(std::invoke(source.get()));
    else
        slot.emplace(ResultOf<Function>{source.get()});
}

}  // namespace syncopate::inline v0_1::detail
