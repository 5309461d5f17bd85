// require_field(): refuses names and values that must not stand in a header.
#pragma once

#include <syncopate/http/error.hpp>
#include <syncopate/http/headers.hpp>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace syncopate::inline v0_1::http::detail {

/// Whether a byte is a character of a token: RFC 9110, 5.6.2.
inline constexpr auto token_chars = [] {
    std::array<bool, 256> is{};
    for (char const c : std::string_view("!#$%&'*+-.^_`|~0123456789"))
        is[static_cast<unsigned char>(c)] = true;
    for (char c = 'a'; c <= 'z'; ++c)
        is[static_cast<unsigned char>(c)] = is[static_cast<unsigned char>(c - 'a' + 'A')] = true;
    return is;
}();

constexpr bool is_token_char(char c) noexcept {
    return token_chars[static_cast<unsigned char>(c)];
}

constexpr bool is_token(std::string_view text) noexcept {
    return !text.empty() && std::ranges::all_of(text, is_token_char);
}

/// Whether it holds no control byte but the tab: RFC 9110, 5.5.
constexpr bool is_field_value(std::string_view text) noexcept {
    return std::ranges::all_of(text, [](char c) {
        auto const byte = static_cast<unsigned char>(c);
        return (byte >= 0x20 && byte != 0x7f) || c == '\t';
    });
}

/// Throws: Errc::invalid_request. Its message does not show the value, which may be a secret.
inline void require_field(std::string_view name, std::string_view value) {
    if (!is_token(name))
        throw_error(Errc::invalid_request, "a header's name is not a token");
    if (!is_field_value(value))
        throw_error(
            Errc::invalid_request,
            "the value of the header " + std::string(name) + " holds a control byte");
}

}  // namespace syncopate::inline v0_1::http::detail
