// BrotliDecoder: decodes br, by libbrotlidec, where that is installed.
#pragma once

#include <syncopate/detail/system/system.hpp>
#include <syncopate/http/detail/message/content_decoder.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string_view>

namespace syncopate::inline v0_1::http::detail {

/// The library of that name, loaded by the first session: neither its headers nor its name for the linker are needed.
///
/// Threads: any.
class Libbrotlidec {
public:
    using State = struct BrotliState;
    using Create = State*(void* (*)(void*, std::size_t), void (*)(void*, void*), void*);
    using Destroy = void(State*);
    using Decompress =
        int(State*, std::size_t*, std::uint8_t const**, std::size_t*, std::uint8_t**, std::size_t*);

    /// Null if the library is not installed.
    static Libbrotlidec const* get() noexcept {
        static Libbrotlidec const library;
        bool const is_whole = library.create && library.destroy && library.decompress;
        return is_whole ? &library : nullptr;
    }

    Create* create = nullptr;
    Destroy* destroy = nullptr;
    Decompress* decompress = nullptr;

private:
    Libbrotlidec() noexcept {
        void* const library = ::syncopate::detail::system::load_library("brotlidec", "1");
        if (!library)
            return;
        create = ::syncopate::detail::system::find_function<Create>(
            library, "BrotliDecoderCreateInstance");
        destroy = ::syncopate::detail::system::find_function<Destroy>(
            library, "BrotliDecoderDestroyInstance");
        decompress = ::syncopate::detail::system::find_function<Decompress>(
            library, "BrotliDecoderDecompressStream");
    }
};

class BrotliDecoder final : public ContentDecoder {
public:
    /// library:   must be there.
    /// server:    names the server in errors; outlives this.
    BrotliDecoder(Libbrotlidec const& library, std::string_view server) noexcept
        : ContentDecoder("br", server), library_(library), state_(nullptr, library.destroy) {}

private:
    void start(char) override {
        state_.reset(library_.create(nullptr, nullptr, nullptr));
        if (!state_)
            throw std::bad_alloc();
    }

    std::size_t decode_some(std::string_view& input, char* room, std::size_t size) override {
        constexpr int failed = 0;
        constexpr int complete = 1;
        auto const* in = reinterpret_cast<std::uint8_t const*>(input.data());
        auto* out = reinterpret_cast<std::uint8_t*>(room);
        auto left = input.size();
        auto free = size;
        int const result = library_.decompress(state_.get(), &left, &in, &free, &out, nullptr);
        if (result == failed)
            set_failed("corrupt");
        input.remove_prefix(input.size() - left);
        set_ended(result == complete);
        return size - free;
    }

    Libbrotlidec const& library_;
    std::unique_ptr<Libbrotlidec::State, Libbrotlidec::Destroy*> state_;
};

}  // namespace syncopate::inline v0_1::http::detail
