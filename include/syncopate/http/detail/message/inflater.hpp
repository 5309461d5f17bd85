// Inflater: decodes gzip and deflate, by zlib.
#pragma once

#include <syncopate/http/detail/message/content_decoder.hpp>

#include <cstddef>
#include <memory>
#include <new>
#include <string_view>

#include <zlib.h>

namespace syncopate::inline v0_1::http::detail {

class Inflater final : public ContentDecoder {
public:
    enum class Format { gzip, deflate };

    /// server:    names the server in errors; outlives this.
    Inflater(Format format, std::string_view server) noexcept
        : ContentDecoder(format == Format::gzip ? "gzip" : "deflate", server), format_(format) {}

private:
    struct End {
        void operator()(z_stream* stream) const noexcept {
            ::inflateEnd(stream);
            delete stream;
        }
    };

    void start(char first) override {
        // zlib's state points back to the stream, which must not move.
        auto stream = std::make_unique<z_stream>();
        if (::inflateInit2(stream.get(), window_bits(first)) != Z_OK)
            throw std::bad_alloc();
        stream_.reset(stream.release());
    }

    /// What follows a gzip member is another one, and their texts are one: RFC 1952, 2.2.
    bool begin_next() noexcept override {
        if (format_ != Format::gzip)
            return false;
        ::inflateReset(stream_.get());
        set_ended(false);
        return true;
    }

    int window_bits(char first) const noexcept {
        if (format_ == Format::gzip)
            return MAX_WBITS + 16;
        // Some servers send raw deflate. zlib's header starts with the method, 8. In raw deflate that would be a
        // stored block with a bit set in its padding, which no encoder writes.
        bool const is_wrapped = (static_cast<unsigned char>(first) & 0x0f) == Z_DEFLATED;
        return is_wrapped ? MAX_WBITS : -MAX_WBITS;
    }

    std::size_t decode_some(std::string_view& input, char* room, std::size_t size) override {
        // zlib only reads the input, and declares it const only if ZLIB_CONST is defined.
        stream_->next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));
        stream_->avail_in = static_cast<uInt>(input.size());
        stream_->next_out = reinterpret_cast<Bytef*>(room);
        stream_->avail_out = static_cast<uInt>(size);
        int const status = ::inflate(stream_.get(), Z_SYNC_FLUSH);
        input.remove_prefix(input.size() - stream_->avail_in);
        if (status == Z_MEM_ERROR)
            throw std::bad_alloc();
        if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR)
            set_failed(stream_->msg != nullptr ? stream_->msg : "needs a dictionary");
        set_ended(status == Z_STREAM_END);
        return size - stream_->avail_out;
    }

    Format const format_;
    std::unique_ptr<z_stream, End> stream_;
};

}  // namespace syncopate::inline v0_1::http::detail
