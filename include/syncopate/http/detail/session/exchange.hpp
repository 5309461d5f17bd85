// Exchange: one request on one connection, and its response.
#pragma once

#include <syncopate/http/detail/connection/connection.hpp>
#include <syncopate/http/detail/connection/deadline_timer.hpp>
#include <syncopate/http/detail/connection/pool.hpp>
#include <syncopate/http/detail/connection/stream_error.hpp>
#include <syncopate/http/detail/connection/tls_stream.hpp>
#include <syncopate/http/detail/message/keep_alive.hpp>
#include <syncopate/http/detail/message/request_parts.hpp>
#include <syncopate/http/detail/message/response_parser.hpp>
#include <syncopate/http/detail/message/response_reader.hpp>
#include <syncopate/http/detail/session/connection_use.hpp>
#include <syncopate/http/detail/session/request_writer.hpp>
#include <syncopate/http/detail/session/session_loop.hpp>
#include <syncopate/http/detail/session/stale_connection.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/options.hpp>
#include <syncopate/http/progress.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/error.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace syncopate::inline v0_1::http::detail {

/// The connection goes back to the pool as soon as the message is complete. It is closed if the exchange fails,
/// or is left before that.
class Exchange final : public ConnectionUse {
public:
    /// request:   is used by the constructor only.
    /// total, server: as of ConnectionUse. All other references outlive this.
    Exchange(
        SessionOptions const& options,
        RequestParts const& request,
        std::shared_ptr<SessionLoop> loop,
        Deadline total,
        ProgressFunction const& progress,
        ResponseHead& head,
        std::string_view server)
        : ConnectionUse(std::move(loop), total, server), options_(options),
          read_timeout_(request.settings().read_timeout.value_or(options.read_timeout())),
          decompresses_(request.settings().decompress.value_or(options.decompress())),
          progress_function_(progress), head_(head), reader_(options, head, server) {}
    ~Exchange() = default;

    /// waiting:   the head of the response is not complete.
    /// answered:  it is.
    /// stale:     the server had closed the connection before the request came: it may be sent on another one.
    enum class Stage { waiting, answered, stale };

    // The steps up to the head of the response are no coroutine of their own: the frame of another one would
    // cost more than they do.

    /// Has 101 Switching Protocols end the exchange, as any other final response.
    void expect_upgrade() noexcept { reader_.expect_upgrade(); }

    /// Sends the request's head, and its body, unless that is a stream: see Upload. Never `answered`.
    Stage begin(RequestWriter& request, Lease&& lease) {
        require_session();  // it may have ended while the connection was made
        this->lease() = std::move(lease);
        auto& connection = this->connection();
        if (!connection.begin_exchange(
                probe_needed(this->lease(), request, options_, loop().executor))) {
            this->lease().close_connection();
            return Stage::stale;
        }
        peer_ = connection.peer();
        asks_to_close_ = request.asks_to_close();
        request.begin();
        progress_.send_total = request.content_length();
        connection.output().clear();
        request.write_head(connection.output());
        holds_body_ = request.expects_continue();
        if (holds_body_)
            connection.start_write(nullptr);
        else if (!request.body().source())
            connection.start_write(request.body().pieces());
        return Stage::waiting;
    }

    /// Whether the request's body waits for the server's word: see ContinueWait.
    bool holds_body() const noexcept { return holds_body_; }

    /// Takes what has come of the response's head.
    Stage take_head(RequestWriter const& request) {
        note_sent();
        require_session();
        if (parse_head(request))
            return Stage::answered;
        auto const& error = connection().read_error();
        if (error) {
            bool const is_silent = !reader_.has_begun() && connection().input().empty();
            if (!is_silent || !is_stale(lease(), request, options_) || is_often_stale())
                fail_connection(Errc::connection_lost);
            lease().close_connection();
            return Stage::stale;
        }
        connection().start_read();
        return Stage::waiting;
    }

    /// Waits until something has come, or has been sent. To be awaited, and then checked.
    auto wait() {
        auto deadline = total();
        if (read_timeout_.count() > 0)
            deadline = (std::min)(deadline, deadline_from(Deadline::clock::now(), read_timeout_));
        return wait_until(deadline);
    }
    void check_wait(Errc late, std::string_view during = {}) {
        ConnectionUse::check_wait(late, during);
        note_sent();
    }
    /// After a wait for the head.
    void check_head_wait() {
        check_wait(is_sending() ? Errc::body_timed_out : Errc::response_header_timed_out);
    }

    /// Whom the request was sent to: see Connection::peer().
    asio::ip::tcp::endpoint const& peer() const noexcept { return peer_; }

    bool is_sending() const noexcept { return connection().is_writing(); }

    /// Ends a stale exchange, or one whose protocol is changed, and gives its lease.
    Lease take_lease() noexcept { return std::move(lease()); }

    /// To be called once, when the head is there, before anything of the body is taken.
    void begin_body() {
        if (auto const length = reader_.length_left())
            progress_.receive_total = *length;
        if (decompresses_)
            reader_.decode();
        if (reader_.is_complete())
            end_message();
    }

    /// Has the rest of the body take any time, as long as it keeps coming.
    void lift_total() noexcept { ConnectionUse::lift_total(); }

    /// Takes what has come of the body, and does not wait. What is encoded is decoded as far as one turn of the loop
    /// allows: then there is nothing until read_some() has waited for the next one.
    ///
    /// out:       the decoded bytes are appended, some 512 KiB at most.
    /// Returns:   whether there were any.
    bool take_available(std::string& out) {
        Guard guard(*this);
        bool const was_something = take_body(out);
        guard.dismiss();
        return was_something;
    }

    /// Has more of the body copied while its reader is busy with what it was given: see Connection::read_soon().
    void read_ahead() noexcept {
        if (lease().has_connection() && !reader_.is_complete() && connection().input().empty())
            connection().read_soon();
    }
    /// Adds what has come since then.
    void read_available() noexcept {
        if (lease().has_connection() && !connection().input().empty())
            connection().read_available();
    }

    /// As take_available(), and waits until there is something.
    ///
    /// Returns:   false at the end.
    asio::awaitable<bool> read_some(std::string& out);

    /// Whether all of the message has come, and been decoded: what take_available() does not find will not come.
    bool is_complete() const noexcept { return reader_.is_complete() && !reader_.has_undecoded(); }

    /// Reads a short rest of the body, so that the connection can be used again. Nothing is decoded.
    asio::awaitable<void> drain();

    /// How much memory to reserve for the body: what the server has announced, 1 MiB at most; 0 if the decoded
    /// size is not known.
    std::size_t size_to_reserve() const noexcept {
        constexpr std::uint64_t most = std::uint64_t{1024} * 1024;
        return reader_.is_encoded() ? 0 : (std::min)(most, progress_.receive_total.value_or(0));
    }

    /// Ends the exchange without waiting: if all has come already, the connection can be used again.
    void leave() noexcept {
        Guard const detach_in_the_end(*this);
        if (!lease().has_connection() || !reader_.has_head())
            return;
        try {
            reader_.stop_decoding();
            reader_.skip(connection().input());
            if (reader_.is_complete())
                end_message();
        } catch (std::exception const&) {  // NOLINT(bugprone-empty-catch): nobody reads it
        }
    }

private:
    friend class Upload;
    friend class ContinueWait;

    static constexpr std::size_t most_to_drain = std::size_t{64} * 1024;
    static constexpr std::chrono::milliseconds longest_drain{50};

    /// Returns whether the head is complete.
    bool parse_head(RequestWriter const& request) {
        using Body = ResponseParser::Body;
        return reader_.take_head(
            connection().input(), request.is_head() ? Body::none : Body::expected);
    }

    /// A server may refuse one stream after another.
    bool is_often_stale() noexcept {
        constexpr unsigned most = 3;
        return connection().stream() && ++stale_streams_ > most;
    }

    /// Throws the error of the last read.
    ///
    /// usual:     what it is, unless it is that of a stream.
    [[noreturn]] void fail_connection(Errc usual) const {
        auto const& error = connection().read_error();
        fail(errc_of_stream(error).value_or(usual), tls_error_text(error));
    }

    bool take_body(std::string& out);
    void take_end_of_connection();
    void end_message();
    void note_sent();

    SessionOptions const& options_;
    std::chrono::nanoseconds const read_timeout_;
    bool const decompresses_;
    ProgressFunction const& progress_function_;
    ResponseHead& head_;
    ResponseReader reader_;
    asio::ip::tcp::endpoint peer_;
    bool is_sent_whole_ = true;
    bool holds_body_ = false;
    bool asks_to_close_ = false;
    unsigned stale_streams_ = 0;
    Progress progress_;
};

inline asio::awaitable<bool> Exchange::read_some(std::string& out) {
    Guard guard(*this);
    while (!take_body(out)) {
        if (reader_.has_undecoded()) {
            co_await asio::post(asio::deferred);
            reader_.renew_budget();
            require_session();
            continue;
        }
        if (reader_.is_complete()) {
            guard.dismiss();
            co_return false;
        }
        if (connection().read_error()) {
            take_end_of_connection();
            continue;
        }
        connection().start_read();
        co_await wait();
        reader_.renew_budget();
        check_wait(Errc::body_timed_out);
    }
    guard.dismiss();
    co_return true;
}

/// Appends what has come of the body. Returns whether that was anything.
inline bool Exchange::take_body(std::string& out) {
    if (!reader_.is_complete() && !lease().has_connection())
        fail(is_aborted() ? Errc::session_closed : Errc::response_closed);
    bool const was_something =
        reader_.take_body(lease().has_connection() ? &connection().input() : nullptr, out);
    if (reader_.received() != progress_.received) {
        progress_.received = reader_.received();
        if (progress_function_)
            progress_function_(progress_);
    }
    if (reader_.is_complete() && lease().has_connection())
        end_message();
    // No wait checks the deadline where a few bytes decode to many, or where each piece is there when it is asked for. What
    // is there whole is given out.
    if (!is_complete() && total() != no_deadline && Deadline::clock::now() >= total())
        fail(Errc::total_timed_out);
    return was_something;
}

/// The end of the connection ends a body without a length; for any other body it is an error.
inline void Exchange::take_end_of_connection() {
    auto const& error = connection().read_error();
    if (error == asio::error::eof && reader_.take_end())
        return end_message();
    bool const is_end = error == asio::error::eof || error == asio::ssl::error::stream_truncated;
    fail_connection(is_end ? Errc::body_truncated : Errc::connection_lost);
}

/// Gives the connection back to the pool, if it can carry another exchange, and detaches.
inline void Exchange::end_message() {
    if (auto* const stream = connection().stream())
        head_.trailers = stream->take_trailers();
    if (reader_.allows_another() && !asks_to_close_ && is_sent_whole_ && !is_aborted() &&
        connection().is_at_rest()) {
        auto const now = Deadline::clock::now();
        auto keep = options_.idle_timeout();
        if (auto const limit = keep_alive_timeout(head_.headers))
            keep = (std::min<std::chrono::nanoseconds>)(keep, *limit);
        loop().pool.give_back(std::move(lease()), now, deadline_from(now, keep));
    }
    detach();
}

inline asio::awaitable<void> Exchange::drain() {
    Guard const detach_in_the_end(*this);
    auto const deadline = (std::min)(total(), deadline_from(Deadline::clock::now(), longest_drain));
    reader_.stop_decoding();
    std::size_t drained = 0;
    while (lease().has_connection()) {
        try {
            drained += reader_.skip(connection().input());
        } catch (std::exception const&) {
            break;
        }
        if (reader_.is_complete()) {
            end_message();
            break;
        }
        auto const left = reader_.length_left();
        if (drained > most_to_drain || (left && *left > most_to_drain) || reader_.needs_end() ||
            connection().read_error())
            break;
        connection().start_read();
        co_await wait_until(deadline);
        if (is_aborted() || connection().park().end() != TimedPark::End::resumed)
            break;
    }
}

inline void Exchange::note_sent() {
    auto const sent = connection().payload_written();
    if (sent == progress_.sent)
        return;
    progress_.sent = sent;
    if (progress_function_)
        progress_function_(progress_);
}

}  // namespace syncopate::inline v0_1::http::detail
