// ConnectFlow: makes a connection to the host of a URL: look-up, TCP, the tunnel of a proxy, TLS.
#pragma once

#include <syncopate/detail/cancellation/cancellation.hpp>
#include <syncopate/detail/group/supervised_task.hpp>
#include <syncopate/detail/task/outcome.hpp>
#include <syncopate/detail/task/owned_or_ref.hpp>
#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/http/connect_info.hpp>
#include <syncopate/http/detail/connection/connection.hpp>
#include <syncopate/http/detail/connection/proxy.hpp>
#include <syncopate/http/detail/connection/proxy_tunnel.hpp>
#include <syncopate/http/detail/connection/relay_failure.hpp>
#include <syncopate/http/detail/connection/socket.hpp>
#include <syncopate/http/detail/connection/socks_tunnel.hpp>
#include <syncopate/http/detail/connection/tcp_connect.hpp>
#include <syncopate/http/detail/connection/tls_relay.hpp>
#include <syncopate/http/detail/connection/tls_stream.hpp>
#include <syncopate/http/detail/lookup/system_lookup.hpp>
#include <syncopate/http/detail/session/proxy_credentials.hpp>
#include <syncopate/http/detail/session/session_core.hpp>
#include <syncopate/http/detail/session/session_loop.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/url.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream_base.hpp>
#include <boost/asio/this_coro.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1::http::detail {

/// Lies in the frame of the coroutine that waits for the connection.
class ConnectFlow {
public:
    /// proxy:     null: none.
    /// hop:       the redirects before.
    /// may_share: whether the connection may become one that several requests share.
    ConnectFlow(
        std::shared_ptr<SessionCore> core,
        SessionLoopPointer loop,
        Url const& url,
        Proxy const* proxy,
        std::size_t hop,
        bool may_share)
        : core_(std::move(core)), loop_(std::move(loop)), url_(url), proxy_(proxy), hop_(hop),
          may_share_(may_share), origin_(url.origin()) {}
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
    friend class AllFeatures;

    /// Whose address it is.
    enum class Target { server, proxy };

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
        connection->set_peer(peer_);
        connection->set_relay_failure(relay_failure_);
        if (!url_.is_secure())
            co_return connection;
        connection->secure(core_->tls().make_stream(
            connection->socket(), std::string(url_.server_name()), origin_));
        if (may_share_)
            connection->tls()->offer_http2();
        co_await shake_hands(*connection->tls());
        core_->tls().require_pinned_key(*connection->tls());
        co_return connection;
    }

    asio::awaitable<void> shake_hands(TlsStream& tls) {
        auto const phase = std::exchange(phase_, Errc::tls_handshake_timed_out);
        auto const [error] = co_await tls.async_handshake(
            asio::ssl::stream_base::client, asio::as_tuple(asio::deferred));
        if (error)
            tls.throw_handshake_error(cause_of(error, relay_failure_));
        phase_ = phase;
    }

    asio::awaitable<Socket> open_socket() {
        auto const* const features = core_->features();
        bool const is_direct = !proxy_ && core_->options().unix_socket().empty();
        return is_direct || !features ? open_tcp(Target::server)
                                      : (this->*features->open_by_detour)();
    }

    asio::awaitable<Socket> open_by_detour() {
        auto const& unix_socket = core_->options().unix_socket();
        if (!unix_socket.empty()) {
            check({}, Target::server);
            return connect_unix(unix_socket, origin_, loop_->executor);
        }
        return proxy_->is_socks() ? open_by_socks() : open_by_http_proxy();
    }

    asio::awaitable<Socket> open_by_http_proxy() {
        if (needs_tunnel(url_, *proxy_))
            return open_tunnel();
        return open_to_http_proxy();
    }

    asio::awaitable<Socket> open_to_http_proxy() {
        auto socket = co_await open_tcp(Target::proxy);
        if (proxy_->is_secure())
            socket = co_await secured(std::move(socket));
        co_return std::move(socket);
    }

    /// A proxy that wants to know who asks is asked again: on the same connection, if it keeps that.
    asio::awaitable<Socket> open_tunnel() {
        auto const authority = url_.authority();
        ProxyCredentials credentials(*core_);
        auto who = credentials.value(*proxy_, "CONNECT", authority, no_body());
        auto socket = co_await open_to_http_proxy();
        bool is_fresh = true;
        for (;;) {
            std::optional<TunnelAnswer> answer;
            try {
                answer = co_await ask_for_tunnel(socket, authority, *proxy_, who, relay_failure_);
            } catch (std::system_error const& error) {
                if (is_fresh || error.code() != Errc::proxy_failed)
                    throw;
            }
            is_fresh = false;
            if (answer) {
                bool const asks_again =
                    answer->asks_who() &&
                    credentials.take_challenge(*proxy_, answer->fields(), no_body());
                if (!asks_again) {
                    require_open(*answer, *proxy_);
                    co_return std::move(socket);
                }
                who = credentials.value(*proxy_, "CONNECT", authority, no_body());
                bool const is_kept = co_await skip_refusal(socket, *answer);
                if (is_kept)
                    continue;
            }
            socket = co_await open_to_http_proxy();
            is_fresh = true;
        }
    }
    static DigestAnswers::Body no_body() {
        static std::vector<std::string> const none;
        return {&none};
    }

    asio::awaitable<Socket> secured(Socket socket) {
        relay_failure_.reset();  // of an attempt before
        auto remote = std::make_unique<Socket>(std::move(socket));
        auto tls = core_->tls().make_stream(*remote, proxy_->host(), proxy_->origin());
        co_await shake_hands(*tls);
        co_return relay_tls(std::move(remote), std::move(tls), loop_->executor, relay_failure_);
    }

    /// If names are looked up here, each address is asked for, until one will do.
    asio::awaitable<Socket> open_by_socks() {
        std::string const host(url_.host());
        if (proxy_->kind() == ProxyKind::socks5h && !url_.is_ip_address())
            co_return co_await open_by_socks(host);
        std::exception_ptr refusal;
        std::exception_ptr failure;
        for (auto const& address : co_await look_up(host, url_.port())) {
            try {
                check(address, Target::server);
            } catch (...) {
                refusal = refusal ? refusal : std::current_exception();
                continue;
            }
            try {
                co_return co_await open_by_socks(address.to_string());
            } catch (std::system_error const& error) {
                if (error.code() != Errc::proxy_failed)
                    throw;
                failure = std::current_exception();
            }
        }
        std::rethrow_exception(refusal ? refusal : failure);
    }
    asio::awaitable<Socket> open_by_socks(std::string host) {
        auto socket = co_await open_tcp(Target::proxy);
        co_await open_socks_tunnel(socket, *proxy_, std::move(host), url_.port());
        co_return std::move(socket);
    }

    asio::awaitable<Socket> open_tcp(Target target) {
        bool const is_server = target == Target::server;
        std::string const host = is_server ? std::string(url_.host()) : proxy_->host();
        auto const port = is_server ? url_.port() : proxy_->port();
        auto const& origin = is_server ? origin_ : proxy_->origin();
        auto addresses = co_await look_up(host, port);
        AddressCheck allow;
        if (!core_->options().on_connect().empty())
            allow = [this, target](auto const& address) { check(address, target); };
        try {
            auto socket = co_await connect_tcp(
                std::move(addresses), port, origin, loop_->executor, std::move(allow));
            peer_ = peer_of(socket);
            co_return std::move(socket);
        } catch (...) {
            // The server may have moved, and its name lead elsewhere by now.
            loop_->resolver.forget(host);
            throw;
        }
    }

    asio::awaitable<Addresses> look_up(std::string host, std::uint16_t port) {
        if (auto const* const fixed = core_->addresses_of(host, port))
            co_return *fixed;
        boost::system::error_code is_name;
        auto const address = asio::ip::make_address(host, is_name);
        if (!is_name)
            co_return Addresses{address};
        co_return co_await loop_->resolver.resolve(std::move(host));
    }

    /// Throws what refuses the address.
    void check(asio::ip::address const& address, Target target) const {
        auto const& functions = core_->options().on_connect();
        if (functions.empty())
            return;
        ConnectInfo const info{
            url_.text(),
            std::string(url_.host()),
            url_.port(),
            address,
            hop_,
            proxy_ ? proxy_->origin() : std::string(),
            target == Target::proxy};
        for (auto const& function : functions)
            function(info);
    }

    std::shared_ptr<SessionCore> const core_;
    SessionLoopPointer const loop_;
    Url const& url_;
    Proxy const* const proxy_;
    std::size_t const hop_;
    bool const may_share_;
    std::string const origin_;
    asio::ip::tcp::endpoint peer_;
    RelayFailure relay_failure_;  // of the proxy's TLS, in which the server's is
    Errc phase_ = Errc::connect_timed_out;
};

}  // namespace syncopate::inline v0_1::http::detail
