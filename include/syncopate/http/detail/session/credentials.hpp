// Credentials: what a request says of its user, where that depends on the server: Digest answers, entries of a netrc file.
#pragma once

#include <syncopate/http/detail/message/basic_auth.hpp>
#include <syncopate/http/detail/message/digest_auth.hpp>
#include <syncopate/http/detail/message/netrc.hpp>
#include <syncopate/http/detail/message/request_parts.hpp>
#include <syncopate/http/detail/message/response_head.hpp>
#include <syncopate/http/detail/session/request_writer.hpp>
#include <syncopate/http/detail/session/session_core.hpp>
#include <syncopate/http/url.hpp>

#include <boost/beast/http/verb.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1::http::detail {

/// For one request, and all to which it leads. On the session's loop.
class Credentials {
public:
    /// Null if the request has none of these.
    static std::unique_ptr<Credentials> make(SessionCore& core, RequestParts const& request) {
        if (!request.digest() && !core.netrc())
            return nullptr;
        return std::unique_ptr<Credentials>(new Credentials(core, request));
    }

    /// Sets what is sent to that URL: an answer to the challenge that is known of its server, or an entry for its host.
    void prepare(Url const& url, RedirectRewrite const& rewrite) {
        value_.clear();
        session_ = nullptr;
        if (request_.headers.contains("Authorization") && rewrite.keeps_credentials)
            return;
        if (request_.digest() && rewrite.keeps_credentials) {
            session_ = core_.digests().find(key(url));
            if (session_)
                value_ = answer(url, rewrite);
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

    /// The value of Authorization; empty: none.
    std::string const& value() const noexcept { return value_; }

    /// Whether the request is to be sent again, since the response asks for an answer that can be given.
    bool take_challenge(ResponseHead const& head, Url const& url, RedirectRewrite const& rewrite) {
        constexpr int most_rounds = 4;
        if (head.status != 401 || !request_.digest() || !rewrite.keeps_credentials ||
            rounds_ == most_rounds || request_.headers.contains("Authorization") ||
            (rewrite.keeps_body && !request_.body.is_repeatable()))
            return false;
        auto challenge = DigestChallenge::find(head.headers);
        if (!challenge)
            return false;
        bool const is_wrong = session_ && session_ == fresh_ && !challenge->is_stale &&
                              session_->challenge().realm == challenge->realm;
        bool const needs_body = challenge->offers_auth_int && !challenge->offers_auth;
        if (is_wrong || (needs_body && rewrite.keeps_body && request_.body.source())) {
            core_.digests().forget(key(url));
            return false;
        }
        ++rounds_;
        fresh_ = std::make_shared<DigestSession>(*std::move(challenge), *request_.digest());
        core_.digests().keep(key(url), fresh_);
        return true;
    }

private:
    Credentials(SessionCore& core, RequestParts const& request) noexcept
        : core_(core), request_(request) {}

    std::string key(Url const& url) const {
        return std::string(url.origin()) + '\n' + request_.digest()->name + '\n' +
               request_.digest()->password;
    }

    std::string answer(Url const& url, RedirectRewrite const& rewrite) {
        static std::vector<std::string> const no_body;
        auto const& body = request_.body;
        auto const* pieces = &no_body;
        if (rewrite.keeps_body && body.pieces())
            pieces = body.pieces().get();
        if (rewrite.keeps_body && body.source())
            pieces = nullptr;
        std::string const method(boost::beast::http::to_string(rewrite.method));
        return session_->answer(method, std::string(url.target()), pieces).value_or(std::string());
    }

    SessionCore& core_;
    RequestParts const& request_;
    std::string value_;
    std::shared_ptr<DigestSession> session_;  // whose answer is sent
    std::shared_ptr<DigestSession> fresh_;    // of the last challenge to this request
    int rounds_ = 0;
};

}  // namespace syncopate::inline v0_1::http::detail
