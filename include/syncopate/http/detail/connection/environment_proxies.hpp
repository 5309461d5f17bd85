// EnvironmentProxies: the proxies that http_proxy, https_proxy and all_proxy name.
#pragma once

#include <syncopate/http/detail/connection/no_proxy_rules.hpp>
#include <syncopate/http/detail/connection/proxy.hpp>
#include <syncopate/http/url.hpp>

#include <cstdlib>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>

namespace syncopate::inline v0_1::http::detail {

/// The proxies that the environment names.
///
/// - http URLs: http_proxy; not HTTP_PROXY, which the client of a CGI program can set.
/// - https URLs: https_proxy, HTTPS_PROXY.
/// - Either, if it has none of its own: all_proxy, ALL_PROXY.
/// - no_proxy, NO_PROXY: the URLs that need none; see NoProxyRules.
///
/// Semantics: curl; but a proxy's default port is 80.
class EnvironmentProxies {
public:
    /// Gives the value of a variable; nothing, or an empty text, if there is none.
    using Variable = std::function<std::optional<std::string>(std::string const&)>;

    /// Throws: Errc::invalid_url.
    explicit EnvironmentProxies(Variable const& variable = from_environment)
        : http_(first_of(variable, {"http_proxy", "all_proxy", "ALL_PROXY"})),
          https_(first_of(variable, {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"})),
          no_proxy_(value_of(variable, {"no_proxy", "NO_PROXY"})) {}

    /// The one for this URL, or null. It lasts as long as this object.
    Proxy const* find(Url const& url) const {
        auto const& proxy = url.is_secure() ? https_ : http_;
        return proxy && !no_proxy_.exempt(url) ? &*proxy : nullptr;
    }

private:
    using Names = std::initializer_list<char const*>;

    static std::optional<std::string> from_environment(std::string const& name) {
        // NOLINTNEXTLINE(concurrency-mt-unsafe): a program that changes its environment has to lock
        char const* const value = std::getenv(name.c_str());
        return value ? std::optional<std::string>(value) : std::nullopt;
    }

    static std::string value_of(Variable const& variable, Names names) {
        for (auto const* const name : names)
            if (auto value = variable(name); value && !value->empty())
                return *std::move(value);
        return {};
    }

    static std::optional<Proxy> first_of(Variable const& variable, Names names) {
        auto text = value_of(variable, names);
        return text.empty() ? std::nullopt : std::optional<Proxy>(std::move(text));
    }

    std::optional<Proxy> http_;
    std::optional<Proxy> https_;
    NoProxyRules no_proxy_;
};

}  // namespace syncopate::inline v0_1::http::detail
