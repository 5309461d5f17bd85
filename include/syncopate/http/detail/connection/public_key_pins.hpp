// PublicKeyPins: the public keys that servers may have.
#pragma once

#include <syncopate/http/detail/message/list_syntax.hpp>
#include <syncopate/http/error.hpp>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace syncopate::inline v0_1::http::detail {

/// The SHA-256 of the certificate's SubjectPublicKeyInfo, as Base64; empty if there is none.
inline std::string public_key_digest(X509* certificate) {
    struct Deleter {
        void operator()(unsigned char* der) const noexcept { OPENSSL_free(der); }
    };
    unsigned char* der = nullptr;
    int const size = certificate ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der) : -1;
    std::unique_ptr<unsigned char, Deleter> const owner(der);
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned digest_size = 0;
    if (size < 0 || EVP_Digest(
                        der, static_cast<std::size_t>(size), digest.data(), &digest_size,
                        EVP_sha256(), nullptr) != 1)
        return {};
    std::array<unsigned char, std::size_t{2} * EVP_MAX_MD_SIZE> text{};
    auto const length = EVP_EncodeBlock(text.data(), digest.data(), static_cast<int>(digest_size));
    return {reinterpret_cast<char const*>(text.data()), static_cast<std::size_t>(length)};
}

/// Without any, every key will do.
class PublicKeyPins {
public:
    /// texts:     as SessionOptions::pin_public_key() takes them.
    /// Throws:    std::errc::invalid_argument.
    explicit PublicKeyPins(std::vector<std::string> const& texts) {
        for (std::string_view left : texts)
            do
                digests_.push_back(digest_in(take_element(left, ';')));
            while (!left.empty());
    }

    /// certificate: of the server; may be null.
    bool accept(X509* certificate) const {
        return digests_.empty() ||
               std::ranges::find(digests_, public_key_digest(certificate)) != digests_.end();
    }

private:
    static std::string digest_in(std::string_view pin) {
        constexpr std::string_view algorithm = "sha256//";
        constexpr std::size_t size = 44;  // 32 bytes
        auto const digest = pin.substr((std::min)(pin.size(), algorithm.size()));
        std::array<unsigned char, size> bytes{};
        bool const is_digest =
            pin.starts_with(algorithm) && digest.size() == size && digest.ends_with('=') &&
            !digest.ends_with("==") &&
            EVP_DecodeBlock(
                bytes.data(), reinterpret_cast<unsigned char const*>(digest.data()), size) > 0;
        if (!is_digest)
            throw std::system_error(
                std::make_error_code(std::errc::invalid_argument),
                without_controls(
                    "pin_public_key: not sha256// and 32 bytes as Base64: \"" + std::string(pin) +
                    '"'));
        return std::string(digest);
    }

    std::vector<std::string> digests_;
};

}  // namespace syncopate::inline v0_1::http::detail
