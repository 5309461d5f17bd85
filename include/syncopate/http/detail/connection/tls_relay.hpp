// relay_tls(): a socket whose bytes go through a TLS connection, for TLS within TLS.
#pragma once

#include <syncopate/http/detail/connection/relay_failure.hpp>
#include <syncopate/http/detail/connection/socket.hpp>
#include <syncopate/http/detail/connection/tls_stream.hpp>
#include <syncopate/http/detail/system/sockets.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/error_code.hpp>

#include <array>
#include <cstddef>
#include <memory>
#include <utility>

namespace syncopate::inline v0_1::http::detail {

/// Owned by its two coroutines, one for each direction. When one side has ended, both are closed.
class TlsRelay {
public:
    TlsRelay(Socket local, std::unique_ptr<Socket> remote, std::unique_ptr<TlsStream> tls)
        : local_(std::move(local)), remote_(std::move(remote)), tls_(std::move(tls)) {}

    /// Of the TLS connection. Told before the local side ends.
    RelayFailure failure() const noexcept { return failure_; }

    static void start(
        std::shared_ptr<TlsRelay> const& relay, asio::any_io_executor const& executor) {
        asio::co_spawn(executor, send(relay), asio::detached);
        asio::co_spawn(executor, receive(relay), asio::detached);
    }

private:
    using Buffer = std::array<char, std::size_t{16} * 1024>;

    static asio::awaitable<void> send(std::shared_ptr<TlsRelay> relay) {
        return copy(relay, relay->local_, *relay->tls_);
    }
    static asio::awaitable<void> receive(std::shared_ptr<TlsRelay> relay) {
        return copy(relay, *relay->tls_, relay->local_);
    }

    template <class From, class To>
    static asio::awaitable<void> copy(std::shared_ptr<TlsRelay> relay, From& from, To& to) {
        auto const buffer = std::make_unique<Buffer>();
        for (;;) {
            auto const [failure, size] = co_await from.async_read_some(
                asio::buffer(*buffer), asio::as_tuple(asio::deferred));
            if (failure) {
                relay->note(from, failure);
                break;
            }
            auto const [lost, written] = co_await asio::async_write(
                to, asio::buffer(*buffer, size), asio::as_tuple(asio::deferred));
            if (lost) {
                relay->note(to, lost);
                break;
            }
        }
        relay->close();
    }

    /// What comes after the first failure, or after the end, follows from that. The local side ends because its user
    /// does.
    void note(TlsStream const&, boost::system::error_code const& error) noexcept {
        if (!is_closed_ && error != asio::error::eof)
            *failure_ = error;
    }
    static void note(Socket const&, boost::system::error_code const&) noexcept {}

    void close() noexcept {
        is_closed_ = true;
        boost::system::error_code ignored;
        static_cast<void>(local_.close(ignored));
        static_cast<void>(remote_->close(ignored));
    }

    Socket local_;
    std::unique_ptr<Socket> remote_;
    std::unique_ptr<TlsStream> tls_;
    std::shared_ptr<boost::system::error_code> const failure_ =
        std::make_shared<boost::system::error_code>();
    bool is_closed_ = false;
};

/// Gives a socket for what is to be sent over TLS, and for what comes over it. Its end closes the connection.
///
/// remote:    the socket under the stream, after the handshake.
/// executor:  of the loop.
/// failure:   is set to that of the connection, for those who use the socket.
inline Socket relay_tls(
    std::unique_ptr<Socket> remote,
    std::unique_ptr<TlsStream> tls,
    asio::any_io_executor const& executor,
    RelayFailure& failure) {
    auto [result, local] = system::connected_pair(executor);
    auto const relay =
        std::make_shared<TlsRelay>(std::move(local), std::move(remote), std::move(tls));
    TlsRelay::start(relay, executor);
    failure = relay->failure();
    return std::move(result);
}

}  // namespace syncopate::inline v0_1::http::detail
