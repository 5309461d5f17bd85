// Requests whose body waits for 100 Continue.
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/http.hpp"
#include "support/raw_server.hpp"
#include "support/temporary_directory.hpp"
#include <syncopate/async_generator.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/options.hpp>
#include <syncopate/http/request.hpp>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <poll.h>

namespace {

using namespace std::chrono_literals;
using namespace support;
using namespace syncopate::http;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::EndsWith;

Request put(RawServer const& server, std::string body = "the body") {
    return Request(Verb::put, server.url()).body(std::move(body)).expect_continue();
}

syncopate::AsyncGenerator<std::string> pieces() {
    co_yield std::string("the ");
    co_yield std::string("body");
}

/// Whether the client sends anything within the time, or goes.
bool is_heard(Peer const& peer, std::chrono::milliseconds time) {
    pollfd events{peer.native_handle(), POLLIN, 0};
    return ::poll(&events, 1, static_cast<int>(time.count())) > 0;
}

TEST_CASE("A body waits for 100 Continue") {
    TemporaryDirectory const directory;
    auto const path = directory.write("a", "the body");
    bool was_early = true;
    RawServer server([&](Peer& peer) {
        for (;;) {
            auto const head = peer.read_head();
            was_early = is_heard(peer, 50ms);
            peer.send("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n");
            peer.send(ok(peer.read_body(head)));
        }
    });
    SessionOnLoop client;
    CHECK(client.text(put(server)) == "the body");
    CHECK_FALSE(was_early);
    CHECK_THAT(server.requests().at(0), ContainsSubstring("\r\nExpect: 100-continue\r\n"));
    CHECK(client.text(put(server).body_stream(pieces())) == "4\r\nthe \r\n4\r\nbody\r\n0\r\n\r\n");
    CHECK_FALSE(was_early);
    CHECK(client.text(put(server).file(path)) == "the body");
    CHECK_FALSE(was_early);
    CHECK(server.connections() == 1);
}

TEST_CASE("A header of that name is the same, also one of the session") {
    bool was_early = true;
    RawServer server([&](Peer& peer) {
        auto const head = peer.read_head();
        was_early = is_heard(peer, 50ms);
        peer.send("HTTP/1.1 100 Continue\r\n\r\n");
        peer.send(ok(peer.read_body(head)));
    });
    auto const in_session = GENERATE(false, true);
    SessionOptions options;
    Request request(Verb::post, server.url());
    request.body("the body");
    if (in_session)
        options.header("expect", "100-Continue");
    else
        request.header("expect", "100-Continue");
    SessionOnLoop client(options);
    CHECK(client.text(request) == "the body");
    CHECK_FALSE(was_early);
}

TEST_CASE("A request without a body expects nothing") {
    RawServer server(answering(ok("good")));
    SessionOnLoop client(SessionOptions().header("Expect", "100-continue"));
    CHECK(client.text(Request(Verb::get, server.url()).expect_continue()) == "good");
    CHECK(client.text(server.url()) == "good");
    for (auto const& request : server.requests())
        CHECK_THAT(request, !ContainsSubstring("xpect"));
}

TEST_CASE("A server that says nothing gets the body after a while") {
    RawServer server(answering(ok("good")));
    SessionOnLoop client;
    CHECK(client.text(put(server)) == "good");
    CHECK_THAT(server.requests().at(0), EndsWith("\r\n\r\nthe body"));
    CHECK(client.connections().idle == 1);
}

TEST_CASE("A final response spares the body its way, and ends the connection") {
    bool was_sent = true;
    RawServer server([&](Peer& peer) {
        peer.read_head();
        peer.send(response("401 Unauthorized", "", "who?"));
        try {
            peer.read_exactly(1);
        } catch (PeerError const&) {
            was_sent = false;
        }
    });
    SessionOnLoop client;
    auto response = client.request(put(server));
    CHECK(response.status() == 401);
    CHECK(client.text(response) == "who?");
    CHECK(client.connections().all == 0);
    CHECK(server.wait_until_idle());
    CHECK_FALSE(was_sent);
}

TEST_CASE("A server that does not know the expectation is asked again without it") {
    RawServer server([](Peer& peer) {
        for (;;) {
            auto const head = peer.read_head();
            if (head.find("Expect") != std::string::npos) {
                peer.send(response("417 Expectation Failed", "Connection: close\r\n", "what?"));
                return;
            }
            peer.send(ok(peer.read_body(head)));
        }
    });
    SessionOnLoop client;
    CHECK(client.text(put(server)) == "the body");
    CHECK(client.text(put(server).body_stream(pieces())) == "4\r\nthe \r\n4\r\nbody\r\n0\r\n\r\n");
    auto response = client.request(put(server));
    CHECK(response.history().empty());
    client.text(response);
}

TEST_CASE("A 417 that comes behind 100 Continue is the response") {
    RawServer server([](Peer& peer) {
        auto const head = peer.read_head();
        peer.send("HTTP/1.1 100 Continue\r\n\r\n");
        peer.read_body(head);
        peer.send(response("417 Expectation Failed", "", ""));
    });
    SessionOnLoop client;
    CHECK(client.request(put(server)).status() == 417);
}

TEST_CASE("A redirect is followed with the body, which has not been sent") {
    RawServer server([](Peer& peer) {
        auto const head = peer.read_head();
        if (peer.number() == 0) {
            peer.send(response("307 Temporary Redirect", "Location: /next\r\n", ""));
            return;
        }
        peer.send("HTTP/1.1 100 Continue\r\n\r\n");
        peer.send(ok(peer.read_body(head)));
    });
    SessionOnLoop client;
    CHECK(client.text(put(server)) == "the body");
}

TEST_CASE("A body waits again on another connection, when the idle one has been closed") {
    RawServer server([](Peer& peer) {
        auto const head = peer.read_head();
        if (peer.number() > 0) {
            peer.send("HTTP/1.1 100 Continue\r\n\r\n");
            peer.send(ok(peer.read_body(head)));
            return;
        }
        peer.send(ok());
        peer.read_head();
        peer.reset();
    });
    SessionOnLoop client;
    client.text(server.url());
    CHECK(client.text(put(server)) == "the body");
    CHECK(server.connections() == 2);
}

TEST_CASE("The deadlines hold while 100 Continue is waited for") {
    RawServer server([](Peer& peer) { peer.wait_for_close(); });
    SessionOnLoop client;
    CHECK(code_of([&] { client.text(put(server).timeout(50ms)); }) == Errc::total_timed_out);
    CHECK(server.wait_until_idle());
}

TEST_CASE("A server that leaves while 100 Continue is waited for is connection_lost") {
    RawServer server([](Peer& peer) { peer.read_head(); });
    SessionOnLoop client;
    CHECK(code_of([&] { client.text(put(server)); }) == Errc::connection_lost);
}

}  // namespace
