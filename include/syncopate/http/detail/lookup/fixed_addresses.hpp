// FixedAddresses: the addresses of hosts that SessionOptions::resolve() has named.
#pragma once

#include <syncopate/http/detail/lookup/system_lookup.hpp>
#include <syncopate/http/detail/url/host_and_port.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/options.hpp>

#include <boost/asio/ip/address.hpp>
#include <boost/system/error_code.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace syncopate::inline v0_1::http::detail {

/// They are not looked up. Without any, finding none costs next to nothing.
class FixedAddresses {
public:
    FixedAddresses() = default;
    /// Throws:    Errc::invalid_url for what is no host; std::errc::invalid_argument for what is no address.
    explicit FixedAddresses(SessionOptions const& options) {
        for (auto const& each : options.fixed_addresses()) {
            auto const host = HostAndPort(each.host).host;
            addresses_[{std::string(without_final_dot(host)), each.port}].push_back(
                to_address(each.address));
        }
    }

    /// host:      of a URL: in lower case, without brackets.
    /// Returns:   null if they are to be looked up.
    Addresses const* find(std::string_view host, std::uint16_t port) const {
        if (addresses_.empty())
            return nullptr;
        std::string const name(without_final_dot(host));
        for (auto const each : {port, std::uint16_t{0}})
            if (auto const found = addresses_.find({name, each}); found != addresses_.end())
                return &found->second;
        return nullptr;
    }

private:
    static asio::ip::address to_address(std::string_view text) {
        if (text.starts_with('[') && text.ends_with(']'))
            text = text.substr(1, text.size() - 2);
        boost::system::error_code error;
        auto address = asio::ip::make_address(std::string(text), error);
        if (error)
            throw std::system_error(
                std::make_error_code(std::errc::invalid_argument),
                without_controls("SessionOptions::resolve: \"" + std::string(text) + '"'));
        return address;
    }

    std::map<std::pair<std::string, std::uint16_t>, Addresses> addresses_;
};

}  // namespace syncopate::inline v0_1::http::detail
