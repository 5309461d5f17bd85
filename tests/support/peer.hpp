// The server's end of one connection, for a script that says what goes over it byte by byte.
#pragma once

#include "support/certificates.hpp"

#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/types.h>
#include <unistd.h>

namespace support {

/// The client has closed, or did not do in time what the script waits for.
class PeerError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// A record of TLS that nobody has sealed.
inline constexpr std::string_view unsealed_record{
    "\x17\x03\x03\x00\x20 of 32 bytes, which nobody sealed.", 37};

/// A blocking connection, TCP or TLS alike. What it throws may leave the script, and ends it.
///
/// Every call ends after 20 seconds at the latest, so that a broken test fails and does not hang.
/// Threads: the script's.
class Peer {
public:
    using Record = std::function<void(std::string)>;

    /// Owns the socket. Bytes are recorded as they are read by read_head() and read_request().
    Peer(int socket, int number, Record record)
        : socket_(socket), number_(number), record_(std::move(record)) {
        timeval const patience{20, 0};
        ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    }
    Peer(Peer const&) = delete;
    Peer& operator=(Peer const&) = delete;
    ~Peer() { close_socket(); }

    /// Which connection to the server this is, from 0.
    int number() const noexcept { return number_; }
    int native_handle() const noexcept { return socket_; }

    /// Up to the empty line, and including it.
    std::string read_head() {
        auto head = take_head();
        record_(head);
        return head;
    }

    /// A whole request, as it came: its head, and its body if it announces one.
    std::string read_request() {
        auto request = take_head();
        request += read_body(request);
        record_(request);
        return request;
    }

    /// The body that a head announces, as it comes: chunks are left as they are.
    std::string read_body(std::string_view head) {
        std::string const lower = to_lower(head);
        if (lower.find("\r\ntransfer-encoding: chunked\r\n") != std::string::npos)
            return read_chunks();
        std::string_view const name = "\r\ncontent-length: ";
        auto const field = lower.find(name);
        return field == std::string::npos ? ""
                                          : read_exactly(number_at(lower, field + name.size(), 10));
    }

    std::string read_exactly(std::size_t count) {
        while (buffer_.size() < count)
            read_more();
        return take(count);
    }

    /// Up to the text, and including it.
    std::string read_until(std::string_view end) {
        for (;;) {
            if (auto const found = buffer_.find(end); found != std::string::npos)
                return take(found + end.size());
            read_more();
        }
    }

    void send(std::string_view data) {
        while (!data.empty()) {
            auto const sent = tls_ ? SSL_write(tls_.get(), data.data(), as_int(data.size()))
                                   : ::send(socket_, data.data(), data.size(), MSG_NOSIGNAL);
            if (sent <= 0)
                throw PeerError("the client takes no more");
            data.remove_prefix(static_cast<std::size_t>(sent));
        }
    }

    /// Blocks until the client has closed its side; what still comes is discarded. Returns whether it
    /// did within the 20 seconds.
    bool wait_for_close() {
        std::array<char, 16384> scratch;
        buffer_.clear();
        for (;;) {
            auto const count = receive(scratch.data(), scratch.size());
            if (count <= 0)
                return count == 0 || !timed_out_;
        }
    }

    /// Says that nothing more comes, by FIN, and over TLS by close_notify before it; goes on reading.
    void shutdown_write() {
        notify();
        ::shutdown(socket_, SHUT_WR);
    }

    /// Says so over TLS only: the connection itself stays open.
    void send_close_notify() { notify(); }

    /// Both sides, and over TLS close_notify before. The system makes a RST of it if something has come
    /// that has not been read.
    void close() {
        notify();
        close_socket();
    }

    /// The same without close_notify: as if the network ended it.
    void close_without_notify() { close_socket(); }

    /// By RST. What is still under way is lost.
    void reset() {
        linger const abort{1, 0};
        ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
        close_socket();
    }

    /// Becomes the server of a TLS connection.
    void accept_tls(SSL_CTX* context) {
        tls_.reset(SSL_new(context));
        require_openssl(tls_ && SSL_set_fd(tls_.get(), socket_) == 1, "no connection");
        if (SSL_accept(tls_.get()) == 1)
            return;
        // A RST, because of what the client has sent, could overtake the alert that says why.
        tls_.reset();
        shutdown_write();
        wait_for_close();
        throw PeerError("no handshake");
    }

    /// Of TLS: sends what is no record of it, or a broken one.
    void send_past_tls(std::string_view data) {
        if (::send(socket_, data.data(), data.size(), MSG_NOSIGNAL) !=
            static_cast<ssize_t>(data.size()))
            throw PeerError("the client takes no more");
    }
    /// Of TLS: says by an alert that a record was broken. There is no TLS afterwards.
    void send_alert() {
        // OpenSSL does so if it has received one.
        SSL_set0_rbio(
            tls_.get(), BIO_new_mem_buf(unsealed_record.data(), as_int(unsealed_record.size())));
        char byte = 0;
        require_openssl(SSL_read(tls_.get(), &byte, 1) < 1, "no alert");
        tls_.reset();
    }

    /// Of TLS 1.3: sends what is no data.
    void send_ticket() {
        require_openssl(
            SSL_new_session_ticket(tls_.get()) == 1 && SSL_do_handshake(tls_.get()) == 1,
            "no ticket");
    }
    void update_key() {
        require_openssl(
            SSL_key_update(tls_.get(), SSL_KEY_UPDATE_NOT_REQUESTED) == 1 &&
                SSL_do_handshake(tls_.get()) == 1,
            "no new key");
    }

    /// Of TLS 1.3: asks for the client's certificate, whoever has issued it, and waits until it has come.
    void ask_for_certificate() {
        constexpr int mode = SSL_VERIFY_PEER | SSL_VERIFY_POST_HANDSHAKE;
        SSL_set_verify(tls_.get(), mode, [](int, X509_STORE_CTX*) { return 1; });
        require_openssl(
            SSL_verify_client_post_handshake(tls_.get()) == 1 && SSL_do_handshake(tls_.get()) == 1,
            "the client cannot be asked");
        SSL_clear_mode(tls_.get(), SSL_MODE_AUTO_RETRY);
        while (!SSL_get0_peer_certificate(tls_.get())) {
            char byte = 0;
            int const size = SSL_peek(tls_.get(), &byte, 1);
            if (size <= 0 && SSL_get_error(tls_.get(), size) != SSL_ERROR_WANT_READ)
                throw PeerError("the client shows no certificate");
        }
        SSL_set_mode(tls_.get(), SSL_MODE_AUTO_RETRY);
    }

    /// Of TLS: the name that the client asked for, empty if none.
    std::string server_name() const {
        auto const* const name = SSL_get_servername(tls_.get(), TLSEXT_NAMETYPE_host_name);
        return name ? name : "";
    }
    /// Of TLS: what was agreed on by ALPN, empty if nothing.
    std::string protocol() const {
        unsigned char const* name = nullptr;
        unsigned size = 0;
        SSL_get0_alpn_selected(tls_.get(), &name, &size);
        return {reinterpret_cast<char const*>(name), size};
    }
    /// Of TLS: whether the client went on with an earlier session.
    bool is_resumed() const { return SSL_session_reused(tls_.get()) == 1; }
    /// Of TLS: the common name in the client's certificate, empty if it has none.
    std::string client_name() const {
        auto* const certificate = SSL_get0_peer_certificate(tls_.get());
        std::array<char, 256> name{};
        if (certificate)
            X509_NAME_get_text_by_NID(
                X509_get_subject_name(certificate), NID_commonName, name.data(),
                as_int(name.size()));
        return name.data();
    }

    /// Ends what the script waits for. From any thread.
    void interrupt() {
        std::lock_guard const lock(mutex_);
        if (socket_ >= 0)
            ::shutdown(socket_, SHUT_RDWR);
    }

private:
    static int as_int(std::size_t size) noexcept {
        return static_cast<int>(std::min<std::size_t>(size, 1 << 20));
    }

    static std::string to_lower(std::string_view text) {
        std::string lower(text);
        for (auto& c : lower)
            c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        return lower;
    }

    static std::size_t number_at(std::string_view text, std::size_t begin, int base) {
        std::size_t value = 0;
        auto const* const first = text.data() + begin;
        if (std::from_chars(first, text.data() + text.size(), value, base).ec != std::errc())
            throw PeerError("no number in the request");
        return value;
    }

    std::string take_head() { return read_until("\r\n\r\n"); }

    std::string read_chunks() {
        std::string body;
        for (;;) {
            auto const line = read_until("\r\n");
            body += line;
            auto const size = number_at(line, 0, 16);
            if (size == 0)
                break;
            body += read_exactly(size + 2);
        }
        // Trailers, and the empty line.
        for (std::string line; line != "\r\n"; body += line)
            line = read_until("\r\n");
        return body;
    }

    std::string take(std::size_t count) {
        auto taken = buffer_.substr(0, count);
        buffer_.erase(0, count);
        return taken;
    }

    void read_more() {
        std::array<char, 16384> scratch;
        auto const count = receive(scratch.data(), scratch.size());
        if (count <= 0)
            throw PeerError(timed_out_ ? "the client sends nothing" : "the client has closed");
        buffer_.append(scratch.data(), static_cast<std::size_t>(count));
    }

    /// Zero or less: the client has closed, or the connection is lost, or the time is up.
    long receive(char* data, std::size_t size) {
        errno = 0;
        long const count =
            tls_ ? SSL_read(tls_.get(), data, as_int(size)) : ::recv(socket_, data, size, 0);
        timed_out_ = count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
        return count;
    }

    /// Not on a socket that the script has closed: its number may belong to another connection by now.
    void notify() {
        if (tls_ && socket_ >= 0)
            SSL_shutdown(tls_.get());
    }

    void close_socket() {
        std::lock_guard const lock(mutex_);
        if (socket_ >= 0)
            ::close(std::exchange(socket_, -1));
    }

    using Tls = std::unique_ptr<SSL, OpensslDeleter<&SSL_free>>;

    /// Guards the socket between close_socket() and interrupt(): the number may belong to another one
    /// as soon as it is closed.
    std::mutex mutex_;
    int socket_;
    int number_;
    Record record_;
    Tls tls_;
    std::string buffer_;
    bool timed_out_ = false;
};

}  // namespace support
