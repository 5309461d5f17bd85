// BodyDecoder: undoes all encodings of a body: gzip and deflate, and br and zstd where their libraries are installed.
#pragma once

#include <syncopate/http/detail/message/brotli_decoder.hpp>
#include <syncopate/http/detail/message/content_decoder.hpp>
#include <syncopate/http/detail/message/inflater.hpp>
#include <syncopate/http/detail/message/list_syntax.hpp>
#include <syncopate/http/detail/message/zstd_decoder.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/headers.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1::http::detail {

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
    /// The encodings that can be undone here, as a list.
    static std::string known_encodings() {
        std::string names = "gzip, deflate";
        names += Libbrotlidec::get() ? ", br" : "";
        names += Libzstd::get() ? ", zstd" : "";
        return names;
    }

    /// content_encoding: the values of all Content-Encoding fields, separated by commas. If one of them is
    ///                   unknown here, nothing is decoded.
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
            auto decoder = decoder_for(name, server);
            if (!decoder) {
                layers_.clear();
                return;
            }
            layers_.emplace_back(std::move(decoder));
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
        if (is_identity() || !layers_.front().decoder->has_started())
            return;
        for (auto const& layer : layers_)
            layer.decoder->finish();
    }

private:
    struct Layer {
        explicit Layer(std::unique_ptr<ContentDecoder> its_decoder) noexcept
            : decoder(std::move(its_decoder)) {}

        std::unique_ptr<ContentDecoder> decoder;
        std::string input;      // decoded by the layer before; unused in the first layer
        std::string_view left;  // the part of `input` that is still to be decoded
    };

    /// Null if the encoding is unknown, or its library not installed.
    static std::unique_ptr<ContentDecoder> decoder_for(
        std::string_view name, std::string_view server) {
        using Format = Inflater::Format;
        if (equals_ignoring_case(name, "gzip") || equals_ignoring_case(name, "x-gzip"))
            return std::make_unique<Inflater>(Format::gzip, server);
        if (equals_ignoring_case(name, "deflate"))
            return std::make_unique<Inflater>(Format::deflate, server);
        if (equals_ignoring_case(name, "br"))
            if (auto const* const library = Libbrotlidec::get())
                return std::make_unique<BrotliDecoder>(*library, server);
        if (equals_ignoring_case(name, "zstd"))
            if (auto const* const library = Libzstd::get())
                return std::make_unique<ZstdDecoder>(*library, server);
        return nullptr;
    }

    void decode_layer(
        std::size_t index,
        std::string_view& input,
        std::string& output,
        std::size_t limit,
        DecodingBudget& budget) {
        Layer& layer = layers_[index];
        if (index == 0)
            return layer.decoder->decode(input, output, limit, budget);
        auto const full = output.size() + limit;
        bool is_starved = false;
        while (!is_starved && output.size() < full && !budget.is_spent()) {
            if (layer.left.empty()) {
                layer.input.clear();
                decode_layer(index - 1, input, layer.input, ContentDecoder::step, budget);
                layer.left = layer.input;
            }
            is_starved = layer.left.empty();
            layer.decoder->decode(layer.left, output, full - output.size(), budget);
        }
    }

    // Views point into the layers: a vector that is moved leaves its elements where they are.
    std::vector<Layer> layers_;
};

}  // namespace syncopate::inline v0_1::http::detail
