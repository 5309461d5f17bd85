// How a server of the tests does TLS.
#pragma once

#include "support/certificates.hpp"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

namespace support {

/// How a server does TLS.
struct TlsSettings {
    Certificate certificate;
    int min_version = TLS1_2_VERSION;
    int max_version = TLS1_3_VERSION;
    /// As PEM. Not empty: clients have to present a certificate from there.
    std::string client_authority = {};
    /// Protocols for ALPN, each with its length before it.
    std::string protocols = "\x08http/1.1";
};

namespace detail {

using TlsContext = std::unique_ptr<SSL_CTX, OpensslDeleter<&SSL_CTX_free>>;

inline OpensslBio read_from(std::string const& text) {
    return OpensslBio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

inline OpensslX509 read_certificate(BIO* bio) {
    return OpensslX509(PEM_read_bio_X509(bio, nullptr, nullptr, nullptr));
}

inline int select_protocol(
    SSL*,
    unsigned char const** selected,
    unsigned char* selected_size,
    unsigned char const* offered,
    unsigned offered_size,
    void* settings) {
    auto const& ours = static_cast<TlsSettings const*>(settings)->protocols;
    auto const* const protocols = reinterpret_cast<unsigned char const*>(ours.data());
    auto* out = const_cast<unsigned char*>(*selected);
    int const result = SSL_select_next_proto(
        &out, selected_size, protocols, static_cast<unsigned>(ours.size()), offered, offered_size);
    *selected = out;
    return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

/// The settings outlive the context.
inline TlsContext make_context(TlsSettings& settings) {
    TlsContext context(SSL_CTX_new(TLS_server_method()));
    auto* const ctx = context.get();
    auto const chain = read_from(settings.certificate.chain);
    auto const key_text = read_from(settings.certificate.key);
    auto const leaf = read_certificate(chain.get());
    OpensslKey const key(PEM_read_bio_PrivateKey(key_text.get(), nullptr, nullptr, nullptr));
    require_openssl(
        SSL_CTX_use_certificate(ctx, leaf.get()) == 1 &&
            SSL_CTX_use_PrivateKey(ctx, key.get()) == 1,
        "the certificate is not usable");
    while (auto const next = read_certificate(chain.get()))
        SSL_CTX_add1_chain_cert(ctx, next.get());
    // Without it OpenSSL speaks nothing older than TLS 1.2.
    if (settings.min_version < TLS1_2_VERSION)
        SSL_CTX_set_cipher_list(ctx, "DEFAULT:@SECLEVEL=0");
    SSL_CTX_set_min_proto_version(ctx, settings.min_version);
    SSL_CTX_set_max_proto_version(ctx, settings.max_version);
    SSL_CTX_set_alpn_select_cb(ctx, select_protocol, &settings);
    // What a client with a certificate needs to resume a session.
    SSL_CTX_set_session_id_context(ctx, reinterpret_cast<unsigned char const*>("test"), 4);
    if (!settings.client_authority.empty()) {
        auto const pem = read_from(settings.client_authority);
        auto const authority = read_certificate(pem.get());
        X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), authority.get());
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    }
    return context;
}

}  // namespace detail

}  // namespace support
