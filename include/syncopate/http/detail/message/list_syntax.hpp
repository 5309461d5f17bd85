// How the value of a field is taken apart, where it is a list.
#pragma once

#include <algorithm>
#include <string_view>

namespace syncopate::http::detail {

/// Without the spaces and tabs around it.
constexpr std::string_view trimmed(std::string_view text) noexcept {
    auto const first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos)
        return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// Takes what is in front of the first delimiter, trimmed, and the delimiter; all of it if there is none.
constexpr std::string_view take_element(std::string_view& list, char delimiter) noexcept {
    auto const end = (std::min)(list.find(delimiter), list.size());
    auto const element = list.substr(0, end);
    list.remove_prefix((std::min)(end + 1, list.size()));
    return trimmed(element);
}

}  // namespace syncopate::http::detail
