// Servers in the process, on real sockets, that do what a script says and nothing else.
#pragma once

#include "support/certificates.hpp"
#include "support/listener.hpp"
#include "support/peer.hpp"
#include "support/tls_settings.hpp"

#include <algorithm>
#include <chrono>
#include <concepts>
#include <condition_variable>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <pthread.h>

namespace support {

/// What a server does with a connection. At the end of the script the connection is closed, by
/// Peer::close(); after an exception without a word.
using Script = std::function<void(Peer&)>;

/// One script for all connections, or a list: one for each, the last also for all that follow.
class Scripts {
public:
    template <std::invocable<Peer&> F>
    Scripts(F script) : scripts_{Script(std::move(script))} {}
    Scripts(std::initializer_list<Script> scripts) : scripts_(scripts) {}
    Scripts(std::vector<Script> scripts) : scripts_(std::move(scripts)) {}

    Script const& operator[](std::size_t connection) const {
        return scripts_.at(std::min(connection, scripts_.size() - 1));
    }

private:
    std::vector<Script> scripts_;
};

/// "HTTP/1.1 " + status + the headers + Content-Length + the body.
///
/// status:    "200 OK".
/// headers:   lines, each with its CRLF.
inline std::string response(
    std::string_view status, std::string_view headers, std::string_view body) {
    std::string text = "HTTP/1.1 ";
    text.append(status).append("\r\n").append(headers);
    text += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
    return text.append(body);
}

inline std::string ok(std::string_view body = "") {
    return response("200 OK", "", body);
}

/// A script that gives the same answer to each request on a connection, as long as the client likes.
inline Script answering(std::string answer) {
    return [answer = std::move(answer)](Peer& peer) {
        for (;;) {
            peer.read_request();
            peer.send(answer);
        }
    };
}

/// A script that reads one request, sends the bytes, and closes.
inline Script answering_once(std::string answer) {
    return [answer = std::move(answer)](Peer& peer) {
        peer.read_request();
        peer.send(answer);
    };
}

/// A script that reads one request, sends the bytes, and waits until the client closes.
inline Script answering_until_closed(std::string bytes) {
    return [bytes = std::move(bytes)](Peer& peer) {
        peer.read_request();
        peer.send(bytes);
        peer.wait_for_close();
    };
}

/// Accepts connections from its making to its end, each on a thread of its own. The end interrupts the
/// scripts that are left, and waits for them.
///
/// ```cpp
/// RawServer server(answering(ok("hello")));
/// RawServer cut([](Peer& peer) { peer.read_head(); peer.send("HTTP/1.1 200 OK\r\nConte"); });
/// RawServer secure = RawServer::tls(CertificateAuthority().issue(), answering(ok()));
/// ```
class RawServer {
public:
    explicit RawServer(Scripts scripts)
        : RawServer(Listener::ipv4(), std::move(scripts), "http://127.0.0.1:") {}

    static RawServer ipv6(Scripts scripts) {
        return {Listener::ipv6(), std::move(scripts), "http://[::1]:"};
    }
    static RawServer unix_socket(std::string const& path, Scripts scripts) {
        return {Listener::unix_socket(path), std::move(scripts), "http://localhost:"};
    }
    static RawServer tls(TlsSettings settings, Scripts scripts) {
        return {Listener::ipv4(), std::move(scripts), "https://localhost:", std::move(settings)};
    }
    static RawServer tls(Certificate certificate, Scripts scripts) {
        return tls(TlsSettings{.certificate = std::move(certificate)}, std::move(scripts));
    }

    RawServer(RawServer const&) = delete;
    RawServer& operator=(RawServer const&) = delete;
    ~RawServer() {
        listener_.stop();
        acceptor_.join();
        for (auto const& connection : connections_)
            connection->peer.interrupt();
        for (auto const& connection : connections_)
            connection->thread.join();
    }

    std::uint16_t port() const { return listener_.port(); }

    /// "http://127.0.0.1:port/", for TLS "https://localhost:port/".
    std::string url(std::string_view target = "/") const {
        return (base_ + std::to_string(port())).append(target);
    }

    /// How many have been accepted.
    int connections() const {
        std::lock_guard const lock(mutex_);
        return static_cast<int>(connections_.size());
    }

    /// What read_head() and read_request() have returned, in the order in which they did.
    std::vector<std::string> requests() const {
        std::lock_guard const lock(mutex_);
        return requests_;
    }

    /// Blocks until the scripts of all connections so far have ended. Returns whether they did within 20
    /// seconds.
    bool wait_until_idle() const {
        std::unique_lock lock(mutex_);
        return ended_.wait_for(lock, std::chrono::seconds(20), [&] { return running_ == 0; });
    }

private:
    struct Connection {
        Connection(int socket, int number, Peer::Record record)
            : peer(socket, number, std::move(record)) {}
        Peer peer;
        std::thread thread;
    };

    RawServer(Listener listener, Scripts scripts, std::string base)
        : listener_(std::move(listener)), scripts_(std::move(scripts)), base_(std::move(base)),
          acceptor_([this] { accept(); }) {}
    RawServer(Listener listener, Scripts scripts, std::string base, TlsSettings settings)
        : listener_(std::move(listener)), scripts_(std::move(scripts)), base_(std::move(base)),
          settings_(std::move(settings)), context_(detail::make_context(settings_)),
          acceptor_([this] { accept(); }) {}

    void accept() {
        for (int socket = listener_.accept(); socket >= 0; socket = listener_.accept()) {
            std::lock_guard const lock(mutex_);
            auto const number = static_cast<int>(connections_.size());
            auto& connection = *connections_.emplace_back(std::make_unique<Connection>(
                socket, number, [this](std::string request) { record(std::move(request)); }));
            ++running_;
            connection.thread = std::thread([this, &connection] { serve(connection.peer); });
        }
    }

    void serve(Peer& peer) {
        block_sigpipe();
        try {
            if (context_)
                peer.accept_tls(context_.get());
            scripts_[static_cast<std::size_t>(peer.number())](peer);
            peer.close();
        } catch (std::exception const&) {
            // The client went away, as many a test has it, or the test will miss what did not come.
            peer.close_without_notify();
        }
        std::lock_guard const lock(mutex_);
        --running_;
        ended_.notify_all();
    }

    /// OpenSSL writes without MSG_NOSIGNAL.
    static void block_sigpipe() {
        sigset_t signals;
        sigemptyset(&signals);
        sigaddset(&signals, SIGPIPE);
        ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    }

    void record(std::string request) {
        std::lock_guard const lock(mutex_);
        requests_.push_back(std::move(request));
    }

    Listener listener_;
    Scripts scripts_;
    std::string base_;
    TlsSettings settings_;
    detail::TlsContext context_;
    mutable std::mutex mutex_;
    mutable std::condition_variable ended_;
    std::vector<std::unique_ptr<Connection>> connections_;
    std::vector<std::string> requests_;
    int running_ = 0;
    /// Last: it uses all the others.
    std::thread acceptor_;
};

}  // namespace support
