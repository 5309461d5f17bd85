// OwnedOrRef: an argument that is owned if it came as an rvalue, and used in place if it came as an lvalue.
// owned(): the same argument for those who outlive the call, who copy an lvalue.
#pragma once

#include <optional>
#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// Keeps an argument. T is its type as a forwarding reference deduces it.
template <class T>
class OwnedOrRef {
public:
    explicit OwnedOrRef(T&& value) : value_(std::move(value)) {}
    T& get() noexcept { return *value_; }
    /// Destroys what is owned.
    void release() noexcept { value_.reset(); }

private:
    std::optional<T> value_;
};

template <class T>
class OwnedOrRef<T&> {
public:
    explicit OwnedOrRef(T& value) noexcept : value_(&value) {}
    T& get() noexcept { return *value_; }
    void release() noexcept {}

private:
    T* value_;
};

/// The argument itself if it is an rvalue; a copy of an lvalue, which may be gone before the copy is used.
template <class T>
std::conditional_t<std::is_lvalue_reference_v<T>, std::decay_t<T>, T&&> owned(T&& value) {
    if constexpr (std::is_constructible_v<std::decay_t<T>, T>) {
        return std::forward<T>(value);
    } else {
        static_assert(
            !sizeof(T),
            "syncopate: nobody waits for this task, so a callable given as an lvalue is copied, and this one "
            "cannot be: pass std::move(callable), or std::ref(callable) if it outlives the task");
        throw;  // in no program
    }
}

}  // namespace syncopate::inline v0_1::detail
