// BodyDecoder: which encodings are undone, how much at a time, and what is no such body.

#include "support/catch.hpp"
#include "support/errors.hpp"
#include <syncopate/http/detail/message/body_decoder.hpp>
#include <syncopate/http/error.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

#include <zlib.h>

namespace {

using support::code_of;
using support::message_of;
using syncopate::http::Errc;
using syncopate::http::detail::BodyDecoder;
using syncopate::http::detail::DecodingBudget;

static_assert(std::is_nothrow_move_constructible_v<BodyDecoder>);
static_assert(std::is_nothrow_move_assignable_v<BodyDecoder>);

std::string compressed(std::string_view text, int window_bits, int level = 6) {
    z_stream stream{};
    if (::deflateInit2(&stream, level, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        throw std::runtime_error("deflateInit2");
    std::string result(::deflateBound(&stream, text.size()), '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream.avail_in = static_cast<uInt>(text.size());
    stream.next_out = reinterpret_cast<Bytef*>(result.data());
    stream.avail_out = static_cast<uInt>(result.size());
    int const status = ::deflate(&stream, Z_FINISH);
    result.resize(stream.total_out);
    ::deflateEnd(&stream);
    if (status != Z_STREAM_END)
        throw std::runtime_error("deflate");
    return result;
}

std::string gzip(std::string_view text) {
    return compressed(text, MAX_WBITS + 16);
}
std::string zlib(std::string_view text) {
    return compressed(text, MAX_WBITS);
}
std::string raw(std::string_view text) {
    return compressed(text, -MAX_WBITS);
}

/// Neither constant nor random, and longer than any buffer.
std::string long_text() {
    std::string text;
    std::uint32_t state = 1;
    while (text.size() < 200'000) {
        state = state * 1664525 + 1013904223;
        text += std::to_string(state >> 20) + ' ';
    }
    return text;
}

/// What hexadecimal digits stand for.
std::string bytes(std::string_view digits) {
    std::string result;
    for (std::size_t i = 0; i < digits.size(); i += 2)
        result += static_cast<char>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16));
    return result;
}

/// With as many turns as it takes.
void decode_fully(
    BodyDecoder& decoder, std::string_view& input, std::string& output, std::size_t limit) {
    auto const full = output.size() + limit;
    for (bool is_spent = true; is_spent && output.size() < full;) {
        DecodingBudget budget;
        decoder.decode(input, output, full - output.size(), budget);
        is_spent = budget.is_spent();
    }
}

/// The body, when it comes in pieces of that size and is taken in bites of another.
std::string decode(
    std::string_view encoding,
    std::string_view body,
    std::size_t piece = 1 << 20,
    std::size_t bite = 1 << 20) {
    BodyDecoder decoder(encoding, 2);
    std::string result;
    while (!body.empty()) {
        auto input = body.substr(0, piece);
        body.remove_prefix(input.size());
        std::string output;
        do {
            output.clear();
            decode_fully(decoder, input, output, bite);
            if (output.size() > bite)
                throw std::logic_error("more than asked for");
            result += output;
        } while (output.size() == bite);
        if (!input.empty())
            throw std::logic_error("input is left over");
    }
    decoder.finish();
    return result;
}

std::error_code error_of(std::string_view encoding, std::string_view body) {
    auto const code = code_of([&] { decode(encoding, body); });
    // However it is cut.
    for (std::size_t const size : {1U, 7U, 1000U})
        CHECK(code_of([&] { decode(encoding, body, size, size); }) == code);
    return code;
}

}  // namespace

TEST_CASE("gzip and deflate are undone, deflate with zlib's wrapping and without") {
    auto const text = long_text();
    CHECK(decode("gzip", gzip(text)) == text);
    CHECK(decode("x-gzip", gzip(text)) == text);
    CHECK(decode("deflate", zlib(text)) == text);
    CHECK(decode("deflate", raw(text)) == text);
    CHECK(decode("deflate", compressed(text, -MAX_WBITS, 0)) == text);
    CHECK(decode("gzip", gzip("")).empty());
    CHECK(decode("deflate", zlib("")).empty());
    CHECK(decode("deflate", raw("")).empty());
}

TEST_CASE("br and zstd are undone where their libraries are installed") {
    std::string const hello = "hello, world\nhello, world\nhello, world\n";
    std::string const zeros(std::size_t{1} << 20, '\0');
    auto const br = bytes("1b2600f88d946ede44095286d60a2c6c6f6a1666aa010dbc5a13");
    auto const br_zeros = bytes("5bffff8f7f02201e0b0472ef1f00");
    auto const zstd = bytes("28b52ffd20279d00006868656c6c6f2c20776f726c640a010060cf2f");
    auto const zstd_zeros = bytes(
        "28b52ffda0000010005400001000000100fbff39c00202001000020010000200100002001000020010000200100003001000");
    auto const known = BodyDecoder::known_encodings();
    if (known.find("br") == known.npos) {
        CHECK(BodyDecoder("br", 2).is_identity());
    } else {
        CHECK(decode("br", br) == hello);
        CHECK(decode("BR", br, 3, 5) == hello);
        CHECK(decode("br", br_zeros, 1, 1000) == zeros);
        CHECK(error_of("br", br.substr(0, 20)) == Errc::malformed_encoding);
        CHECK(error_of("br", br + "x") == Errc::malformed_encoding);
        CHECK(error_of("br", "nonsense") == Errc::malformed_encoding);
    }
    if (known.find("zstd") == known.npos) {
        CHECK(BodyDecoder("zstd", 2).is_identity());
    } else {
        CHECK(decode("zstd", zstd) == hello);
        CHECK(decode("zstd", zstd_zeros, 1, 1000) == zeros);
        CHECK(decode("zstd", zstd + zstd, 3, 5) == hello + hello);
        CHECK(decode("zstd, gzip", gzip(zstd), 3, 5) == hello);
        CHECK(error_of("zstd", zstd.substr(0, 20)) == Errc::malformed_encoding);
        CHECK(error_of("zstd", zstd + "x") == Errc::malformed_encoding);
        CHECK(error_of("zstd", "nonsense") == Errc::malformed_encoding);
        // A window of 2 GiB.
        CHECK(error_of("zstd", bytes("28b52ffd00a8") + zstd.substr(6)) == Errc::malformed_encoding);
    }
}

TEST_CASE("A body decodes to the same in whatever pieces it comes and is taken") {
    auto const text = long_text().substr(0, 20'000);
    for (std::size_t const piece : {1U, 3U, 1000U})
        for (std::size_t const bite : {1U, 5U, 16384U, 65536U}) {
            CHECK(decode("gzip", gzip(text), piece, bite) == text);
            CHECK(decode("deflate", zlib(text), piece, bite) == text);
            CHECK(decode("deflate", raw(text), piece, bite) == text);
            CHECK(decode("gzip, deflate", zlib(gzip(text)), piece, bite) == text);
        }
}

TEST_CASE("The encoding that is named last comes off first") {
    CHECK(decode("gzip, deflate", zlib(gzip("text"))) == "text");
    CHECK(decode("deflate, gzip", gzip(raw("text"))) == "text");
    CHECK(decode("gzip, gzip", gzip(gzip("text"))) == "text");
    CHECK(error_of("deflate, gzip", zlib(gzip("text"))) == Errc::malformed_encoding);
}

TEST_CASE("Encodings are named in any case, with white space, and with empty elements between") {
    CHECK(decode("GZip", gzip("text")) == "text");
    CHECK(decode(" ,\tgzip ,, Identity, ", gzip("text")) == "text");
}

TEST_CASE("A body without an encoding, or with one that is unknown, is delivered as it is") {
    for (auto const* encoding :
         {"", " ", ",", "identity", "compress", "gzip, compress", "compress,gzip", "gzip x"}) {
        CAPTURE(encoding);
        CHECK(BodyDecoder(encoding, 2).is_identity());
        CHECK(decode(encoding, "some text", 4, 3) == "some text");
    }
    CHECK_FALSE(BodyDecoder("gzip", 2).is_identity());
}

TEST_CASE("More encodings than allowed are refused") {
    CHECK_NOTHROW(BodyDecoder("gzip, identity, deflate", 2));
    CHECK(code_of([] { BodyDecoder("gzip, gzip, gzip", 2); }) == Errc::malformed_encoding);
    CHECK(code_of([] { BodyDecoder("gzip", 0); }) == Errc::malformed_encoding);
    CHECK_NOTHROW(BodyDecoder("", 0));
}

TEST_CASE("A body without a byte is an empty body, whatever its encoding") {
    CHECK(decode("gzip", "").empty());
    CHECK(decode("deflate", "").empty());
    CHECK(decode("gzip, gzip", "").empty());
}

TEST_CASE("A body that is cut short anywhere is an error") {
    for (auto const& body : {gzip("some text"), gzip("")})
        for (std::size_t size = 1; size < body.size(); ++size)
            CHECK(error_of("gzip", body.substr(0, size)) == Errc::malformed_encoding);
    for (auto const& body : {zlib("some text"), raw("some text")})
        for (std::size_t size = 1; size < body.size(); ++size)
            CHECK(error_of("deflate", body.substr(0, size)) == Errc::malformed_encoding);
    // The outer encoding is complete, the inner one is not.
    CHECK(error_of("gzip, gzip", gzip(gzip("text").substr(0, 20))) == Errc::malformed_encoding);
    CHECK(error_of("gzip, gzip", gzip("")) == Errc::malformed_encoding);
}

TEST_CASE("The members of a gzip file are one text") {
    auto const text = long_text();
    auto const members = gzip("one, ") + gzip("") + gzip(text) + gzip("") + gzip("end");
    for (std::size_t const piece : {std::size_t{1}, std::size_t{7}, members.size()})
        for (std::size_t const bite : {std::size_t{1}, std::size_t{5}, std::size_t{1} << 20})
            CHECK(decode("gzip", members, piece, bite) == "one, " + text + "end");
    CHECK(decode("gzip, gzip", gzip(members) + gzip(gzip("!"))) == "one, " + text + "end!");
    CHECK(error_of("gzip", members + gzip("cut").substr(0, 12)) == Errc::malformed_encoding);
}

TEST_CASE("Bytes behind the end of the data are an error") {
    CHECK(error_of("gzip", gzip("text") + '\0') == Errc::malformed_encoding);
    CHECK(error_of("gzip", gzip("text") + zlib("text")) == Errc::malformed_encoding);
    CHECK(error_of("deflate", zlib("text") + "x") == Errc::malformed_encoding);
    CHECK(error_of("deflate", raw("text") + "x") == Errc::malformed_encoding);
    CHECK(error_of("gzip, gzip", gzip(gzip("text") + "x")) == Errc::malformed_encoding);
    CHECK(error_of("gzip, gzip", gzip(gzip("text")) + "x") == Errc::malformed_encoding);
}

TEST_CASE("A checksum or a length that is wrong is an error") {
    for (std::size_t from_end = 1; from_end <= 8; ++from_end) {
        auto body = gzip("some text");
        body[body.size() - from_end] ^= 1;
        CHECK(error_of("gzip", body) == Errc::malformed_encoding);
    }
    auto body = zlib("some text");
    body.back() ^= 1;
    CHECK(error_of("deflate", body) == Errc::malformed_encoding);
}

TEST_CASE("What is no such data is an error that says why") {
    CHECK(error_of("gzip", "<html></html>") == Errc::malformed_encoding);
    CHECK(error_of("gzip", zlib("text")) == Errc::malformed_encoding);
    CHECK(error_of("deflate", gzip("text")) == Errc::malformed_encoding);
    // Of zlib, with a dictionary that nobody has.
    CHECK(error_of("deflate", "\x78\x20\x01\x02\x03\x04") == Errc::malformed_encoding);
    auto const message = [](auto const* encoding, std::string const& body) {
        return message_of<std::system_error>([&] { decode(encoding, body); });
    };
    CHECK(
        message("gzip", "<html>") ==
        "a body: gzip data: incorrect header check: the body is not what its Content-Encoding says");
    CHECK_THAT(
        message("deflate", zlib("text").substr(0, 5)),
        Catch::Matchers::ContainsSubstring("a body: deflate data: truncated"));
}

TEST_CASE("What was decoded before an error stays in the output") {
    auto body = gzip(std::string(100, 'x'));
    body.back() ^= 1;
    BodyDecoder decoder("gzip", 2);
    std::string_view input = body;
    std::string output = "before ";
    CHECK(code_of([&] {
              decode_fully(decoder, input, output, 1 << 20);
          }) == Errc::malformed_encoding);
    CHECK(output == "before " + std::string(100, 'x'));
}

TEST_CASE("A flushed piece of a stream is there before the next") {
    z_stream stream{};
    REQUIRE(::deflateInit2(&stream, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    BodyDecoder decoder("gzip", 2);
    for (std::string const text : {"one", "two", "three"}) {
        std::string piece(256, '\0');
        stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
        stream.avail_in = static_cast<uInt>(text.size());
        stream.next_out = reinterpret_cast<Bytef*>(piece.data());
        stream.avail_out = static_cast<uInt>(piece.size());
        CHECK(::deflate(&stream, Z_SYNC_FLUSH) == Z_OK);
        auto input = std::string_view(piece).substr(0, piece.size() - stream.avail_out);
        std::string output;
        decode_fully(decoder, input, output, 1 << 20);
        CHECK(output == text);
    }
    ::deflateEnd(&stream);
}

TEST_CASE("A bomb is decoded no further than asked for") {
    std::string const zeros(std::size_t{1} << 24, '\0');
    auto const bomb = gzip(gzip(zeros));
    REQUIRE(bomb.size() < 1000);
    BodyDecoder decoder("gzip, gzip", 2);
    std::string_view input = bomb;
    std::string output;
    std::size_t size = 0;
    do {
        output.clear();
        decode_fully(decoder, input, output, 10'000);
        size += output.size();
    } while (output.size() == 10'000);
    CHECK(size == zeros.size());
    CHECK(output.capacity() <= 20'000);
    CHECK_NOTHROW(decoder.finish());
}

TEST_CASE("Between two encodings, no more is decoded than asked for either") {
    std::string const zeros(std::size_t{1} << 24, '\0');
    auto const bomb = gzip(compressed(zeros, MAX_WBITS, 0));
    BodyDecoder decoder("deflate, gzip", 2);
    std::string_view input = bomb;
    std::string output;
    decode_fully(decoder, input, output, 10'000);
    CHECK(output.size() == 10'000);
    CHECK(input.size() > bomb.size() / 2);
}

/// Empty blocks of deflate, each with a Huffman table of its own: they decode to nothing, and slowly.
std::string empty_blocks(std::size_t size) {
    std::string const nothing = compressed("", -MAX_WBITS, 9);
    // A stored block of no bytes, aligned: 00 00 00 ff ff.
    std::string blocks;
    while (blocks.size() < size)
        blocks.append(std::string("\0\0\0\xff\xff", 5));
    return blocks + nothing;
}

TEST_CASE("A turn decodes no more than its budget, what is between two encodings included") {
    auto const inner = GENERATE(0, 1);
    std::string const zeros(std::size_t{1} << 24, '\0');
    // Layers that expand into much, and that into nothing; or into as much.
    auto const bomb = gzip(inner == 0 ? empty_blocks(std::size_t{1} << 24) : gzip(zeros));
    BodyDecoder decoder(inner == 0 ? "deflate, gzip" : "gzip, gzip", 2);
    std::string_view input = bomb;
    std::string output;
    int turns = 0;
    for (bool is_spent = true; is_spent; ++turns) {
        output.clear();
        DecodingBudget budget;
        decoder.decode(input, output, std::size_t{1} << 30, budget);
        is_spent = budget.is_spent();
        REQUIRE(output.size() <= std::size_t{300} * 1024);
    }
    CHECK(turns > 60);
    CHECK_NOTHROW(decoder.finish());
}

TEST_CASE("A small body takes little room, however much would be allowed") {
    auto const body = gzip("some text");
    BodyDecoder decoder("gzip", 2);
    std::string_view input = body;
    std::string output;
    decode_fully(decoder, input, output, std::size_t{1} << 40);
    CHECK(output.capacity() < 100'000);
}

TEST_CASE("A decoder can be moved in the middle of a body") {
    auto const text = long_text();
    auto const body = gzip(gzip(text));
    BodyDecoder first("gzip, gzip", 2);
    auto input = std::string_view(body).substr(0, body.size() / 2);
    auto const rest = std::string_view(body).substr(input.size());
    std::string output;
    decode_fully(first, input, output, 1000);
    auto second = std::move(first);
    decode_fully(second, input, output, 1 << 20);
    BodyDecoder third("", 2);
    third = std::move(second);
    input = rest;
    decode_fully(third, input, output, 1 << 20);
    third.finish();
    CHECK(output == text);
}
