// accept_underscores(): lets a certificate with a wildcard hold for names with underscores, which OpenSSL refuses.
#pragma once

#include <syncopate/http/headers.hpp>

#include <openssl/asn1.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <cstddef>
#include <memory>
#include <string_view>

namespace syncopate::inline v0_1::http::detail {

/// Whether the name is the one of the pattern, "*.example.org", whose asterisk stands for one label: RFC 9525, 6.3. Below
/// a name of one label a wildcard holds for nothing.
inline bool is_matched_by_wildcard(std::string_view name, std::string_view pattern) noexcept {
    if (!pattern.starts_with("*."))
        return false;
    pattern.remove_prefix(1);
    auto const dot = name.find('.');
    bool const has_label = dot != name.npos && dot > 0;
    bool const has_parent = pattern.find('.', 1) != pattern.npos;
    return has_label && has_parent && equals_ignoring_case(name.substr(dot), pattern);
}

/// Whether a DNS name of the certificate is a wildcard that stands for the name.
inline bool has_wildcard_for(X509* certificate, std::string_view name) {
    struct Deleter {
        void operator()(GENERAL_NAMES* names) const noexcept { GENERAL_NAMES_free(names); }
    };
    std::unique_ptr<GENERAL_NAMES, Deleter> const names(static_cast<GENERAL_NAMES*>(
        X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
    for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
        auto const* const each = sk_GENERAL_NAME_value(names.get(), i);
        if (each->type != GEN_DNS)
            continue;
        auto const* const data =
            reinterpret_cast<char const*>(ASN1_STRING_get0_data(each->d.dNSName));
        std::string_view const pattern(
            data, static_cast<std::size_t>(ASN1_STRING_length(each->d.dNSName)));
        if (is_matched_by_wildcard(name, pattern))
            return true;
    }
    return false;
}

/// OpenSSL's callback of the verification. Names with underscores exist in DNS, and other clients let a wildcard stand
/// for them; OpenSSL does not: its issue 12566. All else stays as it decides.
inline int accept_underscores(int is_accepted, X509_STORE_CTX* context) {
    if (is_accepted == 1 || X509_STORE_CTX_get_error(context) != X509_V_ERR_HOSTNAME_MISMATCH)
        return is_accepted;
    auto const* const host = X509_VERIFY_PARAM_get0_host(X509_STORE_CTX_get0_param(context), 0);
    auto* const certificate = X509_STORE_CTX_get0_cert(context);
    std::string_view const name = host ? host : "";
    if (name.find('_') == name.npos || !certificate || !has_wildcard_for(certificate, name))
        return is_accepted;
    X509_STORE_CTX_set_error(context, X509_V_OK);
    return 1;
}

}  // namespace syncopate::inline v0_1::http::detail
