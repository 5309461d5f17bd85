// One request on one connection, and its response. How it is sent stands in sending.hpp.
#pragma once

#include <syncopate/detail/task/outcome.hpp>
#include <syncopate/http/detail/connection/connection.hpp>
#include <syncopate/http/detail/connection/deadline_timer.hpp>
#include <syncopate/http/detail/connection/pool.hpp>
#include <syncopate/http/detail/message/keep_alive.hpp>
#include <syncopate/http/detail/message/response_parser.hpp>
#include <syncopate/http/detail/message/response_reader.hpp>
#include <syncopate/http/detail/session/request_writer.hpp>
#include <syncopate/http/detail/session/session_loop.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/options.hpp>
#include <syncopate/http/progress.hpp>

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
          head_(head), server_(server), reader_(options, head, server) {
        loop_->add(*this);
    }
    Exchange(Exchange const&) = delete;
    Exchange& operator=(Exchange const&) = delete;
    ~Exchange() { unlink(); }

    /// Whether it has something on the loop. Also from other threads: if it has not, it never will again.
    bool is_attached() const noexcept { return is_attached_.load(std::memory_order_acquire); }

    /// Stands for the time in which something is done with the exchange: if that fails or is given up, nothing is
    /// left on the loop. Meanwhile nobody else takes the connection away, though it may be closed.
    class Guard {
    public:
        explicit Guard(Exchange& exchange) noexcept : exchange_(&exchange) {
            exchange.is_in_use_ = true;
        }
        Guard(Guard const&) = delete;
        Guard& operator=(Guard const&) = delete;
        ~Guard() {
            if (!exchange_)
                return;
            exchange_->is_in_use_ = false;
            exchange_->detach();
        }
        void dismiss() noexcept { std::exchange(exchange_, nullptr)->is_in_use_ = false; }

    private:
        Exchange* exchange_;
    };

    /// How far it has come. Stale: the connection turned out to be of no use before anything came, and the
    /// request may be sent on another one.
    enum class Stage { waiting, answered, stale };

    // The steps up to the header of the final response are taken one by one, by the coroutine that has the
    // exchange: another one for them would cost more than they do.

    /// Begins to send the request; a streamed body is left to Upload. Never `answered`.
    Stage begin(RequestWriter& request, Lease&& lease);
    /// Takes what has come of the response's header.
    Stage take_answer(RequestWriter const& request);
    /// Waits until something has come, or been sent. To be awaited, and then checked.
    auto wait() {
        auto deadline = total_;
        if (options_.read_timeout().count() > 0)
            deadline =
                std::min(deadline, deadline_from(Deadline::clock::now(), options_.read_timeout()));
        return connection().park().until(deadline, *loop_->deadline_timer);
    }
    /// After a wait for the header.
    void check_wait() {
        check_wait(
            connection().is_writing() ? Errc::body_timed_out : Errc::response_header_timed_out);
    }

    /// Of a stale exchange: what begin() was given, without its connection.
    Lease take_lease() noexcept { return std::move(lease_); }

    /// Takes what has come of the body.
    ///
    /// out:       the decoded bytes are appended, some 512 KiB at most.
    /// Returns:   whether there were any.
    bool take_available(std::string& out) {
        Guard guard(*this);
        bool const was_something = take_body(out);
        guard.dismiss();
        return was_something;
    }

    /// The same, and waits until there is something.
    ///
    /// Returns:   false at the end.
    asio::awaitable<bool> read_some(std::string& out);

    /// Whether all of the message has come: what take_available() does not find will not come.
    bool is_complete() const noexcept { return reader_.is_complete(); }

    /// Reads the rest, if it is short, so that the connection can be used again. Nothing is decoded.
    asio::awaitable<void> drain();

    /// How much memory to reserve for the body: its announced length, 1 MiB at most. A server that announces
    /// more than it sends costs no more than that.
    std::size_t size_to_reserve() const noexcept {
        constexpr std::uint64_t most = std::uint64_t{1024} * 1024;
        return reader_.is_encoded() ? 0 : std::min(most, progress_.receive_total.value_or(0));
    }

    /// The end, when nobody waits: if all has come already, the connection can be used again.
    void leave() noexcept {
        Guard const detach_in_the_end(*this);
        if (!lease_.has_connection() || !reader_.has_head())
            return;
        try {
            reader_.stop_decoding();
            reader_.skip(connection().input());
            if (reader_.is_complete())
                end_message();
        } catch (std::exception const&) {  // NOLINT(bugprone-empty-catch): nobody wanted to know
        }
    }

    /// Closes the connection, unless it has been given back. On the loop.
    void detach() noexcept {
        unlink();
        lease_.reset();
        auto const loop = std::move(loop_);
        // From here on, another thread may destroy this: what was done before happens before that.
        is_attached_.store(false, std::memory_order_release);
    }

private:
    friend class Upload;

    static constexpr std::size_t most_to_drain = std::size_t{64} * 1024;
    static constexpr std::chrono::milliseconds longest_drain{50};

    void abort() noexcept override {
        is_aborted_ = true;
        if (!is_in_use_)
            detach();
        else if (lease_.has_connection())
            connection().close();  // which has the coroutine go on, if it waits for that
    }

    Connection& connection() noexcept { return lease_.connection(); }

    /// After a wait. late: what it means that nothing has come.
    void check_wait(Errc late) {
        auto const end = connection().park().end();
        if (is_aborted_)
            fail(Errc::session_closed);
        if (end == TimedPark::End::cancelled)
            ::syncopate::detail::throw_cancellation();
        if (end == TimedPark::End::expired)
            fail(Deadline::clock::now() >= total_ ? Errc::total_timed_out : late);
        note_sent();
    }

    [[noreturn]] void fail(Errc code, std::string_view why = {}) const {
        std::string what(server_);
        if (!why.empty())
            what.append(": ").append(why);
        throw_error(code, what);
    }

    bool take_head(RequestWriter const& request) {
        using Body = ResponseParser::Body;
        return reader_.take_head(
            connection().input(), request.is_head() ? Body::none : Body::expected);
    }

    Connection::Probe probe_needed(RequestWriter const& request);
    bool is_stale(RequestWriter const& request) const;
    void begin_body();
    bool take_body(std::string& out);
    void take_end_of_connection();
    void end_message();
    void note_sent();

    SessionOptions const& options_;
    std::shared_ptr<SessionLoop> loop_;
    Deadline const total_;
    ProgressFunction const& progress_function_;
    ResponseHead& head_;
    std::string_view const server_;
    ResponseReader reader_;
    Lease lease_;
    std::atomic<bool> is_attached_{true};
    bool is_in_use_ = false;
    bool is_aborted_ = false;
    bool is_sent_whole_ = true;
    bool asks_to_close_ = false;
    Progress progress_;
};

inline void Exchange::begin_body() {
    if (auto const length = reader_.length_left())
        progress_.receive_total = *length;
    if (options_.decompress())
        reader_.decode();
    if (reader_.is_complete())
        end_message();
}

inline asio::awaitable<bool> Exchange::read_some(std::string& out) {
    Guard guard(*this);
    while (!take_body(out)) {
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
        check_wait(Errc::body_timed_out);
    }
    guard.dismiss();
    co_return true;
}

/// Returns whether something was appended.
inline bool Exchange::take_body(std::string& out) {
    if (!reader_.is_complete() && !lease_.has_connection())
        fail(is_aborted_ ? Errc::session_closed : Errc::response_closed);
    // A little can decode to a lot, and nothing is waited for meanwhile.
    if (reader_.is_encoded() && total_ != Deadline::max() && Deadline::clock::now() >= total_)
        fail(Errc::total_timed_out);
    bool const was_something =
        reader_.take_body(lease_.has_connection() ? &connection().input() : nullptr, out);
    if (reader_.received() != progress_.received) {
        progress_.received = reader_.received();
        if (progress_function_)
            progress_function_(progress_);
    }
    if (reader_.is_complete() && lease_.has_connection())
        end_message();
    return was_something;
}

/// That is the end of a message without a length, and an error for any other.
inline void Exchange::take_end_of_connection() {
    auto const& error = connection().read_error();
    if (error == asio::error::eof && reader_.take_end())
        return end_message();
    bool const is_end = error == asio::error::eof || error == asio::ssl::error::stream_truncated;
    fail(is_end ? Errc::body_truncated : Errc::connection_lost, tls_error_text(error));
}

/// Gives the connection back, if it can carry another exchange.
inline void Exchange::end_message() {
    if (reader_.allows_another() && !asks_to_close_ && is_sent_whole_ && !is_aborted_ &&
        connection().is_at_rest()) {
        auto const now = Deadline::clock::now();
        auto keep = options_.idle_timeout();
        if (auto const limit = keep_alive_timeout(head_.headers))
            keep = std::min<std::chrono::nanoseconds>(keep, *limit);
        loop_->pool.give_back(std::move(lease_), now, deadline_from(now, keep));
    }
    detach();
}

inline asio::awaitable<void> Exchange::drain() {
    Guard const detach_in_the_end(*this);
    auto const deadline = std::min(total_, deadline_from(Deadline::clock::now(), longest_drain));
    reader_.stop_decoding();
    std::size_t drained = 0;
    while (lease_.has_connection()) {
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
        co_await connection().park().until(deadline, *loop_->deadline_timer);
        if (is_aborted_ || connection().park().end() != TimedPark::End::resumed)
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

}  // namespace syncopate::http::detail
