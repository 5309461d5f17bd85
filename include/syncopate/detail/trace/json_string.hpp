// append_json_string(): text as a string of JSON.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace syncopate::inline v0_1::detail {

/// How many bytes the first character of the text takes, or zero if it is none of UTF-8.
inline std::size_t utf8_length(std::string_view text) noexcept {
    auto const byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    auto const first = byte(0);
    if (first < 0x80)
        return 1;
    std::size_t const length = first < 0xc2   ? 0
                               : first < 0xe0 ? 2
                               : first < 0xf0 ? 3
                               : first < 0xf5 ? 4
                                              : 0;
    if (length > text.size())
        return 0;
    for (std::size_t i = 1; i < length; ++i)
        if ((byte(i) & 0xc0) != 0x80)
            return 0;
    // Forms that are longer than they need be, surrogates, and what is beyond Unicode.
    bool const is_refused = (first == 0xe0 && byte(1) < 0xa0) ||
                            (first == 0xed && byte(1) > 0x9f) ||
                            (first == 0xf0 && byte(1) < 0x90) || (first == 0xf4 && byte(1) > 0x8f);
    return is_refused ? 0 : length;
}

/// Appends the text in quotation marks. A byte that is not of UTF-8 becomes U+FFFD: what a label or a thread's name
/// holds is anything.
inline void append_json_string(std::string& json, std::string_view text) {
    constexpr char const* hex = "0123456789abcdef";
    auto const is_plain = [](char character) {
        return character >= 0x20 && character < 0x7f && character != '"' && character != '\\';
    };
    json += '"';
    for (;;) {
        auto const special = std::ranges::find_if_not(text, is_plain);
        json.append(text.begin(), special);
        text.remove_prefix(static_cast<std::size_t>(special - text.begin()));
        if (text.empty())
            break;
        auto const length = utf8_length(text);
        auto const first = static_cast<unsigned char>(text[0]);
        if (length == 0) {
            json += "\\ufffd";
        } else if (first < 0x20) {
            json += "\\u00";
            json += hex[first >> 4U];
            json += hex[first & 0xfU];
        } else {
            if (first == '"' || first == '\\')
                json += '\\';
            json += text.substr(0, length);
        }
        text.remove_prefix(length == 0 ? 1 : length);
    }
    json += '"';
}

}  // namespace syncopate::inline v0_1::detail
