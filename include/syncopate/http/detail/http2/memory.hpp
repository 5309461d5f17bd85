// Http2Memory: memory for libnghttp2, which asks for some twenty small blocks for each request.
#pragma once

#include <syncopate/http/detail/http2/nghttp2.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

namespace syncopate::inline v0_1::http::detail {

/// Keeps a part of the blocks that are given back, for the next request. The allocator of the system is slower where many
/// blocks of one size are in use, as those of requests at once are.
///
/// Threads: on the session's loop.
class Http2Memory {
public:
    Http2Memory() = default;
    Http2Memory(Http2Memory const&) = delete;
    Http2Memory& operator=(Http2Memory const&) = delete;
    ~Http2Memory() {
        for (auto* block : free_)
            while (block)
                std::free(std::exchange(block, block->next));
    }

    /// Its functions. They refer to this, which outlives what was made with them.
    Libnghttp2::Memory functions() noexcept {
        return {
            this, &Http2Memory::get, &Http2Memory::put, &Http2Memory::get_zeros,
            &Http2Memory::get_more};
    }

private:
    /// Stands in front of what is handed out.
    union alignas(std::max_align_t) Block {
        Block* next;       // of a free one
        std::size_t size;  // of one in use, in steps
    };
    static constexpr std::size_t step = 64;
    static constexpr std::size_t steps = 16;
    static constexpr std::size_t most_kept = std::size_t{256} * 1024;

    static Http2Memory& self(void* user) noexcept { return *static_cast<Http2Memory*>(user); }
    static Block* block_of(void* memory) noexcept { return static_cast<Block*>(memory) - 1; }

    static void* get(std::size_t size, void* user) noexcept {
        auto const count = (size + step - 1) / step;
        auto& memory = self(user);
        Block* block = nullptr;
        if (count < steps && memory.free_[count]) {
            block = memory.free_[count];
            memory.free_[count] = block->next;
            memory.kept_ -= count * step;
        } else if (count < static_cast<std::size_t>(-1) / step - 1) {
            block = static_cast<Block*>(std::malloc(sizeof(Block) + count * step));
        }
        if (!block)
            return nullptr;
        block->size = count;
        return block + 1;
    }
    static void put(void* memory, void* user) noexcept {
        if (!memory)
            return;
        auto* const block = block_of(memory);
        auto const count = block->size;
        auto& its = self(user);
        if (count >= steps || its.kept_ + count * step > most_kept)
            return std::free(block);
        block->next = std::exchange(its.free_[count], block);
        its.kept_ += count * step;
    }
    static void* get_zeros(std::size_t count, std::size_t size, void* user) noexcept {
        if (size > 0 && count > static_cast<std::size_t>(-1) / size)
            return nullptr;
        void* const memory = get(count * size, user);
        return memory ? std::memset(memory, 0, count * size) : nullptr;
    }
    static void* get_more(void* before, std::size_t size, void* user) noexcept {
        if (!before)
            return get(size, user);
        auto const known = block_of(before)->size * step;
        if (size <= known)
            return before;
        void* const memory = get(size, user);
        if (!memory)
            return nullptr;
        std::memcpy(memory, before, known);
        put(before, user);
        return memory;
    }

    std::array<Block*, steps> free_{};
    std::size_t kept_ = 0;
};

}  // namespace syncopate::inline v0_1::http::detail
