// Tls: the TLS configuration of one session, made from its options.
#pragma once

#include <syncopate/http/detail/connection/key_log.hpp>
#include <syncopate/http/detail/connection/public_key_pins.hpp>
#include <syncopate/http/detail/connection/socket.hpp>
#include <syncopate/http/detail/connection/tls_sessions.hpp>
#include <syncopate/http/detail/connection/tls_stream.hpp>
#include <syncopate/http/detail/system/trust_store.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/options.hpp>
#include <syncopate/http/tls_options.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/verify_mode.hpp>
#include <boost/system/error_code.hpp>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <cerrno>
#include <cstddef>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

namespace syncopate::inline v0_1::http::detail {

/// One ssl::context for all connections of a session, and the TLS sessions that may be resumed under it.
///
/// Threads: one at a time.
class Tls {
public:
    /// Reads the files that the options name. The certificates that the system trusts are read when the first
    /// connection is made, since this takes some 20 ms, and a session may never need them.
    ///
    /// options:   must outlive this object.
    /// Throws:    std::system_error, with the path, if a file cannot be read or does not hold what the option
    ///            says.
    explicit Tls(SessionOptions const& options)
        : options_(options), pins_(options.public_key_pins()) {
        if (!options.key_log_file().empty())
            key_log_ = std::make_shared<KeyLog>(options.key_log_file());
        if (has_authorities() || has_extra_authorities() || !options.client_certificate().empty())
            context();
    }

    /// Makes the stream of a connection, before the handshake. It may outlive this object.
    ///
    /// socket:    connected; must outlive the stream.
    /// host, origin: see TlsStream.
    std::unique_ptr<TlsStream> make_stream(
        Socket& socket, std::string const& host, std::string origin) {
        return std::make_unique<TlsStream>(
            socket, context(), sessions_, key_log_, host, std::move(origin));
    }

    /// Refuses a server whose public key is none of those that the options name. To be called after the handshake.
    ///
    /// Throws:    Errc::certificate_refused.
    void require_pinned_key(TlsStream& stream) const {
        if (!pins_.accept(SSL_get0_peer_certificate(stream.native_handle())))
            throw_error(
                Errc::certificate_refused,
                stream.origin() + ": its public key is none of those that are pinned");
    }

private:
    bool has_authorities() const {
        return !options_.ca_file().empty() || !options_.ca_certificates().empty();
    }

    bool has_extra_authorities() const {
        return !options_.extra_ca_file().empty() || !options_.extra_ca_certificates().empty();
    }

    asio::ssl::context& context() {
        if (!context_)
            context_ = make_context();
        return *context_;
    }

    asio::ssl::context make_context() const {
        asio::ssl::context context(asio::ssl::context::tls_client);
        auto* const native = context.native_handle();
        bool const is_new_only = options_.minimum_tls() == TlsVersion::tls_1_3;
        SSL_CTX_set_min_proto_version(native, is_new_only ? TLS1_3_VERSION : TLS1_2_VERSION);
        // The system's configuration may set this option, and a body that is cut short would pass as complete.
        SSL_CTX_clear_options(native, SSL_OP_IGNORE_UNEXPECTED_EOF);
        static constexpr unsigned char protocols[] = "\x08http/1.1";
        SSL_CTX_set_alpn_protos(native, protocols, sizeof protocols - 1);
        TlsStream::collect_sessions(native);
        if (key_log_)
            TlsStream::log_keys(native);
        set_trust(context);
        if (!options_.client_certificate().empty())
            use_client_certificate(context);
        return context;
    }

    void set_trust(asio::ssl::context& context) const {
        context.set_verify_mode(
            options_.verify() ? asio::ssl::verify_peer : asio::ssl::verify_none);
        if (!options_.verify())
            std::clog
                << "syncopate::http: verify(false): servers do not have to prove who they are\n";
        if (!has_authorities() && options_.verify())
            system::use_trust_store(context);
        add_authorities(context, options_.ca_file());
        if (!options_.ca_certificates().empty())
            add_authorities(context, options_.ca_certificates(), "ca_certificates");
        add_authorities(context, options_.extra_ca_file());
        if (!options_.extra_ca_certificates().empty())
            add_authorities(context, options_.extra_ca_certificates(), "extra_ca_certificates");
        if (!has_authorities() && !has_extra_authorities())
            return;
        // A certificate that is named here is trusted even if it is no root.
        X509_STORE_set_flags(
            SSL_CTX_get_cert_store(context.native_handle()), X509_V_FLAG_PARTIAL_CHAIN);
    }

    /// path:      of a file; empty: nothing is added.
    static void add_authorities(asio::ssl::context& context, std::string const& path) {
        if (!path.empty())
            add_authorities(context, read_file(path), path);
    }
    static void add_authorities(
        asio::ssl::context& context, std::string const& pem, std::string const& name) {
        boost::system::error_code error;
        static_cast<void>(context.add_certificate_authority(asio::buffer(pem), error));
        if (error)
            throw_unusable(name + ": no certificates as PEM", error);
    }

    void use_client_certificate(asio::ssl::context& context) const {
        auto const& certificate = options_.client_certificate();
        auto const& key = options_.client_key();
        boost::system::error_code error;
        static_cast<void>(
            context.use_certificate_chain(asio::buffer(read_file(certificate)), error));
        if (error)
            throw_unusable(certificate + ": no certificate as PEM", error);
        // Without a callback, OpenSSL asks for the password on the terminal.
        context.set_password_callback(
            [password = options_.client_key_password()](
                std::size_t, asio::ssl::context::password_purpose) { return password; });
        static_cast<void>(
            context.use_private_key(asio::buffer(read_file(key)), asio::ssl::context::pem, error));
        if (error)
            throw_unusable(key + ": no private key, as PEM, of the certificate", error);
        // A server may ask for the certificate when it knows what is asked of it: RFC 8446, 4.6.2.
        SSL_CTX_set_post_handshake_auth(context.native_handle(), 1);
    }

    static std::string read_file(std::string const& path) {
        std::ifstream file(path, std::ios::binary);
        std::string text;
        // PEM is text, so that reading up to a zero reads the whole file.
        std::getline(file, text, '\0');
        if (!file.is_open() || file.bad())
            throw std::system_error(errno, std::system_category(), path);
        return text;
    }

    [[noreturn]] static void throw_unusable(
        std::string const& what, boost::system::error_code const& why) {
        throw std::system_error(
            std::make_error_code(std::errc::invalid_argument),
            what + " (" + tls_error_text(why) + ')');
    }

    SessionOptions const& options_;
    PublicKeyPins const pins_;
    std::shared_ptr<KeyLog> key_log_;  // null unless there is to be one
    std::shared_ptr<TlsSessions> sessions_ = std::make_shared<TlsSessions>();
    std::optional<asio::ssl::context> context_;
};

}  // namespace syncopate::inline v0_1::http::detail
