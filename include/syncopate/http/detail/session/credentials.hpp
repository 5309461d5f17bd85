// Credentials: what a request says of its user, where that depends on the server or the proxy: Digest answers, entries of a netrc file.
#pragma once

#include <syncopate/http/detail/connection/proxy.hpp>
#include <syncopate/http/detail/message/basic_auth.hpp>
#include <syncopate/http/detail/message/netrc.hpp>
#include <syncopate/http/detail/message/request_parts.hpp>
#include <syncopate/http/detail/message/response_head.hpp>
#include <syncopate/http/detail/session/digest_sessions.hpp>
#include <syncopate/http/detail/session/proxy_credentials.hpp>
#include <syncopate/http/detail/session/redirect_rewrite.hpp>
#include <syncopate/http/detail/session/session_core.hpp>
#include <syncopate/http/url.hpp>
#include <syncopate/http/verb.hpp>

#include <string>
#include <vector>

namespace syncopate::inline v0_1::http::detail {

/// For one request, and all to which it leads. On the session's loop.
class Credentials {
public:
    Credentials(SessionCore& core, RequestParts const& request) noexcept
        : core_(core), request_(request), of_server_(core.digests()), of_proxy_(core) {}

    /// Whether a request needs this for a server.
    static bool are_needed(SessionCore const& core, RequestParts const& request) noexcept {
        return request.digest() || core.netrc();
    }

    /// Sets what is sent to that URL: an answer to the challenge that is known of its server, or an entry for its host.
    void prepare(Url const& url, RedirectRewrite const& rewrite) {
        value_.clear();
        of_server_.leave_out();
        if (request_.headers.contains("Authorization") && rewrite.keeps_credentials)
            return;
        if (request_.digest() && rewrite.keeps_credentials) {
            value_ = of_server_.answer(
                asker(url), method(rewrite), std::string(url.target()), body(rewrite));
            return;
        }
        bool const has_other = (!request_.authorization.empty() && rewrite.keeps_credentials) ||
                               !url.password().empty() ||
                               core_.default_fields().headers().contains("Authorization");
        if (has_other || !core_.netrc())
            return;
        if (auto const* const entry = core_.netrc()->find(url.host(), url.user()))
            value_ = basic_credentials(entry->user, entry->password);
    }
    /// Sets what is sent to a proxy that is asked for that URL.
    void prepare(Proxy const& proxy, Url const& url, RedirectRewrite const& rewrite) {
        auto const target = std::string(url.origin()).append(url.target());
        proxy_value_ = of_proxy_.value(proxy, method(rewrite), target, body(rewrite));
    }

    /// The value of Authorization; empty: none.
    std::string const& value() const noexcept { return value_; }
    /// The value of Proxy-Authorization; empty: none.
    std::string const& proxy_value() const noexcept { return proxy_value_; }

    /// Whether the request is to be sent again, since the response asks for an answer that can be given.
    ///
    /// proxy:     that was asked for the URL; null: none.
    bool take_challenge(
        ResponseHead const& head,
        Url const& url,
        RedirectRewrite const& rewrite,
        Proxy const* proxy) {
        if (head.status == 407)
            return proxy && !request_.headers.contains("Proxy-Authorization") &&
                   of_proxy_.take_challenge(*proxy, head.headers, body(rewrite));
        return head.status == 401 && request_.digest() && rewrite.keeps_credentials &&
               !request_.headers.contains("Authorization") &&
               of_server_.take_challenge(
                   asker(url), head.headers, "WWW-Authenticate", body(rewrite));
    }

private:
    DigestAnswers::Asker asker(Url const& url) const {
        auto const& user = *request_.digest();
        return {std::string(url.origin()) + '\n' + user.name + '\n' + user.password, user};
    }

    std::string method(RedirectRewrite const& rewrite) const {
        return std::string(request_.name_of(rewrite.method));
    }

    DigestAnswers::Body body(RedirectRewrite const& rewrite) const {
        static std::vector<std::string> const none;
        auto const& body = request_.body;
        if (!rewrite.keeps_body)
            return {&none};
        auto const* const pieces = body.pieces() ? body.pieces().get() : &none;
        return {body.source() ? nullptr : pieces, body.can_be_sent()};
    }

    SessionCore& core_;
    RequestParts const& request_;
    DigestAnswers of_server_;
    ProxyCredentials of_proxy_;
    std::string value_;
    std::string proxy_value_;
};

}  // namespace syncopate::inline v0_1::http::detail
