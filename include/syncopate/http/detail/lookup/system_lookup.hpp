// look_up(): the addresses of a host's name, as the system's resolver gives them.
#pragma once

#include <syncopate/http/detail/system/sockets.hpp>
#include <syncopate/http/error.hpp>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/address_v6.hpp>

#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace syncopate::inline v0_1::http::detail {

namespace asio = boost::asio;

using Addresses = std::vector<asio::ip::address>;

/// Gives the addresses of a name, in the order in which they are to be tried. It blocks. LookupThreads calls
/// it on a detached thread, perhaps still when session and loop are gone: it owns all that it uses.
using LookupFunction = std::function<Addresses(std::string)>;

inline Addresses to_addresses(addrinfo const* list) {
    Addresses addresses;
    for (; list; list = list->ai_next) {
        if (list->ai_family == AF_INET) {
            sockaddr_in address{};
            std::memcpy(&address, list->ai_addr, sizeof address);
            addresses.emplace_back(asio::ip::address_v4(ntohl(address.sin_addr.s_addr)));
        } else if (list->ai_family == AF_INET6) {
            sockaddr_in6 address{};
            std::memcpy(&address, list->ai_addr, sizeof address);
            asio::ip::address_v6::bytes_type bytes;
            std::memcpy(bytes.data(), &address.sin6_addr, bytes.size());
            addresses.emplace_back(asio::ip::address_v6(bytes, address.sin6_scope_id));
        }
    }
    return addresses;
}

/// Asks the system, by getaddrinfo. Throws: Errc::host_not_found.
inline Addresses look_up(std::string host) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_ADDRCONFIG;
    addrinfo* list = nullptr;
    int const error = ::getaddrinfo(host.c_str(), nullptr, &hints, &list);
    if (error != 0)
        throw_error(Errc::host_not_found, host + ": " + system::lookup_failure(error));
    std::unique_ptr<addrinfo, void (*)(addrinfo*)> const owner(list, &::freeaddrinfo);
    auto addresses = to_addresses(list);
    if (addresses.empty())
        throw_error(Errc::host_not_found, host + ": no address");
    return addresses;
}

}  // namespace syncopate::inline v0_1::http::detail
