// WebSocketCore: one WebSocket on its session's loop: the message that was read, those to be sent, and the end.
#pragma once

#include <syncopate/detail/cancellation/cancellation.hpp>
#include <syncopate/detail/intrusive_list.hpp>
#include <syncopate/detail/task/outcome.hpp>
#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/http/detail/connection/deadline_timer.hpp>
#include <syncopate/http/detail/connection/pool.hpp>
#include <syncopate/http/detail/connection/tls_stream.hpp>
#include <syncopate/http/detail/session/session_loop.hpp>
#include <syncopate/http/detail/websocket/end.hpp>
#include <syncopate/http/detail/websocket/stream.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/headers.hpp>
#include <syncopate/http/websocket_message.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/beast/websocket/rfc6455.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

namespace syncopate::inline v0_1::http::detail {

/// A read is always under way, unless a message waits to be taken. So pings are answered and the end is noticed
/// whatever the user does, and only one message is held. A coroutine that is cancelled while it waits does not
/// stop the read or the write.
class WebSocketCore final : public SessionUser,
                            public WebSocketEvents,
                            public std::enable_shared_from_this<WebSocketCore> {
    using CloseReason = beast::websocket::close_reason;

public:
    /// server:    names it in errors.
    WebSocketCore(std::shared_ptr<SessionLoop> loop, std::string server)
        : loop_(std::move(loop)), end_(std::move(server)) {
        loop_->add(*this);
    }
    WebSocketCore(WebSocketCore const&) = delete;
    WebSocketCore& operator=(WebSocketCore const&) = delete;
    ~WebSocketCore() { detach(); }

    /// Whether it uses the loop. From any thread: once this is false, it stays so.
    bool is_attached() const noexcept { return is_attached_.load(std::memory_order_acquire); }

    Headers const& headers() const noexcept { return headers_; }
    /// The code in the close frame of the other end, or else of this one.
    std::uint16_t close_code() const noexcept { return end_.code(); }
    std::string const& close_reason() const noexcept { return end_.reason(); }

    /// Throws: the reason of its end, if it is closing or has ended; Errc::websocket_closed if there was no failure.
    void require_open() const {
        if (end_.has_come() || is_closing_)
            end_.throw_closed();
    }

    /// Takes the permit and the connection.
    void set_lease(Lease lease) {
        require_open();
        lease_ = std::move(lease);
    }

    /// Begins to read. headers: of the response that opened the WebSocket.
    void begin(WebSocketStreamPointer stream, Headers headers) {
        require_open();
        headers_ = std::move(headers);
        stream_ = std::move(stream);
        stream_->set_owner(this);
        read_on();
    }

    static asio::awaitable<std::optional<WebSocketMessage>> receive(
        std::shared_ptr<WebSocketCore> self) {
        if (self->reader_.is_waiting())
            throw std::logic_error("a WebSocket is read by two coroutines at a time");
        auto const loop = self->loop_;
        while (!self->message_ && !self->end_.has_come()) {
            co_await self->reader_.until(no_deadline, *loop->deadline_timer);
            if (self->reader_.end() == TimedPark::End::cancelled)
                ::syncopate::detail::throw_cancellation();
        }
        auto message = std::exchange(self->message_, std::nullopt);
        if (!message)
            self->end_.throw_failure();
        self->read_on();
        co_return std::move(message);
    }

    static asio::awaitable<void> send(
        std::shared_ptr<WebSocketCore> self, WebSocketMessage message) {
        self->require_open();
        auto const loop = self->loop_;
        Sender sender(*self, std::move(message));
        self->write_on();
        while (!sender.is_done) {
            if (self->end_.has_come())
                self->require_open();
            auto const limit = self->stream_->idle_timeout();
            auto const writes = self->stream_->writes();
            auto const deadline =
                limit.count() > 0 ? ::syncopate::detail::deadline_after(limit) : no_deadline;
            co_await sender.park.until(deadline, *loop->deadline_timer);
            if (sender.park.end() == TimedPark::End::cancelled)
                ::syncopate::detail::throw_cancellation();
            bool const is_late = sender.park.end() == TimedPark::End::expired;
            if (is_late && !self->end_.has_come() && writes == self->stream_->writes())
                self->finish(Errc::body_timed_out, "nothing could be sent");
        }
    }

    /// Ignores cancellation: it takes half a second at most.
    static asio::awaitable<void> close(std::shared_ptr<WebSocketCore> self, CloseReason reason) {
        if (!self || self->end_.has_come() || self->is_closing_)
            co_return;
        auto const loop = self->loop_;
        self->is_closing_ = true;
        self->message_.reset();
        self->end_.note(reason);
        self->stream_->close(reason);

        auto const deadline = ::syncopate::detail::deadline_after(WebSocketStream::close_timeout);
        bool const throws = co_await asio::this_coro::throw_if_cancelled();
        co_await asio::this_coro::throw_if_cancelled(false);
        while (!self->end_.has_come()) {
            co_await self->closer_.until(deadline, *loop->deadline_timer);
            if (self->closer_.end() == TimedPark::End::expired)
                self->finish();
        }
        co_await asio::this_coro::throw_if_cancelled(throws);
    }

    /// Ends it without a close frame. On the loop.
    void leave() { finish(Errc::websocket_closed); }

private:
    /// A message until it has been written.
    struct Sender : ::syncopate::detail::ListHook<Sender> {
        Sender(WebSocketCore& its_core, WebSocketMessage its_message)
            : core(its_core), message(std::move(its_message)) {
            core.waiting_.push_back(*this);
        }
        Sender(Sender const&) = delete;
        Sender& operator=(Sender const&) = delete;
        ~Sender() {
            unlink();
            if (core.writing_ == this)
                core.writing_ = nullptr;
        }

        WebSocketCore& core;
        WebSocketMessage message;
        TimedPark park;
        bool is_done = false;
    };

    void read_on() {
        if (!stream_ || is_reading_ || message_ || is_closing_)
            return;
        is_reading_ = true;
        stream_->read();
    }

    void write_on() {
        if (is_writing_ || is_closing_ || waiting_.empty())
            return;
        writing_ = &waiting_.front();
        writing_->unlink();
        is_writing_ = true;
        stream_->write(std::move(writing_->message));
    }

    void on_message(WebSocketMessage message) override {
        is_reading_ = false;
        if (is_closing_)
            return;
        message_ = std::move(message);
        reader_.resume();
    }

    void on_read_failed(error_code const& error) override {
        is_reading_ = false;
        if (is_closing_)
            return;  // close() ends it
        if (!stream_->is_closed_by_peer())
            return fail(error);
        end_.note(stream_->close_reason());
        using Code = beast::websocket::close_code;
        auto const code = end_.code();
        if (code == Code::normal || code == Code::going_away || code == Code::none)
            return finish();
        finish(
            Errc::websocket_closed, "by the server with " + std::to_string(code) +
                                        (end_.reason().empty() ? "" : " (" + end_.reason() + ')'));
    }

    void on_written(error_code const& error) override {
        is_writing_ = false;
        if (error)
            return fail(error);
        auto* const written = std::exchange(writing_, nullptr);
        write_on();
        if (!written)
            return;
        written->is_done = true;
        written->park.resume();
    }

    void on_closed() override {
        if (stream_->is_closed_by_peer())
            end_.note(stream_->close_reason());
        finish();
    }

    void fail(error_code const& error) {
        // Beast gives the cause to one operation, and operation_aborted to the other, which may end first.
        if (error == asio::error::operation_aborted && (is_reading_ || is_writing_))
            return;
        auto const& cause = lease_.connection().cause_of(error);
        finish(websocket_errc(cause), tls_error_text(cause));
    }

    /// Ends it, and has all coroutines that wait go on. No failure: the WebSocket was closed in order.
    void finish(std::optional<Errc> failure = std::nullopt, std::string const& why = {}) {
        if (end_.has_come())
            return;
        auto const self = shared_from_this();
        end(failure, why);
        resume_all();
    }

    void end(std::optional<Errc> failure, std::string const& why) {
        end_.come(failure, why);
        detach();
    }

    void abort() noexcept override {
        if (end_.has_come())
            return;
        auto const loop = loop_;
        message_.reset();
        end(Errc::session_closed, {});
        try {
            // The coroutines go on later: the caller of this is not prepared for what they do.
            if (is_awaited())
                asio::post(loop->executor, [self = shared_from_this()] { self->resume_all(); });
        } catch (...) {  // out of memory: the end of the loop destroys them
        }
    }

    bool is_awaited() noexcept {
        return reader_.is_waiting() || closer_.is_waiting() || writing_ || !waiting_.empty();
    }

    void resume_all() {
        reader_.resume();
        closer_.resume();
        if (auto* const sender = std::exchange(writing_, nullptr))
            sender->park.resume();
        while (!waiting_.empty()) {
            auto& sender = waiting_.front();
            sender.unlink();
            sender.park.resume();
        }
    }

    void detach() noexcept {
        unlink();
        if (stream_)
            stream_->set_owner(nullptr);
        stream_.reset();
        lease_ = {};
        auto const loop = std::move(loop_);
        // Last: the thread that reads false may destroy this at once.
        is_attached_.store(false, std::memory_order_release);
    }

    std::shared_ptr<SessionLoop> loop_;
    Headers headers_;
    Lease lease_;
    WebSocketStreamPointer stream_;
    std::atomic<bool> is_attached_{true};

    std::optional<WebSocketMessage> message_;
    bool is_reading_ = false;
    TimedPark reader_;

    ::syncopate::detail::IntrusiveList<Sender> waiting_;
    Sender* writing_ = nullptr;
    bool is_writing_ = false;  // also after the sender was cancelled

    bool is_closing_ = false;
    TimedPark closer_;
    WebSocketEnd end_;
};

}  // namespace syncopate::inline v0_1::http::detail
