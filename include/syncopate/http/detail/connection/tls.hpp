// Tls: the TLS configuration of one session, made from its options.
#pragma once

#include <syncopate/http/detail/connection/socket.hpp>
#include <syncopate/http/detail/connection/tls_sessions.hpp>
#include <syncopate/http/detail/connection/tls_stream.hpp>
#include <syncopate/http/options.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/verify_mode.hpp>
#include <boost/system/error_code.hpp>
#include <openssl/crypto.h>
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

/// OpenSSL frees itself by atexit(). Initialised here, before other static objects, it outlives them: a static
/// runner may have sessions until its destructor ends.
inline int const openssl_is_up = OPENSSL_init_crypto(OPENSSL_INIT_ADD_ALL_DIGESTS, nullptr);

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
    explicit Tls(SessionOptions const& options) : options_(options) {
        if (has_authorities() || !options.client_certificate().empty())
            context();
    }

    /// Makes the stream of a connection, before the handshake. It may outlive this object.
    ///
    /// socket:    connected; must outlive the stream.
    /// host, origin: see TlsStream.
    std::unique_ptr<TlsStream> make_stream(
        Socket& socket, std::string const& host, std::string origin) {
        return std::make_unique<TlsStream>(socket, context(), sessions_, host, std::move(origin));
    }

private:
    bool has_authorities() const {
        return !options_.ca_file().empty() || !options_.ca_certificates().empty();
    }

    asio::ssl::context& context() {
        if (!context_)
            context_ = make_context();
        return *context_;
    }

    asio::ssl::context make_context() const {
        asio::ssl::context context(asio::ssl::context::tls_client);
        auto* const native = context.native_handle();
        SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
        // The system's configuration may set this option, and a body that is cut short would pass as complete.
        SSL_CTX_clear_options(native, SSL_OP_IGNORE_UNEXPECTED_EOF);
        static constexpr unsigned char protocols[] = "\x08http/1.1";
        SSL_CTX_set_alpn_protos(native, protocols, sizeof protocols - 1);
        TlsStream::collect_sessions(native);
        set_trust(context);
        if (!options_.client_certificate().empty())
            use_client_certificate(context, options_.client_certificate(), options_.client_key());
        return context;
    }

    void set_trust(asio::ssl::context& context) const {
        context.set_verify_mode(
            options_.verify() ? asio::ssl::verify_peer : asio::ssl::verify_none);
        if (!options_.verify())
            std::clog
                << "syncopate::http: verify(false): servers do not have to prove who they are\n";
        if (!has_authorities()) {
            if (options_.verify())
                context.set_default_verify_paths();
            return;
        }
        if (!options_.ca_file().empty())
            add_authorities(context, read_file(options_.ca_file()), options_.ca_file());
        if (!options_.ca_certificates().empty())
            add_authorities(context, options_.ca_certificates(), "ca_certificates");
        // A certificate that is named here is trusted even if it is no root.
        X509_STORE_set_flags(
            SSL_CTX_get_cert_store(context.native_handle()), X509_V_FLAG_PARTIAL_CHAIN);
    }

    static void add_authorities(
        asio::ssl::context& context, std::string const& pem, std::string const& name) {
        boost::system::error_code error;
        static_cast<void>(context.add_certificate_authority(asio::buffer(pem), error));
        if (error)
            throw_unusable(name + ": no certificates as PEM", error);
    }

    static void use_client_certificate(
        asio::ssl::context& context, std::string const& certificate, std::string const& key) {
        boost::system::error_code error;
        static_cast<void>(
            context.use_certificate_chain(asio::buffer(read_file(certificate)), error));
        if (error)
            throw_unusable(certificate + ": no certificate as PEM", error);
        // Without a callback, OpenSSL asks for the password on the terminal.
        context.set_password_callback(
            [](std::size_t, asio::ssl::context::password_purpose) { return std::string(); });
        static_cast<void>(
            context.use_private_key(asio::buffer(read_file(key)), asio::ssl::context::pem, error));
        if (error)
            throw_unusable(key + ": no private key, as PEM, of the certificate", error);
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
    std::shared_ptr<TlsSessions> sessions_ = std::make_shared<TlsSessions>();
    std::optional<asio::ssl::context> context_;
};

}  // namespace syncopate::inline v0_1::http::detail
