// Http2Stream: one request and its response among the others of a connection of HTTP/2.
#pragma once

#include <syncopate/detail/intrusive_list.hpp>
#include <syncopate/http/detail/connection/connection.hpp>
#include <syncopate/http/detail/connection/deadline_timer.hpp>
#include <syncopate/http/detail/connection/shared_connection.hpp>
#include <syncopate/http/detail/connection/stream_error.hpp>
#include <syncopate/http/detail/http2/nghttp2.hpp>
#include <syncopate/http/detail/http2/request_fields.hpp>
#include <syncopate/http/detail/http2/response_text.hpp>
#include <syncopate/http/headers.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/ssl/error.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace syncopate::inline v0_1::http::detail {

class Http2Stream;

/// Memory that each stream uses for a moment.
struct Http2Scratch {
    std::string request;         // of a new stream, until it is submitted
    RequestFields::Room fields;  // of that request
    std::string response;        // see ResponseText
};

/// What a stream needs of its connection.
class Http2Streams {
public:
    virtual Libnghttp2::Session* session() const noexcept = 0;
    virtual Libnghttp2 const& library() const noexcept = 0;
    virtual Http2Scratch& scratch() noexcept = 0;
    /// Has what was submitted sent.
    virtual void flush() noexcept = 0;
    /// Has the coroutine resumed that waits for the stream.
    virtual void wake(Connection& connection) noexcept = 0;
    /// The stream goes.
    virtual void leave(Http2Stream& stream) noexcept = 0;

protected:
    ~Http2Streams() = default;
};

/// Owned by its Connection, whose exchange writes HTTP/1.1 and reads it. The body of a response that has no length ends with
/// the connection, for that exchange, which is then told of its end.
class Http2Stream final : public ConnectionStream,
                          public ::syncopate::detail::ListHook<Http2Stream> {
public:
    Http2Stream(std::shared_ptr<Http2Streams> streams, ResponseLimits limits)
        : streams_(std::move(streams)), text_(limits, streams_->scratch().response) {}
    ~Http2Stream() override { end(); }

    /// To be called at once with its owner.
    void attach(Connection& connection) noexcept {
        connection_ = &connection;
        connection.output_.swap(streams_->scratch().request);
    }
    Connection& connection() const noexcept { return *connection_; }

    /// When the request was submitted.
    Deadline begun() const noexcept { return begun_; }
    /// Whether it was given up on before there was an answer.
    bool is_unanswered() const noexcept { return id_ > 0 && !is_closed_ && !text_.is_final(); }

    // For the exchange.

    bool is_open() const noexcept override { return streams_ != nullptr; }

    void close() noexcept override {
        if (!streams_)
            return;
        fail(asio::error::operation_aborted);
        if (connection_->park().is_waiting())
            streams_->wake(*connection_);
        end();
    }

    void read_on() noexcept override {
        if (!streams_ || id_ == 0 || is_closed_)
            return;
        auto const unread = (std::min)(unread_, connection_->input_.view().size());
        if (unread == unread_)
            return;
        streams_->library().consume_stream(streams_->session(), id_, unread_ - unread);
        unread_ = unread;
        streams_->flush();
    }

    void write() override {
        if (!streams_)
            return;
        if (id_ == 0)
            submit();
        else if (!body_left_ && !connection_->payload_ && !connection_->output_.empty())
            is_body_whole_ = true;  // this is the last chunk
        connection_->output_offset_ = connection_->output_.size();
        connection_->is_writing_ = connection_->payload_ && !connection_->write_error_;
        if (id_ > 0 && is_deferred_) {
            is_deferred_ = false;
            streams_->library().resume_data(streams_->session(), id_);
        }
        streams_->flush();
    }

    Headers take_trailers() noexcept override { return text_.take_trailers(); }

    // For the connection: none of these resumes a coroutine.

    void begin_fields() { text_.begin_block(); }
    /// Returns false to have the stream reset.
    bool take_field(std::string_view name, std::string_view value) {
        return text_.add(name, value);
    }
    void end_fields() {
        auto const text = text_.end_block();
        if (text.empty()) {
            if (text_.is_too_large())
                give_up(StreamEnd::too_large);
            return;
        }
        // Interim responses come one after another; the exchange looks at them when it has its turn.
        if (connection_->input_.view().size() > 2 * text_.header_size())
            return give_up(StreamEnd::too_large);
        connection_->input_.append(text);
    }

    /// A frame of the body begins.
    void announce_data(std::size_t size) noexcept { announced_ += size; }

    void take_data(std::string_view data) {
        received_ += data.size();
        if (connection_->read_error_)
            return;
        unread_ += data.size();
        // The response is not over with its last byte: trailers may follow.
        bool const is_last = text_.length() && received_ >= *text_.length();
        if (is_last && !data.empty()) {
            withheld_ = data.back();
            data.remove_suffix(1);
        }
        connection_->input_.append(data);
    }

    /// The response is whole.
    void finish() {
        if (withheld_)
            connection_->input_.append({&*withheld_, 1});
        withheld_.reset();
        is_finished_ = true;
        end_reading(asio::error::eof);
    }

    /// All of the frame with the request's head has been sent.
    void note_head_sent(std::size_t size) noexcept { connection_->request_bytes_ += size; }
    /// The stream is reset from here, not by the exchange.
    void note_refusal() noexcept { is_refused_here_ = true; }

    void note_closed(std::uint32_t error) noexcept {
        is_closed_ = true;
        if (is_finished_ && !connection_->is_writing_)
            return;
        if (!text_.is_final() && error == Libnghttp2::refused_stream)
            return fail(make_stream_error(StreamEnd::refused));
        bool const is_short = text_.length() && announced_ < *text_.length();
        fail(make_stream_error(
            !is_refused_here_ ? StreamEnd::reset
            : is_short        ? StreamEnd::truncated
                              : StreamEnd::malformed));
    }

    /// Neither reads nor writes any more. What it has read stays, and so does its end.
    void fail(error_code const& error) noexcept {
        end_reading(error);
        connection_->payload_.reset();
        connection_->is_writing_ = false;
        connection_->write_error_ = error;
    }

    /// Its connection is lost.
    void lose(error_code const& error) noexcept {
        is_closed_ = true;
        // The end of the connection is not that of a body.
        bool const is_cut = error == asio::error::eof && text_.is_final();
        if (id_ == 0)
            fail(make_stream_error(StreamEnd::refused));
        else
            fail(is_cut ? error_code(asio::ssl::error::stream_truncated) : error);
        streams_->wake(*connection_);
        end();
    }

    /// Gives bytes of the request's body: see nghttp2_data_source_read_callback.
    Libnghttp2::Size read_body(
        std::uint8_t* room, std::size_t size, std::uint32_t& is_end) noexcept {
        auto& connection = *connection_;
        std::size_t total = 0;
        while (connection.payload_ && total < size) {
            if (connection.piece_ >= connection.payload_->size()) {
                connection.payload_.reset();
                connection.is_writing_ = false;
                break;
            }
            auto const& piece = (*connection.payload_)[connection.piece_];
            auto const count = (std::min)(size - total, piece.size() - connection.offset_);
            std::copy_n(piece.data() + connection.offset_, count, room + total);
            connection.wrote(count);
            total += count;
        }
        if (connection.payload_ && connection.piece_ >= connection.payload_->size()) {
            connection.payload_.reset();
            connection.is_writing_ = false;
        }
        if (body_left_) {
            *body_left_ -= (std::min<std::uint64_t>)(total, *body_left_);
            is_body_whole_ = *body_left_ == 0;
        }
        bool const is_over = is_body_whole_ && !connection.payload_;
        is_end = is_over ? 1 : 0;
        is_deferred_ = total == 0 && !is_over;
        return is_deferred_ ? Libnghttp2::deferred : static_cast<Libnghttp2::Size>(total);
    }

private:
    void submit() {
        auto& scratch = streams_->scratch();
        RequestFields const fields(connection_->output_, scratch.fields);
        body_left_ = fields.body_size();
        begun_ = Deadline::clock::now();
        bool const has_body = !body_left_ || *body_left_ > 0;
        Libnghttp2::Body const body{{.pointer = nullptr}, &Http2Stream::read_body_of};
        id_ = streams_->library().submit_request(
            streams_->session(), nullptr, fields.data(), fields.size(), has_body ? &body : nullptr,
            this);
        connection_->output_.swap(scratch.request);
        connection_->output_.clear();
        if (id_ < 0) {
            id_ = 0;
            is_closed_ = true;
            fail(make_stream_error(StreamEnd::refused));
        }
    }

    static Libnghttp2::Size read_body_of(
        Libnghttp2::Session* session,
        std::int32_t id,
        std::uint8_t* room,
        std::size_t size,
        std::uint32_t* is_end,
        Libnghttp2::Source*,
        void*) {
        auto* const stream = static_cast<Http2Stream*>(Libnghttp2::get()->stream_user(session, id));
        if (!stream)
            return Libnghttp2::reset_stream;
        bool const was_writing = stream->connection_->is_writing_;
        auto const result = stream->read_body(room, size, *is_end);
        if (was_writing)
            stream->streams_->wake(*stream->connection_);
        return result;
    }

    void end_reading(error_code const& error) noexcept {
        if (!connection_->read_error_)
            connection_->read_error_ = error;
    }

    void give_up(StreamEnd end) noexcept {
        fail(make_stream_error(end));
        streams_->library().submit_rst_stream(streams_->session(), 0, id_, Libnghttp2::cancel);
    }

    /// Lets go of the connection, which resets the stream if that has not ended.
    void end() noexcept {
        if (!streams_)
            return;
        auto const streams = std::exchange(streams_, nullptr);
        if (id_ > 0 && !is_closed_ && streams->session()) {
            streams->library().submit_rst_stream(streams->session(), 0, id_, Libnghttp2::cancel);
            streams->library().set_stream_user(streams->session(), id_, nullptr);
        }
        streams->leave(*this);
    }

    std::shared_ptr<Http2Streams> streams_;  // null: it has let go
    Connection* connection_ = nullptr;
    std::int32_t id_ = 0;  // 0: the request has not been written
    Deadline begun_;
    bool is_finished_ = false;
    bool is_closed_ = false;
    bool is_refused_here_ = false;

    ResponseText text_;
    std::uint64_t announced_ = 0;
    std::uint64_t received_ = 0;
    std::size_t unread_ = 0;  // bytes of the body that lie here, and that the server's window lacks
    std::optional<char> withheld_;

    std::optional<std::uint64_t> body_left_;  // nothing: not known
    bool is_body_whole_ = false;
    bool is_deferred_ = false;
};

}  // namespace syncopate::inline v0_1::http::detail
