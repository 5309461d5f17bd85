// Bodies that are produced while they are sent, and whose next piece takes long.

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/http.hpp"
#include "support/raw_server.hpp"
#include "support/tasks.hpp"
#include <syncopate/async_generator.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/options.hpp>
#include <syncopate/http/request.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using syncopate::AsyncGenerator;
using syncopate::http::Errc;
using syncopate::http::Request;
using syncopate::http::Verb;
using Options = syncopate::http::SessionOptions;

/// One piece, and then none until it is cancelled.
AsyncGenerator<std::string> stalling() {
    Tracked const body;
    co_yield "first";
    co_await forever();
    co_yield "never";
}

AsyncGenerator<std::string> piecemeal(int count) {
    for (int i = 0; i < count; ++i) {
        co_await asio::post(asio::use_awaitable);
        co_yield std::string(1000, 'x');
    }
}

AsyncGenerator<std::string> failing() {
    co_yield "first";
    co_await asio::post(asio::use_awaitable);
    throw std::runtime_error("no more");
}

/// One piece, and then none, until it is cancelled; which takes until the gate is opened.
AsyncGenerator<std::string> slow_to_cancel(Gate& cancelled, Gate& gate) {
    co_yield "first";
    co_await until_cancelled();
    cancelled.open();
    co_await gate.passed();
    co_yield "second";
}

/// The same, but that it is its closing that takes so long.
struct SlowToClose {
    asio::awaitable<std::optional<std::string>> anext() {
        if (!std::exchange(has_begun, true))
            co_return "first";
        co_await forever();
        co_return std::nullopt;
    }
    asio::awaitable<void> aclose() {
        closing.open();
        co_await gate.passed();
    }

    Gate& closing;
    Gate& gate;
    bool has_begun = false;
};

template <class Body>
Request upload(RawServer const& server, Body body) {
    Request request(Verb::post, server.url());
    request.body_stream(std::move(body));
    return request;
}

/// Answers when the first piece has come.
void answer_early(Peer& peer) {
    peer.read_head();
    peer.read_until("first");
    peer.send(response("413 Content Too Large", "", "no"));
    peer.wait_for_close();
}

/// Takes the first piece, tells so, and waits for the client to go.
Script taking_first(Gate& seen) {
    return [&seen](Peer& peer) {
        peer.read_head();
        peer.read_until("first");
        seen.open();
        peer.wait_for_close();
    };
}

}  // namespace

TEST_CASE("A response that comes while the next piece of a body is waited for ends the upload") {
    RawServer server(answer_early);
    SessionOnLoop client;
    CHECK(client.text(upload(server, stalling())) == "no");
    CHECK(client.connections().all == 0);
}

TEST_CASE("A body whose next piece does not come ends at the deadline of the request") {
    RawServer server([](Peer& peer) { peer.wait_for_close(); });
    SessionOnLoop client(Options().total_timeout(200ms));
    CHECK(code_of([&] { client.text(upload(server, stalling())); }) == Errc::total_timed_out);
    CHECK(client.connections().all == 0);
}

TEST_CASE("A server that closes while the next piece of a body is waited for is noticed") {
    RawServer server([](Peer& peer) {
        peer.read_head();
        peer.read_until("first");
    });
    SessionOnLoop client;
    CHECK(code_of([&] { client.text(upload(server, stalling())); }) == Errc::connection_lost);
}

TEST_CASE("A session that is closed does not wait for the next piece of a body") {
    Gate seen;
    RawServer server(taking_first(seen));
    SessionOnLoop client;
    std::jthread const closer([&] {
        seen.wait();
        client.close();
    });
    CHECK(code_of([&] { client.text(upload(server, stalling())); }) == Errc::session_closed);
}

TEST_CASE("A session may be closed while a body that nobody wants any more still ends") {
    Gate ending, closed;
    RawServer server(answer_early);
    SessionOnLoop client;
    std::jthread const closer([&] {
        ending.wait();
        client.close();
        closed.open();
    });
    SECTION("its next piece") {
        CHECK(code_of([&] {
                  client.text(upload(server, slow_to_cancel(ending, closed)));
              }) == Errc::session_closed);
    }
    SECTION("its closing") {
        CHECK(code_of([&] {
                  client.text(upload(server, SlowToClose{ending, closed}));
              }) == Errc::session_closed);
    }
}

TEST_CASE("A request that is cancelled does not wait for the next piece of its body") {
    Gate seen;
    RawServer server(taking_first(seen));
    SessionOnLoop client;
    CHECK(code_of([&] {
              run_and_stop(client.runner, seen, fetch(client.session, upload(server, stalling())));
          }) == syncopate::Errc::cancelled);
    CHECK(client.connections().all == 0);
}

TEST_CASE("A connection carries one streamed body after another") {
    RawServer server(answering(ok("hello")));
    SessionOnLoop client;
    for (int i = 0; i < 5; ++i)
        CHECK(client.text(upload(server, piecemeal(300))) == "hello");
    CHECK(server.connections() == 1);
}

TEST_CASE("A connection is kept whose server has all of a body before its stream tells the end") {
    RawServer server(answering(ok("good")));
    SessionOnLoop client;
    for (int i = 0; i < 2; ++i) {
        auto request = upload(server, stalling());
        CHECK(client.text(request.header("Content-Length", "5")) == "good");
        CHECK(Tracked::alive() == 0);
    }
    CHECK(server.connections() == 1);
}

TEST_CASE("What a streamed body throws ends its request") {
    RawServer server(answering(ok()));
    SessionOnLoop client;
    CHECK(message_of<std::runtime_error>([&] {
              client.text(upload(server, failing()));
          }) == "no more");
    CHECK(client.connections().all == 0);
}
