// WebSocketHandshake: opens a WebSocket: the connection, the request, and the server's consent.
#pragma once

#include <syncopate/http/detail/connection/connection.hpp>
#include <syncopate/http/detail/connection/deadline_timer.hpp>
#include <syncopate/http/detail/connection/pool.hpp>
#include <syncopate/http/detail/message/default_fields.hpp>
#include <syncopate/http/detail/message/request_parts.hpp>
#include <syncopate/http/detail/message/response_parser.hpp>
#include <syncopate/http/detail/session/exchange.hpp>
#include <syncopate/http/detail/session/exchange_flow.hpp>
#include <syncopate/http/detail/session/request_writer.hpp>
#include <syncopate/http/detail/session/session_core.hpp>
#include <syncopate/http/detail/url/refuse_url.hpp>
#include <syncopate/http/detail/websocket/core.hpp>
#include <syncopate/http/detail/websocket/extension.hpp>
#include <syncopate/http/detail/websocket/stream.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/headers.hpp>
#include <syncopate/http/request.hpp>
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
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace syncopate::inline v0_1::http::detail {

/// Lies in the frame of run().
///
/// Beast makes a request of its own, for the key and the extensions, which is not sent. The request that is sent
/// has all that a session's requests have, and its response is read as theirs are. Beast is given a copy of the
/// head of that response, and checks it.
class WebSocketHandshake final : public ExchangeFlow {
public:
    static asio::awaitable<std::shared_ptr<WebSocketCore>> run(
        std::shared_ptr<SessionCore> session, WebSocketRequest request) {
        auto const executor = co_await asio::this_coro::executor;
        auto loop = session->enter(executor, RequestAccess::parts(request.request_).url);
        WebSocketHandshake handshake(std::move(session), std::move(loop), request);
        try {
            handshake.trace().request_started();
            auto socket = co_await handshake.open();
            handshake.trace().request_ended(switching_protocols);
            co_return socket;
        } catch (...) {
            handshake.trace().request_failed(std::current_exception());
            throw;
        }
    }

private:
    WebSocketHandshake(
        std::shared_ptr<SessionCore> session, SessionLoopPointer loop, WebSocketRequest& asked)
        : ExchangeFlow(std::move(session), std::move(loop), RequestAccess::parts(asked.request_)),
          asked_(asked), url_(websocket_url(std::move(RequestAccess::parts(asked.request_).url))) {
        add_query(url_);
        set_target(Verb::get, url_);
    }

    static Url websocket_url(std::string text) {
        constexpr std::string_view http = "http";
        if (equals_ignoring_case(std::string_view(text).substr(0, http.size()), http))
            text.replace(0, http.size(), "ws");
        Url url(std::move(text));
        if (!url.scheme().starts_with("ws"))
            refuse_url(url.text(), "a WebSocket's URL starts with ws or wss");
        return url;
    }

    /// Has Beast make its request, and adds the fields of that one to the session's request.
    ///
    /// Returns:   Beast's handshake, to be awaited when there is a response for it.
    auto begin_handshake(WebSocketStream& stream) {
        std::string key;
        stream.beast().set_option(
            beast::websocket::stream_base::decorator([&](beast::websocket::request_type& made) {
                using Field = beast::http::field;
                key = std::string(made[Field::sec_websocket_key]);
                extensions_ = std::string(made[Field::sec_websocket_extensions]);
            }));
        auto handshake = stream.beast().async_handshake(
            std::string(url_.host_field()), std::string(url_.target()), asio::deferred);

        auto& request = asked_.request_;
        request.header("Connection", "Upgrade")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", key);
        if (!extensions_.empty())
            request.header("Sec-WebSocket-Extensions", extensions_);
        std::string offered;
        for (auto const& name : asked_.subprotocols_)
            offered.append(offered.empty() ? "" : ", ").append(name);
        if (!offered.empty())
            request.header("Sec-WebSocket-Protocol", offered);
        return handshake;
    }

    asio::awaitable<std::shared_ptr<WebSocketCore>> open() {
        Exchange exchange(
            options(), request(), loop(), total(), request().on_progress, head_, url_.origin());
        Exchange::Guard const guard(exchange);
        exchange.expect_upgrade();

        // In the pool it is a connection of HTTP, and takes the place of an idle one, if there is one.
        auto const key = "http" + std::string(url_.origin().substr(2));
        auto lease = loop()->pool.try_lease(key, Deadline::clock::now(), Pool::Use::whole);
        auto const deadline = co_await complete(lease, key, Connections::fresh_only);
        trace().connection_created();

        WebSocketStreamPointer const stream(
            new WebSocketStream(ConnectionPointer(&lease.connection()), settings()));
        auto handshake = begin_handshake(*stream);
        auto writer = make_writer({Verb::get});
        // A new connection is not stale.
        static_cast<void>(exchange.begin(writer, std::move(lease)));
        while (exchange.take_head(writer) != Exchange::Stage::answered || exchange.is_sending()) {
            co_await exchange.wait_until(deadline);
            exchange.check_wait(Errc::connect_timed_out, "the WebSocket handshake");
        }
        store_cookies(head_);
        check_response();

        auto socket = std::make_shared<WebSocketCore>(loop(), std::string(url_.origin()));
        socket->set_lease(exchange.take_lease());
        stream->beast().next_layer().replay(head_text());
        try {
            co_await std::move(handshake);
        } catch (boost::system::system_error const& error) {
            if (error.code() == asio::error::operation_aborted)
                throw;
            // Beast's own limit, 8 KiB, is for the few fields that it looks at.
            bool const is_too_large = error.code() == beast::http::error::header_limit;
            fail(
                is_too_large ? Errc::header_too_large : Errc::websocket_refused,
                error.code().message());
        }
        if (!extension_.empty())
            stream->beast().next_layer().expect_deflated();
        socket->begin(stream, std::move(head_.headers));
        co_return socket;
    }

    WebSocketStream::Settings settings() const {
        return {
            asked_.max_message_size_, asked_.compress_,
            asked_.idle_timeout_.value_or(options().read_timeout())};
    }

    /// Checks what Beast does not look at.
    void check_response() {
        if (head_.status != switching_protocols)
            fail(Errc::websocket_refused, std::to_string(head_.status) + ' ' + head_.reason);
        for (std::string_view const name : {"Sec-WebSocket-Accept", "Sec-WebSocket-Protocol"})
            if (head_.headers.get_all(name).size() > 1)
                fail(Errc::websocket_refused, "more than one " + std::string(name));
        auto extension = agreed_extension(head_.headers.get_all("Sec-WebSocket-Extensions"));
        if (!extension || (extensions_.empty() && !extension->empty()))
            fail(Errc::websocket_refused, "an extension that was not offered");
        extension_ = *std::move(extension);
        auto const chosen = head_.headers.get("Sec-WebSocket-Protocol");
        auto const& offered = asked_.subprotocols_;
        if (chosen && std::ranges::find(offered, *chosen) == offered.end())
            fail(Errc::websocket_refused, "a subprotocol that was not offered");
    }

    /// The head of the response, as far as Beast looks at it: it takes no more than 8 KiB.
    std::string head_text() const {
        std::string text(head_.is_http_1_0 ? "HTTP/1.0 " : "HTTP/1.1 ");
        text += std::to_string(head_.status) + " \r\n";
        for (auto const field : head_.headers)
            for (std::string_view const name : {"Connection", "Upgrade", "Sec-WebSocket-Accept"})
                if (equals_ignoring_case(field.name(), name))
                    append_field(text, name, field.value());
        if (!extension_.empty())
            append_field(text, "Sec-WebSocket-Extensions", extension_);
        return text + "\r\n";
    }

    [[noreturn]] void fail(Errc code, std::string const& why) const {
        throw_error(code, std::string(url_.origin()) + ": " + why);
    }

    static constexpr int switching_protocols = 101;

    WebSocketRequest& asked_;
    Url url_;
    std::string extensions_;  // that were offered
    std::string extension_;   // that the server has agreed to
    ResponseHead head_;
};

}  // namespace syncopate::inline v0_1::http::detail
