// Ownership by value category: what came as an rvalue is owned, what came as an lvalue is used in place.
#pragma once

#include <optional>
#include <utility>

namespace syncopate::detail {

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

}  // namespace syncopate::detail
