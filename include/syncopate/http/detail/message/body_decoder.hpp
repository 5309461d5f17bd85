// BodyDecoder, Inflater: gzip and deflate, nested ones included, decoded in pieces of bounded size and work.
#pragma once

#include <syncopate/http/detail/message/list_syntax.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/headers.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zlib.h>

namespace syncopate::inline v0_1::http::detail {

/// How much may be decoded before others have their turn on the loop.
///
/// What is between two encodings counts as well: layers can expand into much, and that into nothing. So does what is
/// taken in: a few bytes make zlib build tables, and stand for no byte of the body.
class DecodingBudget {
public:
    bool is_spent() const noexcept { return spent_ >= most; }
    void spend(std::size_t taken_in, std::size_t decoded) noexcept {
        constexpr std::size_t work_of_input = 8;  // of a byte, against one that is decoded
        spent_ += work_of_input * taken_in + decoded;
    }
    void renew() noexcept { spent_ = 0; }

private:
    static constexpr std::size_t most = std::size_t{256} * 1024;

    std::size_t spent_ = 0;
};

/// Decodes one encoding, by zlib.
class Inflater {
public:
    enum class Format { gzip, deflate };

    /// server:    names the server in errors; outlives this.
    Inflater(Format format, std::string_view server) noexcept : format_(format), server_(server) {}

    /// Consumes from the front of the input, and appends at most `limit` bytes to the output. When it
    /// appends fewer, the budget is spent, or the input is used up, and more of it is needed.
    /// Throws: the data is corrupt, or bytes follow its end that are no member of gzip -> Errc::malformed_encoding.
    void decode(
        std::string_view& input, std::string& output, std::size_t limit, DecodingBudget& budget) {
        if (!stream_ && !input.empty())
            start(input.front());
        bool is_starved = !stream_;
        while (!is_starved && limit > 0 && !budget.is_spent()) {
            if (has_ended_ && (input.empty() || !begin_next_member()))
                break;
            // Not the whole limit: resize() fills the room with zeros, also the part that stays unused.
            auto const room = (std::min)(limit, step);
            auto const before = input.size();
            auto const produced = inflate_into(input, output, room);
            budget.spend(before - input.size(), produced);
            limit -= produced;
            is_starved = input.empty() && produced < room;
        }
        if (has_ended_ && !input.empty() && format_ != Format::gzip)
            fail("bytes after its end");
    }

    bool has_started() const noexcept { return stream_ != nullptr; }

    /// Throws: the data is not complete -> Errc::malformed_encoding.
    void finish() const {
        if (!has_ended_)
            fail("truncated");
    }

    /// The most bytes that one call of zlib takes in, and decodes.
    static constexpr std::size_t step = 16384;

private:
    struct End {
        void operator()(z_stream* stream) const noexcept {
            ::inflateEnd(stream);
            delete stream;
        }
    };

    void start(char first) {
        // zlib's state points back to the stream, which must not move.
        auto stream = std::make_unique<z_stream>();
        if (::inflateInit2(stream.get(), window_bits(first)) != Z_OK)
            throw std::bad_alloc();
        stream_.reset(stream.release());
    }

    /// What follows a gzip member is another one, and their texts are one: RFC 1952, 2.2.
    bool begin_next_member() noexcept {
        if (format_ != Format::gzip)
            return false;
        ::inflateReset(stream_.get());
        has_ended_ = false;
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

    std::size_t inflate_into(std::string_view& input, std::string& output, std::size_t room) {
        auto const size = output.size();
        output.resize(size + room);
        auto const available = (std::min)(input.size(), step);
        // zlib only reads the input, and declares it const only if ZLIB_CONST is defined.
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
            std::string(server_) +
                (format_ == Format::gzip ? ": gzip data: " : ": deflate data: ") + what);
    }

    Format format_;
    std::string_view server_;
    bool has_ended_ = false;
    std::unique_ptr<z_stream, End> stream_;
};

/// Decodes all encodings of one body. Each call is limited, so that memory stays bounded however much a body
/// decodes to.
///
/// ```cpp
/// do {
///     piece.clear();
///     decoder.decode(input, piece, limit);
///     co_await deliver(piece);
/// } while (piece.size() == limit);
/// // The input is used up: read more of it. At its end, call decoder.finish().
/// ```
class BodyDecoder {
public:
    /// content_encoding: the values of all Content-Encoding fields, separated by commas. If one of them is neither
    ///                   gzip nor deflate, nothing is decoded.
    /// server:           names the server in errors; outlives this.
    /// Throws:           more than max_encodings -> Errc::malformed_encoding.
    BodyDecoder(
        std::string_view content_encoding,
        std::size_t max_encodings,
        std::string_view server = "a body") {
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
            using Format = Inflater::Format;
            layers_.emplace_back(is_gzip ? Format::gzip : Format::deflate, server);
        }
        if (layers_.size() > max_encodings)
            throw_error(
                Errc::malformed_encoding, std::string(server) + ": more encodings than allowed");
        // The encoding that was applied last is decoded first.
        std::ranges::reverse(layers_);
    }

    /// Whether there is nothing to decode.
    bool is_identity() const noexcept { return layers_.empty(); }

    /// Consumes from the front of the input, and appends at most `limit` bytes to the output. When it
    /// appends fewer, the input is used up, or the budget spent. When it appends `limit` bytes, or the budget is
    /// spent, there may be more, even if the input is empty.
    ///
    /// limit:  1 or more.
    /// Throws: the data is corrupt, or bytes follow its end -> Errc::malformed_encoding. The output then holds the
    ///         bytes decoded before.
    void decode(
        std::string_view& input, std::string& output, std::size_t limit, DecodingBudget& budget) {
        if (!is_identity())
            return decode_layer(layers_.size() - 1, input, output, limit, budget);
        auto const taken = input.substr(0, limit);
        output.append(taken);
        input.remove_prefix(taken.size());
    }

    /// To be called when the whole body has been decoded. An empty body is accepted: servers name an encoding even
    /// if they send nothing.
    ///
    /// Throws: the data is not complete -> Errc::malformed_encoding.
    void finish() const {
        if (is_identity() || !layers_.front().inflater.has_started())
            return;
        for (auto const& layer : layers_)
            layer.inflater.finish();
    }

private:
    struct Layer {
        Layer(Inflater::Format format, std::string_view server) noexcept
            : inflater(format, server) {}

        Inflater inflater;
        std::string input;      // decoded by the layer before; unused in the first layer
        std::string_view left;  // the part of `input` that is still to be decoded
    };

    void decode_layer(
        std::size_t index,
        std::string_view& input,
        std::string& output,
        std::size_t limit,
        DecodingBudget& budget) {
        Layer& layer = layers_[index];
        if (index == 0)
            return layer.inflater.decode(input, output, limit, budget);
        auto const full = output.size() + limit;
        bool is_starved = false;
        while (!is_starved && output.size() < full && !budget.is_spent()) {
            if (layer.left.empty()) {
                layer.input.clear();
                decode_layer(index - 1, input, layer.input, Inflater::step, budget);
                layer.left = layer.input;
            }
            is_starved = layer.left.empty();
            layer.inflater.decode(layer.left, output, full - output.size(), budget);
        }
    }

    // Views point into the layers: a vector that is moved leaves its elements where they are.
    std::vector<Layer> layers_;
};

}  // namespace syncopate::inline v0_1::http::detail
