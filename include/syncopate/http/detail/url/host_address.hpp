// ends_in_number(), is_ipv4_address(), canonical_ipv6_address(): hosts of URLs that are IP addresses.
#pragma once

#include <syncopate/http/detail/system/inet.hpp>
#include <syncopate/http/detail/url/percent_encoding.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace syncopate::inline v0_1::http::detail {

/// Whether the last label is a number. Then inet_aton, and so getaddrinfo, may take the name for an address.
inline bool ends_in_number(std::string_view name) noexcept {
    if (name.ends_with('.'))
        name.remove_suffix(1);
    auto const label = name.substr(name.rfind('.') + 1);
    if (label.starts_with("0x"))
        return std::ranges::all_of(
            label.substr(2), [](char c) { return hexadecimal_digit(c) >= 0; });
    return std::ranges::all_of(label, [](char c) { return c >= '0' && c <= '9'; });
}

/// Whether the text is four decimal numbers up to 255, without leading zeros. Faster than inet_pton, which
/// accepts the same.
constexpr bool is_ipv4_address(std::string_view address) noexcept {
    int numbers = 0;
    for (std::size_t i = 0; i <= address.size(); ++i) {
        auto const begin = i;
        unsigned value = 0;
        for (; i < address.size() && address[i] != '.'; ++i) {
            auto const digit = static_cast<unsigned char>(address[i] - '0');
            bool const is_leading_zero = i > begin && value == 0;
            value = value * 10 + digit;
            if (digit > 9 || value > 255 || is_leading_zero)
                return false;
        }
        if (i == begin)
            return false;
        ++numbers;
    }
    return numbers == 4;
}

/// The address as RFC 5952 writes it; empty if the text is no IPv6 address.
inline std::string canonical_ipv6_address(std::string_view address) {
    in6_addr bytes{};
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (address.size() >= text.size() || address.find('\0') != address.npos)
        return {};
    std::ranges::copy(address, text.begin());
    if (inet_pton(AF_INET6, text.data(), &bytes) != 1)
        return {};
    return inet_ntop(AF_INET6, &bytes, text.data(), text.size());
}

}  // namespace syncopate::inline v0_1::http::detail
