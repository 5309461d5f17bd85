// One request on one connection, and its response: sent, received, and given up.
#pragma once

#include <syncopate/detail/origin.hpp>
#include <syncopate/detail/outcome.hpp>
#include <syncopate/http/connection.hpp>
#include <syncopate/http/decode.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/options.hpp>
#include <syncopate/http/outgoing.hpp>
#include <syncopate/http/pool.hpp>
#include <syncopate/http/progress.hpp>
#include <syncopate/http/session_loop.hpp>
#include <syncopate/http/watchdog.hpp>
#include <syncopate/http/wire.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ssl/error.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace syncopate::http::detail {

/// On the session's loop, by one coroutine at a time. The connection goes back to the pool as soon as the
/// message is complete; it is closed if the exchange fails or goes before that.
class Exchange final : public SessionUser {
public:
    /// server:    names the server in errors, for as long as this lives.
    Exchange(
        SessionOptions const& options,
        std::shared_ptr<SessionLoop> loop,
        Deadline total,
        ProgressFunction const& progress,
        ResponseHead& head,
        std::string_view server)
        : options_(options), loop_(std::move(loop)), total_(total), progress_function_(progress),
          head_(head), server_(server) {
        loop_->add(*this);
    }
    Exchange(Exchange const&) = delete;
    Exchange& operator=(Exchange const&) = delete;
    ~Exchange() { unlink(); }

    /// Whether it has something on the loop. Also from other threads: if it has not, it never will again.
    bool is_attached() const noexcept { return is_attached_.load(std::memory_order_acquire); }

    /// Sends the request, and waits for the header of the final response.
    ///
    /// Returns:   false if the connection turned out to be of no use before anything came, and the request may
    ///            be sent on another one.
    /// Throws:    what ended the exchange.
    asio::awaitable<bool> perform(Outgoing& request, Lease lease);

    /// Without a connection: what perform() was given, after it returned false.
    Lease take_lease() noexcept { return std::move(lease_); }

    /// Takes what has come of the body.
    ///
    /// out:       the decoded bytes are appended, some 512 KiB at most.
    /// Returns:   whether there were any.
    bool take_available(std::string& out) {
        Failure failure(*this);
        bool const was_something = take_body(out);
        failure.dismiss();
        return was_something;
    }

    /// The same, and waits until there is something.
    ///
    /// Returns:   false at the end.
    asio::awaitable<bool> read_some(std::string& out);

    /// Reads the rest, if it is short, so that the connection can be used again. Nothing is decoded.
    asio::awaitable<void> drain();

    /// What can be known of the size of the body before it has been read: for memory, up to a limit.
    std::size_t announced_size() const noexcept {
        constexpr std::uint64_t most = std::uint64_t{1024} * 1024;
        return decoder_ ? 0 : std::min(most, progress_.receive_total.value_or(0));
    }

    /// Closes the connection, unless it has been given back. On the loop.
    void detach() noexcept {
        unlink();
        lease_ = {};
        auto const loop = std::move(loop_);
        // From here on, another thread may destroy this: what was done before happens before that.
        is_attached_.store(false, std::memory_order_release);
    }

private:
    static constexpr std::size_t most_to_drain = std::size_t{64} * 1024;
    static constexpr std::chrono::milliseconds longest_drain{50};
    static constexpr std::size_t piece_size = std::size_t{256} * 1024;

    /// What fails has nothing on the loop any more.
    class Failure {
    public:
        explicit Failure(Exchange& exchange) noexcept : exchange_(&exchange) {}
        Failure(Failure const&) = delete;
        Failure& operator=(Failure const&) = delete;
        ~Failure() {
            if (exchange_)
                exchange_->detach();
        }
        void dismiss() noexcept { exchange_ = nullptr; }

    private:
        Exchange* exchange_;
    };

    void abort() noexcept override {
        is_aborted_ = true;
        if (lease_.has_connection() && lease_.connection().pause().is_waiting())
            lease_.connection().close();  // which has the coroutine go on
        else
            detach();
    }

    Connection& connection() noexcept { return lease_.connection(); }

    auto wait() {
        auto deadline = total_;
        if (options_.read_timeout().count() > 0)
            deadline =
                std::min(deadline, ::syncopate::detail::deadline_after(options_.read_timeout()));
        return connection().pause().until(deadline, *loop_->watchdog);
    }

    /// After a wait. late: what it means that nothing has come.
    void check_wait(Errc late) {
        auto const end = connection().pause().end();
        if (is_aborted_)
            fail(Errc::session_closed);
        if (end == Pause::End::cancelled)
            ::syncopate::detail::throw_cancellation();
        if (end == Pause::End::expired)
            fail(Deadline::clock::now() >= total_ ? Errc::total_timed_out : late);
        note_progress();
    }

    [[noreturn]] void fail(Errc code, std::string_view why = {}) const {
        std::string what(server_);
        if (!why.empty())
            what.append(": ").append(why);
        throw_error(code, what);
    }

    std::size_t parse(std::string* sink) {
        auto const used = parser_->parse(connection().input().view(), sink);
        connection().input().consume(used);
        return used;
    }

    asio::awaitable<void> upload(Outgoing& request);
    bool take_head(Outgoing const& request);
    bool take_body(std::string& out);
    bool is_stale(Outgoing const& request) const;
    void begin_body();
    void end_body();
    bool is_reusable() noexcept;
    void note_progress();

    SessionOptions const& options_;
    std::shared_ptr<SessionLoop> loop_;
    Deadline const total_;
    ProgressFunction const& progress_function_;
    ResponseHead& head_;
    std::string_view const server_;
    Lease lease_;
    std::atomic<bool> is_attached_{true};
    bool is_aborted_ = false;

    std::optional<ResponseParser> parser_;
    std::size_t interim_responses_ = 0;
    bool has_head_ = false;
    bool is_sent_whole_ = true;
    bool asks_to_close_ = false;

    std::optional<BodyDecoder> decoder_;  // if there is something to decode
    std::string encoded_;
    std::string_view encoded_left_;  // of that
    bool may_have_decoded_more_ = false;
    bool has_ended_ = false;

    Progress progress_;
};

inline asio::awaitable<bool> Exchange::perform(Outgoing& request, Lease lease) {
    if (is_aborted_)  // while it waited for the connection
        fail(Errc::session_closed);
    Failure failure(*this);
    lease_ = std::move(lease);
    using Look = Connection::Look;
    // A connection that the server has closed is found out when the request fails; if that may be sent again,
    // it need not be looked for.
    bool const needs_end = connection().tls() || !request.may_be_repeated() || !options_.retry() ||
                           !::syncopate::detail::runs_on_io_context(loop_->executor);
    auto const look = needs_end ? Look::for_end_too : Look::for_bytes;
    if (lease_.is_reused() && !connection().begin_exchange(look)) {
        lease_.close_connection();
        failure.dismiss();
        co_return false;
    }
    if (!lease_.is_reused())
        static_cast<void>(connection().begin_exchange(Look::none));

    asks_to_close_ = request.asks_to_close();
    progress_.send_total = request.content_length();
    connection().output().clear();
    request.write_head(connection().output());
    if (request.body().stream())
        co_await upload(request);
    else
        connection().start_write(request.body().pieces());
    note_progress();

    while (!take_head(request)) {
        if (connection().read_error()) {
            if (is_stale(request)) {
                lease_.close_connection();
                failure.dismiss();
                co_return false;
            }
            fail(Errc::connection_lost, connection().read_error().message());
        }
        connection().start_read();
        co_await wait();
        check_wait(
            connection().is_writing() ? Errc::body_timed_out : Errc::response_header_timed_out);
    }
    begin_body();
    failure.dismiss();
    co_return true;
}

/// Whether the server had closed the idle connection before the request came: RFC 9112, 9.3.1.
inline bool Exchange::is_stale(Outgoing const& request) const {
    auto const& error = lease_.connection().read_error();
    bool const is_closed = error == asio::error::eof || error == asio::error::connection_reset ||
                           error == asio::error::broken_pipe ||
                           error == asio::ssl::error::stream_truncated;
    return lease_.is_reused() && is_closed && !parser_ && interim_responses_ == 0 &&
           lease_.connection().input().empty() && options_.retry() &&
           request.body().can_be_sent() &&
           (request.may_be_repeated() || lease_.connection().bytes_written() == 0);
}

/// Parses the header, if it is there. Interim responses are passed over.
inline bool Exchange::take_head(Outgoing const& request) {
    using Body = ResponseParser::Body;
    while (!has_head_ && !connection().input().empty()) {
        if (!parser_) {
            head_ = {};
            ResponseLimits const limits{options_.max_header_size(), options_.max_header_fields()};
            parser_.emplace(
                head_, limits, request.is_head() ? Body::none : Body::expected, server_);
        }
        parse(nullptr);
        if (!parser_->is_header_done())
            break;
        has_head_ = !is_interim(head_);
        if (has_head_)
            break;
        parser_.reset();
        if (head_.status == 101)
            fail(Errc::malformed_response, "it switches to a protocol that was not asked for");
        if (++interim_responses_ > options_.max_interim_responses())
            fail(Errc::header_too_large, "too many interim responses");
    }
    return has_head_;
}

/// Sends a body piece by piece, until it ends or the response comes.
inline asio::awaitable<void> Exchange::upload(Outgoing& request) {
    auto const stream = request.body().stream();
    if (!stream->claim())
        fail(Errc::body_not_replayable);
    is_sent_whole_ = false;
    for (bool has_more = true; has_more;) {
        auto piece = co_await stream->next();
        if (is_aborted_)
            fail(Errc::session_closed);
        has_more = piece.has_value();
        connection().start_write(request.framed(std::move(piece), connection().output()));
        while (connection().is_writing() && !take_head(request)) {
            connection().start_read();
            co_await wait();
            check_wait(Errc::body_timed_out);
        }
        if (connection().is_writing())
            break;
        connection().output().clear();
        if (has_head_ || connection().write_error() || take_head(request))
            break;
        note_progress();
        is_sent_whole_ = !has_more;
    }
    if (!is_sent_whole_)
        co_await stream->close();
}

inline void Exchange::begin_body() {
    if (auto const length = parser_->content_length_remaining())
        progress_.receive_total = *length;
    if (parser_->is_done())
        return end_body();
    if (!options_.decompress())
        return;
    std::string encodings;
    for (auto const value : head_.headers.get_all("Content-Encoding"))
        encodings.append(encodings.empty() ? "" : ",").append(value);
    if (encodings.empty())
        return;
    decoder_.emplace(encodings, options_.max_encodings());
    if (decoder_->is_identity())
        decoder_.reset();
}

inline asio::awaitable<bool> Exchange::read_some(std::string& out) {
    Failure failure(*this);
    while (!take_body(out)) {
        if (has_ended_) {
            failure.dismiss();
            co_return false;
        }
        auto const& error = connection().read_error();
        if (error && !(error == asio::error::eof && parser_->parse_end()))
            fail(
                error == asio::error::eof || error == asio::ssl::error::stream_truncated
                    ? Errc::body_truncated
                    : Errc::connection_lost,
                error.message());
        if (error) {
            end_body();
            continue;
        }
        connection().start_read();
        co_await wait();
        check_wait(Errc::body_timed_out);
    }
    failure.dismiss();
    co_return true;
}

/// Returns whether something was appended.
inline bool Exchange::take_body(std::string& out) {
    if (!has_ended_ && !lease_.has_connection())
        fail(is_aborted_ ? Errc::session_closed : Errc::response_closed);
    auto const before = out.size();
    for (bool goes_on = true; goes_on && out.size() == before;) {
        if (decoder_ && (!encoded_left_.empty() || may_have_decoded_more_)) {
            // A little can decode to a lot, and nothing is waited for meanwhile.
            if (total_ != Deadline::max() && Deadline::clock::now() >= total_)
                fail(Errc::total_timed_out);
            decoder_->decode(encoded_left_, out, piece_size);
            may_have_decoded_more_ = out.size() - before == piece_size;
            continue;
        }
        if (has_ended_)
            break;
        encoded_.clear();
        auto& sink = decoder_ ? encoded_ : out;
        auto const size = sink.size();
        goes_on = !connection().input().empty() && parse(&sink) > 0;
        progress_.received += sink.size() - size;
        encoded_left_ = encoded_;
        if (sink.size() > size && progress_function_)
            progress_function_(progress_);
        if (parser_->is_done())
            end_body();
    }
    if (has_ended_ && decoder_ && out.size() == before)
        decoder_->finish();
    return out.size() > before;
}

inline void Exchange::end_body() {
    has_ended_ = true;
    if (is_reusable()) {
        auto const now = Deadline::clock::now();
        auto keep = options_.idle_timeout();
        if (auto const limit = keep_alive_timeout(head_.headers))
            keep = std::min<std::chrono::nanoseconds>(keep, *limit);
        loop_->pool.give_back(std::move(lease_), now, now + keep);
    }
    detach();
}

inline bool Exchange::is_reusable() noexcept {
    return parser_->is_done() && parser_->keep_alive() && !asks_to_close_ && is_sent_whole_ &&
           !is_aborted_ && connection().is_at_rest();
}

inline asio::awaitable<void> Exchange::drain() {
    Failure const detach_in_the_end(*this);
    auto const deadline = std::min(total_, ::syncopate::detail::deadline_after(longest_drain));
    decoder_.reset();
    encoded_left_ = {};
    std::size_t drained = 0;
    while (!has_ended_ && lease_.has_connection()) {
        try {
            drained += connection().input().empty() ? 0 : parse(nullptr);
        } catch (std::exception const&) {
            break;
        }
        if (parser_->is_done()) {
            end_body();
            break;
        }
        auto const left = parser_->content_length_remaining();
        if (drained > most_to_drain || (left && *left > most_to_drain) || parser_->need_eof() ||
            connection().read_error())
            break;
        connection().start_read();
        co_await connection().pause().until(deadline, *loop_->watchdog);
        if (is_aborted_ || connection().pause().end() != Pause::End::resumed)
            break;
    }
    has_ended_ = true;
}

inline void Exchange::note_progress() {
    if (!lease_.has_connection())
        return;
    auto const sent = connection().payload_written();
    if (sent == progress_.sent)
        return;
    progress_.sent = sent;
    if (progress_function_)
        progress_function_(progress_);
}

}  // namespace syncopate::http::detail
