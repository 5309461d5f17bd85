// ProxyCredentials: what a request says of its user to an HTTP proxy: by Basic or by Digest authentication.
#pragma once

#include <syncopate/http/detail/connection/proxy.hpp>
#include <syncopate/http/detail/session/digest_sessions.hpp>
#include <syncopate/http/detail/session/session_core.hpp>
#include <syncopate/http/headers.hpp>

#include <string>
#include <utility>

namespace syncopate::inline v0_1::http::detail {

/// For one request and all to which it leads, or for one tunnel. On the session's loop.
class ProxyCredentials {
public:
    using Body = DigestAnswers::Body;

    explicit ProxyCredentials(SessionCore& core) noexcept : core_(core), answers_(core.digests()) {}

    /// The value of Proxy-Authorization; empty: none.
    ///
    /// target:    as it stands in the request line.
    std::string value(
        Proxy const& proxy, std::string const& method, std::string const& target, Body body) {
        if (proxy.authorization().empty())
            return {};
        auto answer = answers_.answer(asker(proxy), method, target, body);
        if (answer.empty() && core_.options().allow_proxy_basic())
            return proxy.authorization();
        return answer;
    }

    /// Whether the request is to be sent again, since there is an answer to what the proxy asks.
    ///
    /// headers:   of its 407.
    bool take_challenge(Proxy const& proxy, Headers const& headers, Body body) {
        return !proxy.authorization().empty() &&
               answers_.take_challenge(asker(proxy), headers, "Proxy-Authenticate", body);
    }

private:
    static DigestAnswers::Asker asker(Proxy const& proxy) {
        // No origin of a server begins so.
        auto key = "proxy " + proxy.origin() + '\n' + proxy.user() + '\n' + proxy.password();
        return {std::move(key), {proxy.user(), proxy.password()}};
    }

    SessionCore& core_;
    DigestAnswers answers_;
};

}  // namespace syncopate::inline v0_1::http::detail
