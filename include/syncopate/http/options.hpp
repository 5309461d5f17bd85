// SessionOptions: the settings of a session: limits of time and size, proxies, addresses, default fields.
#pragma once

#include <syncopate/http/connect_policy.hpp>
#include <syncopate/http/headers.hpp>
#include <syncopate/http/retry_policy.hpp>
#include <syncopate/http/tls_options.hpp>
#include <syncopate/http/trace.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1::http {

/// The settings of ClientSession and Client. Each setter returns the object, so that they chain:
/// `SessionOptions().connect_timeout(2s).proxy("http://localhost:3128")`. Called without an argument, it returns
/// the value.
///
/// The session copies its options when it is made, and refuses what is wrong in them then. A limit of size that
/// is zero allows nothing, unless its comment says that zero is no limit.
///
/// Threads:   one at a time, as with any value.
class SessionOptions : public TlsOptions<SessionOptions> {
public:
    /// The type of the limits of time.
    using Duration = std::chrono::nanoseconds;

    SessionOptions() = default;

    /// The longest time for making a connection: the look-up of the name, TCP, the proxy's tunnel, and TLS.
    /// Default: 30 s. Zero or less: no limit.
    ///
    /// Beyond it, a request fails with Errc::connect_timed_out, or in the handshake of TLS with
    /// Errc::tls_handshake_timed_out.
    SessionOptions& connect_timeout(Duration value) {
        connect_timeout_ = value;
        return *this;
    }
    Duration connect_timeout() const noexcept { return connect_timeout_; }

    /// The longest silence on the connection while a request is written or a response is read. Default: 60 s. Zero
    /// or less: no limit.
    ///
    /// Beyond it, a request fails with Errc::response_header_timed_out or Errc::body_timed_out.
    SessionOptions& read_timeout(Duration value) {
        read_timeout_ = value;
        return *this;
    }
    Duration read_timeout() const noexcept { return read_timeout_; }

    /// The longest time from the start of a request, the wait for a connection included, to the end of the
    /// response's body. Request::timeout() overrides it. Default: 300 s. Zero or less: no limit.
    ///
    /// Beyond it, a request fails with Errc::total_timed_out; but a body that was there whole in time can be read after it.
    /// A body that is read as it comes, by Client::stream(), download() or Response::content(), may take any time, unless this
    /// or Request::timeout() has been set: read_timeout() limits its silence.
    SessionOptions& total_timeout(Duration value) {
        total_timeout_ = value;
        has_total_timeout_ = true;
        return *this;
    }
    /// Whether total_timeout() has been set.
    bool has_total_timeout() const noexcept { return has_total_timeout_; }
    Duration total_timeout() const noexcept { return total_timeout_; }

    /// The longest time that a connection without a request is kept. A server's `Keep-Alive: timeout` shortens it.
    /// Default: 15 s. Zero or less: none is kept, and each request has a connection of its own.
    ///
    /// It is closed then also if no request follows, and within a second or so when the server closes it; but only
    /// while somebody turns the loop, which is not kept running for it.
    SessionOptions& idle_timeout(Duration value) {
        idle_timeout_ = value;
        return *this;
    }
    Duration idle_timeout() const noexcept { return idle_timeout_; }

    /// The proxy for all requests. Default: empty, none. If it is no such URL, making the session throws
    /// Errc::invalid_url.
    ///
    /// - `http://user:password@host:port`: an HTTP proxy. Requests by https go through a tunnel that it opens.
    /// - `https://…`: the same, with TLS between here and the proxy.
    /// - `socks5h://…`, `socks5://…`: a SOCKS5 proxy, which looks names up, or is given addresses.
    ///
    /// An HTTP proxy is told the user and the password by Basic authentication, and by Digest authentication as soon as it
    /// asks for that.
    SessionOptions& proxy(std::string url) {
        proxy_ = std::move(url);
        return *this;
    }
    std::string const& proxy() const noexcept { return proxy_; }

    /// Whether a proxy's password may be sent by Basic authentication, which shows it to everybody on the way to the proxy.
    /// Default: true. With false, the user and the password of its URL are for proxies that ask for Digest authentication.
    SessionOptions& allow_proxy_basic(bool value) {
        allow_proxy_basic_ = value;
        return *this;
    }
    bool allow_proxy_basic() const noexcept { return allow_proxy_basic_; }

    /// Whether `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy` of the environment are used where no
    /// proxy is set. Default: false. One that cannot be used fails only the requests that would go through it,
    /// with Errc::invalid_url.
    SessionOptions& trust_environment(bool value) {
        trust_environment_ = value;
        return *this;
    }
    bool trust_environment() const noexcept { return trust_environment_; }

    /// The path of a Unix domain socket to which all connections go, whichever host a URL names. No proxy is used
    /// then. Default: empty, none.
    SessionOptions& unix_socket(std::string path) {
        unix_socket_ = std::move(path);
        return *this;
    }
    std::string const& unix_socket() const noexcept { return unix_socket_; }

    /// Names an address of a host, which is then not looked up; several of one host are tried in turn. URL, `Host` and the
    /// name in the certificate stay those of the host. What a proxy looks up is not concerned, but the proxy's own host is.
    /// What is no host, or no address, is refused when the session is made.
    ///
    /// host:      a name or an address, as in a URL.
    /// port:      for URLs with this port; 0: with any.
    /// address:   IPv4 or IPv6.
    SessionOptions& resolve(std::string host, std::uint16_t port, std::string address) {
        fixed_addresses_.push_back({std::move(host), port, std::move(address)});
        return *this;
    }
    /// An address that resolve() has named.
    struct FixedAddress {
        std::string host;     ///< the host, as it was given
        std::uint16_t port;   ///< the port; 0: any
        std::string address;  ///< the address, as it was given
    };
    /// What resolve() has named, in that order.
    std::vector<FixedAddress> const& fixed_addresses() const noexcept { return fixed_addresses_; }

    /// Adds a function that is called with each address before it is connected to, when its name has been looked up: for
    /// requests, each of their redirects, and WebSockets. An exception that it throws refuses the address; the host's
    /// other ones are tried. If none is left, the request fails with that exception. Several functions must all agree.
    /// Default: none. See public_addresses_only() and allowed_hosts().
    ///
    /// A connection that is used again was allowed when it was made.
    ///
    /// function:  called on the session's loop. It must not block.
    SessionOptions& on_connect(ConnectPolicy function) {
        if (function)
            on_connect_.push_back(std::move(function));
        return *this;
    }
    /// The functions that on_connect() has added.
    std::vector<ConnectPolicy> const& on_connect() const noexcept { return on_connect_; }

    /// The time for which the addresses of a name are kept. Default: 10 s. Zero or less: not at all.
    SessionOptions& dns_cache_time(Duration value) {
        dns_cache_time_ = value;
        return *this;
    }
    Duration dns_cache_time() const noexcept { return dns_cache_time_; }

    /// Whether requests by https go by HTTP/2 to servers that speak it, if libnghttp2 is installed: all of those to one server
    /// share a connection, as many at once as it allows. The library is loaded by the session; no program has to be linked
    /// with it. Without it, and to all other servers, requests go by HTTP/1.1. So do plain http and WebSockets. Default:
    /// false.
    SessionOptions& http2(bool value) {
        http2_ = value;
        return *this;
    }
    bool http2() const noexcept { return http2_; }

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

    /// The most redirects that a request follows. Request::max_redirects() overrides it. Default: 10. Zero: none is
    /// followed, and the redirect itself is the response. One more fails with Errc::too_many_redirects.
    SessionOptions& max_redirects(std::size_t value) {
        max_redirects_ = value;
        return *this;
    }
    std::size_t max_redirects() const noexcept { return max_redirects_; }

    /// Whether a redirect from https to http is followed. Default: false: it fails with Errc::redirect_refused. With true,
    /// anybody on the way can read and change what follows; credentials and Secure cookies are not sent there.
    SessionOptions& allow_downgrade(bool value) {
        allow_downgrade_ = value;
        return *this;
    }
    bool allow_downgrade() const noexcept { return allow_downgrade_; }

    /// Whether encodings of bodies are asked for and decoded: gzip and deflate, and br and zstd where libbrotlidec and
    /// libzstd are installed. These two are loaded by the first session; no program has to be linked with them. Default:
    /// true.
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

    /// A file of names and passwords by host, in the format of curl's and ftp's `.netrc`, for requests that have no others.
    /// They are sent as Basic authentication, also to the host of a redirect. The file is read when the session is made,
    /// which throws std::system_error if that fails. Default: empty, none.
    SessionOptions& netrc(std::string path) {
        netrc_ = std::move(path);
        return *this;
    }
    std::string const& netrc() const noexcept { return netrc_; }

    /// Whether a request is sent once more, on a new connection, if the server had closed the idle connection on
    /// which it was sent. Only a request that may be sent twice is: see RFC 9110, 9.2.2. Default: true.
    SessionOptions& retry(bool value) {
        retry_ = value;
        return *this;
    }
    bool retry() const noexcept { return retry_; }

    /// When a request that has failed is sent again: see RetryPolicy. Default: never, but for retry().
    SessionOptions& retries(RetryPolicy value) {
        retries_ = std::move(value);
        return *this;
    }
    RetryPolicy const& retries() const noexcept { return retries_; }

    /// Adds a field that is sent with each request, unless the request has one of that name: set by the user, or
    /// by its body or its credentials.
    ///
    /// A Content-Length, a Transfer-Encoding, a second Host, and a field that must not be sent are refused with
    /// Errc::invalid_request when the session is made.
    SessionOptions& header(std::string_view name, std::string_view value) {
        headers_.add(name, value);
        return *this;
    }
    /// The fields that header() has added.
    Headers const& headers() const noexcept { return headers_; }

    /// The most bytes of a response's header, and of its trailers. Default: 32 KiB. More than 4 GiB: 4 GiB less a
    /// byte. Beyond it, Errc::header_too_large.
    SessionOptions& max_header_size(std::size_t value) {
        max_header_size_ =
            (std::min<std::size_t>)(value, (std::numeric_limits<std::uint32_t>::max)());
        return *this;
    }
    std::size_t max_header_size() const noexcept { return max_header_size_; }

    /// The most fields of a response's header and its trailers together. Default: 128. Beyond it,
    /// Errc::header_too_large.
    SessionOptions& max_header_fields(std::size_t value) {
        max_header_fields_ = value;
        return *this;
    }
    std::size_t max_header_fields() const noexcept { return max_header_fields_; }

    /// The most decoded bytes that read(), text() and json() accept. Default: 100 MiB. Beyond it,
    /// Errc::body_too_large. A body that is streamed has no limit but its reader.
    SessionOptions& max_body_size(std::size_t value) {
        max_body_size_ = value;
        return *this;
    }
    std::size_t max_body_size() const noexcept { return max_body_size_; }

    /// The most bytes of memory that a body may take as JSON, by an estimate that is made before it is parsed. Default:
    /// 256 MiB. Beyond it, Errc::body_too_large.
    SessionOptions& max_json_memory(std::size_t value) {
        max_json_memory_ = value;
        return *this;
    }
    std::size_t max_json_memory() const noexcept { return max_json_memory_; }

    /// The most bytes of a line of Content::lines(). Default: 512 KiB. Beyond it, Errc::line_too_long.
    SessionOptions& max_line_size(std::size_t value) {
        max_line_size_ = value;
        return *this;
    }
    std::size_t max_line_size() const noexcept { return max_line_size_; }

    /// The most interim (1xx) responses to one request. Default: 16. Beyond it, Errc::header_too_large.
    SessionOptions& max_interim_responses(std::size_t value) {
        max_interim_responses_ = value;
        return *this;
    }
    std::size_t max_interim_responses() const noexcept { return max_interim_responses_; }

    /// The most encodings of a body, one within the other. Default: 2. Beyond it, Errc::malformed_encoding.
    SessionOptions& max_encodings(std::size_t value) {
        max_encodings_ = value;
        return *this;
    }
    std::size_t max_encodings() const noexcept { return max_encodings_; }

    /// Whether a response must follow RFC 9112 to the letter. Default: false: a status line without its last space,
    /// header lines that end in LF alone, odd lists in Connection, Keep-Alive and Transfer-Encoding, spaces or an odd
    /// extension behind a chunk's size, control bytes in the reason, and spaces in a field's name are accepted, as curl and
    /// browsers do. What leaves open where a message ends is refused in either case. With true, all of it is Errc::malformed_response.
    SessionOptions& strict(bool value) {
        strict_ = value;
        return *this;
    }
    bool strict() const noexcept { return strict_; }

    /// The functions that are called as requests go on: see Trace. Default: none.
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
    std::size_t max_json_memory_ = std::size_t{256} * 1024 * 1024;
    std::size_t max_line_size_ = std::size_t{512} * 1024;
    std::size_t max_interim_responses_ = 16;
    std::size_t max_encodings_ = 2;
    bool has_total_timeout_ = false;
    bool allow_proxy_basic_ = true;
    bool trust_environment_ = false;
    bool allow_downgrade_ = false;
    bool decompress_ = true;
    bool cookies_ = false;
    bool retry_ = true;
    bool strict_ = false;
    bool http2_ = false;
    RetryPolicy retries_ = RetryPolicy().attempts(1);
    std::string proxy_;
    std::string unix_socket_;
    std::vector<FixedAddress> fixed_addresses_;
    std::vector<ConnectPolicy> on_connect_;
    std::string netrc_;
    Headers headers_;
    Trace trace_;
};

}  // namespace syncopate::inline v0_1::http

#ifndef SYNCOPATE_SEPARATE_COMPILATION
#include <syncopate/http/connect_info.hpp>
#endif
