// What a server cannot do: take more memory than allowed, keep a caller beyond its deadline, or have a body that
// is sent hide its answer.

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/http.hpp"
#include "support/raw_server.hpp"
#include "support/tasks.hpp"
#include <syncopate/async_generator.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/json.hpp>
#include <syncopate/http/options.hpp>
#include <syncopate/http/progress.hpp>
#include <syncopate/http/request.hpp>
#include <syncopate/http/response.hpp>
#include <syncopate/http/session.hpp>
#include <syncopate/runner.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <poll.h>
#include <sys/socket.h>
#include <zlib.h>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace std::string_literals;
using namespace support;
using syncopate::AsyncGenerator;
using syncopate::http::ClientSession;
using syncopate::http::Errc;
using syncopate::http::Progress;
using syncopate::http::Request;
using syncopate::http::Response;
using syncopate::http::Verb;
using Options = syncopate::http::SessionOptions;
using Strings = std::vector<std::string>;

/// Sends the first bytes, and then others again and again.
Script sending_without_end(std::string first, std::string again) {
    return [first = std::move(first), again = std::move(again)](Peer& peer) {
        peer.read_request();
        peer.send(first);
        for (;;)
            peer.send(again);
    };
}

Script silent() {
    return [](Peer& peer) { peer.wait_for_close(); };
}

/// Sends a byte, and after a while the next one.
Script sending_slowly(std::string first, char byte) {
    return [first = std::move(first), byte](Peer& peer) {
        peer.read_request();
        peer.send(first);
        for (;;) {
            peer.send(std::string_view(&byte, 1));
            std::this_thread::sleep_for(5ms);
        }
    };
}

/// How a request to this server ends. Its connection is closed.
std::error_code error_at(Script script, Options options = {}) {
    RawServer server(std::move(script));
    SessionOnLoop client(std::move(options));
    auto const error = code_of([&] { client.text(server.url()); });
    CHECK(client.connections().all == 0);
    CHECK(server.wait_until_idle());
    return error;
}

std::string text_at(Script script, Options options = {}) {
    RawServer server(std::move(script));
    SessionOnLoop client(std::move(options));
    return client.text(server.url());
}

/// The response to a GET, however busy the machine is: a time-out that is meant for the body may strike before.
template <class Runner>
Response get_in_time(Runner& runner, ClientSession& session, RawServer const& server) {
    for (;;) {
        try {
            return runner.run(session.get(server.url()));
        } catch (std::system_error const& error) {
            if (error.code() != std::errc::timed_out)
                throw;
        }
    }
}

std::string compressed(std::string_view text, int window_bits, int flush) {
    z_stream stream{};
    ::deflateInit2(&stream, 6, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY);
    std::string out(::deflateBound(&stream, text.size()) + 16, '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream.avail_in = static_cast<uInt>(text.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    ::deflate(&stream, flush);
    out.resize(stream.total_out);
    ::deflateEnd(&stream);
    return out;
}
std::string gzip(std::string_view text) {
    return compressed(text, MAX_WBITS + 16, Z_FINISH);
}
/// Of a deflate stream, without its end: others can follow.
std::string deflate_block(std::string_view text) {
    return compressed(text, -MAX_WBITS, Z_FULL_FLUSH);
}

std::string encoded(std::string_view encoding, std::string_view body) {
    return response("200 OK", "Content-Encoding: " + std::string(encoding) + "\r\n", body);
}

std::string const chunked_head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

asio::awaitable<Strings> collected(AsyncGenerator<std::string> items) {
    Strings all;
    while (auto item = co_await items.anext())
        all.push_back(std::move(*item));
    co_return all;
}

/// The sizes of the pieces of a body, as they come.
asio::awaitable<std::vector<std::size_t>> sizes_of_pieces(Response& response) {
    std::vector<std::size_t> sizes;
    while (auto const piece = co_await response.content().anext())
        sizes.push_back(piece->size());
    co_return sizes;
}

/// Gives the same piece so many times.
AsyncGenerator<std::string> repeated(std::string piece, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        co_await asio::post(asio::use_awaitable);
        co_yield piece;
    }
}

AsyncGenerator<std::string> failing_after(std::string piece) {
    co_yield std::move(piece);
    throw std::runtime_error("no more");
}

/// Gives one piece, and the next one when the gate is open.
AsyncGenerator<std::string> pieces_around(Gate& gate) {
    co_yield "first";
    co_await gate.passed();
    co_yield "second";
}

std::string const piece_of_64k(std::size_t{64} * 1024, 'x');

/// Reads nothing until the end of the test, or that of the connection.
void wait_unread(Peer const& peer) {
    pollfd end{peer.native_handle(), POLLRDHUP, 0};
    ::poll(&end, 1, 20'000);
}

/// Sends until the client has not taken anything for a while. Returns how much it took.
std::size_t send_until_stopped(Peer const& peer, std::size_t most) {
    std::size_t sent = 0;
    for (pollfd writable{peer.native_handle(), POLLOUT, 0};
         sent < most && ::poll(&writable, 1, 300) == 1;) {
        auto const size = ::send(
            peer.native_handle(), piece_of_64k.data(), piece_of_64k.size(),
            MSG_DONTWAIT | MSG_NOSIGNAL);
        if (size > 0)
            sent += static_cast<std::size_t>(size);
    }
    return sent;
}

}  // namespace

// Limits.

TEST_CASE("A header is limited to 32 KiB, whether it ends or not") {
    auto const with_value_of = [](std::size_t size) {
        return "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nA: " + std::string(size, 'a') +
               "\r\n\r\nhello";
    };
    CHECK(text_at(answering_until_closed(with_value_of(32'000))) == "hello");
    CHECK(error_at(answering_until_closed(with_value_of(33'000))) == Errc::header_too_large);
    CHECK(error_at(answering_until_closed(with_value_of(1'000'000))) == Errc::header_too_large);
    CHECK(
        error_at(sending_without_end("HTTP/1.1 200 OK\r\nA: ", piece_of_64k)) ==
        Errc::header_too_large);
    CHECK(error_at(sending_without_end("", "\r\n")) == Errc::malformed_response);
    CHECK(error_at(sending_without_end("HTTP/1.1 200 ", piece_of_64k)) == Errc::header_too_large);
    CHECK(
        error_at(sending_without_end("HTTP/1.1 200 OK\r\nA: b\r\n", " c\r\n")) ==
        Errc::header_too_large);

    CHECK(
        error_at(answering_until_closed(with_value_of(1000)), Options().max_header_size(1000)) ==
        Errc::header_too_large);
    auto const more = Options().max_header_size(std::size_t{600} * 1024);
    CHECK(text_at(answering_until_closed(with_value_of(500'000)), more) == "hello");
    CHECK(error_at(answering_until_closed(with_value_of(700'000)), more) == Errc::header_too_large);
}

TEST_CASE("A limit of 4 GiB or more for the header is one of 4 GiB, and not of none") {
    auto const most = Options().max_header_size(std::size_t{1} << 32);
    CHECK(text_at(answering_until_closed(response("200 OK", "", "hello")), most) == "hello");
}

TEST_CASE("A header is limited to 128 fields") {
    auto const with_fields = [](int count) {
        std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n";
        for (int i = 1; i < count; ++i)
            head += "A: b\r\n";
        return head + "\r\nhello";
    };
    CHECK(text_at(answering_until_closed(with_fields(128))) == "hello");
    CHECK(error_at(answering_until_closed(with_fields(129))) == Errc::header_too_large);
    CHECK(
        error_at(answering_until_closed(with_fields(6)), Options().max_header_fields(5)) ==
        Errc::header_too_large);
}

TEST_CASE("The extensions of a chunk, and the fields behind the body, are limited as a header is") {
    std::string const large(100'000, 'x');
    CHECK(
        error_at(answering_until_closed(chunked_head + "5;" + large + "\r\nhello\r\n0\r\n\r\n")) ==
        Errc::header_too_large);
    CHECK(
        error_at(answering_until_closed(chunked_head + "5\r\nhello\r\n0;" + large + "\r\n\r\n")) ==
        Errc::header_too_large);
    CHECK(
        error_at(
            answering_until_closed(chunked_head + "5\r\nhello\r\n0\r\nA: " + large + "\r\n\r\n")) ==
        Errc::header_too_large);
    CHECK(
        error_at(sending_without_end(chunked_head + "5;a=", piece_of_64k)) ==
        Errc::header_too_large);
    CHECK(
        error_at(sending_without_end(chunked_head + "0\r\n", "A: b\r\n")) ==
        Errc::header_too_large);
    std::string many;
    for (int i = 0; i < 200; ++i)
        many += "A: b\r\n";
    CHECK(
        error_at(answering_until_closed(chunked_head + "0\r\n" + many + "\r\n")) ==
        Errc::header_too_large);
}

TEST_CASE("A body that is read as a whole is limited") {
    auto const limited = Options().max_body_size(5);
    CHECK(text_at(answering_until_closed(ok("12345")), limited) == "12345");
    CHECK(error_at(answering_until_closed(ok("123456") + "x"), limited) == Errc::body_too_large);
    CHECK(
        error_at(answering_until_closed(chunked_head + "6\r\n123456\r\n"), limited) ==
        Errc::body_too_large);
    CHECK(
        error_at(
            sending_without_end("HTTP/1.1 200 OK\r\n\r\n", piece_of_64k),
            Options().max_body_size(1'000'000)) == Errc::body_too_large);

    RawServer server(answering(ok("123456")));
    SessionOnLoop client(limited);
    auto first = client.get(server.url());
    CHECK(code_of([&] { client.runner.run(first.read()); }) == Errc::body_too_large);
    auto second = client.get(server.url());
    CHECK(code_of([&] { client.runner.run(second.json()); }) == Errc::body_too_large);
    auto third = client.get(server.url());
    CHECK(client.runner.run(collected(third.content().chunks(6))) == Strings{"123456"});
}

TEST_CASE("A line is limited, whether it ends or not") {
    auto const error_in = [](std::string body, Options options) {
        RawServer server(answering_until_closed(body));
        SessionOnLoop client(std::move(options));
        auto got = client.get(server.url());
        return code_of([&] { client.runner.run(collected(got.content().lines())); });
    };
    auto const limited = Options().max_line_size(5);
    CHECK_FALSE(error_in(ok("12345\n12345\r\n12345"), limited));
    CHECK(error_in(ok("123456\n"), limited) == Errc::line_too_long);
    CHECK(error_in(ok("1\n123456\r\n"), limited) == Errc::line_too_long);
    CHECK(error_in(ok("123456"), limited) == Errc::line_too_long);
    CHECK(
        error_in("HTTP/1.1 200 OK\r\n\r\n" + std::string(600'000, 'x'), Options()) ==
        Errc::line_too_long);
}

TEST_CASE("There are two encodings at most") {
    auto const thrice = gzip(gzip(gzip("hello")));
    CHECK(
        error_at(answering_until_closed(encoded("gzip, gzip, gzip", thrice))) ==
        Errc::malformed_encoding);
    CHECK(
        text_at(
            answering_until_closed(encoded("gzip, gzip, gzip", thrice)),
            Options().max_encodings(3)) == "hello");
}

TEST_CASE("What decodes to more than the limit is an error") {
    auto const bomb = gzip(std::string(std::size_t{64} * 1024 * 1024, '\0'));
    SessionOnLoop client(Options().max_body_size(1'000'000));
    for (auto const& bytes : {encoded("gzip", bomb), encoded("gzip, gzip", gzip(bomb))}) {
        RawServer server(answering(bytes));
        CHECK(code_of([&] { client.text(server.url()); }) == Errc::body_too_large);
    }
}

TEST_CASE("What decodes to a lot comes in pieces of bounded size") {
    auto const size = std::size_t{64} * 1024 * 1024;
    RawServer server(answering(encoded("gzip, gzip", gzip(gzip(std::string(size, '\0'))))));
    SessionOnLoop client;
    auto got = client.get(server.url());
    auto const sizes = client.runner.run(sizes_of_pieces(got));
    std::size_t sum = 0;
    for (auto const each : sizes)
        sum += each;
    CHECK(sum == size);
    CHECK(*std::max_element(sizes.begin(), sizes.end()) <= std::size_t{512} * 1024);

    // Left at once, it is read to its end, but not decoded.
    auto unread = client.get(server.url());
    client.leave(unread);
    CHECK(client.text(Request(Verb::head, server.url())) == "");
}

TEST_CASE("A server that sends without end is stopped when nobody reads") {
    constexpr std::size_t most = std::size_t{256} * 1024 * 1024;
    std::atomic<std::size_t> sent{0};
    Gate stopped;
    RawServer server([&](Peer& peer) {
        peer.read_request();
        peer.send("HTTP/1.1 200 OK\r\n\r\n");
        sent = send_until_stopped(peer, most);
        stopped.open();
        for (;;)
            peer.send(piece_of_64k);
    });
    SessionOnLoop client;
    auto got = client.get(server.url());
    stopped.wait();
    CHECK(sent < most);
    // It goes on when it is read again, in pieces of bounded size.
    std::size_t received = 0;
    while (received < sent + 1'000'000) {
        auto const piece = client.runner.run(got.content().anext());
        REQUIRE(piece->size() <= std::size_t{512} * 1024);
        received += piece->size();
    }
}

// Time.

TEST_CASE("Silence after the connection was made is a time-out of the header") {
    RawServer server(silent());
    SessionOnLoop client(Options().read_timeout(50ms));
    CHECK(code_of([&] { client.text(server.url()); }) == Errc::response_header_timed_out);
    auto const message = message_of<std::system_error>([&] { client.text(server.url()); });
    CHECK(
        message == server.url("").substr(0, server.url("").size()) + ": response header timed out");
    CHECK(client.connections().all == 0);
}

TEST_CASE("Silence in the header is a time-out of the header") {
    auto const options = Options().read_timeout(50ms);
    for (std::string const& part :
         {"H"s, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"s, "HTTP/1.1 100 Continue\r\n\r\n"s})
        CHECK(error_at(answering_until_closed(part), options) == Errc::response_header_timed_out);
}

TEST_CASE("Silence in the body is a time-out of the body") {
    for (std::string const& part :
         {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"s,
          "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell"s, "HTTP/1.1 200 OK\r\n\r\nhello"s,
          chunked_head + "5\r\nhello\r\n0\r\n"}) {
        RawServer server(answering_until_closed(part));
        SessionOnLoop client(Options().read_timeout(100ms));
        auto got = get_in_time(client.runner, client.session, server);
        CHECK(code_of([&] { client.text(got); }) == Errc::body_timed_out);
        CHECK(client.connections().all == 0);
    }
}

TEST_CASE("Silence in the TLS handshake is a time-out of the handshake") {
    RawServer server(silent());
    SessionOnLoop client(Options().connect_timeout(300ms));
    auto const url = "https://127.0.0.1:" + std::to_string(server.port());
    CHECK(code_of([&] { client.text(url); }) == Errc::tls_handshake_timed_out);
    CHECK(client.connections().all == 0);
}

TEST_CASE("Silence of a proxy that is asked for a tunnel is a time-out of the connection") {
    RawServer proxy(silent());
    SessionOnLoop client(Options().connect_timeout(50ms).proxy(proxy.url()));
    CHECK(code_of([&] { client.text("https://localhost/"s); }) == Errc::connect_timed_out);
}

TEST_CASE("The time of a request as a whole is limited in each phase") {
    auto const options = Options().total_timeout(100ms);
    CHECK(error_at(silent(), options) == Errc::total_timed_out);
    CHECK(
        error_at(sending_slowly("HTTP/1.1 200 OK\r\nA: ", 'a'), options) == Errc::total_timed_out);
    CHECK(
        error_at(sending_slowly("HTTP/1.1 200 OK\r\n\r\n", 'a'), options) == Errc::total_timed_out);
    CHECK(error_at(sending_slowly(chunked_head + "5;", 'a'), options) == Errc::total_timed_out);

    RawServer server(silent());
    SessionOnLoop client(options);
    auto const secure = "https://127.0.0.1:" + std::to_string(server.port());
    CHECK(code_of([&] { client.text(secure); }) == Errc::total_timed_out);
}

TEST_CASE("The time of a request takes the place of that of the session") {
    RawServer server(silent());
    SessionOnLoop client(Options().total_timeout(1h));
    Request request(Verb::get, server.url());
    request.timeout(50ms);
    CHECK(code_of([&] { client.text(request); }) == Errc::total_timed_out);

    RawServer quick(answering(ok("hello")));
    SessionOnLoop hasty(Options().total_timeout(1ns));
    CHECK(hasty.text(Request(Verb::get, quick.url()).timeout(0s)) == "hello");
}

TEST_CASE("A request's limits of time take the place of those of its session") {
    RawServer server(silent());
    SessionOnLoop client(Options().connect_timeout(1h).read_timeout(1h));
    Request request(Verb::get, server.url());
    CHECK(code_of([&] {
              client.text(request.read_timeout(50ms));
          }) == Errc::response_header_timed_out);
    Request secure(Verb::get, "https://127.0.0.1:" + std::to_string(server.port()));
    CHECK(code_of([&] {
              client.text(secure.connect_timeout(50ms));
          }) == Errc::tls_handshake_timed_out);

    RawServer quick(answering(ok("hello")));
    SessionOnLoop hasty(Options().connect_timeout(1ns).read_timeout(1ns));
    CHECK(
        hasty.text(Request(Verb::get, quick.url()).connect_timeout(0s).read_timeout(0s)) ==
        "hello");
}

TEST_CASE("A request that is not decompressed gets the body as it came") {
    auto const body = gzip("plain");
    RawServer server(answering(response("200 OK", "Content-Encoding: gzip\r\n", body)));
    SessionOnLoop client(Options().decompress(GENERATE(false, true)));
    CHECK(client.text(Request(Verb::get, server.url()).decompress(false)) == body);
    CHECK(client.text(Request(Verb::get, server.url()).decompress(true)) == "plain");
}

TEST_CASE("Time-outs of zero are none") {
    RawServer server(answering(ok("hello")));
    SessionOnLoop client(Options().connect_timeout(0s).read_timeout(0s).total_timeout(0s));
    CHECK(client.text(server.url()) == "hello");
}

TEST_CASE("A body that comes faster than it is read ends at the deadline all the same") {
    RawServer server(sending_without_end("HTTP/1.1 200 OK\r\n\r\n", piece_of_64k));
    // A loop that turns only while a piece is asked for.
    syncopate::Runner runner;
    ClientSession session(Options().total_timeout(200ms));
    auto got = get_in_time(runner, session, server);
    auto const give_up = std::chrono::steady_clock::now() + 20s;
    std::error_code error;
    while (!error && std::chrono::steady_clock::now() < give_up) {
        std::this_thread::sleep_for(5ms);  // so that the next piece is there
        error = code_of([&] { runner.run(got.content().anext()); });
    }
    CHECK(error == Errc::total_timed_out);
}

TEST_CASE("A body that is there before the deadline can be read after it") {
    std::string const body(100, 'x');
    auto const sends_all =
        answering(GENERATE_COPY(true, false) ? ok(body) : encoded("gzip", gzip(body)));
    RawServer server(sends_all);
    SessionOnLoop client(Options().total_timeout(200ms));
    auto got = get_in_time(client.runner, client.session, server);
    std::this_thread::sleep_for(300ms);
    CHECK(client.runner.run(got.text()) == body);
}

TEST_CASE("A body that takes long to decode ends at the deadline all the same") {
    // Of which nothing has to be waited for once the first bytes are there.
    std::string const block = deflate_block(std::string(std::size_t{64} * 1024 * 1024, '\0'));
    std::string blocks;
    for (int i = 0; i < 64; ++i)
        blocks += block;
    RawServer server(answering(encoded("deflate, gzip", gzip(blocks))));
    SessionOnLoop client(Options().total_timeout(200ms));
    auto got = get_in_time(client.runner, client.session, server);
    CHECK(code_of([&] { client.runner.run(sizes_of_pieces(got)); }) == Errc::total_timed_out);
}

// While a body is sent.

TEST_CASE("A response that comes early is not lost, although the server then closes") {
    std::string const large(std::size_t{8} * 1024 * 1024, 'x');
    auto const refuse = [](Peer& peer) {
        peer.read_head();
        peer.send(response("413 Content Too Large", "Connection: close\r\n", "too much"));
        // Closed with bytes unread: the client gets a RST as well.
        wait_until_received(peer);
    };
    auto const check = [&](RawServer const& server, SessionOnLoop& client) {
        for (int i = 0; i < 5; ++i) {
            auto whole = client.request(Request(Verb::post, server.url()).body(large));
            CHECK(whole.status() == 413);
            CHECK(client.text(whole) == "too much");
            auto streamed = client.request(
                Request(Verb::post, server.url()).body_stream(repeated(piece_of_64k, 1000)));
            CHECK(streamed.status() == 413);
            CHECK(client.text(streamed) == "too much");
        }
        CHECK(client.connections().all == 0);
    };
    {
        RawServer server(refuse);
        SessionOnLoop client;
        check(server, client);
    }
    {
        CertificateAuthority const authority;
        auto const server = RawServer::tls(authority.issue(), refuse);
        SessionOnLoop client(Options().ca_certificates(authority.certificate()));
        check(server, client);
    }
}

TEST_CASE("A response that comes while the body is sent ends the sending, and the connection") {
    std::string const large(std::size_t{64} * 1024 * 1024, 'x');
    RawServer server([&](Peer& peer) {
        peer.read_head();
        peer.send(ok("early"));
        wait_unread(peer);
    });
    SessionOnLoop client;
    auto const put = [&] { return Request(Verb::put, server.url()); };
    CHECK(client.text(put().body(large)) == "early");
    CHECK(client.connections().all == 0);
    CHECK(client.text(put().body_stream(repeated(piece_of_64k, 100'000))) == "early");
    CHECK(client.connections().all == 0);
}

TEST_CASE("A body that the server does not read is a time-out of the body") {
    std::string const large(std::size_t{64} * 1024 * 1024, 'x');
    RawServer server([](Peer& peer) {
        peer.read_head();
        wait_unread(peer);
    });
    SessionOnLoop client(Options().read_timeout(200ms));
    CHECK(code_of([&] {
              client.text(Request(Verb::post, server.url()).body(large));
          }) == Errc::body_timed_out);
    CHECK(code_of([&] {
              client.text(
                  Request(Verb::post, server.url()).body_stream(repeated(piece_of_64k, 100'000)));
          }) == Errc::body_timed_out);
    CHECK(client.connections().all == 0);
}

TEST_CASE("A body that fails ends the request, and the connection") {
    RawServer server([](Peer& peer) { peer.wait_for_close(); });
    SessionOnLoop client;
    CHECK(message_of<std::runtime_error>([&] {
              client.text(Request(Verb::post, server.url()).body_stream(failing_after("hello")));
          }) == "no more");
    CHECK(client.connections().all == 0);
    CHECK(server.wait_until_idle());
}

TEST_CASE("A response is read between two pieces of a body") {
    Gate answered;
    RawServer server([&](Peer& peer) {
        peer.read_head();
        peer.read_until("first");
        peer.send(response("401 Unauthorized", "", "who?"));
        wait_until_received(peer);
        answered.open();
        peer.wait_for_close();
    });
    SessionOnLoop client;
    CHECK(
        client.text(Request(Verb::post, server.url()).body_stream(pieces_around(answered))) ==
        "who?");
}

TEST_CASE("A large body is sent whole, also over TLS") {
    std::string large;
    for (int i = 0; large.size() < std::size_t{4} * 1024 * 1024; ++i)
        large += std::to_string(i) + ' ';
    CertificateAuthority const authority;
    auto const check = [&](RawServer const& server, SessionOnLoop& client) {
        CHECK(client.text(Request(Verb::post, server.url()).body(large)) == "hello");
        auto streamed = Request(Verb::post, server.url());
        streamed.body_stream(repeated(large.substr(0, 100'000), 20));
        CHECK(client.text(streamed) == "hello");
        CHECK(server.connections() == 1);
        auto const requests = server.requests();
        REQUIRE(requests.size() == 2);
        CHECK(requests[0].ends_with("\r\n\r\n" + large));
        CHECK(std::count(requests[1].begin(), requests[1].end(), ' ') > 20);
        CHECK(requests[1].size() > 2'000'000);
    };
    {
        RawServer server(answering(ok("hello")));
        SessionOnLoop client;
        check(server, client);
    }
    {
        auto const server = RawServer::tls(authority.issue(), answering(ok("hello")));
        SessionOnLoop client(Options().ca_certificates(authority.certificate()));
        check(server, client);
    }
}

// Progress.

TEST_CASE("Progress is told of both bodies, without the overhead of chunks") {
    RawServer server(answering(chunked_head + "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"));
    SessionOnLoop client;
    std::vector<Progress> told;
    auto const note = [&](Progress const& progress) { told.push_back(progress); };
    auto const request = Request(Verb::post, server.url()).on_progress(note);

    client.text(Request(request).body("12345678"));
    REQUIRE_FALSE(told.empty());
    CHECK(told.front().sent == 8);
    CHECK(told.front().send_total == 8u);
    CHECK(told.back().received == 11);
    CHECK_FALSE(told.back().receive_total);

    told.clear();
    client.text(Request(request).body_stream(repeated("1234", 3)));
    REQUIRE_FALSE(told.empty());
    CHECK_FALSE(told.front().send_total);
    CHECK(told.back().sent == 12);
    CHECK(told.back().received == 11);
    CHECK(std::is_sorted(told.begin(), told.end(), [](Progress const& a, Progress const& b) {
        return a.sent < b.sent || a.received < b.received;
    }));
}

TEST_CASE("Progress counts the bytes of an encoded body as they come") {
    auto const body = gzip(std::string(100'000, 'x'));
    RawServer server(answering(encoded("gzip", body)));
    SessionOnLoop client;
    Progress last;
    auto request = Request(Verb::get, server.url());
    request.on_progress([&](Progress const& progress) { last = progress; });
    CHECK(client.text(request).size() == 100'000);
    CHECK(last.received == body.size());
    CHECK(last.receive_total == body.size());
}

TEST_CASE("What the progress function throws ends the transfer") {
    RawServer server([](Peer& peer) {
        peer.read_request();
        peer.send("HTTP/1.1 200 OK\r\n\r\nhello");
        peer.wait_for_close();
    });
    SessionOnLoop client;
    auto const fail_when_receiving = [](Progress const& progress) {
        if (progress.received > 0)
            throw std::runtime_error("enough");
    };
    auto const fail = [](Progress const&) { throw std::runtime_error("enough"); };
    auto const message = [&](Request request) {
        return message_of<std::runtime_error>([&] { client.text(std::move(request)); });
    };
    CHECK(message(Request(Verb::get, server.url()).on_progress(fail_when_receiving)) == "enough");
    CHECK(message(Request(Verb::put, server.url()).body("x").on_progress(fail)) == "enough");
    CHECK(client.connections().all == 0);
    CHECK(server.wait_until_idle());
}
