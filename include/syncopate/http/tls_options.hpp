// TlsOptions: the settings of a session that concern TLS: who is trusted, as whom it appears. TlsVersion.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1::http {

/// The versions of TLS that are spoken.
enum class TlsVersion {
    /// TLS 1.2 and newer.
    tls_1_2,
    /// TLS 1.3 and newer.
    tls_1_3,
};

/// The part of SessionOptions that concerns TLS, as their base.
template <class Options>
class TlsOptions {
public:
    /// Whether servers must show a certificate that is trusted and has their name. Default: true. With false,
    /// anybody on the way can read and change everything; the session says so on std::clog.
    Options& verify(bool value) {
        verify_ = value;
        return self();
    }
    bool verify() const noexcept { return verify_; }

    /// A file of certificates, as PEM, which are trusted instead of those that the system trusts. It is read when
    /// the session is made, which throws std::system_error if that fails. Default: none.
    Options& ca_file(std::string path) {
        ca_file_ = std::move(path);
        return self();
    }
    std::string const& ca_file() const noexcept { return ca_file_; }

    /// Certificates to trust, as ca_file(), but as PEM text. Default: none.
    Options& ca_certificates(std::string pem) {
        ca_certificates_ = std::move(pem);
        return self();
    }
    std::string const& ca_certificates() const noexcept { return ca_certificates_; }

    /// A file of certificates, as PEM, which are trusted beside those of the system, or of ca_file(): a company's own
    /// authority, for example. All else as ca_file().
    Options& extra_ca_file(std::string path) {
        extra_ca_file_ = std::move(path);
        return self();
    }
    std::string const& extra_ca_file() const noexcept { return extra_ca_file_; }

    /// Certificates to trust, as extra_ca_file(), but as PEM text. Default: none.
    Options& extra_ca_certificates(std::string pem) {
        extra_ca_certificates_ = std::move(pem);
        return self();
    }
    std::string const& extra_ca_certificates() const noexcept { return extra_ca_certificates_; }

    /// The files of the client's own certificate chain and of its private key, as PEM. They are read when the session
    /// is made, which throws std::system_error if that fails. A key with a
    /// password needs client_key_password(). Default: none.
    Options& client_certificate(std::string certificate_path, std::string key_path) {
        client_certificate_ = std::move(certificate_path);
        client_key_ = std::move(key_path);
        return self();
    }
    std::string const& client_certificate() const noexcept { return client_certificate_; }
    /// What has been set.
    std::string const& client_key() const noexcept { return client_key_; }

    /// The password of the key that client_certificate() names. Default: none.
    Options& client_key_password(std::string text) {
        client_key_password_ = std::move(text);
        return self();
    }
    std::string const& client_key_password() const noexcept { return client_key_password_; }

    /// The oldest version of TLS that is spoken. Default: TlsVersion::tls_1_2.
    Options& minimum_tls(TlsVersion value) {
        minimum_tls_ = value;
        return self();
    }
    TlsVersion minimum_tls() const noexcept { return minimum_tls_; }

    /// Adds a public key that servers may have; any other one is refused with Errc::certificate_refused, also under
    /// verify(false). It holds for all servers of the session, those of redirects too, but not for a proxy. Default: any key.
    ///
    /// pin:       `sha256//` and the SHA-256 of the key (its SubjectPublicKeyInfo) as Base64; several with `;` between
    ///            them. Anything else is refused when the session is made, with std::errc::invalid_argument.
    /// Semantics: curl's --pinnedpubkey.
    Options& pin_public_key(std::string pin) {
        public_key_pins_.push_back(std::move(pin));
        return self();
    }
    /// What pin_public_key() has added.
    std::vector<std::string> const& public_key_pins() const noexcept { return public_key_pins_; }

    /// A file to which the keys of all connections are appended, so that Wireshark can decrypt what it has recorded: to look
    /// for faults. Who reads it reads everything. It is opened when the session is made, which throws std::system_error if
    /// that fails. Default: none.
    ///
    /// Semantics: SSLKEYLOGFILE, which is not heeded by itself.
    Options& key_log_file(std::string path) {
        key_log_file_ = std::move(path);
        return self();
    }
    std::string const& key_log_file() const noexcept { return key_log_file_; }

private:
    friend Options;

    TlsOptions() = default;

    Options& self() noexcept { return static_cast<Options&>(*this); }

    bool verify_ = true;
    TlsVersion minimum_tls_ = TlsVersion::tls_1_2;
    std::string ca_file_;
    std::string ca_certificates_;
    std::string extra_ca_file_;
    std::string extra_ca_certificates_;
    std::string client_certificate_;
    std::string client_key_;
    std::string client_key_password_;
    std::vector<std::string> public_key_pins_;
    std::string key_log_file_;
};

}  // namespace syncopate::inline v0_1::http
