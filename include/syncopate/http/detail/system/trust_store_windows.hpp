// system::use_trust_store(): the authorities of Windows. OpenSSL's own places are empty there.
#pragma once

#if defined(_WIN32)

#include <boost/asio/ssl/context.hpp>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <type_traits>

#include <wincrypt.h>
// Names of types in OpenSSL.
#undef X509_NAME
#undef X509_EXTENSIONS
#undef PKCS7_ISSUER_AND_SERIAL
#undef PKCS7_SIGNER_INFO
#undef OCSP_REQUEST
#undef OCSP_RESPONSE

#if defined(_MSC_VER)
#pragma comment(lib, "crypt32")
#endif

namespace syncopate::inline v0_1::http::detail::system {

/// Also what SSL_CERT_FILE and SSL_CERT_DIR name, as everywhere. Authorities that OpenSSL cannot read are left out.
///
/// Throws: boost::system::system_error.
inline void use_trust_store(boost::asio::ssl::context& context) {
    context.set_default_verify_paths();
    auto* const trusted = ::SSL_CTX_get_cert_store(context.native_handle());
    for (wchar_t const* const name : {L"ROOT", L"CA"}) {
        HCERTSTORE const store = ::CertOpenSystemStoreW(0, name);
        if (!store)
            continue;
        PCCERT_CONTEXT found = nullptr;
        while ((found = ::CertEnumCertificatesInStore(store, found)) != nullptr) {
            auto const* bytes = static_cast<unsigned char const*>(found->pbCertEncoded);
            std::unique_ptr<X509, decltype(&::X509_free)> const certificate(
                ::d2i_X509(nullptr, &bytes, static_cast<long>(found->cbCertEncoded)), &::X509_free);
            if (certificate)
                ::X509_STORE_add_cert(trusted, certificate.get());
        }
        ::CertCloseStore(store, 0);
    }
    ::ERR_clear_error();  // what was left out
}

}  // namespace syncopate::inline v0_1::http::detail::system

#endif
