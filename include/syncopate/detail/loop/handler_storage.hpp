// HandlerStorage: memory for one posted handler, so that a post cannot fail.
#pragma once

#include <cstddef>
#include <new>

namespace syncopate::inline v0_1::detail {

/// For a handler of which no two exist at a time.
class HandlerStorage {
public:
    template <class T>
    class Allocator {
    public:
        using value_type = T;

        explicit Allocator(HandlerStorage& storage) noexcept : storage_(&storage) {}
        template <class U>
        Allocator(Allocator<U> const& other) noexcept : storage_(other.storage_) {}

        T* allocate(std::size_t count) {
            static_assert(sizeof(T) <= sizeof(storage_->bytes_) && alignof(T) <= alignment);
            if (count != 1)
                throw std::bad_alloc();
            return reinterpret_cast<T*>(storage_->bytes_);
        }
        void deallocate(T*, std::size_t) noexcept {}

        template <class U>
        bool operator==(Allocator<U> const& other) const noexcept {
            return storage_ == other.storage_;
        }

    private:
        template <class>
        friend class Allocator;
        HandlerStorage* storage_;
    };

private:
    static constexpr std::size_t alignment = alignof(std::max_align_t);
    alignas(alignment) std::byte bytes_[128];
};

}  // namespace syncopate::inline v0_1::detail
