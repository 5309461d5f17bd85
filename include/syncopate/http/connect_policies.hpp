// public_addresses_only(), allowed_hosts(): which connections a session may make; for SessionOptions::on_connect.
#pragma once

#include <syncopate/http/connect_info.hpp>
#include <syncopate/http/detail/lookup/public_address.hpp>
#include <syncopate/http/detail/url/host_and_port.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/url.hpp>

#include <boost/asio/ip/address.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1::http {

namespace detail {

[[noreturn]] inline void forbid_connection(ConnectInfo const& info, std::string const& why) {
    throw_error(Errc::connection_not_allowed, std::string(origin_of(info.url)) + ": " + why);
}

inline void require_public(ConnectInfo const& info) {
    auto address = info.address;
    if (info.is_to_proxy) {
        if (info.proxy.starts_with("socks5://"))
            return;  // the server's address has been told
        boost::system::error_code is_name;
        address = asio::ip::make_address(info.host, is_name);
        if (is_name)
            forbid_connection(info, "its name is looked up by the proxy " + info.proxy);
    }
    if (!is_public(address))
        forbid_connection(info, address.to_string() + " is no public address");
}

}  // namespace detail

/// Gives a function for SessionOptions::on_connect that allows addresses of the public Internet only: for URLs that
/// somebody else has chosen, who must not reach what stands beside this machine, or in it (SSRF).
///
/// Refused are, with Errc::connection_not_allowed, all blocks that IANA's registries of special-purpose addresses do not
/// call global: those of this machine, private and link-local ones with those of clouds' metadata, shared (CGNAT), multicast,
/// documentation and so on. An IPv6 address that stands for an IPv4 address, IPv4-mapped, NAT64, 6to4 or ISATAP, is judged
/// by that one.
///
/// A proxy itself may have any address. Behind one that looks names up itself, which all but `socks5://` do, a name
/// cannot be checked, and is refused. Public addresses of your own machines are public.
inline ConnectPolicy public_addresses_only() {
    return &detail::require_public;
}

/// Gives a function for SessionOptions::on_connect that allows these hosts only, whatever address they have.
///
/// hosts:     names or addresses, as URLs have them; with a port, `example.org:8080`, for that port only. `*.example.org`
///            is all names below that one, and not that one itself.
/// Throws:    what is no host -> Errc::invalid_url. The function, for another host -> Errc::connection_not_allowed.
inline ConnectPolicy allowed_hosts(std::vector<std::string> hosts) {
    auto const allowed = std::make_shared<std::vector<detail::HostPattern>>();
    for (auto const& each : hosts)
        allowed->emplace_back(each);
    return [allowed = std::shared_ptr<std::vector<detail::HostPattern> const>(allowed)](
               ConnectInfo const& info) {
        auto const is_meant = [&](auto const& each) { return each.matches(info.host, info.port); };
        if (std::ranges::none_of(*allowed, is_meant))
            detail::forbid_connection(info, "no such host is allowed");
    };
}

}  // namespace syncopate::inline v0_1::http
