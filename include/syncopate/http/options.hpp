// What can be set when a session is made.
#pragma once

#include <syncopate/http/headers.hpp>
#include <syncopate/http/trace.hpp>

#include <chrono>
#include <cstddef>
#include <string>
#include <utility>

namespace syncopate::http {

/// The settings of ClientSession and Client. Each setter returns the object, so that they chain:
/// `SessionOptions().connect_timeout(2s).proxy("http://localhost:3128")`; called without an argument, it
/// reads.
class SessionOptions {
public:
    /// The type of the limits of time.
    using Duration = std::chrono::nanoseconds;

    SessionOptions() = default;

    /// For the making of a connection: the look-up of the name, TCP, the proxy's tunnel, and TLS.
    /// Default: 30 s. Zero or less: no limit.
    SessionOptions& connect_timeout(Duration value) {
        connect_timeout_ = value;
        return *this;
    }
    Duration connect_timeout() const noexcept { return connect_timeout_; }

    /// How long nothing may come, or go, while an exchange waits for it. Default: 60 s. Zero or less: no
    /// limit.
    SessionOptions& read_timeout(Duration value) {
        read_timeout_ = value;
        return *this;
    }
    Duration read_timeout() const noexcept { return read_timeout_; }

    /// From the start of a request, the wait for a connection included, to the end of the response's body;
    /// Request::timeout() overrides it. Default: 300 s. Zero or less: no limit.
    SessionOptions& total_timeout(Duration value) {
        total_timeout_ = value;
        return *this;
    }
    Duration total_timeout() const noexcept { return total_timeout_; }

    /// How long a connection without a request is kept. A server's `Keep-Alive: timeout` shortens it.
    /// Default: 15 s. Zero or less: none is kept, each request has a connection of its own.
    SessionOptions& idle_timeout(Duration value) {
        idle_timeout_ = value;
        return *this;
    }
    Duration idle_timeout() const noexcept { return idle_timeout_; }

    /// Whether servers have to prove who they are. Default: true. Without it, anybody on the way can read
    /// and change everything.
    SessionOptions& verify(bool value) {
        verify_ = value;
        return *this;
    }
    bool verify() const noexcept { return verify_; }

    /// A file of certificates, as PEM, to trust instead of those that the system trusts. Read when the
    /// session is made.
    SessionOptions& ca_file(std::string path) {
        ca_file_ = std::move(path);
        return *this;
    }
    std::string const& ca_file() const noexcept { return ca_file_; }

    /// The same, as PEM text.
    SessionOptions& ca_certificates(std::string pem) {
        ca_certificates_ = std::move(pem);
        return *this;
    }
    std::string const& ca_certificates() const noexcept { return ca_certificates_; }

    /// The files of the client's own certificate chain and of its private key, as PEM.
    SessionOptions& client_certificate(std::string certificate_path, std::string key_path) {
        client_certificate_ = std::move(certificate_path);
        client_key_ = std::move(key_path);
        return *this;
    }
    std::string const& client_certificate() const noexcept { return client_certificate_; }
    /// What has been set.
    std::string const& client_key() const noexcept { return client_key_; }

    /// The HTTP proxy for all requests, `http://user:password@host:port`; https requests go through a tunnel
    /// that it makes. Empty: none.
    SessionOptions& proxy(std::string url) {
        proxy_ = std::move(url);
        return *this;
    }
    std::string const& proxy() const noexcept { return proxy_; }

    /// Whether `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy` of the environment are used where no
    /// proxy is set. Default: false.
    SessionOptions& trust_environment(bool value) {
        trust_environment_ = value;
        return *this;
    }
    bool trust_environment() const noexcept { return trust_environment_; }

    /// The path of a Unix domain socket to which all connections go, whatever host a URL names. Empty: none.
    SessionOptions& unix_socket(std::string path) {
        unix_socket_ = std::move(path);
        return *this;
    }
    std::string const& unix_socket() const noexcept { return unix_socket_; }

    /// How long the addresses of a name are remembered. Default: 10 s. Zero or less: not at all.
    SessionOptions& dns_cache_time(Duration value) {
        dns_cache_time_ = value;
        return *this;
    }
    Duration dns_cache_time() const noexcept { return dns_cache_time_; }

    /// The most connections, idle ones included. A request beyond waits for one, in its turn. Default: 100.
    /// Zero: no limit.
    SessionOptions& max_connections(std::size_t value) {
        max_connections_ = value;
        return *this;
    }
    std::size_t max_connections() const noexcept { return max_connections_; }

    /// The most connections to one scheme, host and port, idle ones included. Default: 0. Zero: no limit but
    /// max_connections().
    SessionOptions& max_connections_per_host(std::size_t value) {
        max_connections_per_host_ = value;
        return *this;
    }
    std::size_t max_connections_per_host() const noexcept { return max_connections_per_host_; }

    /// How many redirects a request follows; Request::max_redirects() overrides it. Default: 10. Zero:
    /// none, the response is the redirect itself.
    SessionOptions& max_redirects(std::size_t value) {
        max_redirects_ = value;
        return *this;
    }
    std::size_t max_redirects() const noexcept { return max_redirects_; }

    /// Whether gzip and deflate are asked for and decoded. Default: true.
    SessionOptions& decompress(bool value) {
        decompress_ = value;
        return *this;
    }
    bool decompress() const noexcept { return decompress_; }

    /// Whether cookies are kept and sent back, as RFC 6265 says. Default: false.
    SessionOptions& cookies(bool value) {
        cookies_ = value;
        return *this;
    }
    bool cookies() const noexcept { return cookies_; }

    /// Whether a request is sent once more, on a new connection, when the idle connection that it was sent on
    /// turns out to have been closed meanwhile. Only for what may be sent twice. Default: true.
    SessionOptions& retry(bool value) {
        retry_ = value;
        return *this;
    }
    bool retry() const noexcept { return retry_; }

    /// A field that is sent with each request, unless the request has one of that name, by itself, its body or
    /// its credentials. Adds one each time. A Content-Length, a Transfer-Encoding or a second Host are refused
    /// when the session is made.
    SessionOptions& header(std::string_view name, std::string_view value) {
        headers_.add(name, value);
        return *this;
    }
    /// The fields that header() has added.
    Headers const& headers() const noexcept { return headers_; }

    /// Bytes of a response's header, or of its trailers. Default: 32 KiB.
    SessionOptions& max_header_size(std::size_t value) {
        max_header_size_ = value;
        return *this;
    }
    std::size_t max_header_size() const noexcept { return max_header_size_; }

    /// Fields of a response's header. Default: 128.
    SessionOptions& max_header_fields(std::size_t value) {
        max_header_fields_ = value;
        return *this;
    }
    std::size_t max_header_fields() const noexcept { return max_header_fields_; }

    /// Decoded bytes that read(), text() and json() accept. Default: 100 MiB. A stream is limited by its
    /// reader.
    SessionOptions& max_body_size(std::size_t value) {
        max_body_size_ = value;
        return *this;
    }
    std::size_t max_body_size() const noexcept { return max_body_size_; }

    /// Bytes of a line of lines(). Default: 512 KiB.
    SessionOptions& max_line_size(std::size_t value) {
        max_line_size_ = value;
        return *this;
    }
    std::size_t max_line_size() const noexcept { return max_line_size_; }

    /// Interim (1xx) responses to one request. Default: 16.
    SessionOptions& max_interim_responses(std::size_t value) {
        max_interim_responses_ = value;
        return *this;
    }
    std::size_t max_interim_responses() const noexcept { return max_interim_responses_; }

    /// Encodings of a body, one within the other. Default: 2.
    SessionOptions& max_encodings(std::size_t value) {
        max_encodings_ = value;
        return *this;
    }
    std::size_t max_encodings() const noexcept { return max_encodings_; }

    /// What is told of each request: see Trace.
    SessionOptions& trace(Trace value) {
        trace_ = std::move(value);
        return *this;
    }
    Trace const& trace() const noexcept { return trace_; }

private:
    Duration connect_timeout_ = std::chrono::seconds(30);
    Duration read_timeout_ = std::chrono::seconds(60);
    Duration total_timeout_ = std::chrono::seconds(300);
    Duration idle_timeout_ = std::chrono::seconds(15);
    Duration dns_cache_time_ = std::chrono::seconds(10);
    std::size_t max_connections_ = 100;
    std::size_t max_connections_per_host_ = 0;
    std::size_t max_redirects_ = 10;
    std::size_t max_header_size_ = std::size_t{32} * 1024;
    std::size_t max_header_fields_ = 128;
    std::size_t max_body_size_ = std::size_t{100} * 1024 * 1024;
    std::size_t max_line_size_ = std::size_t{512} * 1024;
    std::size_t max_interim_responses_ = 16;
    std::size_t max_encodings_ = 2;
    bool verify_ = true;
    bool trust_environment_ = false;
    bool decompress_ = true;
    bool cookies_ = false;
    bool retry_ = true;
    std::string ca_file_;
    std::string ca_certificates_;
    std::string client_certificate_;
    std::string client_key_;
    std::string proxy_;
    std::string unix_socket_;
    Headers headers_;
    Trace trace_;
};

}  // namespace syncopate::http
