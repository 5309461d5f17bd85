// WebSockets: how they are opened, what goes over them, how they end, and what a hostile server can do.
#include "support/websocket.hpp"

#include "support/broken_tls.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/http.hpp"
#include "support/raw_server.hpp"
#include "support/tasks.hpp"
#include "support/temporary_directory.hpp"
#include "support/tls_settings.hpp"
#include <syncopate/concepts.hpp>
#include <syncopate/error.hpp>
#include <syncopate/gather.hpp>
#include <syncopate/http/client.hpp>
#include <syncopate/http/websocket.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using namespace syncopate::http;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::EndsWith;
using Catch::Matchers::Equals;
using Catch::Matchers::StartsWith;

static_assert(syncopate::AsyncContext<WebSocket>);
static_assert(syncopate::AsyncIterable<WebSocket>);

/// What only the session reads is not public.
template <class T>
concept ShowsItsFunctions =
    requires(T trace) { trace.request_start; } || requires(T trace) { trace.request_start_; };
static_assert(!ShowsItsFunctions<Trace>);
template <class T>
concept ShowsItsRequest =
    requires(T request) { request.request(); } || requires(T request) { request.subprotocols(); };
static_assert(!ShowsItsRequest<WebSocketRequest>);

SessionOptions options() {
    return SessionOptions();
}

/// A session, and what the tests do with its WebSockets.
struct Sockets : SessionOnLoop {
    using SessionOnLoop::SessionOnLoop;

    WebSocket open(WebSocketRequest request) {
        return runner.run(session.websocket(std::move(request)));
    }
    /// The text of the next message; "(end)" after the last one.
    std::string next(WebSocket& socket) {
        auto message = runner.run(socket.anext());
        return message ? std::move(*message).data() : "(end)";
    }
    void send(WebSocket& socket, WebSocketMessage message) {
        runner.run(socket.send(std::move(message)));
    }
    std::error_code error_of_open(WebSocketRequest request) {
        return code_of([&] { return open(std::move(request)); });
    }
    std::string message_of_open(WebSocketRequest request) {
        return message_of<std::system_error>([&] { return open(std::move(request)); });
    }
};

/// A server that opens a WebSocket, sends these bytes, and then reads until the client has closed.
Script sending(std::string bytes) {
    return [bytes = std::move(bytes)](Peer& peer) {
        accept_websocket(peer);
        peer.send(bytes);
        peer.wait_for_close();
    };
}

/// A server that answers with this, and closes.
Script refusing(std::string answer) {
    return [answer = std::move(answer)](Peer& peer) {
        peer.read_head();
        peer.send(answer);
    };
}

/// What the first anext() throws after a server has sent these bytes.
std::error_code error_after(std::string bytes, std::size_t max_message_size = 1000) {
    RawServer server(sending(std::move(bytes)));
    Sockets client;
    auto socket = client.open(WebSocketRequest(server.url()).max_message_size(max_message_size));
    return code_of([&] { return client.next(socket); });
}

std::string websocket_url(RawServer const& server, std::string const& target = "/") {
    return "ws" + server.url(target).substr(4);
}

// ---- Opening

TEST_CASE("A trace is told how a WebSocket is opened, or is not") {
    std::vector<std::string> told;
    auto const note = [&](std::string what, Trace::Request const& request) {
        told.push_back(what + ' ' + std::string(request.method) + ' ' + std::string(request.url));
    };
    auto const trace =
        Trace()
            .on_request_start([&](auto const& request) { note("start", request); })
            .on_connection_created([&](auto const& request) { note("created", request); })
            .on_request_end([&](auto const& request, int status) {
                note("end " + std::to_string(status), request);
            })
            .on_request_error([&](auto const& request, std::exception_ptr const& error) {
                note("error " + code_of(error).message(), request);
            });
    RawServer const server(
        std::vector<Script>{sending(""), refusing(response("403 Forbidden", "", ""))});
    auto const url = websocket_url(server, "/chat");
    auto const with_user = "ws://user:secret@" + url.substr(5);
    Sockets client(options().trace(trace));
    auto const socket = client.open(with_user);
    CHECK(
        told ==
        std::vector<std::string>{"start GET " + url, "created GET " + url, "end 101 GET " + url});
    told.clear();
    CHECK(client.error_of_open(with_user) == Errc::websocket_refused);
    REQUIRE(told.size() == 3);
    CHECK_THAT(told.back(), StartsWith("error ") && EndsWith(" GET " + url));
}

// ---- Messages

TEST_CASE("Messages go there and come back, as text or binary, as they were sent") {
    RawServer server(beast_echo);
    Sockets client;
    auto socket = client.open(websocket_url(server));
    client.runner.run(socket.send_text("Gr\xc3\xbc\xc3\x9f\x65"));
    auto message = client.runner.run(socket.anext());
    REQUIRE(message);
    CHECK(message->is_text());
    CHECK(message->data() == "Gr\xc3\xbc\xc3\x9f\x65");
    std::string const bytes("\0\xff\x80", 3);
    client.runner.run(socket.send_binary(bytes));
    message = client.runner.run(socket.anext());
    REQUIRE(message);
    CHECK(message->is_binary());
    CHECK(message->data() == bytes);
}

TEST_CASE("Messages may be empty, and larger than a frame") {
    RawServer server(beast_echo);
    Sockets client;
    auto socket = client.open(websocket_url(server));
    for (std::size_t size : {std::size_t{0}, std::size_t{70'000}, std::size_t{1}}) {
        std::string const text(size, 'x');
        client.send(socket, text);
        CHECK(client.next(socket) == text);
    }
}

TEST_CASE("A WebSocket goes over TLS") {
    CertificateAuthority authority;
    auto server = RawServer::tls(authority.issue(), beast_echo);
    Sockets client(options().ca_certificates(authority.certificate()));
    auto socket = client.open("wss" + server.url().substr(5));
    client.send(socket, std::string(50'000, 'x'));
    CHECK(client.next(socket) == std::string(50'000, 'x'));
    client.runner.run(socket.close());
    CHECK(server.wait_until_idle());
}

TEST_CASE("The server's certificate is checked for a WebSocket as for a request") {
    auto server = RawServer::tls(CertificateAuthority().issue(), beast_echo);
    Sockets client;
    CHECK(client.error_of_open("wss" + server.url().substr(5)) == Errc::certificate_refused);
}

TEST_CASE("A WebSocket goes over a Unix socket") {
    TemporaryDirectory directory;
    auto const path = (directory.path() / "socket").string();
    auto server = RawServer::unix_socket(path, beast_echo);
    Sockets client(options().unix_socket(path));
    auto socket = client.open("ws://localhost/");
    client.send(socket, "hello");
    CHECK(client.next(socket) == "hello");
}

TEST_CASE("A WebSocket goes through a proxy's tunnel, with TLS and without") {
    CertificateAuthority authority;
    TlsSettings settings{.certificate = authority.issue()};
    auto const context = support::detail::make_context(settings);
    RawServer proxy([&](Peer& peer) {
        auto const head = peer.read_head();
        peer.send("HTTP/1.1 200 OK\r\n\r\n");
        if (head.starts_with("CONNECT localhost:443 "))
            peer.accept_tls(context.get());
        beast_echo(peer);
    });
    Sockets client(options().proxy(proxy.url()).ca_certificates(authority.certificate()));
    for (std::string const url : {"ws://localhost/", "wss://localhost/"}) {
        auto socket = client.open(url);
        client.send(socket, url);
        CHECK(client.next(socket) == url);
    }
    CHECK_THAT(proxy.requests().at(0), StartsWith("CONNECT localhost:80 HTTP/1.1\r\n"));
    CHECK_THAT(proxy.requests().at(2), StartsWith("CONNECT localhost:443 HTTP/1.1\r\n"));
}

TEST_CASE("Synchronous code loops over the messages, and leaves the scope for the close") {
    RawServer server([](Peer& peer) {
        accept_websocket(peer);
        for (auto const* const each : {"one", "two"})
            peer.send(frame(0x81, each));
        peer.send(frame(0x81, read_frame(peer).payload));
        if (close_code_of(read_frame(peer)) == 1000)
            peer.send(close_frame(1000));
        peer.wait_for_close();
    });
    Sockets client;
    std::vector<std::string> texts;
    {
        auto socket = client.runner.wrap_context(client.session.websocket(websocket_url(server)));
        client.runner.run(socket->send("three"));
        for (auto& message : client.runner.wrap_iter(*socket)) {
            texts.push_back(message.data());
            if (texts.size() == 3)
                break;
        }
    }
    CHECK(texts == std::vector<std::string>{"one", "two", "three"});
    CHECK(server.wait_until_idle());
}

TEST_CASE("A client's WebSocket is used by synchronous code, and closed at the end of the scope") {
    RawServer server([](Peer& peer) {
        accept_websocket(peer);
        for (auto const* const each : {"one", "two"})
            peer.send(frame(0x81, each));
        peer.send(frame(0x82, read_frame(peer).payload));
        if (close_code_of(read_frame(peer)) == 1000)
            peer.send(close_frame(1000));
        peer.wait_for_close();
    });
    Client client;
    {
        auto socket = client.websocket(websocket_url(server));
        CHECK(socket.is_open());
        CHECK(socket.receive()->data() == "one");
        std::vector<std::string> texts;
        socket.send_text("three");
        for (WebSocketMessage const& message : socket) {
            texts.push_back(message.data());
            if (message.is_binary())
                break;
        }
        CHECK(texts == std::vector<std::string>{"two", "three"});
        CHECK(code_of([&] { socket.receive_for(1ms); }) == syncopate::Errc::timed_out);
        std::stop_source stop;
        std::jthread const stopping([&] { stop.request_stop(); });
        CHECK(code_of([&] { socket.receive(stop.get_token()); }) == syncopate::Errc::cancelled);
        CHECK(
            code_of([&] { socket.send_text("", stop.get_token()); }) == syncopate::Errc::cancelled);
        auto moved = std::move(socket);
        CHECK(moved.headers().contains("Upgrade"));
        CHECK(moved.subprotocol().empty());
        // NOLINTBEGIN(bugprone-use-after-move,hicpp-invalid-access-moved)
        CHECK(!socket.is_open());
        CHECK(socket.close_code() == 0);
        socket.close();
        CHECK(code_of([&] { socket.send_text(""); }) == Errc::websocket_closed);
        CHECK(code_of([&] { socket.receive(); }) == Errc::websocket_closed);
        CHECK(code_of([&] { socket.receive_for(1ms); }) == Errc::websocket_closed);
        CHECK(code_of([&] { socket.headers(); }) == Errc::websocket_closed);
        CHECK(code_of([&] { socket.subprotocol(); }) == Errc::websocket_closed);
        CHECK(code_of([&] { socket.close_reason(); }) == Errc::websocket_closed);
        // NOLINTEND(bugprone-use-after-move,hicpp-invalid-access-moved)
    }
    CHECK(server.wait_until_idle());
}

TEST_CASE("A client's WebSocket ends with its messages, or with an error, and with its client") {
    RawServer server([](Peer& peer) {
        accept_websocket(peer);
        peer.send(frame(0x81, "one") + close_frame(peer.number() == 0 ? 1001 : 1011));
        peer.wait_for_close();
    });
    Client client;
    auto socket = client.websocket(WebSocketRequest(websocket_url(server)).bearer("token"));
    std::size_t messages = 0;
    for (auto const& message : socket)
        messages += message.data() == "one";
    CHECK(messages == 1);
    CHECK(!socket.is_open());
    CHECK(socket.close_code() == 1001);
    CHECK(socket.close_reason().empty());
    socket.close();
    CHECK(code_of([&] { socket.send_text("late"); }) == Errc::websocket_closed);
    socket = client.websocket(websocket_url(server));
    CHECK(socket.receive()->data() == "one");
    CHECK(code_of([&] { socket.receive(); }) == Errc::websocket_closed);
    client.close();
    CHECK(code_of([&] { socket.receive(); }) == syncopate::Errc::runner_closed);
    CHECK(code_of([&] {
              return client.websocket(websocket_url(server));
          }) == syncopate::Errc::runner_closed);
}

asio::awaitable<std::string> echo_in_coroutine(ClientSession& session, std::string url) {
    auto socket = co_await session.websocket(std::move(url));
    co_await socket.send("hello");
    auto message = co_await socket.anext();
    co_await socket.close();
    auto const end = co_await socket.anext();
    co_return std::move(message.value()).data() + (end ? " and more" : "");
}

TEST_CASE("A coroutine uses a WebSocket") {
    RawServer server(beast_echo);
    Sockets client;
    CHECK(client.runner.run(echo_in_coroutine(client.session, websocket_url(server))) == "hello");
}

TEST_CASE("The messages of several senders go out whole, in their order") {
    RawServer server(beast_echo);
    Sockets client;
    auto socket = client.open(websocket_url(server));
    std::string const large(60'000, 'a');
    std::vector<asio::awaitable<void>> sends;
    for (auto const& text : {large, std::string("b"), std::string("c")})
        sends.push_back(socket.send(text));
    client.runner.run(syncopate::gather(std::move(sends)));
    CHECK(client.next(socket) == large);
    CHECK(client.next(socket) == "b");
    CHECK(client.next(socket) == "c");
}

TEST_CASE("A message is put together of its fragments, with a ping between them") {
    RawServer server([](Peer& peer) {
        accept_websocket(peer);
        peer.send(frame(0x01, "frag") + frame(0x89, "are you there?"));
        auto const pong = read_frame(peer);
        peer.send(frame(0x00, "") + frame(0x80, "ment " + pong.payload));
        peer.wait_for_close();
    });
    Sockets client;
    auto socket = client.open(websocket_url(server));
    CHECK(client.next(socket) == "fragment are you there?");
}

TEST_CASE("A ping is answered when nobody reads") {
    RawServer server([](Peer& peer) {
        accept_websocket(peer);
        peer.send(frame(0x89, "ping"));
        if (read_frame(peer).first != 0x8a)
            throw PeerError("no pong");
        peer.send(frame(0x81, "well"));
        peer.wait_for_close();
    });
    Sockets client;
    auto socket = client.open(websocket_url(server));
    // Read before it is asked for.
    CHECK(client.next(socket) == "well");
}

TEST_CASE("Messages that come together with the response are not lost") {
    RawServer server([](Peer& peer) {
        auto const head = peer.read_head();
        peer.send(
            switching(head, "X: " + std::string(3600, 'x') + "\r\n") + frame(0x81, "first") +
            frame(0x81, std::string(3000, 'x')));
        peer.wait_for_close();
    });
    Sockets client;
    auto socket = client.open(websocket_url(server));
    CHECK(client.next(socket) == "first");
    CHECK(client.next(socket) == std::string(3000, 'x'));
}

TEST_CASE("Messages are compressed if both ends agree") {
    RawServer server(beast_echo);
    Sockets client;
    auto socket = client.open(WebSocketRequest(websocket_url(server)).compress(true));
    CHECK_THAT(
        std::string(socket.headers()["Sec-WebSocket-Extensions"]),
        StartsWith("permessage-deflate"));
    std::string const text(20'000, 'x');
    client.send(socket, text);
    CHECK(client.next(socket) == text);
}

TEST_CASE("A compressed message may have blocks that say they are the last, as RFC 7692 shows") {
    using namespace std::string_literals;
    RawServer server([](Peer& peer) {
        accept_websocket(peer, "Sec-WebSocket-Extensions: permessage-deflate\r\n");
        auto const last = "\xf3\x48\xcd\xc9\xc9\x07\0\0"s;
        std::string const sent =
            frame(0xc1, last) +
            frame(0xc1, "\xf2\x00\x11\x00\x00"s)  // what was before is referred to
            + frame(0x41, last.substr(0, 3)) + frame(0x89, "ping") + frame(0x00, "") +
            frame(0x80, last.substr(3))                  // in three frames
            + frame(0x81, "plain") + frame(0xc1, "\0"s)  // empty
            + frame(0xc1, "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"s)  // of two blocks
            + frame(0xc1, "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"s)  // of a stored one
            + frame(0xc1, "\x07"s);
        for (char const each : sent)  // however it is cut
            peer.send(std::string_view(&each, 1));
        peer.wait_for_close();
    });
    Sockets client;
    auto socket = client.open(WebSocketRequest(websocket_url(server)).compress(true));
    for (std::string const text : {"Hello", "Hello", "Hello", "plain", "", "Hello", "Hello"})
        CHECK(client.runner.run(socket.anext()).value().data() == text);
    CHECK(code_of([&] { return client.runner.run(socket.anext()); }) == Errc::malformed_response);
}

TEST_CASE(
    "A compressed message that ends within a block, or in a frame with other bits, is refused") {
    using namespace std::string_literals;
    auto const hello = "\xf2\x48\xcd\xc9\xc9\x07\0"s;
    for (std::string const& sent :
         {frame(0xc1, hello.substr(0, 3)), frame(0xe1, hello), frame(0xd1, hello),
          frame(0x41, hello.substr(0, 3)) + frame(0xc0, hello.substr(3))}) {
        RawServer server([&](Peer& peer) {
            accept_websocket(peer, "Sec-WebSocket-Extensions: permessage-deflate\r\n");
            peer.send(sent);
            peer.wait_for_close();
        });
        Sockets client;
        auto socket = client.open(WebSocketRequest(websocket_url(server)).compress(true));
        CHECK(code_of([&] { return client.next(socket); }) == Errc::malformed_response);
    }
}

TEST_CASE("Compression is not offered unless it is asked for") {
    RawServer server(beast_echo);
    Sockets client;
    auto socket = client.open(websocket_url(server));
    CHECK_THAT(server.requests().at(0), !ContainsSubstring("Sec-WebSocket-Extensions"));
}

// ---- Opening

TEST_CASE("The request has what a session's requests have, and what opens a WebSocket") {
    RawServer server([](Peer& peer) {
        accept_websocket(peer, "Set-Cookie: c=2\r\n");
        peer.wait_for_close();
    });
    Sockets client(options().cookies(true).header("X-Session", "s").header("Connection", "close"));
    for (int i = 0; i < 2; ++i)
        static_cast<void>(client.open(
            WebSocketRequest("http://me:secret@127.0.0.1:" + std::to_string(server.port()))
                .query("q", "a b")
                .header("X-Own", "o")));
    auto const head = server.requests().at(1);
    CHECK_THAT(head, StartsWith("GET /?q=a%20b HTTP/1.1\r\n"));
    CHECK(field_of(head, "Host") == "127.0.0.1:" + std::to_string(server.port()));
    CHECK(field_of(head, "Upgrade") == "websocket");
    CHECK(field_of(head, "Connection") == "Upgrade");
    CHECK(field_of(head, "Sec-WebSocket-Version") == "13");
    CHECK(field_of(head, "Sec-WebSocket-Key").size() == 24);
    CHECK(field_of(head, "X-Session") == "s");
    CHECK(field_of(head, "X-Own") == "o");
    CHECK_THAT(field_of(head, "Authorization"), StartsWith("Basic "));
    CHECK(field_of(head, "Cookie") == "c=2");
    CHECK_THAT(head, !ContainsSubstring("Connection: close"));
}

TEST_CASE("The server chooses a subprotocol of those that are offered") {
    RawServer server([](Peer& peer) {
        accept_websocket(peer, "Sec-WebSocket-Protocol: chat.v1\r\n");
        peer.wait_for_close();
    });
    Sockets client;
    auto socket = client.open(
        WebSocketRequest(websocket_url(server)).subprotocol("chat.v2").subprotocol("chat.v1"));
    CHECK(socket.subprotocol() == "chat.v1");
    CHECK(field_of(server.requests().at(0), "Sec-WebSocket-Protocol") == "chat.v2, chat.v1");
    CHECK(client.error_of_open(websocket_url(server)) == Errc::websocket_refused);
}

TEST_CASE("A response that is no 101 is a refusal, which names the status") {
    for (std::string const status : {"404 Not Found", "401 Unauthorized", "302 Found", "200 OK"}) {
        RawServer server(refusing(response(status, "Location: /elsewhere\r\n", "sorry")));
        Sockets client;
        auto const message = client.message_of_open(websocket_url(server));
        CHECK_THAT(message, StartsWith("ws://127.0.0.1:"));
        CHECK_THAT(message, ContainsSubstring(": " + status + ": "));
        CHECK(client.error_of_open(websocket_url(server)) == Errc::websocket_refused);
        CHECK(client.connections().all == 0);
    }
}

TEST_CASE("A refusal is known from its header, whatever follows") {
    RawServer server([](Peer& peer) {
        peer.read_head();
        peer.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 100000000\r\n\r\n");
        peer.wait_for_close();
    });
    Sockets client;
    CHECK(client.error_of_open(websocket_url(server)) == Errc::websocket_refused);
}

TEST_CASE("A 101 that is no consent to this WebSocket is a refusal") {
    std::string const start = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n";
    std::string const wrong = "Sec-WebSocket-Accept: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for (auto const& answer :
         {start + "Connection: Upgrade\r\n" + wrong + "\r\n", start + "Connection: Upgrade\r\n\r\n",
          start + "Connection: close\r\n" + wrong + "\r\n",
          "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n" + wrong +
              "\r\n"}) {
        RawServer server(refusing(answer));
        Sockets client;
        CHECK(client.error_of_open(websocket_url(server)) == Errc::websocket_refused);
        CHECK(client.connections().all == 0);
    }
}

TEST_CASE("An answer about extensions is permessage-deflate with parameters that can be, or none") {
    auto const error = [](std::string const& fields) {
        RawServer server([&](Peer& peer) {
            accept_websocket(peer, fields);
            peer.wait_for_close();
        });
        Sockets client;
        return client.error_of_open(WebSocketRequest(websocket_url(server)).compress(true));
    };
    std::string const field = "Sec-WebSocket-Extensions: ";
    for (std::string const each :
         {"permessage-deflate", "", ",permessage-deflate,",
          "Permessage-Deflate; Server_No_Context_Takeover",
          "permessage-deflate; client_no_context_takeover; server_max_window_bits=10",
          "permessage-deflate;client_max_window_bits = \"15\""}) {
        CAPTURE(each);
        CHECK_FALSE(error(field + each + "\r\n"));
    }
    for (std::string const each :
         {"x-unknown", "permessage-deflate, x-unknown", "x-unknown, permessage-deflate",
          "permessage-deflate, permessage-deflate", "permessage-deflate; x-unknown=1",
          "permessage-deflate; x-unknown", "permessage-deflate; server_max_window_bits=99",
          "permessage-deflate; server_max_window_bits=7",
          "permessage-deflate; server_max_window_bits=16",
          "permessage-deflate; server_max_window_bits",
          "permessage-deflate; server_max_window_bits=010",
          "permessage-deflate; server_max_window_bits=-8",
          "permessage-deflate; client_max_window_bits",
          "permessage-deflate; client_max_window_bits=",
          "permessage-deflate; server_no_context_takeover=1",
          "permessage-deflate; server_no_context_takeover; SERVER_no_context_takeover"}) {
        CAPTURE(each);
        CHECK(error(field + each + "\r\n") == Errc::websocket_refused);
    }
    CHECK(
        error(field + "permessage-deflate\r\n" + field + "x-unknown\r\n") ==
        Errc::websocket_refused);
    CHECK_FALSE(error(field + "\r\n" + field + "permessage-deflate\r\n"));
}

TEST_CASE("What a response must have once is refused twice") {
    RawServer server([&](Peer& peer) {
        accept_websocket(peer, "Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: zzz\r\n");
        peer.wait_for_close();
    });
    RawServer keys([&](Peer& peer) {
        auto const head = peer.read_head();
        peer.send(switching(head, "Sec-WebSocket-Accept: " + accept_key(head) + "\r\n"));
        peer.wait_for_close();
    });
    Sockets client;
    CHECK(
        client.error_of_open(WebSocketRequest(websocket_url(server)).subprotocol("a")) ==
        Errc::websocket_refused);
    CHECK(client.error_of_open(websocket_url(keys)) == Errc::websocket_refused);
}

TEST_CASE("An extension that was not offered is refused") {
    RawServer server([](Peer& peer) {
        accept_websocket(peer, "Sec-WebSocket-Extensions: permessage-deflate\r\n");
    });
    Sockets client;
    CHECK(client.error_of_open(websocket_url(server)) == Errc::websocket_refused);
}

TEST_CASE("An interim response may come before the WebSocket") {
    RawServer server([](Peer& peer) {
        auto const head = peer.read_head();
        peer.send("HTTP/1.1 103 Early Hints\r\n\r\n" + switching(head) + frame(0x81, "hello"));
        peer.wait_for_close();
    });
    Sockets client;
    auto socket = client.open(websocket_url(server));
    CHECK(client.next(socket) == "hello");
}

TEST_CASE("The response that opens a WebSocket may come in pieces, wherever it is split") {
    std::atomic<std::size_t> split = 0;
    std::atomic<std::size_t> size = 1;
    RawServer server([&](Peer& peer) {
        auto const head = peer.read_head();
        auto const bytes = "HTTP/1.1 103 Early Hints\r\n\r\n" + switching(head, "X: y\r\n");
        size = bytes.size();
        peer.send(bytes.substr(0, split));
        std::this_thread::sleep_for(1ms);  // The client parses it.
        peer.send(bytes.substr(split) + frame(0x81, "hello"));
        peer.wait_for_close();
    });
    for (; split < size; ++split) {
        CAPTURE(split.load());
        Sockets client;
        auto socket = client.open(websocket_url(server));
        CHECK(client.next(socket) == "hello");
    }
}

TEST_CASE("Interim responses without end are an error") {
    RawServer server([](Peer& peer) {
        peer.read_head();
        for (;;)
            peer.send("HTTP/1.1 103 Early Hints\r\n\r\n");
    });
    Sockets client;
    CHECK(client.error_of_open(websocket_url(server)) == Errc::header_too_large);
}

TEST_CASE("A response's header has its limits when a WebSocket is opened") {
    auto const error = [](std::string_view field, std::size_t size) {
        RawServer server([&](Peer& peer) {
            auto const head = peer.read_head();
            peer.send(switching(head, std::string(field) + ": " + std::string(size, ',') + "\r\n"));
            peer.wait_for_close();
        });
        Sockets client;
        return client.error_of_open(websocket_url(server));
    };
    CHECK_FALSE(error("X", 20'000));
    CHECK(error("X", 40'000) == Errc::header_too_large);
    CHECK(error("Connection", 10'000) == Errc::header_too_large);  // Beast's limit
}

TEST_CASE("What is not HTTP opens no WebSocket") {
    RawServer server(refusing("SSH-2.0-OpenSSH_9.2\r\n\r\n"));
    Sockets client;
    CHECK(client.error_of_open(websocket_url(server)) == Errc::malformed_response);
}

TEST_CASE("Silence in the handshake is a connection that is not made in time") {
    RawServer server([](Peer& peer) {
        peer.read_head();
        peer.send("HTTP/1.1 101 Switching");
        peer.wait_for_close();
    });
    Sockets client(options().connect_timeout(50ms));
    auto const message = client.message_of_open(websocket_url(server));
    CHECK_THAT(
        message, ContainsSubstring("the WebSocket handshake") && EndsWith("connect timed out"));
    CHECK(client.connections().all == 0);
}

TEST_CASE("The time-out of a WebSocket's request ends the handshake") {
    RawServer server([](Peer& peer) { peer.wait_for_close(); });
    Sockets client;
    CHECK(
        client.error_of_open(WebSocketRequest(websocket_url(server)).timeout(50ms)) ==
        Errc::total_timed_out);
}

TEST_CASE("A connection that ends in the handshake is lost") {
    RawServer server(refusing("HTTP/1.1 101 Switching"));
    Sockets client;
    CHECK(client.error_of_open(websocket_url(server)) == Errc::connection_lost);
}

TEST_CASE("A handshake that is cancelled closes its connection") {
    Gate asked;
    RawServer server([&](Peer& peer) {
        peer.read_head();
        asked.open();
        peer.wait_for_close();
    });
    Sockets client;
    auto opening = client.session.websocket(websocket_url(server));
    CHECK(code_of([&] {
              return run_and_stop(client.runner, asked, std::move(opening));
          }) == syncopate::Errc::cancelled);
    CHECK(server.wait_until_idle());
    CHECK(client.connections().all == 0);
}

TEST_CASE("The end of the session ends a handshake") {
    Gate asked;
    RawServer server([&](Peer& peer) {
        peer.read_head();
        asked.open();
        peer.wait_for_close();
    });
    Sockets client;
    auto opening = client.runner.run_as_future(client.session.websocket(websocket_url(server)));
    asked.wait();
    client.close();
    CHECK(code_of([&] { return opening.get(); }) == Errc::session_closed);
}

TEST_CASE("Only ws and wss, or http and https, open a WebSocket") {
    Sockets client;
    CHECK(client.error_of_open("ftp://localhost/") == Errc::invalid_url);
    CHECK(client.error_of_open("localhost") == Errc::invalid_url);
}

TEST_CASE("What opens a WebSocket is not the user's to set") {
    WebSocketRequest request("ws://localhost/");
    for (auto const* const name :
         {"Connection", "upgrade", "Sec-WebSocket-Key", "Sec-WebSocket-Protocol", "Content-Length",
          "Transfer-Encoding"})
        CHECK(code_of([&] { request.header(name, "x"); }) == Errc::invalid_request);
    CHECK(code_of([&] { request.header("X", "a\r\nY: b"); }) == Errc::invalid_request);
    CHECK(code_of([&] { request.subprotocol("a, b"); }) == Errc::invalid_request);
}

// ---- Closing

TEST_CASE("A close by the server is the end of the messages") {
    struct Close {
        std::string frame;
        int code;
    };
    for (auto const& close :
         {Close{close_frame(1000, "done"), 1000}, Close{close_frame(1001, "done"), 1001},
          Close{frame(0x88, ""), 0}}) {
        int answer = -1;
        RawServer server([&](Peer& peer) {
            accept_websocket(peer);
            peer.send(frame(0x81, "last") + close.frame);
            auto const reply = read_frame(peer);
            answer = reply.first == 0x88 ? close_code_of(reply) : -2;
            peer.wait_for_close();
        });
        Sockets client;
        auto socket = client.open(websocket_url(server));
        CHECK(client.next(socket) == "last");
        CHECK(client.next(socket) == "(end)");
        CHECK(client.next(socket) == "(end)");
        CHECK(socket.close_code() == close.code);
        CHECK(socket.close_reason() == (close.code == 0 ? "" : "done"));
        CHECK_FALSE(socket.is_open());
        CHECK(server.wait_until_idle());
        CHECK(answer == (close.code == 0 ? 1000 : close.code));
        CHECK(client.connections().all == 0);
    }
}

TEST_CASE("A close with another code is an error, which shows it") {
    RawServer server(sending(close_frame(1011, "out of memory")));
    Sockets client;
    auto socket = client.open(websocket_url(server));
    CHECK(code_of([&] { return client.next(socket); }) == Errc::websocket_closed);
    auto const message = message_of<std::system_error>([&] { return client.next(socket); });
    CHECK_THAT(message, ContainsSubstring("by the server with 1011 (out of memory)"));
    CHECK(socket.close_code() == 1011);
}

TEST_CASE("A server that closes in order and is gone at once has closed in order") {
    RawServer server([](Peer& peer) {
        accept_websocket(peer);
        peer.send(close_frame(1000));
        peer.reset();
    });
    Sockets client;
    auto socket = client.open(websocket_url(server));
    CHECK(client.next(socket) == "(end)");
}

TEST_CASE("An end without a close frame is an error") {
    RawServer server([](Peer& peer) {
        accept_websocket(peer);
        peer.send(frame(0x81, "hello"));
    });
    Sockets client;
    auto socket = client.open(websocket_url(server));
    CHECK(client.next(socket) == "hello");
    CHECK(code_of([&] { return client.next(socket); }) == Errc::connection_lost);
}

TEST_CASE("An end in the middle of a message is an error, over TLS too") {
    CertificateAuthority authority;
    auto server = RawServer::tls(authority.issue(), [](Peer& peer) {
        accept_websocket(peer);
        peer.send(frame(0x81, std::string(100, 'x')).substr(0, 50));
        peer.close_without_notify();
    });
    Sockets client(options().ca_certificates(authority.certificate()));
    auto socket = client.open(server.url());
    CHECK(code_of([&] { return client.next(socket); }) == Errc::connection_lost);
}

TEST_CASE("What TLS finds wrong ends a WebSocket, and is told, by way of a proxy too") {
    CertificateAuthority authority;
    for (Ending const end : breaks_of_tls) {
        auto server = RawServer::tls(authority.issue(), [end](Peer& peer) {
            if (peer.number() > 0) {
                peer.read_head();
                peer.send("HTTP/1.1 200 Connected\r\n\r\n");
            }
            accept_websocket(peer);
            send_together(peer, [&] {
                peer.send(frame(0x81, "hello"));
                end(peer);
            });
            peer.wait_for_close();
        });
        auto const check = [&](Sockets& client, std::string const& url) {
            auto socket = client.open(url);
            CHECK(client.next(socket) == "hello");
            CHECK(is_told_by_tls(message_of<std::system_error>([&] { client.next(socket); })));
        };
        Sockets direct(options().ca_certificates(authority.certificate()));
        check(direct, server.url());
        Sockets behind(options().ca_certificates(authority.certificate()).proxy(server.url()));
        check(behind, "ws://origin.test/");
    }
}

TEST_CASE("close() sends a code and a reason, and waits for the server's close") {
    std::string reason;
    RawServer server([&](Peer& peer) {
        accept_websocket(peer);
        auto const close = read_frame(peer);
        reason = std::to_string(close_code_of(close)) + ' ' + close.payload.substr(2);
        peer.send(frame(0x81, "too late") + close_frame(4000));
        peer.wait_for_close();
    });
    Sockets client;
    auto socket = client.open(websocket_url(server));
    client.runner.run(socket.close(4000, "bye"));
    CHECK_FALSE(socket.is_open());
    CHECK(socket.close_code() == 4000);
    CHECK(client.next(socket) == "(end)");
    CHECK(client.connections().all == 0);
    client.runner.run(socket.close());
    CHECK(server.wait_until_idle());
    CHECK(reason == "4000 bye");
}

TEST_CASE("A server that does not answer a close does not hold it up") {
    RawServer server(sending(""));
    Sockets client;
    auto socket = client.open(websocket_url(server));
    client.runner.run(socket.aexit(nullptr));
    CHECK_FALSE(socket.is_open());
    CHECK(server.wait_until_idle());
}

TEST_CASE("A server that goes on sending does not hold a close up") {
    RawServer server([](Peer& peer) {
        accept_websocket(peer);
        for (;;)
            peer.send(frame(0x81, std::string(1000, 'x')));
    });
    Sockets client;
    auto socket = client.open(websocket_url(server));
    client.runner.run(socket.close());
    CHECK(server.wait_until_idle());
}

asio::awaitable<void> leave_when_cancelled(WebSocket& socket, Gate& started) {
    std::exception_ptr error;
    try {
        started.open();
        static_cast<void>(co_await socket.anext());
    } catch (...) {
        error = std::current_exception();
    }
    co_await asio::this_coro::throw_if_cancelled(false);
    co_await socket.aexit(error);
    std::rethrow_exception(error);
}

TEST_CASE("A cancellation that passes through closes the WebSocket with a close frame") {
    bool has_closed = false;
    RawServer server([&](Peer& peer) {
        accept_websocket(peer);
        has_closed = close_code_of(read_frame(peer)) == 1000;
        peer.send(close_frame(1000));
        peer.wait_for_close();
    });
    Sockets client;
    auto socket = client.open(websocket_url(server));
    Gate started;
    auto task = leave_when_cancelled(socket, started);
    CHECK(code_of([&] {
              run_and_stop(client.runner, started, std::move(task));
          }) == syncopate::Errc::cancelled);
    CHECK(socket.close_code() == 1000);
    CHECK(server.wait_until_idle());
    CHECK(has_closed);
}

TEST_CASE("A close goes on when it is cancelled") {
    Gate closing;
    Gate cancelled;
    RawServer server([&](Peer& peer) {
        accept_websocket(peer);
        read_frame(peer);
        closing.open();
        cancelled.wait();
        peer.send(close_frame(1000));
        peer.wait_for_close();
    });
    Sockets client;
    auto socket = client.open(websocket_url(server));
    auto task = socket.close();
    CHECK_NOTHROW(run_and_stop(client.runner, closing, cancelled, std::move(task)));
    CHECK_FALSE(socket.is_open());
}

TEST_CASE("A close ends the anext() that waits") {
    RawServer server(beast_echo);
    Sockets client;
    auto socket = client.open(websocket_url(server));
    auto waiting = client.runner.run_as_future(socket.anext());
    client.runner.run(socket.close());
    CHECK_FALSE(waiting.get());
}

TEST_CASE("After the end nothing is sent") {
    RawServer server(beast_echo);
    Sockets client;
    auto socket = client.open(websocket_url(server));
    client.runner.run(socket.close());
    CHECK(code_of([&] { client.send(socket, "x"); }) == Errc::websocket_closed);
}

TEST_CASE("What cannot be sent is refused, and the WebSocket goes on") {
    RawServer server(beast_echo);
    Sockets client;
    auto socket = client.open(websocket_url(server));
    CHECK(code_of([&] { client.send(socket, "\xff"); }) == Errc::invalid_request);
    CHECK(code_of([&] { client.runner.run(socket.close(1005)); }) == Errc::invalid_request);
    CHECK(code_of([&] {
              client.runner.run(socket.close(1000, std::string(124, 'x')));
          }) == Errc::invalid_request);
    client.send(socket, "still there");
    CHECK(client.next(socket) == "still there");
}

// ---- Cancellation, and who else may end it

TEST_CASE("An anext() that is cancelled loses nothing") {
    RawServer server(beast_echo);
    Sockets client;
    auto socket = client.open(websocket_url(server));
    std::stop_source stop;
    auto waiting = client.runner.run_as_future(socket.anext(), stop.get_token());
    stop.request_stop();
    CHECK(code_of([&] { waiting.get(); }) == syncopate::Errc::cancelled);
    client.send(socket, "hello");
    CHECK(client.next(socket) == "hello");
}

TEST_CASE(
    "A send that is cancelled before its turn is not sent, and one that has begun is sent whole") {
    std::string const large(std::size_t{8} * 1024 * 1024, 'x');
    Gate goes_on;
    std::vector<std::size_t> sizes;
    RawServer server([&](Peer& peer) {
        accept_websocket(peer);
        goes_on.wait();
        for (std::size_t size = 0;;) {
            auto const part = read_frame(peer);
            size += part.payload.size();
            if (part.first < 0x80)
                continue;
            sizes.push_back(std::exchange(size, 0));
            if (part.payload == "last")
                break;
        }
        peer.send(frame(0x81, "done"));
        peer.wait_for_close();
    });
    Sockets client;
    auto socket = client.open(websocket_url(server));
    std::stop_source stop;
    auto begun = client.runner.run_as_future(socket.send(large), stop.get_token());
    auto waiting = client.runner.run_as_future(socket.send("second"), stop.get_token());
    client.runner.call([] {});  // both wait now
    stop.request_stop();
    CHECK(code_of([&] { begun.get(); }) == syncopate::Errc::cancelled);
    CHECK(code_of([&] { waiting.get(); }) == syncopate::Errc::cancelled);
    goes_on.open();
    client.send(socket, "last");
    CHECK(client.next(socket) == "done");
    CHECK(sizes == std::vector<std::size_t>{large.size(), 4});
}

TEST_CASE("Two coroutines cannot read one WebSocket") {
    RawServer server(beast_echo);
    Sockets client;
    auto socket = client.open(websocket_url(server));
    auto waiting = client.runner.run_as_future(socket.anext());
    client.runner.call([] {});
    CHECK_THROWS_AS(client.next(socket), std::logic_error);
    client.send(socket, "hello");
    CHECK(waiting.get()->data() == "hello");
}

TEST_CASE("The end of the session ends its WebSockets") {
    RawServer server(sending(""));
    Sockets client;
    auto socket = client.open(websocket_url(server));
    auto waiting = client.runner.run_as_future(socket.anext());
    client.runner.call([] {});
    client.close();
    CHECK(code_of([&] { return waiting.get(); }) == Errc::session_closed);
    CHECK(code_of([&] { return client.next(socket); }) == Errc::session_closed);
    CHECK(code_of([&] { client.send(socket, "x"); }) == Errc::session_closed);
    CHECK_FALSE(socket.is_open());
    CHECK(server.wait_until_idle());
}

TEST_CASE("The end of the session ends a send that is held up") {
    Gate goes_on;
    RawServer server([&](Peer& peer) {
        accept_websocket(peer);
        goes_on.wait();
    });
    Sockets client;
    auto socket = client.open(websocket_url(server));
    std::string const large(std::size_t{16} * 1024 * 1024, 'x');
    auto begun = client.runner.run_as_future(socket.send(large));
    auto waiting = client.runner.run_as_future(socket.send("x"));
    client.runner.call([] {});
    client.close();
    CHECK(code_of([&] { begun.get(); }) == Errc::session_closed);
    CHECK(code_of([&] { waiting.get(); }) == Errc::session_closed);
    goes_on.open();
}

TEST_CASE("A WebSocket has a connection to itself, until it ends") {
    RawServer server({answering(ok()), beast_echo, answering(ok())});
    Sockets client(options().max_connections_per_host(1));
    client.text(server.url());
    auto socket = client.open(websocket_url(server));
    CHECK(client.connections().all == 1);
    CHECK(client.connections().idle == 0);
    auto waiting = client.runner.run_as_future(fetch(client.session, server.url()));
    client.wait_for_waiting(1);
    client.runner.run(socket.close());
    CHECK(waiting.get().empty());
    CHECK(server.connections() == 3);
}

TEST_CASE("A WebSocket that is destroyed on another thread ends") {
    RawServer server(sending(frame(0x81, "hello")));
    Sockets client;
    {
        auto const socket = client.open(websocket_url(server));
    }
    CHECK(server.wait_until_idle());
    CHECK(client.connections().all == 0);
}

TEST_CASE("A WebSocket outlives its session and its loop") {
    RawServer server(sending(""));
    std::optional<WebSocket> left;
    std::optional<WebSocket> closed;
    {
        Sockets client;
        left.emplace(client.open(websocket_url(server)));
        closed.emplace(client.open(websocket_url(server)));
        client.runner.run(closed->close());
    }
    CHECK(server.wait_until_idle());
    CHECK_FALSE(left->is_open());
    CHECK(closed->close_code() == 1000);
}

TEST_CASE("A loop that ends takes the coroutines with it that use a WebSocket") {
    RawServer server(sending(""));
    auto io = std::make_unique<asio::io_context>();
    ClientSession session;
    std::optional<WebSocket> socket;
    auto const use = [&]() -> asio::awaitable<void> {
        socket.emplace(co_await session.websocket(websocket_url(server)));
        io->stop();
        static_cast<void>(co_await socket->anext());
    };
    asio::co_spawn(*io, use, asio::detached);
    io->run();
    io->restart();
    io->poll();
    io.reset();
    CHECK_FALSE(socket->is_open());
    CHECK(server.wait_until_idle());
}

// ---- Silence

TEST_CASE("A server that does not answer a ping is given up") {
    int first = 0;
    RawServer server([&](Peer& peer) {
        accept_websocket(peer);
        first = read_frame(peer).first;
        peer.wait_for_close();
    });
    Sockets client;
    auto socket = client.open(WebSocketRequest(websocket_url(server)).idle_timeout(50ms));
    CHECK(code_of([&] { return client.next(socket); }) == Errc::body_timed_out);
    CHECK(server.wait_until_idle());
    CHECK(first == 0x89);
}

TEST_CASE("A server that answers pings is not given up") {
    RawServer server([](Peer& peer) {
        accept_websocket(peer);
        for (int i = 0; i < 5; ++i)
            peer.send(frame(0x8a, read_frame(peer).payload));
        peer.send(frame(0x81, "still here"));
        peer.wait_for_close();
    });
    Sockets client;
    auto socket = client.open(WebSocketRequest(websocket_url(server)).idle_timeout(200ms));
    CHECK(client.next(socket) == "still here");
}

TEST_CASE("A message may wait to be taken for longer than the idle time-out") {
    RawServer server([](Peer& peer) {
        accept_websocket(peer);
        peer.send(frame(0x81, "first"));
        peer.send(frame(0x81, read_frame(peer).payload));
        peer.wait_for_close();
    });
    Sockets client;
    auto socket = client.open(WebSocketRequest(websocket_url(server)).idle_timeout(100ms));
    client.runner.run(sleep_for(300ms));
    client.send(socket, "second");
    CHECK(client.next(socket) == "first");
    CHECK(client.next(socket) == "second");
}

TEST_CASE("A server that takes nothing is given up") {
    Gate goes_on;
    RawServer server([&](Peer& peer) {
        accept_websocket(peer);
        peer.send(frame(0x81, "never taken"));
        goes_on.wait();
    });
    Sockets client;
    auto socket = client.open(WebSocketRequest(websocket_url(server)).idle_timeout(100ms));
    std::string const large(std::size_t{16} * 1024 * 1024, 'x');
    CHECK(code_of([&] { client.send(socket, large); }) == Errc::body_timed_out);
    goes_on.open();
}

// ---- Frames of a hostile server

TEST_CASE("A message beyond the limit is an error, and the server is told") {
    int code = 0;
    RawServer server([&](Peer& peer) {
        accept_websocket(peer);
        peer.send(frame(0x81, std::string(1000, 'x')) + frame(0x81, std::string(1001, 'x')));
        code = close_code_of(read_frame(peer));
        peer.wait_for_close();
    });
    Sockets client;
    auto socket = client.open(WebSocketRequest(websocket_url(server)).max_message_size(1000));
    CHECK(client.next(socket).size() == 1000);
    CHECK(code_of([&] { return client.next(socket); }) == Errc::body_too_large);
    CHECK(server.wait_until_idle());
    CHECK(code == 1009);
}

TEST_CASE("Fragments count together against the limit") {
    CHECK(
        error_after(frame(0x01, std::string(600, 'x')) + frame(0x80, std::string(600, 'x'))) ==
        Errc::body_too_large);
}

TEST_CASE("A frame that announces more than there can be is refused at once") {
    CHECK(
        error_after("\x81\x7f" + std::string("\x7f\xff\xff\xff\xff\xff\xff\xff", 8)) ==
        Errc::body_too_large);
}

TEST_CASE("A compressed message beyond the limit is not decompressed") {
    RawServer server(beast_echo);
    Sockets client;
    auto socket = client.open(
        WebSocketRequest(websocket_url(server)).compress(true).max_message_size(10'000));
    client.send(socket, std::string(100'000, 'x'));
    CHECK(code_of([&] { return client.next(socket); }) == Errc::body_too_large);
}

TEST_CASE("Text that is not UTF-8 is an error") {
    CHECK(error_after(frame(0x81, "\xc3\x28")) == Errc::malformed_response);
    CHECK(error_after(frame(0x01, "\xc3") + frame(0x80, "x")) == Errc::malformed_response);
    CHECK(error_after(frame(0x81, "cut \xe2\x82")) == Errc::malformed_response);
}

TEST_CASE("A frame that breaks the rules is an error") {
    std::string masked("\x81\x81", 2);
    CHECK(error_after(masked + "mask" + "x") == Errc::malformed_response);
    CHECK(error_after(frame(0x83, "reserved opcode")) == Errc::malformed_response);
    CHECK(error_after(frame(0xc1, "compressed")) == Errc::malformed_response);
    CHECK(error_after(frame(0x80, "goes on with nothing")) == Errc::malformed_response);
    CHECK(error_after(frame(0x01, "a") + frame(0x81, "b")) == Errc::malformed_response);
    CHECK(error_after(frame(0x09, "half a ping")) == Errc::malformed_response);
    CHECK(error_after(frame(0x89, std::string(126, 'x'))) == Errc::malformed_response);
    CHECK(error_after(close_frame(999)) == Errc::malformed_response);
    CHECK(error_after(frame(0x88, "x")) == Errc::malformed_response);
    CHECK(error_after(close_frame(1000, "\xff")) == Errc::malformed_response);
}

TEST_CASE("A flood of pings and empty fragments is bounded by the time-outs of the program") {
    RawServer server([](Peer& peer) {
        accept_websocket(peer);
        peer.send(frame(0x01, ""));
        std::string flood;
        for (int i = 0; i < 1000; ++i)
            flood += frame(0x00, "") + frame(0x89, "x");
        for (;;)
            peer.send(flood);
    });
    Sockets client;
    auto socket = client.open(websocket_url(server));
    CHECK_THROWS_AS(client.runner.run_for(50ms, socket.anext()), std::system_error);
    client.close();
    CHECK(server.wait_until_idle());
}

// NOLINTBEGIN(bugprone-use-after-move,hicpp-invalid-access-moved)

TEST_CASE("A WebSocket that was moved from has ended") {
    RawServer const server(sending(""));
    Sockets client;
    auto& runner = client.runner;
    auto socket = client.open(server.url());
    WebSocket other = std::move(socket);

    CHECK_FALSE(socket.is_open());
    CHECK(socket.close_code() == 0);
    CHECK(code_of([&] { return runner.run(socket.anext()); }) == Errc::websocket_closed);
    CHECK(code_of([&] { runner.run(socket.send("text")); }) == Errc::websocket_closed);
    CHECK(code_of([&] { return socket.headers().size(); }) == Errc::websocket_closed);
    CHECK(code_of([&] { return socket.subprotocol(); }) == Errc::websocket_closed);
    CHECK(code_of([&] { return socket.close_reason(); }) == Errc::websocket_closed);
    CHECK_NOTHROW(runner.run(socket.close()));

    socket = std::move(other);
    CHECK(socket.is_open());

    ClientSession const owner(std::move(client.session));
    CHECK(client.error_of_open(server.url()) == Errc::session_closed);
}

// NOLINTEND(bugprone-use-after-move,hicpp-invalid-access-moved)

}  // namespace
