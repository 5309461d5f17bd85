// is_public(): whether an address is one of the public Internet.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/address_v6.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <ranges>

namespace syncopate::inline v0_1::http::detail {

namespace asio = boost::asio;

/// By IANA's registry of special-purpose IPv4 addresses, RFC 6890 and its updates. What is global there for a use of its own,
/// such as AS112, is no exception here: nobody asks it by HTTP.
inline bool is_public(asio::ip::address_v4 const& address) noexcept {
    struct Block {
        std::uint32_t first;
        int prefix;
    };
    static constexpr std::array<Block, 18> special = {{
        {0x00000000, 8},   // 0.0.0.0/8, this network: Linux connects it to this machine
        {0x0a000000, 8},   // 10.0.0.0/8, private
        {0x64400000, 10},  // 100.64.0.0/10, shared, behind the NAT of a carrier
        {0x7f000000, 8},   // 127.0.0.0/8, loopback
        {0xa83f8110, 32},  // 168.63.129.16, which Azure answers to its machines
        {0xa9fe0000, 16},  // 169.254.0.0/16, link-local: metadata of clouds
        {0xac100000, 12},  // 172.16.0.0/12, private
        {0xc0000000, 24},  // 192.0.0.0/24, assignments of the IETF
        {0xc0000200, 24},  // 192.0.2.0/24, documentation
        {0xc01fc400, 24},  // 192.31.196.0/24, AS112
        {0xc034c100, 24},  // 192.52.193.0/24, AMT
        {0xc0586300, 24},  // 192.88.99.0/24, relays of 6to4
        {0xc0a80000, 16},  // 192.168.0.0/16, private
        {0xc0af3000, 24},  // 192.175.48.0/24, AS112
        {0xc6120000, 15},  // 198.18.0.0/15, benchmarks
        {0xc6336400, 24},  // 198.51.100.0/24, documentation
        {0xcb007100, 24},  // 203.0.113.0/24, documentation
        {0xe0000000, 3},   // 224.0.0.0/3, multicast, reserved, broadcast
    }};
    auto const number = address.to_uint();
    return std::ranges::none_of(special, [&](Block const& block) {
        return (number ^ block.first) >> (32 - block.prefix) == 0;
    });
}

/// Global unicast is 2000::/3. All else, and within it what IANA's registry of special-purpose IPv6 addresses has, is not
/// public, unless it stands for an IPv4 address that is.
inline bool is_public(asio::ip::address_v6 const& address) noexcept {
    auto const bytes = address.to_bytes();
    auto const starts_with = [&](std::initializer_list<int> prefix) {
        return std::ranges::equal(prefix, bytes | std::views::take(prefix.size()));
    };
    auto const embedded = [&](std::size_t at) {
        asio::ip::address_v4::bytes_type part{};
        std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), part.size(), part.begin());
        return asio::ip::address_v4(part);
    };
    if (address.is_v4_mapped() ||
        starts_with({0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0}))  // 64:ff9b::/96, NAT64
        return is_public(embedded(12));
    if (starts_with({0x20, 0x02}))  // 2002::/16, 6to4
        return is_public(embedded(2));
    bool const is_special =
        (bytes[0] & 0xe0) != 0x20 ||
        (starts_with({0x20, 0x01}) && bytes[2] < 2) ||  // 2001::/23, Teredo, ORCHID, benchmarks
        starts_with({0x20, 0x01, 0x0d, 0xb8}) ||        // 2001:db8::/32, documentation
        (starts_with({0x3f, 0xff}) && bytes[2] < 16);   // 3fff::/20, documentation
    if (is_special)
        return false;
    // ISATAP, RFC 5214: the second half is ::5efe:192.0.2.1, and tells a router of the site where to send it.
    bool const is_isatap =
        (bytes[8] & 0xfc) == 0 && bytes[9] == 0 && bytes[10] == 0x5e && bytes[11] == 0xfe;
    return !is_isatap || is_public(embedded(12));
}

inline bool is_public(asio::ip::address const& address) noexcept {
    return address.is_v4() ? is_public(address.to_v4()) : is_public(address.to_v6());
}

}  // namespace syncopate::inline v0_1::http::detail
