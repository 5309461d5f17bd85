// How a WebSocket is opened: the connection, the request for it, and the server's consent.
#pragma once

#include <syncopate/detail/task/outcome.hpp>
#include <syncopate/detail/wait/deadline.hpp>
#include <syncopate/http/detail/connection/connection.hpp>
#include <syncopate/http/detail/connection/deadline_timer.hpp>
#include <syncopate/http/detail/connection/pool.hpp>
#include <syncopate/http/detail/connection/proxy.hpp>
#include <syncopate/http/detail/connection/tls_stream.hpp>
#include <syncopate/http/cookies.hpp>
#include <syncopate/http/detail/message/request_parts.hpp>
#include <syncopate/http/detail/message/response_parser.hpp>
#include <syncopate/http/detail/session/connect_flow.hpp>
#include <syncopate/http/detail/session/request_writer.hpp>
#include <syncopate/http/detail/session/session_core.hpp>
#include <syncopate/http/detail/session/session_loop.hpp>
#include <syncopate/http/detail/websocket/core.hpp>
#include <syncopate/http/detail/websocket/stream.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/headers.hpp>
#include <syncopate/http/request.hpp>
#include <syncopate/http/trace.hpp>
#include <syncopate/http/url.hpp>
#include <syncopate/http/websocket_request.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <boost/beast/websocket/stream_base.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace syncopate::http::detail {

/// Lies in the frame of run().
class WebSocketHandshake {
public:
    static asio::awaitable<std::shared_ptr<WebSocketCore>> run(
        std::shared_ptr<SessionCore> session, WebSocketRequest request) {
        auto const executor = co_await asio::this_coro::executor;
        auto loop = session->enter(executor);
        WebSocketHandshake handshake(std::move(session), std::move(loop), request);
        try {
            handshake.tell(handshake.trace().request_start);
            co_await handshake.connect();
            handshake.tell(handshake.trace().connection_created);
            co_await handshake.open();
            handshake.tell(handshake.trace().request_end, 101);
        } catch (...) {
            tell_error(
                handshake.trace(), method, handshake.url_.text(), handshake.start_,
                std::current_exception());
            throw;
        }
        co_return handshake.socket_;
    }

private:
    WebSocketHandshake(
        std::shared_ptr<SessionCore> session,
        SessionLoopPointer loop,
        WebSocketRequest const& asked)
        : session_(std::move(session)), loop_(std::move(loop)), asked_(asked),
          request_(asked.request()), url_(websocket_url(std::move(parts().url))),
          proxy_(session_->proxy_for(url_)),
          socket_(std::make_shared<WebSocketCore>(loop_, std::string(url_.origin()))) {
        for (auto const& [name, value] : parts().query)
            url_.add_query(name, value);
        auto const timeout = parts().timeout.value_or(session_->options().total_timeout());
        if (timeout.count() > 0)
            total_ = ::syncopate::detail::deadline_after(timeout);
    }

    RequestParts& parts() noexcept { return RequestAccess::parts(request_); }
    Trace const& trace() const noexcept { return session_->options().trace(); }
    template <class Function, class... Args>
    void tell(Function const& function, Args const&... args) const {
        detail::tell(function, method, url_.text(), start_, args...);
    }

    static Url websocket_url(std::string text) {
        constexpr std::string_view http = "http";
        if (equals_ignoring_case(std::string_view(text).substr(0, http.size()), http))
            text.replace(0, http.size(), "ws");
        Url url(std::move(text));
        if (!url.scheme().starts_with("ws"))
            throw_error(Errc::invalid_url, "a WebSocket's URL starts with ws or wss");
        return url;
    }

    /// Always a new connection, in the place of an idle one if there is one. To the pool, it is one of HTTP.
    asio::awaitable<void> connect() {
        auto const key = "http" + std::string(url_.origin().substr(2));
        auto lease = loop_->pool.try_lease(key, Deadline::clock::now());
        if (!lease)
            lease = co_await loop_->pool.lease(key, total_, *loop_->deadline_timer);
        lease.close_connection();
        auto const limit = session_->options().connect_timeout();
        if (limit.count() > 0)
            deadline_ = ::syncopate::detail::deadline_after(limit);
        deadline_ = std::min(deadline_, total_);
        ConnectFlow connecting(session_, loop_, url_, proxy_);
        connection_ = co_await connecting.run(total_);
        lease.set_connection(connection_);
        socket_->set_lease(std::move(lease));
    }

    asio::awaitable<void> open() {
        WebSocketStreamPointer const stream(new WebSocketStream(connection_, settings()));
        // Beast makes its request now, which tells the key and the extensions. It is not sent: the one that
        // is has all that a session's requests have, and its response is read as theirs are. Beast gets to
        // see that response in the end.
        std::string key;
        stream->beast().set_option(
            beast::websocket::stream_base::decorator([&](beast::websocket::request_type& request) {
                using Field = beast::http::field;
                key = std::string(request[Field::sec_websocket_key]);
                extensions_ = std::string(request[Field::sec_websocket_extensions]);
            }));
        auto handshake = stream->beast().async_handshake(
            std::string(url_.host_field()), std::string(url_.target()), asio::deferred);

        auto const size = co_await exchange(std::move(key));
        check_response();
        stream->beast().next_layer().replay(size);
        try {
            co_await std::move(handshake);
        } catch (boost::system::system_error const& error) {
            if (error.code() == asio::error::operation_aborted)
                throw;
            // Beast has a limit of its own, 8 KiB.
            bool const is_too_large = error.code() == beast::http::error::header_limit;
            fail(
                is_too_large ? Errc::header_too_large : Errc::websocket_refused,
                error.code().message());
        }
        socket_->begin(stream, std::move(head_.headers));
    }

    WebSocketStream::Settings settings() const {
        return {
            asked_.max_message_size(), asked_.compress(),
            asked_.idle_timeout().value_or(session_->options().read_timeout())};
    }

    /// Sends the request, and waits for the header of the response. Returns the size of that header.
    asio::awaitable<std::size_t> exchange(std::string key) {
        request_.header("Connection", "Upgrade")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", key);
        if (!extensions_.empty())
            request_.header("Sec-WebSocket-Extensions", extensions_);
        std::string offered;
        for (auto const& name : asked_.subprotocols())
            offered.append(offered.empty() ? "" : ", ").append(name);
        if (!offered.empty())
            request_.header("Sec-WebSocket-Protocol", offered);
        std::string cookies;
        if (auto* const jar = session_->cookies())
            cookies = jar->header_for(cookie_origin());
        RequestWriter const writer(
            parts(), url_, session_->default_fields(), {Verb::get}, std::move(cookies), nullptr);

        static_cast<void>(connection_->begin_exchange(Connection::Probe::none));
        connection_->output().clear();
        writer.write_head(connection_->output());
        connection_->start_write(nullptr);
        for (std::size_t size = 0;;) {
            if (size == 0)
                size = take_head();
            if (size > 0 && !connection_->is_writing())
                co_return size;
            if (connection_->read_error())
                fail(Errc::connection_lost, tls_error_text(connection_->read_error()));
            if (size == 0)
                connection_->start_read();
            co_await connection_->park().until(deadline_, *loop_->deadline_timer);
            check_wait();
        }
    }

    void check_wait() const {
        socket_->require_open();
        auto const end = connection_->park().end();
        if (end == TimedPark::End::cancelled)
            ::syncopate::detail::throw_cancellation();
        if (end == TimedPark::End::expired)
            fail(
                deadline_ == total_ ? Errc::total_timed_out : Errc::connect_timed_out,
                "the WebSocket handshake");
    }

    /// Returns the size of the header of the final response, which stays in the input; 0 if it is not there.
    std::size_t take_head() {
        auto& input = connection_->input();
        while (parsed_ < input.view().size()) {
            auto const& options = session_->options();
            if (!parser_)
                parser_.emplace(
                    head_, ResponseLimits{options.max_header_size(), options.max_header_fields()},
                    ResponseParser::Body::none, url_.origin());
            parsed_ += parser_->parse(input.view().substr(parsed_), nullptr);
            if (!parser_->is_header_done())
                break;
            auto const size = std::exchange(parsed_, 0);
            if (!is_interim(head_) || head_.status == 101)
                return size;
            parser_.reset();
            head_ = {};
            input.consume(size);
            if (++interim_responses_ > options.max_interim_responses())
                fail(Errc::header_too_large, "too many interim responses");
        }
        return 0;
    }

    /// What Beast does not look at.
    void check_response() const {
        if (auto* const jar = session_->cookies())
            for (auto const cookie : head_.headers.get_all("Set-Cookie"))
                jar->store(cookie_origin(), cookie);
        if (head_.status != 101)
            fail(Errc::websocket_refused, std::to_string(head_.status) + ' ' + head_.reason);
        if (extensions_.empty() && head_.headers.contains("Sec-WebSocket-Extensions"))
            fail(Errc::websocket_refused, "an extension that was not offered");
        auto const chosen = head_.headers.get("Sec-WebSocket-Protocol");
        auto const& offered = asked_.subprotocols();
        if (chosen && std::ranges::find(offered, *chosen) == offered.end())
            fail(Errc::websocket_refused, "a subprotocol that was not offered");
    }

    CookieOrigin cookie_origin() const noexcept {
        return {url_.is_secure(), url_.host(), url_.is_ip_address(), url_.path()};
    }

    [[noreturn]] void fail(Errc code, std::string const& why) const {
        throw_error(code, std::string(url_.origin()) + ": " + why);
    }

    static constexpr std::string_view method = "GET";

    Deadline const start_ = Deadline::clock::now();
    std::shared_ptr<SessionCore> const session_;
    SessionLoopPointer const loop_;
    WebSocketRequest const& asked_;
    Request request_;
    Url url_;
    Proxy const* const proxy_;
    std::shared_ptr<WebSocketCore> socket_;
    Deadline total_ = Deadline::max();
    Deadline deadline_ = Deadline::max();
    ConnectionPointer connection_;
    std::string extensions_;

    ResponseHead head_;
    std::optional<ResponseParser> parser_;
    std::size_t parsed_ = 0;  // how much of the input the parser has had
    std::size_t interim_responses_ = 0;
};

}  // namespace syncopate::http::detail
