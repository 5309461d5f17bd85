// TlsStream: the TLS of one connection, which checks the name of the server and explains a failed handshake.
#pragma once

#include <syncopate/http/detail/connection/certificate_name.hpp>
#include <syncopate/http/detail/connection/key_log.hpp>
#include <syncopate/http/detail/connection/socket.hpp>
#include <syncopate/http/detail/connection/tls_sessions.hpp>
#include <syncopate/http/error.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstddef>
#include <memory>
#include <string>
#include <utility>

namespace syncopate::inline v0_1::http::detail {

/// The reason for a failure, as OpenSSL or the system words it.
inline std::string tls_error_text(boost::system::error_code const& error) {
    if (error.category() == asio::error::get_ssl_category())
        if (auto const* const reason =
                ERR_reason_error_string(static_cast<unsigned long>(error.value())))
            return reason;
    return error.message();
}

/// A stream over a socket that its owner keeps for longer.
///
/// The end of the connection without close_notify is asio::ssl::error::stream_truncated, and not eof.
class TlsStream final : public asio::ssl::stream<Socket&> {
public:
    /// key_log:   see log_keys(); may be null.
    /// host:      the name or address that the certificate has to hold: Url::server_name().
    /// origin:    "https://host:port", in errors and as the key of the server's sessions.
    TlsStream(
        Socket& socket,
        asio::ssl::context& context,
        std::shared_ptr<TlsSessions> sessions,
        std::shared_ptr<KeyLog const> key_log,
        std::string const& host,
        std::string origin)
        : asio::ssl::stream<Socket&>(socket, context), sessions_(std::move(sessions)),
          key_log_(std::move(key_log)), origin_(std::move(origin)) {
        set_expected_host(host);
        if (SSL_set_ex_data(native_handle(), stream_index(), this) != 1)
            throw_error(Errc::tls_failed, origin_);
        if (auto const session = sessions_->take(origin_))
            SSL_set_session(native_handle(), session.get());
    }
    TlsStream(TlsStream const&) = delete;
    TlsStream& operator=(TlsStream const&) = delete;

    ~TlsStream() {
        // Without this, OpenSSL would not resume the session of a connection that ended without close_notify.
        // Only TLS 1.0 asked for that.
        SSL_set_shutdown(native_handle(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    }

    /// "https://host:port".
    std::string const& origin() const noexcept { return origin_; }

    /// Offers the server HTTP/2 as well. To be called before the handshake.
    void offer_http2() noexcept {
        static constexpr unsigned char protocols[] = "\x02h2\x08http/1.1";
        SSL_set_alpn_protos(native_handle(), protocols, sizeof protocols - 1);
    }
    /// Whether the server has chosen it.
    bool is_http2() noexcept {
        unsigned char const* name = nullptr;
        unsigned size = 0;
        SSL_get0_alpn_selected(native_handle(), &name, &size);
        return size == 2 && name[0] == 'h' && name[1] == '2';
    }

    /// Has the buffers for records kept from one to the next. Otherwise there is memory for them only while they are used:
    /// that suits connections most of which are idle.
    void keep_buffers() noexcept { SSL_clear_mode(native_handle(), SSL_MODE_RELEASE_BUFFERS); }

    /// Whether received bytes are still unread.
    bool has_input() {
        return SSL_has_pending(native_handle()) == 1 ||
               BIO_ctrl_pending(SSL_get_rbio(native_handle())) > 0;
    }

    /// Decrypts the records that have come with the last read of the socket, as many as there is room for. Returns the
    /// number of bytes. A read of Asio's returns one record; where they are short, what is around it takes as long as that.
    ///
    /// error:     of the record behind them, or eof for a close_notify. No later read would tell it: OpenSSL says once
    ///            what was wrong.
    std::size_t take_received(char* room, std::size_t size, boost::system::error_code& error) {
        if (size == 0 || !has_input())
            return 0;
        // What another user of this thread has left would be taken for ours. To clear the queue takes several times as long
        // as to see that there is nothing in it.
        if (ERR_peek_error() != 0)
            ERR_clear_error();
        std::size_t taken = 0;
        std::size_t count = 0;
        do {
            int const result = SSL_read_ex(native_handle(), room + taken, size - taken, &count);
            if (result != 1) {
                error = last_error(result);
                break;
            }
            taken += count;
        } while (taken < size && has_input());
        return taken;
    }

    /// Takes what has come, on a socket that does not block. Returns false if that was data, the end, or a part of a
    /// record: a server may send a ticket or a new key at any time, and these are no response.
    bool takes_all_without_data() {
        char byte = 0;
        boost::system::error_code error;
        read_some(asio::buffer(&byte, 1), error);
        bool const is_taken = error == asio::error::would_block || error == asio::error::try_again;
        return is_taken && !has_input();
    }

    /// Throws: operation_aborted -> itself; any other error of a handshake -> Errc::certificate_refused or
    ///         Errc::tls_failed, with the reason.
    [[noreturn]] void throw_handshake_error(boost::system::error_code const& error) {
        if (error == asio::error::operation_aborted)
            throw boost::system::system_error(error);
        if (is_about_certificate(error))
            throw_error(
                Errc::certificate_refused,
                origin_ + ": " +
                    X509_verify_cert_error_string(SSL_get_verify_result(native_handle())));
        throw_error(Errc::tls_failed, origin_ + ": " + tls_error_text(error));
    }

    /// Sets the context's callback for sessions that servers offer: each goes to its stream.
    static void collect_sessions(SSL_CTX* context) {
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(context, &TlsStream::remember);
    }

    /// Sets the context's callback for keys: each goes to the log of its stream.
    static void log_keys(SSL_CTX* context) {
        SSL_CTX_set_keylog_callback(context, [](SSL const* ssl, char const* line) {
            auto const* const stream =
                static_cast<TlsStream*>(SSL_get_ex_data(ssl, stream_index()));
            try {
                stream->key_log_->write(line);
            } catch (...) {  // NOLINT(bugprone-empty-catch): out of memory: the line is missing
            }
        });
    }

private:
    /// What has ended a read, as Asio has it; none if it was the part of a record.
    boost::system::error_code last_error(int result) {
        int const kind = SSL_get_error(native_handle(), result);
        if (kind == SSL_ERROR_ZERO_RETURN)
            return asio::error::eof;
        if (kind != SSL_ERROR_SSL && kind != SSL_ERROR_SYSCALL)
            return {};
        auto const reason = static_cast<int>(ERR_get_error());
        if (reason == 0)
            return asio::ssl::error::unspecified_system_error;
        return {reason, asio::error::get_ssl_category()};
    }

    void set_expected_host(std::string const& host) {
        auto* const ssl = native_handle();
        boost::system::error_code no_address;
        asio::ip::make_address(host, no_address);
        if (!no_address) {
            if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) != 1)
                throw_error(Errc::tls_failed, origin_);
            return;
        }
        SSL_set_verify(ssl, SSL_get_verify_mode(ssl), &accept_underscores);
        SSL_set_hostflags(
            ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
        // OpenSSL takes an empty name for "no check".
        if (host.empty() || SSL_set1_host(ssl, host.c_str()) != 1 ||
            SSL_set_tlsext_host_name(ssl, host.c_str()) != 1)
            throw_error(Errc::tls_failed, origin_);
    }

    static bool is_about_certificate(boost::system::error_code const& error) {
        return error.category() == asio::error::get_ssl_category() &&
               ERR_GET_REASON(static_cast<unsigned long>(error.value())) ==
                   SSL_R_CERTIFICATE_VERIFY_FAILED;
    }

    /// The index at which an SSL object refers to its stream. Index 0 is used by Asio.
    static int stream_index() {
        static int const index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
        return index;
    }

    /// Called by OpenSSL, in the handshake, or with TLS 1.3 in a later read. Keeps a reference of its own, and
    /// returns 0: OpenSSL's has not been taken over.
    static int remember(SSL* ssl, SSL_SESSION* session) noexcept {
        auto* const stream = static_cast<TlsStream*>(SSL_get_ex_data(ssl, stream_index()));
        SSL_SESSION_up_ref(session);
        TlsSession kept(session);
        try {
            stream->sessions_->put(stream->origin_, std::move(kept));
        } catch (...) {
            // Out of memory: the next handshake will be a full one.
        }
        return 0;
    }

    std::shared_ptr<TlsSessions> sessions_;
    std::shared_ptr<KeyLog const> key_log_;
    std::string origin_;
};

}  // namespace syncopate::inline v0_1::http::detail
