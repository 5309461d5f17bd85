// trimmed(), take_element(), take_quoted(): field values that are lists, and strings in quotes.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace syncopate::inline v0_1::http::detail {

/// The text without the spaces and tabs around it.
constexpr std::string_view trimmed(std::string_view text) noexcept {
    auto const first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos)
        return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// Takes the first element off the list, with its delimiter. Returns it trimmed.
constexpr std::string_view take_element(std::string_view& list, char delimiter) noexcept {
    auto const end = (std::min)(list.find(delimiter), list.size());
    auto const element = list.substr(0, end);
    list.remove_prefix((std::min)(end + 1, list.size()));
    return trimmed(element);
}

/// Takes a string in quotes off the text, with its quotes, and gives what it means: a backslash is followed by a character
/// that stands for itself, as in RFC 9110, 5.6.4. It ends with the text, if no quote does it.
///
/// text:      begins with a quote.
inline std::string take_quoted(std::string_view& text) {
    text.remove_prefix(1);
    std::string value;
    while (!text.empty() && text.front() != '"') {
        if (text.front() == '\\' && text.size() > 1)
            text.remove_prefix(1);
        value += text.front();
        text.remove_prefix(1);
    }
    text.remove_prefix(text.empty() ? 0 : 1);
    return value;
}

}  // namespace syncopate::inline v0_1::http::detail
