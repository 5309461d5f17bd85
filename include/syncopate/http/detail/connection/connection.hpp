// Connection: a socket to a server, with TLS or without, on which one coroutine reads and writes at the same time.
#pragma once

#include <syncopate/http/detail/connection/deadline_timer.hpp>
#include <syncopate/http/detail/connection/relay_failure.hpp>
#include <syncopate/http/detail/connection/shared_connection.hpp>
#include <syncopate/http/detail/connection/socket.hpp>
#include <syncopate/http/detail/connection/tls.hpp>
#include <syncopate/http/detail/message/input_buffer.hpp>
#include <syncopate/http/detail/system/sockets.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1::http::detail {

namespace asio = boost::asio;
using boost::system::error_code;

/// Owned by its Lease and by its own pending operations.
///
/// A read is started before the request is written, and goes on beside it, so that a response that comes early
/// is not lost. Asio starts a read by trying recv() at once. This same call tells whether an idle connection
/// has received anything: see begin_exchange().
///
/// Threads: on the session's loop.
class Connection : public boost::intrusive_ref_counter<Connection, boost::thread_unsafe_counter> {
public:
    using Pieces = std::vector<std::string>;

    explicit Connection(Socket socket) : socket_(std::move(socket)) {
        error_code ignored;
        static_cast<void>(socket_.non_blocking(true, ignored));
    }
    /// A share of another connection.
    ///
    /// socket:    closed.
    Connection(Socket socket, std::unique_ptr<ConnectionStream> stream) noexcept
        : socket_(std::move(socket)), stream_(std::move(stream)) {}

    Socket& socket() noexcept { return socket_; }

    /// The address that it was connected to: the server's, or its proxy's. None for a Unix domain socket.
    asio::ip::tcp::endpoint const& peer() const noexcept { return peer_; }
    void set_peer(asio::ip::tcp::endpoint const& peer) noexcept { peer_ = peer; }

    /// Has errors tell the cause, where the socket leads to a relay.
    void set_relay_failure(RelayFailure failure) noexcept { relay_failure_ = std::move(failure); }
    error_code const& cause_of(error_code const& error) const noexcept {
        return detail::cause_of(error, relay_failure_);
    }

    void secure(std::unique_ptr<TlsStream> tls) noexcept { tls_ = std::move(tls); }
    TlsStream* tls() noexcept { return tls_.get(); }

    /// Null unless it is a share of another connection.
    ConnectionStream* stream() const noexcept { return stream_.get(); }
    /// What shares it; null: nothing does.
    SharedConnection* shared() const noexcept { return shared_.get(); }
    void share(std::shared_ptr<SharedConnection> shared) noexcept { shared_ = std::move(shared); }

    void close() noexcept {
        if (stream_)
            return stream_->close();
        error_code ignored;
        static_cast<void>(socket_.close(ignored));
    }
    bool is_open() const noexcept { return stream_ ? stream_->is_open() : socket_.is_open(); }

    /// What is checked before a connection is used again.
    enum class Probe {
        /// Nothing: the connection is new.
        none,
        /// That the server has sent nothing. The first read tells it, without a system call of its own; but only
        /// if one thread runs the loop: with more, another thread may complete the read meanwhile.
        data,
        /// That the server has sent nothing and has not closed the connection. This takes one system call.
        data_and_eof,
    };

    /// Starts to read the response. Returns false if the connection must not carry a request: it has been closed,
    /// or holds bytes that would be taken for the response.
    bool begin_exchange(Probe probe) {
        request_bytes_ = 0;
        payload_bytes_ = 0;
        written_at_once_ = 0;
        if (stream_)
            return stream_->is_open();
        if (probe != Probe::none && !input_.empty())
            return false;
        if (probe == Probe::data_and_eof || (tls_ && probe == Probe::data)) {
            bool const has_come = !is_silent() || (tls_ && tls_->has_input());
            if (has_come && !(tls_ && tls_->takes_all_without_data()))
                return false;
        }
        char* const first = static_cast<char*>(input_.prepare().data());
        // The read is noticed by this byte: no response begins with NUL, and one that did would be refused.
        *first = '\0';
        start_read();
        return tls_ || probe != Probe::data || *first == '\0';
    }

    // Reading.

    InputBuffer& input() noexcept { return input_; }
    /// The error of the last read; none if it has brought bytes.
    error_code const& read_error() const noexcept { return read_error_; }

    /// Starts a read, unless one is pending or has failed.
    void start_read() {
        reads_soon_ = false;
        if (is_reading_ || read_error_)
            return;
        if (stream_)
            return stream_->read_on();
        auto const room = input_.prepare();
        is_reading_ = true;
        if (tls_)
            tls_->async_read_some(room, ReadHandler{this});
        else
            socket_.async_read_some(room, ReadHandler{this});
    }

    /// Takes what has come, without waiting for any: into what is left of the buffer.
    void read_available() noexcept {
        bool const is_full = input_.view().size() >= InputBuffer::largest;
        if (is_reading_ || read_error_ || tls_ || is_full || !socket_.is_open())
            return;
        try {
            error_code error;
            auto const size = socket_.read_some(input_.prepare(), error);
            if (error == asio::error::would_block || error == asio::error::try_again)
                return;
            input_.commit(size);
            read_error_ = cause_of(error);
        } catch (
            ...) {  // NOLINT(bugprone-empty-catch): out of memory, so it is read when it is asked for
        }
    }

    /// Has the loop do that when it has resumed whom it has to, so that the next bytes are copied while the reader of these
    /// ones works on another thread. A read that is started before takes its place. Nothing is pending afterwards, which
    /// would keep the loop running.
    void read_soon() noexcept {
        if (is_reading_ || read_error_ || tls_ || stream_ || std::exchange(reads_soon_, true))
            return;
        try {
            asio::post(socket_.get_executor(), [self = Self(this)] {
                if (std::exchange(self->reads_soon_, false))
                    self->read_available();
            });
        } catch (...) {  // out of memory
            reads_soon_ = false;
        }
    }

    // Writing.

    /// The bytes to be written before the payload. May be changed only while nothing is being written.
    std::string& output() noexcept { return output_; }

    /// Writes output() and the payload.
    void start_write(std::shared_ptr<Pieces const> payload) {
        payload_ = std::move(payload);
        piece_ = 0;
        offset_ = 0;
        output_offset_ = 0;
        if (stream_)
            return stream_->write();
        if (tls_)
            merge_small_payload();
        write_on();
    }
    bool is_writing() const noexcept { return is_writing_; }
    error_code const& write_error() const noexcept { return write_error_; }
    /// The bytes written in the present exchange: all of them, and those of the payload.
    std::uint64_t bytes_written() const noexcept { return request_bytes_; }
    std::uint64_t payload_written() const noexcept { return payload_bytes_; }

    /// The coroutine parks here. A read or a write that ends, or fails, resumes it.
    TimedPark& park() noexcept { return park_; }

    /// Whether nothing is pending, unread or failed, so that another request may use it.
    bool is_at_rest() const noexcept {
        return !stream_ && !is_reading_ && !is_writing_ && !read_error_ && !write_error_ &&
               input_.empty() && is_open();
    }

    /// Whether the server has closed the idle connection, or sent what belongs to no request. Tickets and keys of TLS
    /// are taken.
    bool has_ended() {
        if (shared_)
            return shared_->has_ended();
        auto const input = system::look_at(socket_.native_handle());
        if (input ==
            system::SocketInput::none)  // but what came with the response may not be all of that
            return tls_ && tls_->has_input() && !tls_->takes_all_without_data();
        return input == system::SocketInput::end || !tls_ || !tls_->takes_all_without_data();
    }

private:
    friend class Http2Stream;
    using Self = boost::intrusive_ptr<Connection>;

    struct ReadHandler {
        Self self;
        void operator()(error_code const& error, std::size_t size) const {
            self->is_reading_ = false;
            self->input_.commit(size);
            self->read_error_ = self->cause_of(error);
            self->park_.resume();
        }
    };

    struct WriteHandler {
        Self self;
        void operator()(error_code const& error, std::size_t size = 0) const {
            self->is_writing_ = false;
            self->written_at_once_ = 0;
            self->wrote(size);
            self->write_error_ = error;
            if (!error)
                self->write_on();
            self->park_.resume();
        }
    };

    /// Whether nothing has come: no byte, no end of the stream, and no error.
    bool is_silent() noexcept { return system::is_silent(socket_.native_handle()); }

    /// The first few pieces of what is still to be written.
    std::array<asio::const_buffer, 4> left() const noexcept {
        std::array<asio::const_buffer, 4> buffers;
        std::size_t count = 0;
        if (output_offset_ < output_.size())
            buffers[count++] = asio::buffer(output_) + output_offset_;
        if (payload_) {
            auto skip = offset_;
            for (auto i = piece_; i < payload_->size() && count < buffers.size(); ++i) {
                buffers[count++] = asio::buffer((*payload_)[i]) + skip;
                skip = 0;
            }
        }
        return buffers;
    }

    void wrote(std::size_t size) noexcept {
        request_bytes_ += size;
        auto const of_output = (std::min)(size, output_.size() - output_offset_);
        output_offset_ += of_output;
        size -= of_output;
        payload_bytes_ += size;
        if (!payload_)
            return;
        offset_ += size;
        while (piece_ < payload_->size() && offset_ >= (*payload_)[piece_].size())
            offset_ -= (*payload_)[piece_++].size();
    }

    bool has_output() const noexcept {
        return output_offset_ < output_.size() || (payload_ && piece_ < payload_->size());
    }

    /// Writes without waiting while the socket takes it, which it does for an ordinary request. After `at_once`
    /// bytes of one exchange it yields to the loop, so that others have their turn and the response is read.
    void write_on() {
        constexpr std::size_t at_once = std::size_t{1024} * 1024;
        constexpr std::size_t least = std::size_t{4} * 1024;  // a short write counts as this many
        while (has_output()) {
            if (tls_)
                return write_later_over_tls();
            if (written_at_once_ >= at_once)
                return write_when_possible();
            error_code error;
            auto const size =
                payload_ ? socket_.write_some(left(), error) : socket_.write_some(left()[0], error);
            if (error) {
                if (error == asio::error::would_block || error == asio::error::try_again)
                    return write_when_possible();
                write_error_ = error;
                break;
            }
            wrote(size);
            written_at_once_ += (std::max)(size, least);
        }
        payload_.reset();
    }

    /// Appends a short body to the header, so that both go out in one TLS record.
    void merge_small_payload() {
        constexpr std::size_t most_at_once = std::size_t{16} * 1024;
        std::size_t size = 0;
        if (payload_)
            for (auto const& piece : *payload_)
                size += piece.size();
        if (size == 0 || size > most_at_once)
            return;
        for (auto const& piece : *payload_)
            output_ += piece;
        payload_.reset();
        payload_bytes_ += size;
    }

    void write_when_possible() {
        is_writing_ = true;
        socket_.async_wait(asio::socket_base::wait_write, WriteHandler{this});
    }

    // One buffer at a time: TLS copies each of them anyway.
    void write_later_over_tls() {
        is_writing_ = true;
        auto const buffers = left();
        auto const first = std::ranges::find_if(
            buffers, [](asio::const_buffer const& buffer) { return buffer.size() > 0; });
        tls_->async_write_some(*first, WriteHandler{this});
    }

    Socket socket_;
    asio::ip::tcp::endpoint peer_;
    RelayFailure relay_failure_;
    std::unique_ptr<TlsStream> tls_;
    std::unique_ptr<ConnectionStream> stream_;
    std::shared_ptr<SharedConnection> shared_;
    TimedPark park_;

    InputBuffer input_;
    error_code read_error_;
    bool is_reading_ = false;
    bool reads_soon_ = false;

    bool is_writing_ = false;
    error_code write_error_;
    std::string output_;
    std::size_t output_offset_ = 0;
    std::shared_ptr<Pieces const> payload_;
    std::size_t piece_ = 0;
    std::size_t offset_ = 0;
    std::size_t written_at_once_ = 0;
    std::uint64_t request_bytes_ = 0;
    std::uint64_t payload_bytes_ = 0;
};

using ConnectionPointer = boost::intrusive_ptr<Connection>;

}  // namespace syncopate::inline v0_1::http::detail
