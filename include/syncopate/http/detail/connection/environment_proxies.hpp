// EnvironmentProxies: the proxies that http_proxy, https_proxy and all_proxy name.
#pragma once

#include <syncopate/http/detail/connection/no_proxy_rules.hpp>
#include <syncopate/http/detail/connection/proxy.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/url.hpp>

#include <cstdlib>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

namespace syncopate::inline v0_1::http::detail {

/// The proxies that the environment names.
///
/// - http URLs: http_proxy; not HTTP_PROXY, which the client of a CGI program can set.
/// - https URLs: https_proxy, HTTPS_PROXY.
/// - Either, if it has none of its own: all_proxy, ALL_PROXY.
/// - no_proxy, NO_PROXY: the URLs that need none; see NoProxyRules.
///
/// A proxy that cannot be used concerns only the requests that would go through it: the environment is often that of
/// a whole desktop, and says what other programs understand.
///
/// Semantics: curl; but a proxy's default port is 80.
class EnvironmentProxies {
public:
    /// Gives the value of a variable; nothing, or an empty text, if there is none.
    using Variable = std::function<std::optional<std::string>(std::string const&)>;

    explicit EnvironmentProxies(Variable const& variable = from_environment)
        : http_(first_of(variable, {"http_proxy", "all_proxy", "ALL_PROXY"})),
          https_(first_of(variable, {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"})),
          no_proxy_(named_value(variable, {"no_proxy", "NO_PROXY"}).second) {}

    /// The one for this URL, or null. It lasts as long as this object.
    ///
    /// Throws: Errc::invalid_url, naming the variable.
    Proxy const* find(Url const& url) const {
        auto const& setting = url.is_secure() ? https_ : http_;
        if (setting.value.empty() || no_proxy_.exempt(url))
            return nullptr;
        if (!setting.proxy)
            throw_error(Errc::invalid_url, setting.error);
        return &*setting.proxy;
    }

private:
    using Names = std::initializer_list<char const*>;

    static std::optional<std::string> from_environment(std::string const& name) {
        // NOLINTNEXTLINE(concurrency-mt-unsafe): a program that changes its environment has to lock
        char const* const value = std::getenv(name.c_str());
        return value ? std::optional<std::string>(value) : std::nullopt;
    }

    struct Setting {
        std::string value;
        std::optional<Proxy> proxy;
        std::string error;  // why there is no proxy
    };

    static std::pair<std::string, std::string> named_value(Variable const& variable, Names names) {
        for (auto const* const name : names)
            if (auto value = variable(name); value && !value->empty())
                return {name, *std::move(value)};
        return {};
    }

    static Setting first_of(Variable const& variable, Names names) {
        Setting setting;
        auto const [name, value] = named_value(variable, names);
        setting.value = value;
        if (value.empty())
            return setting;
        try {
            setting.proxy.emplace(value);
        } catch (std::system_error const& error) {
            setting.error = name + ": " + error.what();
        }
        return setting;
    }

    Setting http_;
    Setting https_;
    NoProxyRules no_proxy_;
};

}  // namespace syncopate::inline v0_1::http::detail
