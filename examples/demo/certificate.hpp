// A TLS certificate made on the spot: a fresh key and the self-signed certificate for it.
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>

namespace demo {

/// A private key and its certificate, both as PEM text.
struct Certificate {
    std::string key_pem;
    std::string certificate_pem;
};

namespace openssl {

template <auto Free>
struct Deleter {
    void operator()(auto* object) const { Free(object); }
};

using Key = std::unique_ptr<EVP_PKEY, Deleter<&EVP_PKEY_free>>;
using X509Certificate = std::unique_ptr<X509, Deleter<&X509_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Deleter<&X509_EXTENSION_free>>;
using Bio = std::unique_ptr<BIO, Deleter<&BIO_free>>;

inline void require(bool succeeded) {
    if (!succeeded) {
        throw std::runtime_error("OpenSSL could not make a certificate");
    }
}

inline void add_extension(X509& certificate, int kind, std::string const& value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, &certificate, &certificate, nullptr, nullptr, 0);
    Extension const extension{X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str())};
    require(extension != nullptr);
    require(X509_add_ext(&certificate, extension.get(), -1) == 1);
}

inline X509Certificate make_self_signed(EVP_PKEY& key, std::string const& alternative_names) {
    X509Certificate certificate{X509_new()};
    require(certificate != nullptr);
    require(X509_set_version(certificate.get(), X509_VERSION_3) == 1);

    std::uint32_t serial = 0;
    require(RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) == 1);
    require(ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), 1ULL + serial) == 1);

    constexpr long minute = 60;
    constexpr long day = 24 * 60 * minute;
    require(X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -minute) != nullptr);
    require(X509_gmtime_adj(X509_getm_notAfter(certificate.get()), day) != nullptr);

    X509_NAME* const name = X509_get_subject_name(certificate.get());
    auto const* const common_name = reinterpret_cast<unsigned char const*>("syncopate example");
    require(
        X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8, common_name, -1, -1, 0) ==
        1);
    require(X509_set_issuer_name(certificate.get(), name) == 1);
    require(X509_set_pubkey(certificate.get(), &key) == 1);

    add_extension(*certificate, NID_basic_constraints, "critical,CA:FALSE");
    add_extension(*certificate, NID_key_usage, "critical,digitalSignature");
    add_extension(*certificate, NID_ext_key_usage, "serverAuth");
    add_extension(*certificate, NID_subject_alt_name, alternative_names);
    require(X509_sign(certificate.get(), &key, EVP_sha256()) > 0);
    return certificate;
}

inline std::string text_of(BIO& bio) {
    char const* data = nullptr;
    long const size = BIO_get_mem_data(&bio, &data);
    return {data, static_cast<std::size_t>(size)};
}

}  // namespace openssl

/// Makes a certificate, valid for a day.
///
/// alternative_names: whom it is for, as OpenSSL writes it: "DNS:localhost,IP:127.0.0.1".
inline Certificate make_certificate(std::string const& alternative_names) {
    openssl::Key const key{EVP_EC_gen("P-256")};
    openssl::require(key != nullptr);
    openssl::X509Certificate const certificate = openssl::make_self_signed(*key, alternative_names);

    openssl::Bio const key_out{BIO_new(BIO_s_mem())};
    openssl::Bio const certificate_out{BIO_new(BIO_s_mem())};
    openssl::require(key_out && certificate_out);
    openssl::require(
        PEM_write_bio_PrivateKey(key_out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) ==
        1);
    openssl::require(PEM_write_bio_X509(certificate_out.get(), certificate.get()) == 1);
    return {openssl::text_of(*key_out), openssl::text_of(*certificate_out)};
}

}  // namespace demo
