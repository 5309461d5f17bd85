// DigestSession: the answers to a challenge of Digest authentication, RFC 7616.
#pragma once

#include <syncopate/http/detail/message/digest_challenge.hpp>
#include <syncopate/http/detail/message/digest_user.hpp>

#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1::http::detail {

/// The answers to one challenge, counted: a nonce may be used many times.
class DigestSession {
public:
    DigestSession(
        DigestChallenge challenge, DigestUser const& user, std::string client_nonce = make_nonce())
        : challenge_(std::move(challenge)), name_(user.name),
          client_nonce_(std::move(client_nonce)),
          key_(challenge_.hashed({user.name, ":", challenge_.realm, ":", user.password})) {
        if (challenge_.is_session)
            key_ = challenge_.hashed({key_, ":", challenge_.nonce, ":", client_nonce_});
    }

    DigestChallenge const& challenge() const noexcept { return challenge_; }

    /// The value of Authorization, or Proxy-Authorization, for a request; nothing if the body has to be hashed, and is not in memory.
    ///
    /// body:      null: not in memory.
    std::optional<std::string> answer(
        std::string const& method,
        std::string const& target,
        std::vector<std::string> const* body) {
        using Protection = DigestChallenge::Protection;
        auto protection = Protection::none;
        if (challenge_.offers_auth)
            protection = Protection::auth;
        else if (challenge_.offers_auth_int)
            protection = Protection::auth_int;
        if (protection == Protection::auth_int && !body)
            return std::nullopt;
        ++count_;
        std::vector<std::string> action{method, ":", target};
        if (protection == Protection::auth_int) {
            action.emplace_back(":");
            action.push_back(challenge_.hashed(*body));
        }
        std::string const name_of_protection =
            protection == Protection::auth_int ? "auth-int" : "auth";
        std::vector<std::string> proof{key_, ":", challenge_.nonce, ":"};
        if (protection != Protection::none)
            proof.insert(proof.end(), {count(), ":", client_nonce_, ":", name_of_protection, ":"});
        proof.push_back(challenge_.hashed(action));

        std::string text = "Digest " + user() + ", realm=" + quoted(challenge_.realm) +
                           ", nonce=" + quoted(challenge_.nonce) + ", uri=" + quoted(target);
        if (!challenge_.algorithm.empty())
            text += ", algorithm=" + challenge_.algorithm;
        text += ", response=\"" + challenge_.hashed(proof) + '"';
        if (protection != Protection::none)
            text += ", qop=" + name_of_protection + ", nc=" + count() + ", cnonce=\"" +
                    client_nonce_ + '"';
        if (challenge_.opaque)
            text += ", opaque=" + quoted(*challenge_.opaque);
        if (challenge_.hashes_user)
            text += ", userhash=true";
        return text;
    }

private:
    static std::string make_nonce() {
        std::array<unsigned char, 16> bytes{};
        if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1)
            throw std::bad_alloc();
        return hexadecimal(bytes.data(), bytes.size());
    }

    static std::string quoted(std::string_view text) {
        std::string result = "\"";
        for (char const c : text) {
            if (c == '"' || c == '\\')
                result += '\\';
            result += c;
        }
        return result + '"';
    }

    /// A name beyond ASCII has a form of its own: RFC 5987.
    std::string user() const {
        if (challenge_.hashes_user)
            return "username=" + quoted(challenge_.hashed({name_, ":", challenge_.realm}));
        auto const is_beyond_ascii = [](char c) { return static_cast<unsigned char>(c) >= 0x80; };
        if (std::ranges::none_of(name_, is_beyond_ascii))
            return "username=" + quoted(name_);
        std::string text = "username*=UTF-8''";
        for (char const c : name_) {
            bool const is_plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                                  (c >= 'A' && c <= 'Z') || c == '-' || c == '.' || c == '_';
            auto const byte = static_cast<unsigned char>(c);
            text += is_plain ? std::string(1, c) : "%" + hexadecimal(&byte, 1);
        }
        return text;
    }

    std::string count() const {
        std::array<char, 9> digits{};
        std::snprintf(digits.data(), digits.size(), "%08x", static_cast<unsigned>(count_));
        return digits.data();
    }

    DigestChallenge const challenge_;
    std::string const name_;
    std::string const client_nonce_;
    std::string key_;
    std::uint32_t count_ = 0;
};

}  // namespace syncopate::inline v0_1::http::detail
