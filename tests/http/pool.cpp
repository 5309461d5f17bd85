// The connections of a session: which request gets which, which are used again, and which are not.
#include "support/broken_tls.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/http.hpp"
#include "support/raw_server.hpp"
#include "support/tasks.hpp"
#include <syncopate/async_generator.hpp>
#include <syncopate/gather.hpp>
#include <syncopate/http/detail/connection/connection.hpp>
#include <syncopate/http/detail/connection/socket.hpp>
#include <syncopate/http/detail/message/input_buffer.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/options.hpp>
#include <syncopate/http/request.hpp>
#include <syncopate/http/response.hpp>
#include <syncopate/http/session.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <cstddef>
#include <exception>
#include <future>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using namespace syncopate::http;
using Catch::Matchers::StartsWith;

SessionOptions options() {
    return SessionOptions();
}

// Answers with the number of the connection, again and again.
void tell_number(Peer& peer) {
    for (;;) {
        peer.read_request();
        peer.send(ok(std::to_string(peer.number())));
    }
}

asio::awaitable<void> fetch_and_note(
    ClientSession& session, std::string url, std::vector<std::string>& notes) {
    auto text = co_await fetch(session, std::move(url));
    notes.push_back(std::move(text));
}

syncopate::AsyncGenerator<std::string> two_pieces() {
    co_yield std::string("one");
    co_yield std::string("two");
}

// ---- What a connection reads while nobody waits for it

TEST_CASE(
    "A connection takes what comes while its reader is busy, and keeps no loop running for that") {
    using syncopate::http::detail::Connection;
    using syncopate::http::detail::ConnectionPointer;
    using syncopate::http::detail::InputBuffer;
    asio::io_context context;
    asio::ip::tcp::acceptor acceptor(context, {asio::ip::address_v4::loopback(), 0});
    asio::ip::tcp::socket peer(context);
    peer.connect(acceptor.local_endpoint());
    ConnectionPointer const connection(
        new Connection(syncopate::http::detail::Socket(acceptor.accept())));
    auto const send = [&](std::string const& text) {
        asio::write(peer, asio::buffer(text));
        connection->socket().wait(asio::socket_base::wait_read);
    };
    auto const turn_loop = [&] {
        context.restart();
        context.poll();
        return context.stopped();  // nothing is pending
    };
    connection->read_soon();
    CHECK(turn_loop());
    CHECK(connection->input().empty());
    send("one");
    connection->read_soon();
    CHECK(connection->input().empty());
    CHECK(turn_loop());
    CHECK(connection->input().view() == "one");
    send("two");
    connection->read_available();
    CHECK(connection->input().view() == "onetwo");

    connection->read_soon();
    connection->start_read();  // takes its place
    CHECK_FALSE(turn_loop());
    send("three");
    connection->read_available();
    CHECK(connection->input().view() == "onetwo");
    CHECK(turn_loop());
    CHECK(connection->input().view() == "onetwothree");

    peer.non_blocking(true);
    std::string const much(InputBuffer::largest, 'x');
    for (int i = 0; i < 20; ++i) {
        boost::system::error_code is_full;
        peer.write_some(asio::buffer(much), is_full);
        connection->read_available();
    }
    CHECK(connection->input().view().size() == InputBuffer::largest);
    peer.close();
    while (!connection->read_error()) {
        connection->input().consume(connection->input().view().size());
        connection->read_available();
    }
    CHECK(connection->read_error() == asio::error::eof);
}

// ---- Which connection a request gets

TEST_CASE("Requests that follow one another share a connection") {
    RawServer server(tell_number);
    SessionOnLoop client;
    for (int i = 0; i < 3; ++i)
        CHECK(client.text(server.url()) == "0");
    CHECK(server.connections() == 1);
    CHECK(client.connections().all == 1);
    CHECK(client.connections().idle == 1);
}

TEST_CASE("A host in another case is the same host") {
    RawServer server(tell_number);
    SessionOnLoop client;
    auto const port = std::to_string(server.port());
    CHECK(client.text("http://localhost:" + port) == "0");
    CHECK(client.text("HTTP://LOCALhost:" + port) == "0");
}

TEST_CASE("Two names of a host are two hosts to the pool") {
    RawServer server(tell_number);
    SessionOnLoop client;
    auto const port = std::to_string(server.port());
    CHECK(client.text("http://127.0.0.1:" + port) == "0");
    CHECK(client.text("http://localhost:" + port) == "1");
}

TEST_CASE("The connection that was given back last is used first") {
    RawServer server(tell_number);
    SessionOnLoop client;
    auto first = client.get(server.url());
    auto second = client.get(server.url());
    CHECK(client.text(second) == "1");
    CHECK(client.text(first) == "0");
    CHECK(client.text(server.url()) == "0");
}

TEST_CASE("A response holds its connection until its body has been read") {
    RawServer server(tell_number);
    SessionOnLoop client(options().max_connections(1));
    auto first = client.get(server.url());
    auto second = client.runner.run_as_future(fetch(client.session, server.url()));
    client.wait_for_waiting(1);
    CHECK(server.requests().size() == 1);
    CHECK(client.text(first) == "0");
    CHECK(second.get() == "0");
}

TEST_CASE("Requests that wait for a connection are served in their order") {
    RawServer server(tell_number);
    SessionOnLoop client(options().max_connections(1));
    auto first = client.get(server.url("/first"));
    std::vector<std::future<std::string>> waiting;
    for (std::size_t i = 0; i < 5; ++i) {
        waiting.push_back(client.runner.run_as_future(
            fetch(client.session, server.url("/" + std::to_string(i)))));
        client.wait_for_waiting(i + 1);
    }
    client.text(first);
    for (auto& each : waiting)
        CHECK(each.get() == "0");
    auto const requests = server.requests();
    REQUIRE(requests.size() == 6);
    for (std::size_t i = 0; i < 5; ++i)
        CHECK_THAT(requests[i + 1], StartsWith("GET /" + std::to_string(i) + " "));
}

TEST_CASE("A host has no more connections than max_connections_per_host") {
    RawServer server(tell_number);
    SessionOnLoop client(options().max_connections_per_host(2));
    auto first = client.get(server.url());
    auto second = client.get(server.url());
    auto third = client.runner.run_as_future(fetch(client.session, server.url()));
    client.wait_for_waiting(1);
    CHECK(server.connections() == 2);
    client.text(second);
    CHECK(third.get() == "1");
}

TEST_CASE("max_connections(0) and max_connections_per_host(0) are no limit") {
    RawServer server(tell_number);
    SessionOnLoop client(
        options().max_connections(0).max_connections_per_host(0).total_timeout(10s));
    auto first = client.get(server.url());
    auto second = client.get(server.url());
    CHECK(client.text(server.url()) == "2");
    CHECK(client.connections().all == 3);
}

TEST_CASE("Nobody waits behind those whose host has all its connections") {
    RawServer busy(tell_number);
    RawServer other(tell_number);
    SessionOnLoop client(options().max_connections_per_host(1));
    auto held = client.get(busy.url());
    auto waiting = client.runner.run_as_future(fetch(client.session, busy.url()));
    client.wait_for_waiting(1);
    CHECK(client.runner.run_for(20s, fetch(client.session, other.url())) == "0");
    CHECK(client.connections().requests_waiting == 1);
    client.text(held);
    CHECK(waiting.get() == "0");
}

TEST_CASE("An idle connection makes room for one to another host") {
    RawServer first([](Peer& peer) {
        peer.read_request();
        peer.send(ok());
        peer.wait_for_close();
    });
    RawServer second(tell_number);
    SessionOnLoop client(options().max_connections(1));
    client.text(first.url());
    CHECK(client.text(second.url()) == "0");
    CHECK(first.wait_until_idle());
    CHECK(client.connections().all == 1);
}

TEST_CASE("An idle connection makes room for a request that waits for another host") {
    RawServer first(tell_number);
    RawServer second(tell_number);
    SessionOnLoop client(options().max_connections(1));
    auto held = client.get(first.url());
    auto waiting = client.runner.run_as_future(fetch(client.session, second.url()));
    client.wait_for_waiting(1);
    client.text(held);
    CHECK(waiting.get() == "0");
    CHECK(client.connections().all == 1);
}

TEST_CASE("The connection that has been idle for longest makes room") {
    RawServer first(tell_number);
    RawServer second(tell_number);
    RawServer third(tell_number);
    SessionOnLoop client(options().max_connections(2));
    client.text(first.url());
    client.text(second.url());
    client.text(third.url());
    client.text(second.url());
    CHECK(second.connections() == 1);
    client.text(first.url());
    CHECK(first.connections() == 2);
}

asio::awaitable<std::string> fetch_all(
    ClientSession& session, std::string url, std::size_t count, std::size_t& most) {
    std::vector<asio::awaitable<std::string>> tasks;
    for (std::size_t i = 0; i < count; ++i)
        tasks.push_back(fetch(session, url));
    auto const texts = co_await syncopate::gather(std::move(tasks));
    most = session.connections().all;
    std::string all;
    for (auto const& text : texts)
        all += text;
    co_return all;
}

TEST_CASE("1,000 requests at once go through 10 connections") {
    RawServer server(answering(ok("x")));
    SessionOnLoop client(options().max_connections(10));
    std::size_t most = 0;
    CHECK(
        client.runner.run(fetch_all(client.session, server.url(), 1000, most)) ==
        std::string(1000, 'x'));
    CHECK(most == 10);
    CHECK(server.connections() == 10);
    CHECK(server.requests().size() == 1000);
    CHECK(client.connections().idle == 10);
}

// ---- What becomes of idle connections

void wait_for_no_connection(SessionOnLoop& client) {
    while (client.connections().all != 0)
        std::this_thread::yield();
}

TEST_CASE("An idle connection is closed when its time is up, although no request follows") {
    RawServer server([](Peer& peer) {
        peer.read_request();
        peer.send(ok("0"));
        peer.wait_for_close();
    });
    SessionOnLoop client(options().idle_timeout(20ms));
    CHECK(client.text(server.url()) == "0");
    CHECK(server.wait_until_idle());
    wait_for_no_connection(client);
}

TEST_CASE("Each idle connection has a time of its own") {
    RawServer soon([](Peer& peer) {
        peer.read_request();
        peer.send(response("200 OK", "Keep-Alive: timeout=1\r\n", ""));
        peer.wait_for_close();
    });
    RawServer later(tell_number);
    SessionOnLoop client(options().idle_timeout(1h));
    client.text(later.url());
    client.text(soon.url());
    CHECK(soon.wait_until_idle());
    CHECK(client.text(later.url()) == "0");
}

TEST_CASE("An idle connection that the server has closed is closed, although no request follows") {
    RawServer server(answering_once(ok("0")));
    SessionOnLoop client(options().idle_timeout(1h));
    CHECK(client.text(server.url()) == "0");
    wait_for_no_connection(client);
}

TEST_CASE("So is one over TLS whose server has said that nothing more comes") {
    CertificateAuthority const authority;
    RawServer server = RawServer::tls(authority.issue(), [](Peer& peer) {
        peer.read_request();
        peer.send(ok("0"));
        peer.send_close_notify();
        peer.wait_for_close();
    });
    SessionOnLoop client(options().idle_timeout(1h).ca_certificates(authority.certificate()));
    CHECK(client.text(server.url()) == "0");
    wait_for_no_connection(client);
    CHECK(server.wait_until_idle());
}

TEST_CASE("An idle connection does not keep its io_context running") {
    RawServer server(tell_number);
    asio::io_context context;
    ClientSession session(options().idle_timeout(1h).read_timeout(0s).total_timeout(0s));
    auto const on_strand = GENERATE(false, true);
    asio::any_io_executor executor = context.get_executor();
    if (on_strand)
        executor = asio::make_strand(context);
    for (int i = 0; i < 2; ++i) {
        auto text = asio::co_spawn(executor, fetch(session, server.url()), asio::use_future);
        context.run();
        CHECK(text.get() == "0");
        CHECK(session.connections().idle == 1);
        context.restart();
    }
}

TEST_CASE("An idle connection does not keep a thread_pool running") {
    RawServer server(tell_number);
    asio::thread_pool pool(1);
    ClientSession session(options().idle_timeout(1h));
    auto text = asio::co_spawn(pool, fetch(session, server.url()), asio::use_future);
    pool.join();
    CHECK(text.get() == "0");
}

TEST_CASE("An io_context that was left with an idle connection closes it when it goes on") {
    RawServer server([](Peer& peer) {
        peer.read_request();
        peer.send(ok("0"));
        peer.wait_for_close();
    });
    asio::io_context context;
    ClientSession session(options().idle_timeout(20ms));
    auto text = asio::co_spawn(context, fetch(session, server.url()), asio::use_future);
    context.run();
    CHECK(text.get() == "0");
    context.restart();
    auto const guard = asio::make_work_guard(context);
    while (session.connections().all != 0)
        context.run_one_for(1s);
    CHECK(server.wait_until_idle());
}

// ---- Which connections are not used again

TEST_CASE("A connection that has been idle for too long is not used again") {
    RawServer server(tell_number);
    SessionOnLoop client(options().idle_timeout(1ns));
    client.text(server.url());
    CHECK(client.text(server.url()) == "1");
    CHECK(client.connections().all <= 1);
}

TEST_CASE(
    "With an idle time of zero or less, a connection is closed as soon as its response has been read") {
    RawServer server(tell_number);
    SessionOnLoop client(options().idle_timeout(GENERATE(0s, -1s)));
    CHECK(client.text(server.url()) == "0");
    CHECK(client.connections().all == 0);
}

TEST_CASE("The idle time of a connection goes on while a request is redirected to it") {
    constexpr auto idle_time = 20ms;
    RawServer server(tell_number);
    RawServer first([&](Peer& peer) {
        peer.read_request();
        std::this_thread::sleep_for(idle_time);
        peer.send(
            response("302 Found", "Connection: close\r\nLocation: " + server.url() + "\r\n", ""));
    });
    SessionOnLoop client(options().idle_timeout(idle_time));
    client.text(server.url());
    CHECK(client.text(first.url()) == "1");
}

TEST_CASE("Keep-Alive: timeout shortens the time that a connection may be idle") {
    auto const [fields, number] = GENERATE(table<std::string, std::string>(
        {{"Keep-Alive: max=5, timeout=0\r\n", "1"},
         {"Keep-Alive: timeout=1000\r\n", "0"},
         {"Keep-Alive: timeout=x\r\n", "0"},
         {"Keep-Alive: ,=,\r\n", "0"}}));
    RawServer server([answer = fields](Peer& peer) {
        for (;;) {
            peer.read_request();
            peer.send(response("200 OK", answer, std::to_string(peer.number())));
        }
    });
    SessionOnLoop client;
    client.text(server.url());
    CHECK(client.text(server.url()) == number);
}

TEST_CASE("A response that ends with its connection leaves none to use again") {
    auto const answer = GENERATE(
        std::string("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx"),
        std::string("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx"),
        std::string("HTTP/1.1 200 OK\r\n\r\nx"));
    RawServer server([answer](Peer& peer) {
        peer.read_request();
        peer.send(answer);
        peer.shutdown_write();
        peer.wait_for_close();
    });
    SessionOnLoop client;
    CHECK(client.text(server.url()) == "x");
    CHECK(server.wait_until_idle());
    CHECK(client.connections().all == 0);
}

TEST_CASE("A request with Connection: close leaves no connection to use again") {
    RawServer server(tell_number);
    SessionOnLoop client;
    CHECK(client.text(Request(Verb::get, server.url()).header("Connection", "close")) == "0");
    CHECK(client.connections().all == 0);
    CHECK(client.text(server.url()) == "1");
}

TEST_CASE("What comes together with a response and behind it closes the connection") {
    RawServer server(std::vector<Script>{
        [](Peer& peer) {
            peer.read_request();
            peer.send(ok("0") + ok("false"));
            peer.wait_for_close();
        },
        tell_number});
    SessionOnLoop client;
    CHECK(client.text(server.url()) == "0");
    CHECK(client.connections().all == 0);
    CHECK(client.text(server.url()) == "1");
}

TEST_CASE("A response over TLS that nobody asked for is not taken for the answer to a request") {
    CertificateAuthority const authority;
    RawServer server = RawServer::tls(
        authority.issue(), std::vector<Script>{
                               [](Peer& peer) {
                                   peer.read_request();
                                   send_together(peer, [&] {
                                       peer.send(ok("0"));
                                       peer.send(ok("false"));
                                   });
                                   peer.wait_for_close();
                               },
                               tell_number});
    SessionOnLoop client(options().ca_certificates(authority.certificate()));
    CHECK(client.text(server.url()) == "0");
    CHECK(client.text(server.url()) == "1");
}

// Answers a request, and says something when the gate is open that the client has not asked for.
Script speaking_up(Gate& may_speak, Gate& has_spoken, std::string unsolicited, bool closes) {
    return [&, unsolicited, closes](Peer& peer) {
        peer.read_request();
        peer.send(ok("0"));
        may_speak.wait();
        peer.send(unsolicited);
        if (closes)
            peer.shutdown_write();
        wait_until_received(peer);
        has_spoken.open();
        peer.wait_for_close();
    };
}

constexpr auto request_timeout_response =
    "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

TEST_CASE("A connection on which a 408 came while it was idle is not used again") {
    auto const verb = GENERATE(Verb::get, Verb::post);
    auto const closes = GENERATE(true, false);
    Gate may_speak;
    Gate has_spoken;
    RawServer server(std::vector<Script>{
        speaking_up(may_speak, has_spoken, request_timeout_response, closes), tell_number});
    SessionOnLoop client;
    client.text(server.url());
    may_speak.open();
    has_spoken.wait();
    CHECK(client.text(Request(verb, server.url())) == "1");
    CHECK(server.requests().size() == 2);
    CHECK(client.connections().all == 1);
}

TEST_CASE("A connection over TLS on which a 408 came while it was idle is not used again") {
    CertificateAuthority const authority;
    Gate may_speak;
    Gate has_spoken;
    RawServer server = RawServer::tls(
        authority.issue(),
        std::vector<Script>{
            speaking_up(may_speak, has_spoken, request_timeout_response, false), tell_number});
    SessionOnLoop client(options().ca_certificates(authority.certificate()));
    client.text(server.url());
    may_speak.open();
    has_spoken.wait();
    CHECK(client.text(server.url()) == "1");
}

TEST_CASE("A request that may not be repeated is not sent where the server has closed") {
    Gate may_close;
    Gate has_closed;
    RawServer server(
        std::vector<Script>{speaking_up(may_close, has_closed, "", true), tell_number});
    SessionOnLoop client;
    client.text(server.url());
    may_close.open();
    has_closed.wait();
    CHECK(client.text(Request(Verb::post, server.url()).body("once")) == "1");
    CHECK(server.requests().size() == 2);
}

TEST_CASE("A stream is still whole when its first connection turns out to be closed") {
    Gate may_close;
    Gate has_closed;
    RawServer server(
        std::vector<Script>{speaking_up(may_close, has_closed, "", true), tell_number});
    SessionOnLoop client;
    client.text(server.url());
    may_close.open();
    has_closed.wait();
    CHECK(client.text(Request(Verb::put, server.url()).body_stream(two_pieces())) == "1");
    CHECK_THAT(
        server.requests().back(),
        Catch::Matchers::EndsWith("\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"));
}

// ---- A request whose connection was closed under it

// Answers one request, and closes when the second has come.
void close_at_second(Peer& peer) {
    peer.read_request();
    peer.send(ok("0"));
    peer.read_request();
}

TEST_CASE("A request that may be repeated is, when its idle connection was closed") {
    auto const verb = GENERATE(Verb::get, Verb::head, Verb::put, Verb::delete_, Verb::options);
    auto const ends_by_reset = GENERATE(false, true);
    RawServer server(std::vector<Script>{
        [ends_by_reset](Peer& peer) {
            close_at_second(peer);
            if (ends_by_reset)
                peer.reset();
        },
        tell_number});
    SessionOnLoop client;
    client.text(server.url());
    CHECK(client.text(Request(verb, server.url()).body("body")) == (verb == Verb::head ? "" : "1"));
    auto const requests = server.requests();
    REQUIRE(requests.size() == 3);
    CHECK(requests[1] == requests[2]);
    CHECK(client.connections().all == client.connections().idle);
}

TEST_CASE("A request over TLS is repeated, whichever way its idle connection was closed") {
    auto const says_so = GENERATE(false, true);
    CertificateAuthority const authority;
    RawServer server = RawServer::tls(
        authority.issue(), std::vector<Script>{
                               [says_so](Peer& peer) {
                                   close_at_second(peer);
                                   if (!says_so)
                                       peer.close_without_notify();
                               },
                               tell_number});
    SessionOnLoop client(options().ca_certificates(authority.certificate()));
    client.text(server.url());
    CHECK(client.text(server.url()) == "1");
    CHECK(server.requests().size() == 3);
}

TEST_CASE("A request is repeated if TLS breaks on its idle connection, unless it must not be") {
    CertificateAuthority const authority;
    for (Ending const end : breaks_of_tls) {
        RawServer server = RawServer::tls(
            authority.issue(), std::vector<Script>{
                                   [end](Peer& peer) {
                                       close_at_second(peer);
                                       end(peer);
                                       peer.wait_for_close();
                                   },
                                   tell_number});
        SessionOnLoop client(options().ca_certificates(authority.certificate()));
        client.text(server.url());
        CHECK(client.text(server.url()) == "1");
        CHECK(server.requests().size() == 3);

        RawServer second = RawServer::tls(authority.issue(), [end](Peer& peer) {
            close_at_second(peer);
            end(peer);
            peer.wait_for_close();
        });
        client.text(second.url());
        auto const message = message_of<std::system_error>(
            [&] { client.text(Request(Verb::post, second.url()).body("once")); });
        CHECK(is_told_by_tls(message));
        CHECK(second.connections() == 1);
    }
}

TEST_CASE("A request is repeated only once") {
    RawServer server(std::vector<Script>{close_at_second, [](Peer& peer) { peer.read_request(); }});
    SessionOnLoop client;
    client.text(server.url());
    CHECK(code_of([&] { client.text(server.url()); }) == Errc::connection_lost);
    CHECK(server.requests().size() == 3);
    CHECK(client.connections().all == 0);
}

TEST_CASE("A request on a new connection is not repeated") {
    RawServer server([](Peer& peer) { peer.read_request(); });
    SessionOnLoop client;
    CHECK(code_of([&] { client.text(server.url()); }) == Errc::connection_lost);
    CHECK(server.requests().size() == 1);
}

TEST_CASE("A request that may not be repeated is not, when its idle connection was closed") {
    RawServer server(std::vector<Script>{close_at_second, tell_number});
    SessionOnLoop client;
    client.text(server.url());
    auto const verb = GENERATE(Verb::post, Verb::patch);
    CHECK(code_of([&] {
              client.text(Request(verb, server.url()).body("once"));
          }) == Errc::connection_lost);
    CHECK(server.requests().size() == 2);
    CHECK(client.connections().all == 0);
}

TEST_CASE("A streamed body is not sent again when its idle connection was closed") {
    RawServer server(std::vector<Script>{close_at_second, tell_number});
    SessionOnLoop client;
    client.text(server.url());
    CHECK(code_of([&] {
              client.text(Request(Verb::put, server.url()).body_stream(two_pieces()));
          }) == Errc::connection_lost);
    CHECK(server.requests().size() == 2);
}

TEST_CASE("Nothing is repeated without retry") {
    RawServer server(std::vector<Script>{close_at_second, tell_number});
    SessionOnLoop client(options().retry(false));
    client.text(server.url());
    CHECK(code_of([&] { client.text(server.url()); }) == Errc::connection_lost);
    CHECK(server.requests().size() == 2);
}

TEST_CASE("Nothing is repeated when a part of the response has come, or an interim response") {
    auto const first = GENERATE(as<std::string>(), "H", "HTTP/1.1 103 Early Hints\r\n\r\n");
    CAPTURE(first);
    RawServer server(std::vector<Script>{
        [&](Peer& peer) {
            close_at_second(peer);
            peer.send(first);
        },
        tell_number});
    SessionOnLoop client;
    client.text(server.url());
    CHECK(code_of([&] { client.text(server.url()); }) == Errc::connection_lost);
    CHECK(server.requests().size() == 2);
}

// ---- Bodies that nobody reads

// The first response is what the parameter says, and its connection waits for what the client does.
Scripts with_first_response(std::string first) {
    return std::vector<Script>{
        [first = std::move(first)](Peer& peer) {
            peer.read_request();
            peer.send(first);
            tell_number(peer);
        },
        tell_number};
}

TEST_CASE("A response that is left unread gives its connection back if the rest is short") {
    auto const first = GENERATE(
        ok(""), ok("x"), ok(std::string(65536, 'x')),
        std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
        response("200 OK", "Content-Encoding: gzip\r\n", "corrupt"));
    RawServer server(with_first_response(first));
    SessionOnLoop client(options().max_connections(1));
    auto left = client.get(server.url());
    client.leave(left);
    CHECK(client.connections().idle == 1);
    CHECK(client.text(server.url()) == "0");
}

TEST_CASE("A response that is left unread closes its connection if the rest is long") {
    auto const first = GENERATE(
        std::string("HTTP/1.1 200 OK\r\nContent-Length: 65537\r\n\r\n"),
        std::string("HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n"),
        std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n20001\r\n") +
            std::string(0x20001, 'x'),
        std::string("HTTP/1.1 200 OK\r\n\r\nto the end"));
    RawServer server(with_first_response(first));
    SessionOnLoop client(options().max_connections(1));
    auto left = client.get(server.url());
    client.leave(left);
    CHECK(client.connections().all == 0);
    CHECK(client.text(server.url()) == "1");
}

TEST_CASE("A response that is left unread closes its connection if the rest does not come") {
    RawServer server(with_first_response("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nx"));
    SessionOnLoop client;
    auto left = client.get(server.url());
    client.leave(left);
    CHECK(client.connections().all == 0);
    CHECK(client.text(server.url()) == "1");
}

TEST_CASE("A response that is left unread closes its connection if the rest is malformed") {
    RawServer server(with_first_response(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno size\r\n\r\n"));
    SessionOnLoop client;
    auto left = client.get(server.url());
    client.leave(left);
    CHECK(client.connections().all == 0);
    CHECK(client.text(server.url()) == "1");
}

TEST_CASE("A response that has been left cannot be read") {
    RawServer server(answering(ok("x")));
    SessionOnLoop client;
    auto left = client.get(server.url());
    client.leave(left);
    CHECK(code_of([&] { client.text(left); }) == Errc::response_closed);
    client.leave(left);
}

TEST_CASE("A response that is destroyed lets go of its connection") {
    RawServer server(with_first_response("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nx"));
    SessionOnLoop client(options().max_connections(1));
    static_cast<void>(client.get(server.url()));
    CHECK(client.text(server.url()) == "1");
    CHECK(client.connections().all == 1);
}

TEST_CASE("A response that fails lets go of its connection at once") {
    RawServer server(with_first_response(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno size\r\n\r\n"));
    SessionOnLoop client;
    auto failing = client.get(server.url());
    CHECK(code_of([&] { client.text(failing); }) == Errc::malformed_response);
    CHECK(client.connections().all == 0);
}

// ---- Cancellation

TEST_CASE("A request that is cancelled while it waits leaves its turn to the next") {
    RawServer server(tell_number);
    SessionOnLoop client(options().max_connections(1));
    auto held = client.get(server.url());
    std::stop_source stop;
    auto cancelled = client.runner.run_as_future(
        fetch(client.session, server.url("/cancelled")), stop.get_token());
    client.wait_for_waiting(1);
    auto next = client.runner.run_as_future(fetch(client.session, server.url("/next")));
    client.wait_for_waiting(2);
    stop.request_stop();
    client.wait_for_waiting(1);
    client.text(held);
    CHECK(next.get() == "0");
    CHECK_THROWS(cancelled.get());
    CHECK(server.requests().size() == 2);
}

TEST_CASE("A request whose time is up while it waits leaves its turn to the next") {
    RawServer server(tell_number);
    SessionOnLoop client(options().max_connections(1));
    auto held = client.get(server.url());
    CHECK(code_of([&] {
              client.text(Request(Verb::get, server.url("/late")).timeout(10ms));
          }) == Errc::total_timed_out);
    CHECK(client.connections().requests_waiting == 0);
    client.text(held);
    CHECK(client.text(server.url()) == "0");
    CHECK(server.requests().size() == 2);
}

// A waiter is served, and cancelled before it has gone on.
asio::awaitable<void> leave_and_cancel(Response& held, asio::cancellation_signal& signal) {
    co_await held.aexit(nullptr);
    signal.emit(asio::cancellation_type::terminal);
}

/// Runs tasks on a loop that the test turns itself, one handler at a time.
class Steps {
public:
    /// Returns where it is noted how it ends: nothing before that, null if it returns.
    using End = std::shared_ptr<std::optional<std::exception_ptr>>;

    End start(asio::awaitable<void> task) {
        return start(std::move(task), asio::cancellation_slot());
    }
    End start(asio::awaitable<void> task, asio::cancellation_slot slot) {
        auto const end = std::make_shared<std::optional<std::exception_ptr>>();
        asio::co_spawn(
            loop, std::move(task),
            asio::bind_cancellation_slot(slot, [end](std::exception_ptr error) { *end = error; }));
        return end;
    }
    void finish(End const& end) {
        while (!*end)
            loop.run_one();
    }
    void run(asio::awaitable<void> task) { finish(start(std::move(task))); }

    asio::io_context loop;
};

asio::awaitable<void> get_into(
    ClientSession& session, std::string url, std::optional<Response>& response) {
    auto got = co_await session.get(std::move(url));
    response.emplace(std::move(got));
}

TEST_CASE("A request that is cancelled when it has been given its turn passes that on") {
    RawServer server(tell_number);
    Steps steps;
    ClientSession session(options().max_connections(1));
    std::optional<Response> held;
    std::vector<std::string> texts;
    asio::cancellation_signal signal;
    steps.run(get_into(session, server.url(), held));
    auto const cancelled =
        steps.start(fetch_and_note(session, server.url("/cancelled"), texts), signal.slot());
    auto const next = steps.start(fetch_and_note(session, server.url("/next"), texts));
    while (session.connections().requests_waiting != 2)
        steps.loop.run_one();
    steps.run(leave_and_cancel(*held, signal));
    steps.finish(next);
    steps.finish(cancelled);
    CHECK(*cancelled != nullptr);
    CHECK(*next == nullptr);
    CHECK(session.connections().all == session.connections().idle);
}

// A request that comes by many ways of waiting.
struct Course {
    char const* name;
    bool is_secure;
    bool uploads;
};

void play(Peer& peer, Course const& course) {
    for (;;) {
        auto const head = peer.read_request();
        if (!head.starts_with(course.uploads ? "PUT /first" : "GET /first")) {
            peer.send(ok("last"));
            continue;
        }
        peer.send("HTTP/1.1 100 Continue\r\n\r\n");
        peer.send("HTTP/1.1 307 Go on\r\nLocation: /last\r\nContent-Length: 4\r\n\r\nbo");
        peer.send("dy");
    }
}

RawServer course_server(Course course, CertificateAuthority const& authority) {
    auto const script = [course](Peer& peer) { play(peer, course); };
    if (course.is_secure)
        return RawServer::tls(authority.issue(), script);
    return RawServer(script);
}

Request request_of(Course const& course, std::string url) {
    Request request(course.uploads ? Verb::put : Verb::get, std::move(url));
    if (course.uploads)
        request.body(std::string(course.is_secure ? 100'000 : 3'000'000, 'x'));
    return request;
}

asio::awaitable<void> take_course(ClientSession& session, Request request) {
    static_cast<void>(co_await fetch(session, std::move(request)));
}

// Returns whether the request had ended before it was to be cancelled.
bool cancel_after(int count, RawServer const& server, Course course, SessionOptions settings) {
    Steps steps;
    ClientSession session(std::move(settings.max_connections(1)));
    asio::cancellation_signal signal;
    std::vector<std::string> texts;
    auto const first =
        steps.start(take_course(session, request_of(course, server.url("/first"))), signal.slot());
    auto const next = steps.start(fetch_and_note(session, server.url("/next"), texts));
    for (int i = 0; i < count && !*first; ++i)
        steps.loop.run_one();
    bool const has_ended = first->has_value();
    signal.emit(asio::cancellation_type::terminal);
    steps.finish(first);
    steps.finish(next);
    auto const connections = session.connections();
    CHECK(*next == nullptr);
    CHECK(connections.all == connections.idle);
    CHECK(connections.requests_waiting == 0);
    steps.run(session.aexit(nullptr));
    CHECK(session.connections().all == 0);
    return has_ended;
}

TEST_CASE("A request can be cancelled at each of its steps, and the next one gets its turn") {
    auto const course = GENERATE(
        Course{"plain", false, false}, Course{"TLS", true, false}, Course{"upload", false, true},
        Course{"upload over TLS", true, true});
    INFO(course.name);
    CertificateAuthority const authority;
    RawServer const server = course_server(course, authority);
    bool has_ended = false;
    // Not before the first step: with Boost 1.83, what co_spawn() has not begun then ends by an exception that
    // leaves the io_context.
    for (int count = 1; !has_ended; ++count) {
        INFO("after " << count << " steps");
        has_ended =
            cancel_after(count, server, course, options().ca_certificates(authority.certificate()));
    }
}

}  // namespace
