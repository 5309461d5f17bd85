// A session on a loop of its own, and what the tests of sessions have in common.
#pragma once

#include "support/peer.hpp"
#include <syncopate/http/options.hpp>
#include <syncopate/http/request.hpp>
#include <syncopate/http/response.hpp>
#include <syncopate/http/session.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/asio/awaitable.hpp>

#include <concepts>
#include <string>
#include <thread>
#include <utility>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace support {

namespace asio = boost::asio;

/// What the server answers, read to its end.
inline asio::awaitable<std::string> fetch(
    syncopate::http::ClientSession& session, syncopate::http::Request request) {
    auto response = co_await session.request(std::move(request));
    co_return co_await response.text();
}
inline asio::awaitable<std::string> fetch(
    syncopate::http::ClientSession& session, std::string url) {
    return fetch(session, syncopate::http::Request(syncopate::http::Verb::get, std::move(url)));
}

/// Its destructor leaves the session without aexit(), and then closes the loop.
class SessionOnLoop {
public:
    using Options = syncopate::http::SessionOptions;
    using Request = syncopate::http::Request;
    using Response = syncopate::http::Response;

    SessionOnLoop() = default;
    explicit SessionOnLoop(Options options) : session(std::move(options)) {}

    Response request(Request request) { return runner.run(session.request(std::move(request))); }
    Response get(std::string url) { return runner.run(session.get(std::move(url))); }
    std::string text(Request request) { return runner.run(fetch(session, std::move(request))); }
    std::string text(std::string url) { return runner.run(fetch(session, std::move(url))); }
    std::string text(Response& response) { return runner.run(response.text()); }
    void leave(Response& response) { runner.run(response.aexit(nullptr)); }
    void close() { runner.run(session.aexit(nullptr)); }

    syncopate::http::ClientSession::Connections connections() {
        return runner.call([this] { return session.connections(); });
    }
    /// Blocks until so many requests wait for a connection.
    void wait_for_waiting(std::size_t count) {
        while (connections().requests_waiting != count)
            std::this_thread::yield();
    }

    syncopate::ThreadRunner runner;
    syncopate::http::ClientSession session;
};

/// Blocks until the client's system has received all that was sent, and the end, if that was sent.
inline void wait_until_received(Peer const& peer) {
    for (;;) {
        tcp_info info{};
        socklen_t size = sizeof info;
        if (::getsockopt(peer.native_handle(), IPPROTO_TCP, TCP_INFO, &info, &size) != 0 ||
            info.tcpi_unacked == 0)
            return;
        std::this_thread::yield();
    }
}

/// Puts what the function sends into one packet, if it is short: the client gets it at once.
template <std::invocable F>
void send_together(Peer const& peer, F function) {
    auto const set_cork = [&](int value) {
        ::setsockopt(peer.native_handle(), IPPROTO_TCP, TCP_CORK, &value, sizeof value);
    };
    set_cork(1);
    function();
    set_cork(0);
}

}  // namespace support
