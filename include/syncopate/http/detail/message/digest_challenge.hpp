// DigestChallenge: what a server or a proxy asks for by Digest authentication, RFC 7616.
#pragma once

#include <syncopate/http/detail/message/list_syntax.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/headers.hpp>

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1::http::detail {

inline std::string hexadecimal(unsigned char const* bytes, std::size_t size) {
    std::string text;
    for (std::size_t i = 0; i < size; ++i) {
        text += "0123456789abcdef"[bytes[i] >> 4U];
        text += "0123456789abcdef"[bytes[i] & 0xfU];
    }
    return text;
}

/// What a server asks for in a field WWW-Authenticate, or a proxy in a field Proxy-Authenticate.
struct DigestChallenge {
    enum class Hash { md5, sha256, sha512_256 };
    enum class Protection { none, auth, auth_int };

    std::string realm;
    std::string nonce;
    std::optional<std::string> opaque;
    std::string algorithm;  // as the server wrote it; empty: it did not
    Hash hash = Hash::md5;
    bool is_session = false;
    bool has_protection = false;  // and not an old server, which knows of none
    bool offers_auth = false;
    bool offers_auth_int = false;
    bool is_stale = false;
    bool hashes_user = false;

    /// The strongest challenge of those in the header's fields of that name that can be answered; nothing if there is none.
    static std::optional<DigestChallenge> find(Headers const& headers, std::string_view field);

    /// Hashes texts as if they were one.
    std::string hashed(std::vector<std::string> const& texts) const {
        std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> const context(
            EVP_MD_CTX_new(), &EVP_MD_CTX_free);
        std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
        unsigned size = 0;
        bool is_well = context && EVP_DigestInit_ex(context.get(), method(), nullptr) == 1;
        for (auto const& text : texts)
            is_well = is_well && EVP_DigestUpdate(context.get(), text.data(), text.size()) == 1;
        if (!is_well || EVP_DigestFinal_ex(context.get(), digest.data(), &size) != 1)
            throw_error(
                Errc::invalid_request,
                "OpenSSL does not provide the hash of Digest authentication");
        return hexadecimal(digest.data(), size);
    }

private:
    EVP_MD const* method() const noexcept {
        switch (hash) {
        case Hash::sha256: return EVP_sha256();
        case Hash::sha512_256: return EVP_sha512_256();
        case Hash::md5: break;
        }
        return EVP_md5();
    }

    bool set_algorithm() {
        std::string_view name = algorithm;
        constexpr std::string_view of_session = "-sess";
        if (name.size() > of_session.size() &&
            equals_ignoring_case(name.substr(name.size() - of_session.size()), of_session)) {
            is_session = true;
            name.remove_suffix(of_session.size());
        }
        if (name.empty() || equals_ignoring_case(name, "MD5"))
            hash = Hash::md5;
        else if (equals_ignoring_case(name, "SHA-256"))
            hash = Hash::sha256;
        else if (equals_ignoring_case(name, "SHA-512-256"))
            hash = Hash::sha512_256;
        else
            return false;
        return true;
    }

    void set(std::string_view name, std::string value) {
        if (equals_ignoring_case(name, "realm"))
            realm = std::move(value);
        else if (equals_ignoring_case(name, "nonce"))
            nonce = std::move(value);
        else if (equals_ignoring_case(name, "opaque"))
            opaque = std::move(value);
        else if (equals_ignoring_case(name, "algorithm"))
            algorithm = std::move(value);
        else if (equals_ignoring_case(name, "stale"))
            is_stale = equals_ignoring_case(value, "true");
        else if (equals_ignoring_case(name, "userhash"))
            hashes_user = equals_ignoring_case(value, "true");
        else if (equals_ignoring_case(name, "qop"))
            set_protection(value);
    }

    void set_protection(std::string_view list) {
        has_protection = true;
        while (!list.empty()) {
            auto const each = take_element(list, ',');
            offers_auth = offers_auth || equals_ignoring_case(each, "auth");
            offers_auth_int = offers_auth_int || equals_ignoring_case(each, "auth-int");
        }
    }

    bool is_answerable() {
        return !nonce.empty() && set_algorithm() &&
               (!has_protection || offers_auth || offers_auth_int);
    }

    friend class ChallengeReader;
};

/// Reads the challenges of a field: a list of schemes, each with a list of parameters, and commas between all of them.
class ChallengeReader {
public:
    explicit ChallengeReader(std::string_view text) noexcept : left_(text) {}

    /// Adds the Digest challenges that can be answered.
    void read(std::vector<DigestChallenge>& found) {
        std::optional<DigestChallenge> challenge;
        auto const finish = [&] {
            if (challenge && challenge->is_answerable())
                found.push_back(*challenge);
            challenge.reset();
        };
        while (skip(" \t,"), !left_.empty()) {
            auto const name = take_token();
            if (name.empty()) {
                left_.remove_prefix(1);  // nonsense
                continue;
            }
            skip(" \t");
            if (!left_.starts_with('=')) {
                finish();
                if (equals_ignoring_case(name, "Digest"))
                    challenge.emplace();
                continue;
            }
            left_.remove_prefix(1);
            skip(" \t");
            auto value = take_value();
            if (challenge)
                challenge->set(name, std::move(value));
        }
        finish();
    }

private:
    void skip(std::string_view characters) noexcept {
        left_.remove_prefix((std::min)(left_.find_first_not_of(characters), left_.size()));
    }

    std::string_view take_token() noexcept {
        auto const end = (std::min)(left_.find_first_of(" \t,=\""), left_.size());
        auto const token = left_.substr(0, end);
        left_.remove_prefix(end);
        return token;
    }

    std::string take_value() {
        return left_.starts_with('"') ? take_quoted(left_) : std::string(take_token());
    }

    std::string_view left_;
};

inline std::optional<DigestChallenge> DigestChallenge::find(
    Headers const& headers, std::string_view field) {
    std::vector<DigestChallenge> found;
    for (auto const value : headers.get_all(field))
        ChallengeReader(value).read(found);
    if (found.empty())
        return std::nullopt;
    return *std::ranges::max_element(found, {}, &DigestChallenge::hash);
}

}  // namespace syncopate::inline v0_1::http::detail
