// trimmed(), take_element(): field values that are lists.
#pragma once

#include <algorithm>
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

}  // namespace syncopate::inline v0_1::http::detail
