// Sessions, responses, streams and WebSockets that were moved from: an error that says so, and no crash.
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/http.hpp"
#include "support/raw_server.hpp"
#include "support/websocket.hpp"
#include <syncopate/error.hpp>
#include <syncopate/http/client.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/response.hpp>
#include <syncopate/http/session.hpp>
#include <syncopate/http/websocket.hpp>

#include <exception>
#include <stdexcept>
#include <string>
#include <utility>

// NOLINTBEGIN(bugprone-use-after-move,hicpp-invalid-access-moved)

namespace {

using namespace support;
using namespace syncopate::http;

TEST_CASE("A session that was moved from is closed") {
    RawServer const server(answering(ok("body")));
    SessionOnLoop client;
    auto& session = client.session;
    auto& runner = client.runner;
    ClientSession other(std::move(session));
    CHECK(runner.run(fetch(other, server.url())) == "body");

    CHECK(code_of([&] { return client.get(server.url()); }) == Errc::session_closed);
    CHECK(code_of([&] {
              return client.request(Request(Verb::get, server.url()));
          }) == Errc::session_closed);
    CHECK(code_of([&] { runner.run(session.aenter()); }) == Errc::session_closed);
    CHECK(code_of([&] {
              return runner.run(session.websocket(server.url()));
          }) == Errc::session_closed);
    CHECK(session.cookies() == nullptr);
    CHECK(client.connections().all == 0);
    CHECK_NOTHROW(client.close());

    session = std::move(other);
    CHECK(client.text(server.url()) == "body");
    CHECK(server.connections() == 1);
}

TEST_CASE("A response that was moved from is closed") {
    RawServer const server(answering(ok("body")));
    SessionOnLoop client;
    Response response = client.get(server.url());
    Response other = std::move(response);

    CHECK(code_of([&] { return response.status(); }) == Errc::response_closed);
    CHECK(code_of([&] { return response.reason(); }) == Errc::response_closed);
    CHECK(code_of([&] { return response.headers().size(); }) == Errc::response_closed);
    CHECK(code_of([&] { return response.url(); }) == Errc::response_closed);
    CHECK(code_of([&] { return response.history().size(); }) == Errc::response_closed);
    CHECK(code_of([&] { return response.is_ok(); }) == Errc::response_closed);
    CHECK(code_of([&] { return &response.raise_for_status(); }) == Errc::response_closed);
    CHECK(code_of([&] { return &response.content(); }) == Errc::response_closed);
    CHECK(code_of([&] { return client.text(response); }) == Errc::response_closed);
    CHECK(code_of([&] { return client.runner.run(response.read()); }) == Errc::response_closed);
    CHECK_NOTHROW(client.leave(response));

    CHECK(client.text(other) == "body");
}

TEST_CASE("A client's response and stream that were moved from say so") {
    RawServer const server(answering(ok("body")));
    Client client;
    ClientResponse response = client.get(server.url());
    ClientResponse const other = std::move(response);
    CHECK(code_of([&] { return response.status(); }) == Errc::response_closed);
    CHECK(response.text().empty());
    CHECK(other.text() == "body");

    auto stream = client.stream(server.url());
    auto const other_stream = std::move(stream);
    auto const closed = make_error_code(syncopate::Errc::runner_closed);
    CHECK(code_of([&] { return stream.status(); }) == closed);
    CHECK(code_of([&] { return stream.lines(); }) == closed);
    CHECK(code_of([&] { return stream.chunks(1); }) == closed);
    CHECK_NOTHROW(stream.close());
    CHECK(other_stream.status() == 200);
}

TEST_CASE("An outcome that was moved from has no response") {
    ClientOutcome outcome(std::make_exception_ptr(std::runtime_error("failed")));
    ClientOutcome const other = std::move(outcome);
    CHECK(code_of([&] { return outcome.response().status(); }) == Errc::response_closed);
    CHECK_THROWS_AS(other.response(), std::runtime_error);
}

TEST_CASE("A WebSocket that was moved from has ended") {
    RawServer const server([](Peer& peer) {
        accept_websocket(peer);
        peer.wait_for_close();
    });
    SessionOnLoop client;
    auto& runner = client.runner;
    auto socket = runner.run(client.session.websocket(server.url()));
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
}

}  // namespace

// NOLINTEND(bugprone-use-after-move,hicpp-invalid-access-moved)
