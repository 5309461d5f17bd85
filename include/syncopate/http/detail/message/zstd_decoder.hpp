// ZstdDecoder: decodes zstd, by libzstd, where that is installed.
#pragma once

#include <syncopate/detail/system/system.hpp>
#include <syncopate/http/detail/message/content_decoder.hpp>

#include <cstddef>
#include <memory>
#include <new>
#include <string_view>

namespace syncopate::inline v0_1::http::detail {

/// The library of that name, loaded by the first session: neither its headers nor its name for the linker are needed.
///
/// Threads: any.
class Libzstd {
public:
    using State = struct ZstdState;
    struct Input {
        void const* data;
        std::size_t size;
        std::size_t position;
    };
    struct Output {
        void* data;
        std::size_t size;
        std::size_t position;
    };
    using Create = State*();
    using Destroy = std::size_t(State*);
    using SetParameter = std::size_t(State*, int, int);
    using Decompress = std::size_t(State*, Output*, Input*);
    using IsError = unsigned(std::size_t);

    /// Null if the library is not installed.
    static Libzstd const* get() noexcept {
        static Libzstd const library;
        bool const is_whole = library.create && library.destroy && library.set_parameter &&
                              library.decompress && library.is_error;
        return is_whole ? &library : nullptr;
    }

    Create* create = nullptr;
    Destroy* destroy = nullptr;
    SetParameter* set_parameter = nullptr;
    Decompress* decompress = nullptr;
    IsError* is_error = nullptr;

private:
    Libzstd() noexcept {
        void* const library = ::syncopate::detail::system::load_library("zstd", "1");
        if (!library)
            return;
        create = ::syncopate::detail::system::find_function<Create>(library, "ZSTD_createDCtx");
        destroy = ::syncopate::detail::system::find_function<Destroy>(library, "ZSTD_freeDCtx");
        set_parameter = ::syncopate::detail::system::find_function<SetParameter>(
            library, "ZSTD_DCtx_setParameter");
        decompress = ::syncopate::detail::system::find_function<Decompress>(
            library, "ZSTD_decompressStream");
        is_error = ::syncopate::detail::system::find_function<IsError>(library, "ZSTD_isError");
    }
};

class ZstdDecoder final : public ContentDecoder {
public:
    /// library:   must be there.
    /// server:    names the server in errors; outlives this.
    ZstdDecoder(Libzstd const& library, std::string_view server) noexcept
        : ContentDecoder("zstd", server), library_(library), state_(nullptr, library.destroy) {}

private:
    void start(char) override {
        // A frame may ask for a window of more memory: 8 MiB are what all must support, RFC 9659.
        constexpr int window_log_max = 100;  // ZSTD_d_windowLogMax
        constexpr int longest_window = 23;
        state_.reset(library_.create());
        if (!state_ ||
            library_.is_error(library_.set_parameter(state_.get(), window_log_max, longest_window)))
            throw std::bad_alloc();
    }

    /// What follows a frame is another one: RFC 8878, 3.
    bool begin_next() noexcept override {
        set_ended(false);
        return true;
    }

    std::size_t decode_some(std::string_view& input, char* room, std::size_t size) override {
        Libzstd::Input in{input.data(), input.size(), 0};
        Libzstd::Output out{room, size, 0};
        std::size_t result = 1;
        for (std::size_t done = 0;; done = in.position + out.position) {
            result = library_.decompress(state_.get(), &out, &in);
            // It may stop at the end of a block, though it has more.
            if (result == 0 || library_.is_error(result) || out.position == size ||
                in.position + out.position == done)
                break;
        }
        if (library_.is_error(result))
            set_failed("corrupt, or of too large a window");
        input.remove_prefix(in.position);
        set_ended(result == 0);
        return out.position;
    }

    Libzstd const& library_;
    std::unique_ptr<Libzstd::State, Libzstd::Destroy*> state_;
};

}  // namespace syncopate::inline v0_1::http::detail
