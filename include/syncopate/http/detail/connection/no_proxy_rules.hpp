// NoProxyRules: the URLs that are requested without the proxy of the environment.
#pragma once

#include <syncopate/http/headers.hpp>
#include <syncopate/http/url.hpp>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

namespace syncopate::inline v0_1::http::detail {

namespace asio = boost::asio;

template <class Network, class Address>
bool is_in_network(Network const& network, Address const& address) {
    return Network(address, network.prefix_length()).canonical() == network.canonical();
}

/// Whether the text is this address, or a block of addresses that holds it, such as 10.0.0.0/8.
inline bool covers(std::string text, asio::ip::address const& address) {
    if (text.find('/') == text.npos)
        text += address.is_v4() ? "/32" : "/128";
    boost::system::error_code error;
    if (address.is_v4()) {
        auto const network = asio::ip::make_network_v4(text, error);
        return !error && is_in_network(network, address.to_v4());
    }
    auto const network = asio::ip::make_network_v6(text, error);
    return !error && is_in_network(network, address.to_v6());
}

/// Whether an entry of no_proxy, in lower case, exempts that URL.
inline bool exempts(std::string_view entry, Url const& url) {
    // An IPv6 address without brackets has several colons, and no port.
    auto const colon = entry.rfind(':');
    bool const has_port =
        colon != entry.npos && (entry.find(':') == colon || entry[colon - 1] == ']');
    if (has_port) {
        if (entry.substr(colon + 1) != std::to_string(url.port()))
            return false;
        entry = entry.substr(0, colon);
    }
    if (entry == "*")
        return true;
    if (entry.starts_with('[') && entry.ends_with(']'))
        entry = entry.substr(1, entry.size() - 2);
    if (url.is_ip_address())
        return covers(std::string(entry), asio::ip::make_address(url.host()));
    if (entry.starts_with('*'))
        entry.remove_prefix(1);
    if (entry.starts_with('.'))
        entry.remove_prefix(1);
    if (entry.ends_with('.'))
        entry.remove_suffix(1);
    auto const host = url.server_name();
    return !entry.empty() && host.ends_with(entry) &&
           (host.size() == entry.size() || host[host.size() - entry.size() - 1] == '.');
}

/// The entries of no_proxy, separated by commas or spaces: names, with all names below them, addresses, and
/// blocks of addresses, each with a port if it is for that one only; `*` is for every URL.
class NoProxyRules {
public:
    explicit NoProxyRules(std::string text) : text_(std::move(text)) {
        std::ranges::transform(text_, text_.begin(), to_lower);
    }

    bool exempt(Url const& url) const {
        constexpr std::string_view separators = ", \t";
        std::string_view rest = text_;
        for (;;) {
            rest.remove_prefix((std::min)(rest.find_first_not_of(separators), rest.size()));
            if (rest.empty())
                return false;
            auto const entry = rest.substr(0, rest.find_first_of(separators));
            if (exempts(entry, url))
                return true;
            rest.remove_prefix(entry.size());
        }
    }

private:
    std::string text_;
};

}  // namespace syncopate::inline v0_1::http::detail
