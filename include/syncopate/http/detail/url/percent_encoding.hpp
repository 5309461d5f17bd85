// CharacterSet, append_escaped(), unescaped(): percent-encoding in URLs and forms.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace syncopate::inline v0_1::http::detail {

/// A set of bytes that can be used in constant expressions.
class CharacterSet {
public:
    constexpr explicit CharacterSet(std::string_view characters) noexcept {
        for (char const each : characters)
            contains_[static_cast<unsigned char>(each)] = true;
    }
    constexpr CharacterSet operator+(std::string_view more) const noexcept {
        CharacterSet sum(more);
        for (std::size_t i = 0; i < contains_.size(); ++i)
            sum.contains_[i] = sum.contains_[i] || contains_[i];
        return sum;
    }
    constexpr bool contains(char c) const noexcept {
        return contains_[static_cast<unsigned char>(c)];
    }

private:
    std::array<bool, 256> contains_{};
};

inline constexpr CharacterSet alphanumeric_characters(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789");
/// The characters that RFC 3986 calls unreserved.
inline constexpr CharacterSet plain_characters = alphanumeric_characters + "-._~";
inline constexpr CharacterSet userinfo_characters = plain_characters + "!$&'()*+,;=:";
/// The characters of a path, a query and a fragment.
inline constexpr CharacterSet url_characters = userinfo_characters + "@/?";

constexpr bool is_control(char c) noexcept {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

/// The value of the digit, or -1.
constexpr int hexadecimal_digit(char c) noexcept {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/// Whether the text starts with a percent sign and two hexadecimal digits.
constexpr bool starts_with_escape(std::string_view text) noexcept {
    return text.size() >= 3 && text[0] == '%' && hexadecimal_digit(text[1]) >= 0 &&
           hexadecimal_digit(text[2]) >= 0;
}

constexpr std::string_view without_spaces_around(std::string_view text) noexcept {
    text.remove_prefix((std::min)(text.find_first_not_of(' '), text.size()));
    return text.substr(0, text.find_last_not_of(' ') + 1);
}

/// Appends a percent sign and two hexadecimal digits.
inline void append_escape(std::string& text, char c) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    auto const byte = static_cast<unsigned char>(c);
    text += '%';
    text += digits[byte >> 4];
    text += digits[byte & 0xf];
}

/// Escapes a name or a value for a query: a space becomes "%20".
inline void append_escaped(std::string& text, std::string_view value) {
    for (char const each : value) {
        if (plain_characters.contains(each))
            text += each;
        else
            append_escape(text, each);
    }
}

/// Escapes a name or a value for a form: a space becomes "+".
inline void append_form_escaped(std::string& text, std::string_view value) {
    static constexpr CharacterSet unescaped = alphanumeric_characters + "*-._";
    for (char const each : value) {
        if (each == ' ')
            text += '+';
        else if (unescaped.contains(each))
            text += each;
        else
            append_escape(text, each);
    }
}

/// The text without escapes; nothing if a percent sign is not followed by two hexadecimal digits.
inline std::optional<std::string> unescaped(std::string_view text) {
    std::string result;
    while (!text.empty()) {
        std::size_t size = 1;
        char c = text[0];
        if (c == '%') {
            if (!starts_with_escape(text))
                return std::nullopt;
            c = static_cast<char>(hexadecimal_digit(text[1]) * 16 + hexadecimal_digit(text[2]));
            size = 3;
        }
        result += c;
        text.remove_prefix(size);
    }
    return result;
}

}  // namespace syncopate::inline v0_1::http::detail
