// take_number(), whole_number(): decimal numbers in the text of URLs and header fields.
#pragma once

#include <charconv>
#include <concepts>
#include <cstddef>
#include <optional>
#include <string_view>
#include <system_error>

namespace syncopate::inline v0_1::http::detail {

/// Takes the number at the beginning of the text. Nothing, and nothing taken, if there is none or T
/// cannot hold it. Only a signed T takes a minus sign, none a plus sign or a space.
template <std::integral T>
std::optional<T> take_number(std::string_view& text) noexcept {
    T number{};
    auto const* const begin = text.data();
    auto const [end, error] = std::from_chars(begin, begin + text.size(), number);
    if (error != std::errc())
        return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - begin));
    return number;
}

/// All of the text as one number; nothing if there is anything else in it.
template <std::integral T>
std::optional<T> whole_number(std::string_view text) noexcept {
    auto const number = take_number<T>(text);
    return text.empty() ? number : std::nullopt;
}

}  // namespace syncopate::inline v0_1::http::detail
