// WebSocketStream: Beast's WebSocket on a connection of a session, with one read and one write at a time.
#pragma once

#include <syncopate/http/detail/connection/connection.hpp>
#include <syncopate/http/detail/websocket/transport.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/websocket_message.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/string_type.hpp>
#include <boost/beast/websocket/error.hpp>
#include <boost/beast/websocket/option.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <boost/beast/websocket/stream_base.hpp>
#include <boost/beast/zlib/error.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

namespace syncopate::inline v0_1::http::detail {

/// The Errc for an error of Beast's, or of the connection.
inline Errc websocket_errc(error_code const& error) noexcept {
    if (error == beast::error::timeout)
        return Errc::body_timed_out;
    if (error == beast::websocket::error::message_too_big)
        return Errc::body_too_large;
    bool const is_malformed =
        error == beast::websocket::condition::protocol_violation ||
        error == beast::websocket::error::partial_deflate_block ||
        error.category() == make_error_code(beast::zlib::error::need_buffers).category();
    return is_malformed ? Errc::malformed_response : Errc::connection_lost;
}

/// The owner of a stream, which is told how its operations end. It may release the stream in these calls.
class WebSocketEvents {
public:
    virtual void on_message(WebSocketMessage message) = 0;
    virtual void on_read_failed(error_code const& error) = 0;
    virtual void on_written(error_code const& error) = 0;
    virtual void on_closed() = 0;

protected:
    ~WebSocketEvents() = default;
};

/// Owned by the WebSocket, and by its own pending operations. On the session's loop.
class WebSocketStream
    : public boost::intrusive_ref_counter<WebSocketStream, boost::thread_unsafe_counter> {
    using Base = beast::websocket::stream_base;

public:
    using Stream = beast::websocket::stream<WebSocketTransport>;
    using Duration = std::chrono::nanoseconds;

    /// How long the closing handshake may take.
    static constexpr std::chrono::milliseconds close_timeout{500};

    struct Settings {
        std::size_t max_message_size;
        bool compress;
        Duration idle_timeout;  // zero or less: none
    };

    WebSocketStream(ConnectionPointer connection, Settings const& settings)
        : settings_(settings), stream_(std::move(connection)) {
        constexpr std::size_t largest_frame = std::size_t{16} * 1024;  // one record of TLS
        stream_.read_message_max(settings.max_message_size);
        stream_.write_buffer_bytes(largest_frame);
        beast::websocket::permessage_deflate deflate;
        deflate.client_enable = settings.compress;
        stream_.set_option(deflate);
        stream_.control_callback([this](beast::websocket::frame_type type, beast::string_view) {
            is_closed_by_peer_ |= type == beast::websocket::frame_type::close;
        });
    }

    Duration idle_timeout() const noexcept { return settings_.idle_timeout; }

    /// For the handshake.
    Stream& beast() noexcept { return stream_; }

    /// Sets the owner; null: nobody is told any more.
    void set_owner(WebSocketEvents* owner) noexcept { owner_ = owner; }

    /// Reads one message. Meanwhile pings are answered, and silence beyond the idle time-out ends the stream.
    void read() {
        watch_for_silence(settings_.idle_timeout);
        stream_.async_read(input_, ReadHandler{this});
    }

    /// Writes one message. The one before has been written.
    void write(WebSocketMessage message) {
        stream_.text(message.is_text());
        output_ = std::move(message).data();
        stream_.async_write(asio::buffer(output_), WriteHandler{this});
    }
    std::uint64_t writes() noexcept { return stream_.next_layer().writes(); }

    /// Sends a close frame, once, and waits for the other end's.
    void close(beast::websocket::close_reason const& reason) {
        stream_.async_close(reason, CloseHandler{this});
    }

    /// Whether the other end has sent a close frame.
    bool is_closed_by_peer() const noexcept { return is_closed_by_peer_; }
    beast::websocket::close_reason const& close_reason() const noexcept { return stream_.reason(); }

private:
    using Self = boost::intrusive_ptr<WebSocketStream>;

    struct ReadHandler {
        Self self;
        void operator()(error_code const& error, std::size_t) const { self->have_read(error); }
    };
    struct WriteHandler {
        Self self;
        void operator()(error_code const& error, std::size_t) const {
            if (self->owner_)
                self->owner_->on_written(error);
        }
    };
    struct CloseHandler {
        Self self;
        void operator()(error_code const&) const {
            if (self->owner_)
                self->owner_->on_closed();
        }
    };

    void have_read(error_code const& error) {
        if (!owner_)
            return;
        if (error)
            return owner_->on_read_failed(error);
        // Until the message is taken, nothing is read: silence is no sign of a dead server.
        watch_for_silence(Duration::zero());
        std::string data(static_cast<char const*>(input_.cdata().data()), input_.size());
        input_.clear();
        constexpr std::size_t large = std::size_t{64} * 1024;
        if (input_.capacity() > large)
            input_.shrink_to_fit();
        owner_->on_message(
            stream_.got_text() ? WebSocketMessage::text(std::move(data))
                               : WebSocketMessage::binary(std::move(data)));
    }

    void watch_for_silence(Duration limit) {
        stream_.set_option(Base::timeout{
            close_timeout, limit.count() > 0 ? limit : Base::none(), limit.count() > 0});
    }

    Settings const settings_;
    Stream stream_;
    WebSocketEvents* owner_ = nullptr;
    beast::flat_buffer input_;
    std::string output_;
    bool is_closed_by_peer_ = false;
};

using WebSocketStreamPointer = boost::intrusive_ptr<WebSocketStream>;

}  // namespace syncopate::inline v0_1::http::detail
