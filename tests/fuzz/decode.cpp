// Any bytes are a body, or an error; however they are cut; and no call gives more than asked for.
//
// The first byte chooses the encoding, the second how the body is cut.

#include <syncopate/http/detail/message/body_decoder.hpp>
#include <syncopate/http/error.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <string>
#include <string_view>
#include <system_error>

namespace {

using syncopate::http::Errc;
using syncopate::http::detail::BodyDecoder;
using syncopate::http::detail::DecodingBudget;

/// A bomb is decoded no further.
constexpr std::size_t most = 1 << 20;

void require(bool condition) {
    if (!condition)
        std::abort();
}

struct Result {
    std::string body;
    bool is_malformed = false;

    bool is_cut_off() const { return body.size() >= most; }
};

/// Returns whether the budget was spent.
bool decode_a_turn(
    BodyDecoder& decoder, std::string_view& input, std::string& output, std::size_t limit) {
    DecodingBudget budget;
    decoder.decode(input, output, limit, budget);
    return budget.is_spent();
}

Result decode(
    std::string_view encoding, std::string_view body, std::size_t piece, std::size_t limit) {
    Result result;
    try {
        BodyDecoder decoder(encoding, 2);
        while (!body.empty()) {
            auto input = body.substr(0, piece);
            body.remove_prefix(input.size());
            auto before = result.body.size();
            bool is_spent = false;
            do {
                before = result.body.size();
                is_spent = decode_a_turn(decoder, input, result.body, limit);
                require(result.body.size() - before <= limit);
                if (result.is_cut_off())
                    return result;
            } while (is_spent || result.body.size() - before == limit);
            require(input.empty());
        }
        decoder.finish();
    } catch (std::system_error const& error) {
        require(error.code() == Errc::malformed_encoding);
        result.is_malformed = true;
    }
    return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    if (size < 2)
        return 0;
    constexpr std::string_view encodings[]{"gzip",          "deflate",       "gzip, gzip",
                                           "deflate, gzip", "gzip, deflate", "deflate, deflate"};
    auto const encoding = encodings[data[0] % std::size(encodings)];
    std::size_t const cut = data[1];
    std::string_view const body(reinterpret_cast<char const*>(data) + 2, size - 2);

    auto const whole = decode(encoding, body, most, most);
    auto const cut_up = decode(encoding, body, cut % 16 + 1, cut / 16 * 1000 + 1000);
    auto const common = std::min(whole.body.size(), cut_up.body.size());
    if (whole.is_cut_off() || cut_up.is_cut_off()) {
        require(whole.body.compare(0, common, cut_up.body, 0, common) == 0);
        return 0;
    }
    require(whole.is_malformed == cut_up.is_malformed);
    require(whole.is_malformed || whole.body == cut_up.body);
    return 0;
}
