// One verified TLS connection: made with a deadline on every step, closed when it is dropped.
#pragma once

#include "url.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream_base.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <cerrno>
#include <chrono>
#include <stdexcept>
#include <string>

#include <sys/socket.h>

namespace demo {

namespace asio = boost::asio;
namespace beast = boost::beast;

/// The completion token of the demonstration: an error is looked at where it happens, and gets a
/// message that says what was being done.
inline constexpr auto with_error = asio::as_tuple(asio::use_awaitable);

/// Throws std::runtime_error("<action>: <what went wrong>"), if anything did. A cancellation passes
/// unchanged, since whoever cancelled waits for exactly that.
inline void check(boost::system::error_code error, std::string const& action) {
    if (error == asio::error::operation_aborted) {
        throw boost::system::system_error(error);
    }
    if (error) {
        throw std::runtime_error(action + ": " + error.message());
    }
}

/// A client's TLS settings: TLS 1.2 at least, and no server is trusted without a certificate.
///
/// authority_pem: the only certificate to trust; empty: those that the system trusts.
inline asio::ssl::context make_client_tls(std::string const& authority_pem) {
    asio::ssl::context tls{asio::ssl::context::tls_client};
    SSL_CTX_set_min_proto_version(tls.native_handle(), TLS1_2_VERSION);
    tls.set_verify_mode(asio::ssl::verify_peer);
    if (authority_pem.empty()) {
        tls.set_default_verify_paths();
    } else {
        tls.add_certificate_authority(asio::buffer(authority_pem));
    }
    return tls;
}

class Connection {
public:
    using Stream = beast::ssl_stream<beast::tcp_stream>;

    Connection(asio::any_io_executor const& executor, asio::ssl::context& tls)
        : stream_(executor, tls) {}

    Stream& stream() { return stream_; }

    /// What was received and not yet used; also the limit of a response's header.
    beast::flat_buffer& buffer() { return buffer_; }

    /// Gives the operations that follow ten seconds: a server that hangs must not hang its client.
    void expire_later() { socket().expires_after(std::chrono::seconds(10)); }

    /// Connects and shakes hands. Throws when the server cannot be reached, or cannot be trusted.
    asio::awaitable<void> open(Url url) {
        asio::ip::tcp::resolver resolver{co_await asio::this_coro::executor};
        auto const [unknown, endpoints] =
            co_await resolver.async_resolve(url.host(), url.port(), with_error);
        check(unknown, "cannot find " + url.host());

        expire_later();
        auto const [refused, endpoint] = co_await socket().async_connect(endpoints, with_error);
        check(refused, "cannot connect to " + url.origin());
        socket().socket().set_option(asio::ip::tcp::no_delay(true));

        expect_host(url.host());
        auto const [failed] =
            co_await stream_.async_handshake(asio::ssl::stream_base::client, with_error);
        long const verdict = SSL_get_verify_result(stream_.native_handle());
        if (failed && verdict != X509_V_OK) {
            throw std::runtime_error(
                "cannot trust " + url.origin() + ": " + X509_verify_cert_error_string(verdict));
        }
        check(failed, "no TLS with " + url.origin());
    }

    /// Whether an idle connection can carry another request: the server neither closed it nor sent
    /// anything that nobody asked for.
    bool is_usable() {
        char byte = 0;
        ssize_t const size =
            ::recv(socket().socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        return size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    }

    /// Says goodbye, politely, but not for long.
    asio::awaitable<void> close(std::chrono::steady_clock::time_point deadline) {
        socket().expires_at(deadline);
        co_await stream_.async_shutdown(with_error);
    }

private:
    beast::tcp_stream& socket() { return stream_.next_layer(); }

    /// Names the only host whose certificate is accepted; OpenSSL checks it in the handshake.
    void expect_host(std::string const& host) {
        SSL* const ssl = stream_.native_handle();
        constexpr unsigned strictly =
            X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT;
        boost::system::error_code not_an_address;
        asio::ip::make_address(host, not_an_address);
        bool expected = false;
        if (not_an_address) {
            SSL_set_hostflags(ssl, strictly);
            expected = SSL_set_tlsext_host_name(ssl, host.c_str()) == 1 &&
                       SSL_set1_host(ssl, host.c_str()) == 1;
        } else {
            expected = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1;
        }
        // Without an expectation OpenSSL would accept every host.
        if (!expected) {
            throw std::runtime_error("cannot verify certificates of " + host);
        }
    }

    Stream stream_;
    beast::flat_buffer buffer_{48 * 1024};
};

}  // namespace demo
