// Http2Connection: a connection over TLS that carries the requests of a session to one server at once, as HTTP/2.
#pragma once

#include <syncopate/detail/intrusive_list.hpp>
#include <syncopate/http/detail/connection/connection.hpp>
#include <syncopate/http/detail/connection/deadline_timer.hpp>
#include <syncopate/http/detail/connection/lease.hpp>
#include <syncopate/http/detail/connection/pool.hpp>
#include <syncopate/http/detail/connection/shared_connection.hpp>
#include <syncopate/http/detail/connection/socket.hpp>
#include <syncopate/http/detail/connection/stream_error.hpp>
#include <syncopate/http/detail/connection/tls_stream.hpp>
#include <syncopate/http/detail/http2/nghttp2.hpp>
#include <syncopate/http/detail/http2/session.hpp>
#include <syncopate/http/detail/http2/stream.hpp>
#include <syncopate/http/detail/message/response_head.hpp>
#include <syncopate/http/detail/session/session_loop.hpp>
#include <syncopate/http/options.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace syncopate::inline v0_1::http::detail {

/// While requests go over it, it holds its lease, and with that itself. An idle one lies in the pool as others do, and has
/// nothing pending, so that it keeps no loop running.
///
/// Threads: on the session's loop.
class Http2Connection final : public SharedConnection,
                              public Http2Streams,
                              public std::enable_shared_from_this<Http2Connection> {
public:
    Http2Connection(
        Libnghttp2 const& library,
        std::shared_ptr<SessionLoop> const& loop,
        SessionOptions const& options)
        : weak_loop_(loop),
          limits_{options.max_header_size(), options.max_header_fields(), options.strict()},
          idle_timeout_(options.idle_timeout()), session_(library, *this, limits_.header_size) {}
    ~Http2Connection() override { unlink(); }

    // For the pool.

    bool begin(Lease&& lease) override {
        loop_ = weak_loop_.lock();
        if (!loop_ || is_lost_ || (is_idle_ && has_ended()))
            return false;
        is_idle_ = false;
        lease_ = std::move(lease);
        transport_ = &lease_.connection();
        return true;
    }

    ConnectionPointer open() noexcept override {
        if (is_lost_ || is_suspect_ || write_error_ || open_ >= session_.max_streams() ||
            !session_.takes_requests())
            return {};
        try {
            auto stream = std::make_unique<Http2Stream>(shared_from_this(), limits_);
            auto& its = *stream;
            streams_.push_back(its);
            ++open_;
            ConnectionPointer share(new Connection(Socket(loop_->executor), std::move(stream)));
            its.attach(*share);
            share->set_peer(transport_->peer());
            return share;
        } catch (...) {  // out of memory
            return {};
        }
    }

    bool has_ended() noexcept override {
        error_code error;
        try {
            while (!is_lost_) {
                auto const size = tls().read_some(asio::buffer(input_), error);
                if (error)
                    break;
                if (!session_.take({input_.data(), size}))
                    return true;
            }
            bool const is_silent =
                error == asio::error::would_block || error == asio::error::try_again;
            return !is_silent || !session_.takes_requests() || !answer();
        } catch (...) {
            return true;
        }
    }

    void close() noexcept override {
        try {
            session_.terminate();
            if (!is_lost_)
                answer();  // if it can be sent at once
        } catch (...) {  // NOLINT(bugprone-empty-catch): out of memory: it is closed without a word
        }
        lose(asio::error::operation_aborted);
    }

    // For the streams.

    Libnghttp2::Session* session() const noexcept override { return session_.native_handle(); }
    Libnghttp2 const& library() const noexcept override { return session_.library(); }
    Http2Scratch& scratch() noexcept override { return scratch_; }

    void wake(Connection& connection) noexcept override {
        try {
            if (woken_.empty() || woken_.back().get() != &connection)
                woken_.emplace_back(&connection);
            if (!has_turn_ && !std::exchange(is_posted_, true))
                asio::post(connection.socket().get_executor(), [self = shared_from_this()] {
                    self->is_posted_ = false;
                    self->take_turn([] {});
                });
        } catch (...) {  // NOLINT(bugprone-empty-catch): no memory: its deadline will resume it
        }
    }

    void leave(Http2Stream& stream) noexcept override {
        stream.unlink();
        --open_;
        if (stream.is_unanswered())
            note_silence(stream.begun());
        if (!is_lost_)
            flush();
    }

    void flush() noexcept override {
        if (has_turn_ || is_lost_ || is_flushing_)
            return;
        if (write_error_ && open_ == 0)
            return lose(write_error_);
        if (is_writing_ || write_error_)
            return read_on();  // a server may read no more until it is read
        is_flushing_ = true;
        bool is_good = true;
        try {
            output_.clear();
            written_ = 0;
            is_good = session_.give(output_);
            if (is_good && !output_.empty())
                write_some();
        } catch (...) {
            is_good = false;
        }
        is_flushing_ = false;
        if (!is_good)
            return lose(make_stream_error(StreamEnd::reset));
        go_on();
    }

private:
    using Clock = Deadline::clock;

    TlsStream& tls() const noexcept { return *transport_->tls(); }

    struct Handler {
        std::shared_ptr<Http2Connection> self;
        ConnectionPointer transport;  // whose stream is used until now
        void (Http2Connection::*done)(error_code const&, std::size_t);

        void operator()(error_code const& error, std::size_t size) const {
            ((*self).*done)(error, size);
        }
    };
    Handler handler(void (Http2Connection::*done)(error_code const&, std::size_t)) {
        return {shared_from_this(), ConnectionPointer(transport_), done};
    }

    /// Calls the function, resumes whom it has woken, and then sends what all of them have submitted.
    template <class F>
    void take_turn(F function) {
        auto const keep = shared_from_this();
        has_turn_ = true;
        function();
        std::vector<ConnectionPointer> woken;
        while (!woken_.empty()) {
            woken.swap(woken_);
            for (auto const& each : woken)
                each->park().resume();
            woken.clear();
        }
        if (woken_.capacity() < woken.capacity())
            woken_.swap(woken);
        has_turn_ = false;
        flush();
    }

    void write_some() {
        is_writing_ = true;
        tls().async_write_some(
            asio::buffer(output_) + written_, handler(&Http2Connection::end_write));
    }
    void end_write(error_code const& error, std::size_t size) {
        is_writing_ = false;
        if (is_lost_)
            return;
        // Before a server closes the connection, it says which requests it has taken. That may still be unread.
        write_error_ = error;
        if (error)
            return flush();
        written_ += size;
        if (written_ == output_.size())
            return flush();
        try {
            write_some();
        } catch (...) {
            lose_in_turn(asio::error::no_memory);
        }
    }

    void start_read() {
        is_reading_ = true;
        tls().async_read_some(asio::buffer(input_), handler(&Http2Connection::end_read));
    }
    void end_read(error_code const& error, std::size_t size) {
        is_reading_ = false;
        is_cancelled_ = false;
        if (is_lost_)
            return;
        if (error == asio::error::operation_aborted)
            return flush();
        if (error)
            return lose_in_turn(transport_->cause_of(error));
        heard_ = Clock::now();
        take_turn([&] {
            // Servers send a record for each response. Those that have been received take no turn of the loop each.
            error_code behind;
            auto const more =
                tls().take_received(input_.data() + size, input_.size() - size, behind);
            if (!session_.take({input_.data(), size + more}))
                lose(make_stream_error(StreamEnd::malformed));
            else if (behind)
                lose(behind);  // before those are resumed who would begin a request on it
        });
    }

    /// Reads while there are streams, and rests when there are none.
    void go_on() noexcept {
        if (is_lost_ || is_writing_)
            return read_on();
        if (session_.is_over())
            return lose(make_stream_error(StreamEnd::malformed));
        if (open_ > 0)
            return read_on();
        if (!is_reading_)
            return rest();
        if (std::exchange(is_cancelled_, true))
            return;
        error_code ignored;
        static_cast<void>(transport_->socket().cancel(ignored));
    }
    void read_on() noexcept {
        if (is_lost_ || is_reading_ || open_ == 0)
            return;
        try {
            start_read();
        } catch (...) {
            lose(asio::error::no_memory);
        }
    }

    /// Goes back to the pool.
    void rest() noexcept {
        auto const keep = shared_from_this();
        auto const loop = std::move(loop_);
        auto lease = std::move(lease_);
        unlink();
        auto const now = Clock::now();
        is_idle_ = true;
        try {
            if (!is_suspect_ && session_.takes_requests())
                loop->pool.give_back(std::move(lease), now, deadline_from(now, idle_timeout_));
        } catch (...) {  // NOLINT(bugprone-empty-catch): out of memory: it is closed
        }
        // NOLINTNEXTLINE(bugprone-use-after-move): it is still here if nobody has taken it
        is_lost_ = is_lost_ || lease;
    }

    /// What an idle connection has to say is sent without waiting. Returns false if that would take waiting.
    bool answer() {
        if (is_writing_)
            return false;
        output_.clear();
        if (!session_.give(output_))
            return false;
        if (output_.empty())
            return true;
        error_code error;
        return tls().write_some(asio::buffer(output_), error) == output_.size() && !error;
    }

    void lose_in_turn(error_code const& error) {
        take_turn([&] { lose(error); });
    }

    /// Ends everything. The streams' coroutines are resumed later.
    void lose(error_code const& error) noexcept {
        if (std::exchange(is_lost_, true))
            return;
        auto const keep = shared_from_this();
        unlink();
        while (!streams_.empty())
            streams_.front().lose(error);
        auto const loop = std::move(loop_);
        auto const gone = std::move(lease_);
    }

    /// A request was given up on. If the server has said nothing for long, it may be gone: what follows goes elsewhere.
    void note_silence(Deadline begun) noexcept {
        constexpr std::chrono::seconds long_enough{1};
        auto const now = Clock::now();
        if (now - begun >= long_enough && now - heard_ >= long_enough)
            is_suspect_ = true;
    }

    std::weak_ptr<SessionLoop> const weak_loop_;
    ResponseLimits const limits_;
    std::chrono::nanoseconds const idle_timeout_;
    Http2Session session_;
    Connection* transport_ = nullptr;  // of the lease, also while the pool has that

    // While requests go over it.
    std::shared_ptr<SessionLoop> loop_;
    Lease lease_;
    ::syncopate::detail::IntrusiveList<Http2Stream> streams_;
    std::size_t open_ = 0;
    Http2Scratch scratch_;
    std::vector<ConnectionPointer> woken_;  // whose coroutines are to be resumed

    std::array<char, std::size_t{16} * 1024> input_;
    std::string output_;
    std::size_t written_ = 0;
    error_code write_error_;
    Deadline heard_ = Clock::now();

    bool has_turn_ = false;
    bool is_posted_ = false;
    bool is_flushing_ = false;
    bool is_reading_ = false;
    bool is_cancelled_ = false;  // the read that is pending
    bool is_writing_ = false;
    bool is_suspect_ = false;
    bool is_idle_ = false;
    bool is_lost_ = false;
};

}  // namespace syncopate::inline v0_1::http::detail
