// ConnectFlow: makes a connection to the host of a URL: look-up, TCP, the tunnel of a proxy, TLS.
#pragma once

#include <syncopate/detail/group/supervised_task.hpp>
#include <syncopate/detail/task/cancellation.hpp>
#include <syncopate/detail/task/outcome.hpp>
#include <syncopate/detail/task/owned_or_ref.hpp>
#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/http/detail/connection/connection.hpp>
#include <syncopate/http/detail/connection/proxy.hpp>
#include <syncopate/http/detail/connection/proxy_tunnel.hpp>
#include <syncopate/http/detail/connection/socket.hpp>
#include <syncopate/http/detail/connection/socks_tunnel.hpp>
#include <syncopate/http/detail/connection/tcp_connect.hpp>
#include <syncopate/http/detail/connection/tls_relay.hpp>
#include <syncopate/http/detail/connection/tls_stream.hpp>
#include <syncopate/http/detail/session/session_core.hpp>
#include <syncopate/http/detail/session/session_loop.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/url.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/stream_base.hpp>
#include <boost/asio/this_coro.hpp>

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1::http::detail {

/// Whether a proxy is asked for a tunnel to the server, and not for the URL itself.
inline bool needs_tunnel(Url const& url, Proxy const& proxy) noexcept {
    return proxy.is_socks() || url.scheme() != "http";
}

/// Lies in the frame of the coroutine that waits for the connection.
class ConnectFlow {
public:
    /// proxy:     null: none.
    ConnectFlow(
        std::shared_ptr<SessionCore> core,
        SessionLoopPointer loop,
        Url const& url,
        Proxy const* proxy)
        : core_(std::move(core)), loop_(std::move(loop)), url_(url), proxy_(proxy),
          origin_(url.origin()) {}
    ConnectFlow(ConnectFlow const&) = delete;
    ConnectFlow& operator=(ConnectFlow const&) = delete;

    /// deadline:  for the connection to be ready.
    /// total:     the request's own deadline: if that is the same, it is the one that is missed.
    /// Throws:    the failure of the step that failed; Errc::connect_timed_out, Errc::tls_handshake_timed_out,
    ///            Errc::total_timed_out, Errc::session_closed.
    asio::awaitable<ConnectionPointer> run(Deadline deadline, Deadline total) {
        using namespace ::syncopate::detail;
        auto const executor = co_await asio::this_coro::executor;

        using Connecting = asio::awaitable<ConnectionPointer>;
        TimedTask<Connecting> connecting(executor, OwnedOrRef<Connecting>(connect()), deadline);
        Abortable session_end(connecting);
        loop_->add(session_end);
        co_await connecting.run();

        connecting.throw_failure();
        if (!connecting.outcome().empty())
            co_return connecting.outcome().take();
        if (session_end.has_come())
            throw_error(Errc::session_closed, origin_);
        if (!connecting.is_expired())
            throw_cancellation();
        throw_error(deadline == total ? Errc::total_timed_out : phase_, origin_);
    }

private:
    /// Cancels the connecting when the session is closed.
    class Abortable final : public SessionUser {
    public:
        using Task = ::syncopate::detail::TimedTask<asio::awaitable<ConnectionPointer>>;

        explicit Abortable(Task& connecting) noexcept : connecting_(connecting) {}
        Abortable(Abortable const&) = delete;
        Abortable& operator=(Abortable const&) = delete;
        ~Abortable() { unlink(); }

        bool has_come() const noexcept { return has_come_; }

        void abort() noexcept override {
            has_come_ = true;
            connecting_.cancel();
        }

    private:
        Task& connecting_;
        bool has_come_ = false;
    };

    asio::awaitable<ConnectionPointer> connect() {
        auto socket = co_await open_socket();
        ConnectionPointer const connection(new Connection(std::move(socket)));
        if (!url_.is_secure())
            co_return connection;
        connection->secure(core_->tls().make_stream(
            connection->socket(), std::string(url_.server_name()), origin_));
        co_await shake_hands(*connection->tls());
        co_return connection;
    }

    asio::awaitable<void> shake_hands(TlsStream& tls) {
        auto const phase = std::exchange(phase_, Errc::tls_handshake_timed_out);
        auto const [error] = co_await tls.async_handshake(
            asio::ssl::stream_base::client, asio::as_tuple(asio::deferred));
        if (error)
            tls.throw_handshake_error(error);
        phase_ = phase;
    }

    asio::awaitable<Socket> open_socket() {
        auto const& unix_socket = core_->options().unix_socket();
        if (!unix_socket.empty())
            return connect_unix(unix_socket, origin_, loop_->executor);
        if (!proxy_)
            return open_tcp(std::string(url_.host()), url_.port(), origin_);
        return proxy_->is_socks() ? open_by_socks() : open_by_http_proxy();
    }

    asio::awaitable<Socket> open_by_http_proxy() {
        auto socket = co_await open_tcp(proxy_->host(), proxy_->port(), proxy_->origin());
        if (proxy_->is_secure())
            socket = co_await secured(std::move(socket));
        if (needs_tunnel(url_, *proxy_))
            co_await open_tunnel(socket, url_.authority(), *proxy_);
        co_return std::move(socket);
    }

    asio::awaitable<Socket> secured(Socket socket) {
        auto remote = std::make_unique<Socket>(std::move(socket));
        auto tls = core_->tls().make_stream(*remote, proxy_->host(), proxy_->origin());
        co_await shake_hands(*tls);
        co_return relay_tls(std::move(remote), std::move(tls), loop_->executor);
    }

    /// If names are looked up here, each address is asked for, until one will do.
    asio::awaitable<Socket> open_by_socks() {
        std::string const host(url_.host());
        if (proxy_->kind() == ProxyKind::socks5h || url_.is_ip_address())
            co_return co_await open_by_socks(host);
        auto const addresses = co_await loop_->resolver.resolve(host);
        std::exception_ptr failure;
        for (auto const& address : addresses) {
            try {
                co_return co_await open_by_socks(address.to_string());
            } catch (std::system_error const& error) {
                if (error.code() != Errc::proxy_failed)
                    throw;
                failure = std::current_exception();
            }
        }
        std::rethrow_exception(failure);
    }
    asio::awaitable<Socket> open_by_socks(std::string host) {
        auto socket = co_await open_tcp(proxy_->host(), proxy_->port(), proxy_->origin());
        co_await open_socks_tunnel(socket, *proxy_, std::move(host), url_.port());
        co_return std::move(socket);
    }

    asio::awaitable<Socket> open_tcp(std::string host, std::uint16_t port, std::string origin) {
        boost::system::error_code is_name;
        auto const address = asio::ip::make_address(host, is_name);
        std::vector<asio::ip::address> addresses{address};
        if (is_name)
            addresses = co_await loop_->resolver.resolve(host);
        try {
            co_return co_await connect_tcp(
                std::move(addresses), port, std::move(origin), loop_->executor);
        } catch (...) {
            // The server may have moved, and its name lead elsewhere by now.
            loop_->resolver.forget(host);
            throw;
        }
    }

    std::shared_ptr<SessionCore> const core_;
    SessionLoopPointer const loop_;
    Url const& url_;
    Proxy const* const proxy_;
    std::string const origin_;
    Errc phase_ = Errc::connect_timed_out;
};

}  // namespace syncopate::inline v0_1::http::detail
