// WebSocketTransport: the stream that Beast's WebSocket reads and writes, over a connection of a session.
#pragma once

#include <syncopate/http/detail/connection/connection.hpp>
#include <syncopate/http/detail/websocket/deflated_frames.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associator.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/bind_handler.hpp>
#include <boost/beast/core/role.hpp>
#include <openssl/ssl.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

namespace syncopate::inline v0_1::http::detail {

namespace beast = boost::beast;

/// A handler that keeps the connection until its operation ends. Beast itself keeps only the stream.
template <class Handler>
struct ConnectionHandler {
    ConnectionPointer connection;
    Handler handler;

    template <class... Args>
    void operator()(Args&&... args) {
        std::move(handler)(std::forward<Args>(args)...);
    }
};

/// A handler of a read whose bytes are put into form before Beast gets them: DeflatedFrames.
template <class Transport, class Buffers, class Handler>
struct DeflatedReadHandler {
    Transport& transport;
    Buffers buffers;
    Handler handler;

    void operator()(error_code const& error, std::size_t size) {
        transport.complete_deflated(buffers, std::move(handler), error, size);
    }
};

/// A connection with TLS or without: one type, so that Beast is compiled once.
class WebSocketTransport {
public:
    using executor_type = asio::any_io_executor;

    explicit WebSocketTransport(ConnectionPointer connection)
        : connection_(std::move(connection)) {}

    executor_type get_executor() const noexcept { return connection_->socket().get_executor(); }

    /// For Beast's own handshake, whose request was not sent. It is given this text to read, and what it writes is
    /// dropped until it has read all of it.
    void replay(std::string text) noexcept { replayed_ = std::move(text); }

    /// After the handshake: compressed messages will come.
    void expect_deflated() { deflated_ = std::make_unique<Deflated>(); }

    /// The number of writes that were begun.
    std::uint64_t writes() const noexcept { return writes_; }

    template <class Buffers, class Handler>
    void async_read_some(Buffers const& buffers, Handler&& handler) {
        if (auto const size = take_received(buffers); size > 0)
            return complete(std::forward<Handler>(handler), size);
        if (deflated_)
            return read_deflated(buffers, std::forward<Handler>(handler));
        read_socket(buffers, std::forward<Handler>(handler));
    }

    template <class Buffers, class Handler>
    void async_write_some(Buffers const& buffers, Handler&& handler) {
        ++writes_;
        if (!replayed_.empty())
            return complete(std::forward<Handler>(handler), asio::buffer_size(buffers));
        if (auto* const tls = connection_->tls())
            tls->async_write_some(buffers, kept(std::forward<Handler>(handler)));
        else
            connection_->socket().async_write_some(buffers, kept(std::forward<Handler>(handler)));
    }

    friend void beast_close_socket(WebSocketTransport& transport) noexcept {
        transport.connection_->close();
    }

    /// Called by Beast after the closing handshake. The other end knows by then that nothing more comes, so this
    /// does not wait for its close_notify.
    template <class Handler>
    friend void async_teardown(beast::role_type, WebSocketTransport& transport, Handler&& handler) {
        auto& connection = *transport.connection_;
        if (auto* const tls = connection.tls(); tls && connection.is_open()) {
            SSL_set_shutdown(tls->native_handle(), SSL_RECEIVED_SHUTDOWN);
            return tls->async_shutdown(transport.kept(std::forward<Handler>(handler)));
        }
        connection.close();
        asio::post(
            transport.get_executor(),
            beast::bind_front_handler(std::forward<Handler>(handler), error_code()));
    }

private:
    template <class, class, class>
    friend struct DeflatedReadHandler;

    struct Deflated {
        DeflatedFrames frames;
        std::array<char, 16384> bytes;  // as they come from the socket
    };

    template <class Buffers, class Handler>
    void read_socket(Buffers const& buffers, Handler&& handler) {
        if (auto* const tls = connection_->tls())
            tls->async_read_some(buffers, kept(std::forward<Handler>(handler)));
        else
            connection_->socket().async_read_some(buffers, kept(std::forward<Handler>(handler)));
    }

    template <class Buffers, class Handler>
    void read_deflated(Buffers const& buffers, Handler&& handler) {
        read_socket(
            asio::buffer(deflated_->bytes),
            DeflatedReadHandler<WebSocketTransport, Buffers, std::decay_t<Handler>>{
                *this, buffers, std::forward<Handler>(handler)});
    }

    template <class Buffers, class Handler>
    void complete_deflated(
        Buffers const& buffers, Handler&& handler, error_code const& error, std::size_t size) {
        deflated_->frames.feed({deflated_->bytes.data(), size});
        auto const taken = take_deflated(buffers);
        if (taken == 0 && !error)
            return read_deflated(buffers, std::forward<Handler>(handler));
        std::forward<Handler>(handler)(taken > 0 ? error_code() : error, taken);
    }

    template <class Buffers>
    std::size_t take_deflated(Buffers const& buffers) {
        auto const output = deflated_->frames.output();
        auto const size = asio::buffer_copy(buffers, asio::buffer(output.data(), output.size()));
        deflated_->frames.consume(size);
        return size;
    }

    template <class Handler>
    ConnectionHandler<std::decay_t<Handler>> kept(Handler&& handler) {
        return {connection_, std::forward<Handler>(handler)};
    }

    /// Completes an operation that needed no socket: later, as the socket would.
    template <class Handler>
    void complete(Handler&& handler, std::size_t size) {
        asio::post(
            get_executor(),
            beast::bind_front_handler(std::forward<Handler>(handler), error_code(), size));
    }

    template <class Buffers>
    std::size_t take_received(Buffers const& buffers) {
        if (!replayed_.empty()) {
            auto const size = asio::buffer_copy(buffers, asio::buffer(replayed_));
            replayed_.erase(0, size);
            return size;
        }
        auto const view = connection_->input().view();
        if (deflated_) {
            deflated_->frames.feed(view);
            connection_->input().consume(view.size());
            return take_deflated(buffers);
        }
        auto const size = asio::buffer_copy(buffers, asio::buffer(view.data(), view.size()));
        connection_->input().consume(size);
        return size;
    }

    ConnectionPointer connection_;
    std::string replayed_;
    std::uint64_t writes_ = 0;
    std::unique_ptr<Deflated> deflated_;
};

}  // namespace syncopate::inline v0_1::http::detail

/// Gives ConnectionHandler the executor, the cancellation slot and the allocator of the handler in it.
template <template <class, class> class Associator, class Handler, class Default>
struct boost::asio::
    associator<Associator, syncopate::http::detail::ConnectionHandler<Handler>, Default>
    : Associator<Handler, Default> {
    using Kept = syncopate::http::detail::ConnectionHandler<Handler>;

    static typename Associator<Handler, Default>::type get(Kept const& kept) noexcept {
        return Associator<Handler, Default>::get(kept.handler);
    }
    static auto get(Kept const& kept, Default const& fallback) noexcept
        -> decltype(Associator<Handler, Default>::get(kept.handler, fallback)) {
        return Associator<Handler, Default>::get(kept.handler, fallback);
    }
};

/// The same for DeflatedReadHandler.
template <
    template <class, class> class Associator,
    class Transport,
    class Buffers,
    class Handler,
    class Default>
struct boost::asio::associator<
    Associator,
    syncopate::http::detail::DeflatedReadHandler<Transport, Buffers, Handler>,
    Default> : Associator<Handler, Default> {
    using Reading = syncopate::http::detail::DeflatedReadHandler<Transport, Buffers, Handler>;

    static typename Associator<Handler, Default>::type get(Reading const& reading) noexcept {
        return Associator<Handler, Default>::get(reading.handler);
    }
    static auto get(Reading const& reading, Default const& fallback) noexcept
        -> decltype(Associator<Handler, Default>::get(reading.handler, fallback)) {
        return Associator<Handler, Default>::get(reading.handler, fallback);
    }
};
