// The decoding of a body: gzip and deflate, also one within the other, a bounded piece at a time.
#pragma once

#include <syncopate/http/detail/message/list_syntax.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/headers.hpp>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zlib.h>

namespace syncopate::http::detail {

/// Undoes one encoding.
class Inflater {
public:
    enum class Format { gzip, deflate };

    explicit Inflater(Format format) noexcept : format_(format) {}

    /// Consumes from the front of the input, and appends at most `limit` bytes to the output. When it
    /// appends fewer, the input is used up, and more of it is needed.
    /// Throws: the data is corrupt, or goes on behind its end -> Errc::malformed_encoding.
    void decode(std::string_view& input, std::string& output, std::size_t limit) {
        if (!stream_ && !input.empty())
            start(input.front());
        bool is_starved = !stream_;
        while (!is_starved && !has_ended_ && limit > 0) {
            // Not the whole limit: what is left over has been filled with zeros for nothing.
            auto const room = (std::min)(limit, step);
            auto const produced = inflate_into(input, output, room);
            limit -= produced;
            is_starved = input.empty() && produced < room;
        }
        if (has_ended_ && !input.empty())
            fail("bytes after its end");
    }

    bool has_started() const noexcept { return stream_ != nullptr; }

    /// Throws: the data is not complete -> Errc::malformed_encoding.
    void finish() const {
        if (!has_ended_)
            fail("truncated");
    }

    /// What is decoded at once.
    static constexpr std::size_t step = 16384;

private:
    struct End {
        void operator()(z_stream* stream) const noexcept {
            ::inflateEnd(stream);
            delete stream;
        }
    };

    void start(char first) {
        // The stream's own state points back to it: it must not move.
        auto stream = std::make_unique<z_stream>();
        if (::inflateInit2(stream.get(), window_bits(first)) != Z_OK)
            throw std::bad_alloc();
        stream_.reset(stream.release());
    }

    int window_bits(char first) const noexcept {
        if (format_ == Format::gzip)
            return MAX_WBITS + 16;
        // zlib's wrapping starts with its method, 8. Without the wrapping, that would be a stored block
        // with a bit set in its padding, which no encoder writes.
        bool const is_wrapped = (static_cast<unsigned char>(first) & 0x0f) == Z_DEFLATED;
        return is_wrapped ? MAX_WBITS : -MAX_WBITS;
    }

    std::size_t inflate_into(std::string_view& input, std::string& output, std::size_t room) {
        auto const size = output.size();
        output.resize(size + room);
        auto const available =
            (std::min<std::size_t>)(input.size(), (std::numeric_limits<uInt>::max)());
        // zlib only reads it; that it says so is optional.
        stream_->next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));
        stream_->avail_in = static_cast<uInt>(available);
        stream_->next_out = reinterpret_cast<Bytef*>(output.data() + size);
        stream_->avail_out = static_cast<uInt>(room);
        int const status = ::inflate(stream_.get(), Z_SYNC_FLUSH);
        auto const produced = room - stream_->avail_out;
        input.remove_prefix(available - stream_->avail_in);
        output.resize(size + produced);
        if (status == Z_MEM_ERROR)
            throw std::bad_alloc();
        if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR)
            fail(stream_->msg != nullptr ? stream_->msg : "needs a dictionary");
        has_ended_ = status == Z_STREAM_END;
        return produced;
    }

    [[noreturn]] void fail(std::string const& what) const {
        throw_error(
            Errc::malformed_encoding,
            (format_ == Format::gzip ? "gzip data: " : "deflate data: ") + what);
    }

    Format format_;
    bool has_ended_ = false;
    std::unique_ptr<z_stream, End> stream_;
};

/// Undoes the encodings of one body, whatever it decodes to: memory is bounded by the limit of each call.
///
/// ```cpp
/// do {
///     piece.clear();
///     decoder.decode(input, piece, limit);
///     co_await deliver(piece);
/// } while (piece.size() == limit);
/// // The input is used up: read more of it; after the last of it, decoder.finish().
/// ```
class BodyDecoder {
public:
    /// content_encoding: the value of the field, or of all of them, separated by commas. With an encoding
    ///                   in it that is neither gzip nor deflate, nothing is decoded.
    /// Throws:           more encodings than that -> Errc::malformed_encoding.
    BodyDecoder(std::string_view content_encoding, std::size_t max_encodings) {
        while (!content_encoding.empty()) {
            auto const name = take_element(content_encoding, ',');
            if (name.empty() || equals_ignoring_case(name, "identity"))
                continue;
            bool const is_deflate = equals_ignoring_case(name, "deflate");
            bool const is_gzip =
                equals_ignoring_case(name, "gzip") || equals_ignoring_case(name, "x-gzip");
            if (!is_deflate && !is_gzip) {
                layers_.clear();
                return;
            }
            layers_.emplace_back(is_gzip ? Inflater::Format::gzip : Inflater::Format::deflate);
        }
        if (layers_.size() > max_encodings)
            throw_error(Errc::malformed_encoding, "more encodings than allowed");
        // The last one was applied last, and comes off first.
        std::ranges::reverse(layers_);
    }

    /// Whether the body is delivered as it comes.
    bool is_identity() const noexcept { return layers_.empty(); }

    /// Consumes from the front of the input, and appends at most `limit` bytes to the output. When it
    /// appends fewer, the input is used up. When it appends so many, there may be more to come, even if the
    /// input is empty.
    ///
    /// limit:  1 or more.
    /// Throws: the data is corrupt, or goes on behind its end -> Errc::malformed_encoding. The output then
    ///         holds what could be decoded before.
    void decode(std::string_view& input, std::string& output, std::size_t limit) {
        if (!is_identity())
            return decode_layer(layers_.size() - 1, input, output, limit);
        auto const taken = input.substr(0, limit);
        output.append(taken);
        input.remove_prefix(taken.size());
    }

    /// The encoded body has ended, and all of it has been decoded. A body without a byte is none: a server
    /// may name an encoding although it sends nothing.
    /// Throws: the data is not complete -> Errc::malformed_encoding.
    void finish() const {
        if (is_identity() || !layers_.front().inflater.has_started())
            return;
        for (auto const& layer : layers_)
            layer.inflater.finish();
    }

private:
    struct Layer {
        explicit Layer(Inflater::Format format) noexcept : inflater(format) {}

        Inflater inflater;
        std::string input;      // from the layer before; the first one has the body's
        std::string_view left;  // of that input
    };

    void decode_layer(
        std::size_t index, std::string_view& input, std::string& output, std::size_t limit) {
        Layer& layer = layers_[index];
        if (index == 0)
            return layer.inflater.decode(input, output, limit);
        auto const full = output.size() + limit;
        bool is_starved = false;
        while (!is_starved && output.size() < full) {
            if (layer.left.empty()) {
                layer.input.clear();
                decode_layer(index - 1, input, layer.input, Inflater::step);
                layer.left = layer.input;
            }
            is_starved = layer.left.empty();
            layer.inflater.decode(layer.left, output, full - output.size());
        }
    }

    // Each with its input, to which a view points: they stay where they are when this is moved.
    std::vector<Layer> layers_;
};

}  // namespace syncopate::http::detail
