// IntrusivePointer, ReferenceCounted: shared ownership of an object that counts its owners itself.
#pragma once

#include <atomic>
#include <concepts>
#include <cstddef>
#include <utility>

namespace syncopate::inline v0_1::detail {

/// Base class of objects that are counted, from any thread. A new object has no owner yet; the last one deletes it.
///
/// Memory order: a new owner has got its pointer from another one, and orders nothing. Whoever deletes the object
/// must see what all the others did with it: each releases, and the last acquires.
template <class Derived>
class ReferenceCounted {
public:
    ReferenceCounted() noexcept = default;
    /// A copy has owners of its own.
    ReferenceCounted(ReferenceCounted const&) noexcept {}
    ReferenceCounted& operator=(ReferenceCounted const&) noexcept { return *this; }

    /// May be outdated at once, unless this thread has the only owner.
    unsigned use_count() const noexcept { return owners_.load(std::memory_order_acquire); }

    friend void intrusive_ptr_add_ref(ReferenceCounted const* object) noexcept {
        object->owners_.fetch_add(1, std::memory_order_relaxed);
    }
    friend void intrusive_ptr_release(ReferenceCounted const* object) noexcept {
        if (object->owners_.fetch_sub(1, std::memory_order_acq_rel) == 1)
            delete static_cast<Derived const*>(object);
    }

protected:
    ~ReferenceCounted() = default;

private:
    mutable std::atomic<unsigned> owners_ = 0;
};

/// An owner of a ReferenceCounted object, or of nothing.
template <class T>
class IntrusivePointer {
public:
    IntrusivePointer() noexcept = default;
    IntrusivePointer(std::nullptr_t) noexcept {}

    /// One owner more.
    IntrusivePointer(T* object) noexcept : IntrusivePointer(object, true) {}

    /// add_owner:  false: takes over from an owner that has called detach(), or that was added by hand.
    IntrusivePointer(T* object, bool add_owner) noexcept : object_(object) {
        if (object_ && add_owner)
            intrusive_ptr_add_ref(object_);
    }

    IntrusivePointer(IntrusivePointer const& other) noexcept : IntrusivePointer(other.object_) {}
    IntrusivePointer(IntrusivePointer&& other) noexcept : object_(other.detach()) {}

    template <class U>
        requires std::convertible_to<U*, T*>
    IntrusivePointer(IntrusivePointer<U> const& other) noexcept : IntrusivePointer(other.get()) {}
    template <class U>
        requires std::convertible_to<U*, T*>
    IntrusivePointer(IntrusivePointer<U>&& other) noexcept : object_(other.detach()) {}

    ~IntrusivePointer() {
        if (object_)
            intrusive_ptr_release(object_);
    }

    // By value: copies, moves and nullptr. What was owned before is let go of last.
    IntrusivePointer& operator=(IntrusivePointer other) noexcept {
        std::swap(object_, other.object_);
        return *this;
    }

    void reset() noexcept { IntrusivePointer().swap(*this); }
    void swap(IntrusivePointer& other) noexcept { std::swap(object_, other.object_); }

    /// Owns nothing from here on. The object keeps the owner, for somebody to take over.
    T* detach() noexcept { return std::exchange(object_, nullptr); }

    T* get() const noexcept { return object_; }
    T& operator*() const noexcept { return *object_; }
    T* operator->() const noexcept { return object_; }
    explicit operator bool() const noexcept { return object_ != nullptr; }

    friend bool operator==(IntrusivePointer const&, IntrusivePointer const&) noexcept = default;

private:
    T* object_ = nullptr;
};

}  // namespace syncopate::inline v0_1::detail
