// Replaces the allocation functions of the program that includes it, which says when one of them fails.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>

namespace support {

/// To be defined by the program. Asked before each allocation, on the thread that makes it.
bool allocation_fails() noexcept;

inline void* allocate(std::size_t size) noexcept {
    return allocation_fails() ? nullptr : std::malloc(size != 0 ? size : 1);
}
inline void* allocate_or_throw(std::size_t size) {
    void* const memory = allocate(size);
    if (!memory)
        throw std::bad_alloc();
    return memory;
}

}  // namespace support

// Not inlined: GCC would see only one of a pair, and take it for a mismatch.
[[gnu::noinline]] void* operator new(std::size_t size) {
    return support::allocate_or_throw(size);
}
[[gnu::noinline]] void* operator new[](std::size_t size) {
    return support::allocate_or_throw(size);
}
[[gnu::noinline]] void* operator new(std::size_t size, std::nothrow_t const&) noexcept {
    return support::allocate(size);
}
[[gnu::noinline]] void* operator new[](std::size_t size, std::nothrow_t const&) noexcept {
    return support::allocate(size);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
    std::free(memory);
}
[[gnu::noinline]] void operator delete[](void* memory) noexcept {
    std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}
[[gnu::noinline]] void operator delete[](void* memory, std::size_t) noexcept {
    std::free(memory);
}

// Asio's handlers and coroutine frames come from here.
extern "C" void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
    void* memory = nullptr;
    if (alignment < sizeof(void*))
        alignment = sizeof(void*);
    if (support::allocation_fails() || ::posix_memalign(&memory, alignment, size) != 0)
        return nullptr;
    return memory;
}
