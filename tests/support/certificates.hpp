// Certificates made in the process: an authority, what it issues, and what should be refused.
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

namespace support {

template <auto Free>
struct OpensslDeleter {
    void operator()(auto* object) const { Free(object); }
};

using OpensslKey = std::unique_ptr<EVP_PKEY, OpensslDeleter<&EVP_PKEY_free>>;
using OpensslX509 = std::unique_ptr<X509, OpensslDeleter<&X509_free>>;
using OpensslBio = std::unique_ptr<BIO, OpensslDeleter<&BIO_free_all>>;

inline void require_openssl(bool succeeded, char const* what) {
    if (!succeeded)
        throw std::runtime_error(std::string("OpenSSL: ") + what);
}

/// What one presents: the certificate, followed by the intermediate ones if there are any, and the
/// private key of the first. Both as PEM.
struct Certificate {
    std::string chain;
    std::string key;
};

/// What a certificate says. The times count from now.
struct CertificateContent {
    std::string common_name = "syncopate test";
    /// As OpenSSL writes it. Empty: there is only the common name.
    std::string alternative_names = "DNS:localhost,IP:127.0.0.1,IP:::1";
    std::chrono::seconds valid_from = std::chrono::hours(-1);
    std::chrono::seconds valid_until = std::chrono::hours(24);
    std::string extended_usage = "serverAuth";
};

namespace detail {

inline OpensslKey make_key() {
    OpensslKey key(EVP_EC_gen("P-256"));
    require_openssl(key != nullptr, "no key");
    return key;
}

inline std::string text_of(BIO* bio) {
    char const* data = nullptr;
    long const size = BIO_get_mem_data(bio, &data);
    return {data, static_cast<std::size_t>(size)};
}

inline std::string pem_of(X509* certificate) {
    OpensslBio const out(BIO_new(BIO_s_mem()));
    require_openssl(out && PEM_write_bio_X509(out.get(), certificate) == 1, "no PEM");
    return text_of(out.get());
}

inline std::string pem_of(EVP_PKEY* key) {
    OpensslBio const out(BIO_new(BIO_s_mem()));
    require_openssl(
        out && PEM_write_bio_PrivateKey(out.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1,
        "no PEM");
    return text_of(out.get());
}

inline void add_extension(X509* certificate, X509* issuer, int kind, std::string const& value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    using Extension = std::unique_ptr<X509_EXTENSION, OpensslDeleter<&X509_EXTENSION_free>>;
    Extension const extension(X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
    require_openssl(extension && X509_add_ext(certificate, extension.get(), -1) == 1, "extension");
}

/// A certificate without extensions and signature. The issuer may be null: then it is its own.
inline OpensslX509 make_draft(CertificateContent const& content, EVP_PKEY* key, X509* issuer) {
    OpensslX509 certificate(X509_new());
    auto* const x509 = certificate.get();
    std::uint32_t serial = 0;
    RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial);
    auto* const subject = X509_get_subject_name(x509);
    auto const* const name = reinterpret_cast<unsigned char const*>(content.common_name.c_str());
    require_openssl(
        X509_set_version(x509, X509_VERSION_3) == 1 &&
            ASN1_INTEGER_set_uint64(X509_get_serialNumber(x509), 1ULL + serial) == 1 &&
            X509_gmtime_adj(X509_getm_notBefore(x509), content.valid_from.count()) != nullptr &&
            X509_gmtime_adj(X509_getm_notAfter(x509), content.valid_until.count()) != nullptr &&
            X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8, name, -1, -1, 0) ==
                1 &&
            X509_set_issuer_name(x509, issuer ? X509_get_subject_name(issuer) : subject) == 1 &&
            X509_set_pubkey(x509, key) == 1,
        "no certificate");
    return certificate;
}

inline void sign(X509* certificate, EVP_PKEY* key) {
    require_openssl(X509_sign(certificate, key, EVP_sha256()) > 0, "no signature");
}

inline void add_leaf_extensions(
    X509* certificate, X509* issuer, CertificateContent const& content) {
    add_extension(certificate, issuer, NID_basic_constraints, "critical,CA:FALSE");
    add_extension(certificate, issuer, NID_key_usage, "critical,digitalSignature");
    add_extension(certificate, issuer, NID_ext_key_usage, content.extended_usage);
    if (!content.alternative_names.empty())
        add_extension(certificate, issuer, NID_subject_alt_name, content.alternative_names);
}

}  // namespace detail

/// Issues certificates. Each object has a key of its own, so that two do not vouch for each other.
class CertificateAuthority {
public:
    explicit CertificateAuthority(std::string name = "syncopate test authority")
        : CertificateAuthority(std::move(name), nullptr) {}

    /// The authority's own certificate as PEM, for those who are to trust it.
    std::string certificate() const { return detail::pem_of(x509_.get()); }

    /// For a server: `issue()` is for localhost and both loopback addresses, and valid for a day.
    Certificate issue(CertificateContent const& content = {}) const {
        auto const key = detail::make_key();
        auto const leaf = detail::make_draft(content, key.get(), x509_.get());
        detail::add_leaf_extensions(leaf.get(), x509_.get(), content);
        detail::add_extension(leaf.get(), x509_.get(), NID_authority_key_identifier, "keyid");
        detail::sign(leaf.get(), key_.get());
        return {detail::pem_of(leaf.get()) + chain_, detail::pem_of(key.get())};
    }

    /// For a client, who has a name but no address.
    Certificate issue_for_client(std::string name) const {
        CertificateContent content;
        content.common_name = std::move(name);
        content.alternative_names.clear();
        content.extended_usage = "clientAuth";
        return issue(content);
    }

    /// An authority that this one vouches for. Its own certificate is a part of the chains it issues.
    CertificateAuthority intermediate(std::string name = "syncopate test intermediate") const {
        return CertificateAuthority(std::move(name), this);
    }

private:
    CertificateAuthority(std::string name, CertificateAuthority const* parent)
        : key_(detail::make_key()) {
        CertificateContent content;
        content.common_name = std::move(name);
        x509_ = detail::make_draft(content, key_.get(), parent ? parent->x509_.get() : nullptr);
        auto* const issuer = parent ? parent->x509_.get() : x509_.get();
        detail::add_extension(x509_.get(), issuer, NID_basic_constraints, "critical,CA:TRUE");
        detail::add_extension(x509_.get(), issuer, NID_key_usage, "critical,keyCertSign,cRLSign");
        detail::add_extension(x509_.get(), issuer, NID_subject_key_identifier, "hash");
        if (parent)
            detail::add_extension(x509_.get(), issuer, NID_authority_key_identifier, "keyid");
        detail::sign(x509_.get(), parent ? parent->key_.get() : key_.get());
        if (parent)
            chain_ = detail::pem_of(x509_.get()) + parent->chain_;
    }

    OpensslKey key_;
    OpensslX509 x509_;
    /// What comes after a leaf: the certificates from here up to the root, which is left out.
    std::string chain_;
};

/// A certificate for which nobody vouches but itself.
inline Certificate make_self_signed(CertificateContent const& content = {}) {
    auto const key = detail::make_key();
    auto const certificate = detail::make_draft(content, key.get(), nullptr);
    detail::add_leaf_extensions(certificate.get(), certificate.get(), content);
    detail::sign(certificate.get(), key.get());
    return {detail::pem_of(certificate.get()), detail::pem_of(key.get())};
}

/// Only the first certificate: a server that forgot the intermediate ones.
inline Certificate without_intermediates(Certificate certificate) {
    std::string const end = "-----END CERTIFICATE-----\n";
    certificate.chain.resize(certificate.chain.find(end) + end.size());
    return certificate;
}

}  // namespace support
