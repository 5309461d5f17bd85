// DigestSessions: the challenges that a session knows how to answer. DigestAnswers: those to one request's.
#pragma once

#include <syncopate/http/detail/message/digest_auth.hpp>
#include <syncopate/http/detail/message/digest_user.hpp>
#include <syncopate/http/headers.hpp>

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1::http::detail {

/// By server or proxy, and user. What follows the first request to one is answered before it asks.
class DigestSessions {
public:
    std::shared_ptr<DigestSession> find(std::string const& key) const {
        auto const found = sessions_.find(key);
        return found == sessions_.end() ? nullptr : found->second;
    }
    void keep(std::string const& key, std::shared_ptr<DigestSession> session) {
        constexpr std::size_t most = 256;
        if (sessions_.size() >= most)
            sessions_.clear();
        sessions_.insert_or_assign(key, std::move(session));
    }
    void forget(std::string const& key) noexcept { sessions_.erase(key); }

private:
    std::map<std::string, std::shared_ptr<DigestSession>> sessions_;
};

/// What one request, and all to which it leads, answers to its servers, or to its proxies.
class DigestAnswers {
public:
    /// Who asks, and for whom the answer is.
    struct Asker {
        std::string key;
        DigestUser user;
    };
    /// A request's body, as far as an answer depends on it.
    struct Body {
        std::vector<std::string> const* pieces = nullptr;  // null: not in memory
        bool can_be_sent = true;                           // again
    };

    explicit DigestAnswers(DigestSessions& sessions) noexcept : sessions_(sessions) {}

    /// An answer to the challenge that is known of the asker; empty if there is none.
    std::string answer(
        Asker const& asker, std::string const& method, std::string const& target, Body body) {
        session_ = sessions_.find(asker.key);
        if (!session_)
            return {};
        return session_->answer(method, target, body.pieces).value_or(std::string());
    }

    /// Nothing of what is known was sent.
    void leave_out() noexcept { session_ = nullptr; }

    /// Whether the request is to be sent again, since there is an answer to the challenge in these fields.
    bool take_challenge(
        Asker const& asker, Headers const& headers, std::string_view field, Body body) {
        constexpr int most_rounds = 4;
        if (rounds_ == most_rounds || !body.can_be_sent)
            return false;
        auto challenge = DigestChallenge::find(headers, field);
        if (!challenge)
            return false;
        bool const is_wrong = session_ && session_ == fresh_ && !challenge->is_stale &&
                              session_->challenge().realm == challenge->realm;
        bool const needs_body = challenge->offers_auth_int && !challenge->offers_auth;
        if (is_wrong || (needs_body && !body.pieces)) {
            sessions_.forget(asker.key);
            return false;
        }
        ++rounds_;
        fresh_ = std::make_shared<DigestSession>(*std::move(challenge), asker.user);
        sessions_.keep(asker.key, fresh_);
        return true;
    }

private:
    DigestSessions& sessions_;
    std::shared_ptr<DigestSession> session_;  // whose answer is sent
    std::shared_ptr<DigestSession> fresh_;    // of the last challenge to this request
    int rounds_ = 0;
};

}  // namespace syncopate::inline v0_1::http::detail
