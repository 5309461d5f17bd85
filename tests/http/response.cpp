// Where a response ends, and what is no response: bytes from a server that means no good, or is broken.

#include "differential/responses.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/http.hpp"
#include "support/raw_server.hpp"
#include "support/tasks.hpp"
#include <syncopate/async_generator.hpp>
#include <syncopate/http/detail/message/response_parser.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/headers.hpp>
#include <syncopate/http/links.hpp>
#include <syncopate/http/options.hpp>
#include <syncopate/http/progress.hpp>
#include <syncopate/http/request.hpp>
#include <syncopate/http/response.hpp>
#include <syncopate/http/session.hpp>

#include <boost/asio/awaitable.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <zlib.h>

namespace {

namespace asio = boost::asio;
using namespace std::string_literals;
using namespace support;
using syncopate::AsyncGenerator;
using syncopate::http::ClientSession;
using syncopate::http::Errc;
using syncopate::http::Headers;
using syncopate::http::Links;
using syncopate::http::Progress;
using syncopate::http::Request;
using syncopate::http::Response;
using syncopate::http::Verb;
using Options = syncopate::http::SessionOptions;
using Strings = std::vector<std::string>;

/// The same, and says that no more will come.
Script sending_all(std::string bytes) {
    return [bytes = std::move(bytes)](Peer& peer) {
        peer.read_request();
        peer.send(bytes);
        peer.shutdown_write();
        peer.wait_for_close();
    };
}

std::error_code error_of(SessionOnLoop& client, RawServer const& server) {
    return code_of([&] { client.text(server.url()); });
}

/// What a session says to these bytes, when nothing else comes and the connection stays open.
std::error_code error_at(std::string bytes, Options options = {}) {
    RawServer server(answering_until_closed(std::move(bytes)));
    SessionOnLoop client(std::move(options));
    auto const error = error_of(client, server);
    // The server's script lasts as long as the connection.
    CHECK(client.connections().all == 0);
    CHECK(server.wait_until_idle());
    return error;
}

/// The same, when the connection ends behind them.
std::error_code error_at_end_of(std::string bytes) {
    RawServer server(sending_all(std::move(bytes)));
    SessionOnLoop client;
    auto const error = error_of(client, server);
    CHECK(client.connections().all == 0);
    return error;
}

std::string text_of(std::string bytes, Verb verb = Verb::get) {
    RawServer server(sending_all(std::move(bytes)));
    SessionOnLoop client;
    return client.text(Request(verb, server.url()));
}

/// The status and the body as the table of odd responses has them, or "refused".
std::string outcome_of(SessionOnLoop& client, std::string url) {
    try {
        auto response = client.get(std::move(url));
        auto outcome = std::to_string(response.status()) + ' ';
        for (char const c : client.text(response)) {
            char digits[5];
            std::snprintf(digits, sizeof digits, "\\x%02x", static_cast<unsigned char>(c));
            outcome += c >= ' ' && c <= '~' && c != '\\' ? std::string(1, c) : std::string(digits);
        }
        return outcome;
    } catch (std::system_error const&) {
        return "refused";
    }
}

/// A head with these lines, and five bytes of body.
std::string with_lines(std::string const& lines) {
    return "HTTP/1.1 200 OK\r\n" + lines + "\r\nhello";
}

std::string with_chunks(std::string const& body, std::string const& lines = "") {
    return "HTTP/1.1 200 OK\r\n" + lines + "Transfer-Encoding: chunked\r\n\r\n" + body;
}

/// The body of a response that comes in these parts, before the connection ends.
std::string parsed(Strings const& parts, syncopate::http::detail::ResponseHead& head) {
    using syncopate::http::detail::ResponseParser;
    ResponseParser parser(head, {32768, 128}, ResponseParser::Body::expected, "server");
    std::string body;
    std::string input;
    for (auto const& part : parts) {
        input += part;
        for (std::size_t used = 1; used > 0 && !input.empty() && !parser.is_done();) {
            used = parser.parse(input, &body);
            input.erase(0, used);
        }
    }
    if (!parser.is_done() && !parser.parse_end())
        throw std::runtime_error("it is not complete");
    return body;
}

std::string parsed(Strings const& parts) {
    syncopate::http::detail::ResponseHead head;
    return parsed(parts, head);
}

/// Compressed, and flushed behind each piece.
Strings gzip_pieces(std::vector<std::string_view> const& pieces) {
    z_stream stream{};
    ::deflateInit2(&stream, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY);
    Strings result;
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        std::string out(pieces[i].size() + 100, '\0');
        stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(pieces[i].data()));
        stream.avail_in = static_cast<uInt>(pieces[i].size());
        stream.next_out = reinterpret_cast<Bytef*>(out.data());
        stream.avail_out = static_cast<uInt>(out.size());
        ::deflate(&stream, i + 1 < pieces.size() ? Z_SYNC_FLUSH : Z_FINISH);
        out.resize(out.size() - stream.avail_out);
        result.push_back(std::move(out));
    }
    ::deflateEnd(&stream);
    return result;
}
std::string gzip(std::string_view text) {
    return gzip_pieces({text}).front();
}

std::string chunk(std::string_view data) {
    static constexpr std::string_view digits = "0123456789abcdef";
    auto const size = data.size();
    std::string text{
        digits[size >> 12 & 15], digits[size >> 8 & 15], digits[size >> 4 & 15], digits[size & 15]};
    return text.append("\r\n").append(data).append("\r\n");
}

std::string encoded(std::string_view encoding, std::string_view body) {
    return response("200 OK", "Content-Encoding: " + std::string(encoding) + "\r\n", body);
}

/// How much of a response's body has been read. Blocks the server until it is that much.
class Received {
public:
    syncopate::http::ProgressFunction function() {
        return [this](Progress const& progress) {
            count_ = progress.received;
            count_.notify_all();
        };
    }
    void wait_for(std::uint64_t count) {
        for (auto now = count_.load(); now < count; now = count_.load())
            count_.wait(now);
    }

private:
    std::atomic<std::uint64_t> count_{0};
};

asio::awaitable<Strings> collected(AsyncGenerator<std::string> items) {
    Strings all;
    while (auto item = co_await items.anext())
        all.push_back(std::move(*item));
    co_return all;
}

/// The lines of a body that comes in two pieces.
Strings lines_of(std::string_view body, std::size_t first_piece) {
    Received received;
    RawServer server([&](Peer& peer) {
        peer.read_request();
        peer.send("HTTP/1.1 200 OK\r\n\r\n");
        peer.send(body.substr(0, first_piece));
        received.wait_for(first_piece);
        peer.send(body.substr(first_piece));
    });
    SessionOnLoop client;
    auto got = client.request(Request(Verb::get, server.url()).on_progress(received.function()));
    return client.runner.run(collected(got.content().lines()));
}

}  // namespace

TEST_CASE("Two framings of one body are refused, in either order") {
    for (std::string const& lines : {
             "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"s,
             "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"s,
             "Content-Length: 5\r\nTransfer-Encoding: gzip\r\n"s,
             "Transfer-Encoding: gzip\r\nContent-Length: 5\r\n"s,
             "Content-Length: 5\r\nContent-Length: 6\r\n"s,
             "Content-Length: 6\r\nContent-Length: 5\r\n"s,
             "Content-Length: 5, 6\r\n"s,
             "content-length: 5\r\nX: y\r\nCONTENT-LENGTH: 50\r\n"s,
         }) {
        CAPTURE(lines);
        CHECK(error_at(with_lines(lines)) == Errc::malformed_response);
    }
}

TEST_CASE("A Content-Length that is repeated counts as one") {
    CHECK(text_of(with_lines("Content-Length: 5\r\nContent-Length: 5\r\n")) == "hello");
}

TEST_CASE("A Content-Length that is no plain decimal number is refused") {
    for (std::string const& length :
         {"+5"s, "-5"s, "0x5"s, "5a"s, "five"s, ""s, "5 5"s, "5;"s, "5.0"s, "\"5\""s,
          "18446744073709551616"s, "99999999999999999999999999"s}) {
        CAPTURE(length);
        CHECK(
            error_at(with_lines("Content-Length: " + length + "\r\n")) == Errc::malformed_response);
    }
}

TEST_CASE("A Content-Length near the largest number is just a body that breaks off") {
    CHECK(
        error_at_end_of(with_lines("Content-Length: 18446744073709551614\r\n")) ==
        Errc::body_truncated);
}

TEST_CASE("A Transfer-Encoding that is not just chunked is refused") {
    for (std::string const& value :
         {"gzip"s, "gzip, chunked"s, "chunked, gzip"s, "chunked, chunked"s, "chunked, identity"s,
          "identity;chunked"s, "xchunked"s, "chunked;q=1"s,
          "chunked\r\nTransfer-Encoding: chunked"s, "chunked\r\nTransfer-Encoding: identity"s,
          "chunked\r\nTransfer-Encoding: gzip"s, "gzip\r\nTransfer-Encoding: chunked"s}) {
        CAPTURE(value);
        auto const head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: " + value + "\r\n\r\n";
        CHECK(error_at(head + "5\r\nhello\r\n0\r\n\r\n") == Errc::malformed_response);
    }
    for (auto const* value : {"", "identity", ", ;"})
        CHECK(
            error_at_end_of(
                with_lines("Content-Length: 5\r\nTransfer-Encoding: "s + value + "\r\n")) ==
            Errc::malformed_response);
    CHECK(
        error_at("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n") ==
        Errc::malformed_response);
}

TEST_CASE("A line of a header that RFC 9112 does not know is refused") {
    for (std::string const& line :
         {"A: b\rC: d\r\n"s, "A: b\0c\r\n"s, "A\0: b\r\n"s, "A : b\r\n"s, "A\t: b\r\n"s,
          "A b : c\r\n"s, "A  b: c\r\n"s, "A\r\n"s, "A: \x01\r\n"s, "A: \x7f\r\n"s, "A\x80: b\r\n"s,
          "A\r: b\r\n"s}) {
        CAPTURE(line);
        CHECK(error_at(with_lines(line + "Content-Length: 5\r\n")) == Errc::malformed_response);
    }
}

TEST_CASE("Odd responses are taken or refused as the table says") {
    // A path beside the numbers of the table is where its redirects lead.
    RawServer const server([](Peer& peer) {
        auto const request = peer.read_request();
        auto const digits = request.substr(5, request.find(' ', 5) - 5);
        bool const is_number = digits.find_first_not_of("0123456789") == digits.npos;
        peer.send(
            is_number ? odd_responses[std::stoul(digits)].bytes : std::string_view(ok("followed")));
        peer.shutdown_write();
        peer.wait_for_close();
    });
    for (bool const is_strict : {false, true}) {
        SessionOnLoop client(Options().strict(is_strict));
        std::size_t number = 0;
        for (auto const& odd : odd_responses) {
            CAPTURE(is_strict, odd.name, odd.bytes);
            bool const has_own = is_strict && !odd.strict_outcome.empty();
            CHECK(
                outcome_of(client, server.url("/" + std::to_string(number++))) ==
                (has_own ? odd.strict_outcome : odd.outcome));
        }
    }
}

TEST_CASE("What is odd in a status line or a name does not leave the header as it came") {
    syncopate::http::detail::ResponseHead head;
    auto const bytes =
        "HTTP/1.1 200 O\x1b[31mK\x7f\r\nA b c: d\r\n: e\r\nContent-Length: 5\r\n\r\nhello"s;
    for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
        CAPTURE(cut);
        head = {};
        CHECK(parsed({bytes.substr(0, cut), bytes.substr(cut)}, head) == "hello");
        CHECK(head.reason == "O?[31mK?");
        CHECK(head.headers["A_b_c"] == "d");
        CHECK(head.headers["_"] == "e");
        CHECK(head.headers.size() == 3);
    }
    for (auto const* name : {"Content-Length x", "transfer-encoding x", "x Content-Length"})
        CHECK(error_at(with_lines(name + ": 5\r\n"s)) == Errc::malformed_response);
}

TEST_CASE("A status line that is not HTTP/1 is refused") {
    for (std::string const& line :
         {"HTTP/1.1 099 Low"s, "HTTP/1.1 000 Zero"s, "HTTP/1.1 20 Two digits"s,
          "HTTP/1.1 2000 Four digits"s, "HTTP/1.1 +20 Sign"s, "HTTP/1.1  200 Two spaces"s,
          "HTTP/2.0 200 OK"s, "HTTP/0.9 200 OK"s, "HTTP/1.2 200 OK"s, "HTTP/1.10 200 OK"s,
          "HTTPS/1.1 200 OK"s, "http/1.1 200 OK"s, "ICY 200 OK"s, "200 OK"s, " HTTP/1.1 200 OK"s,
          "HTTP/1.1 200 O\0K"s, "HTTP/1.1 200 O\rK"s, "\0HTTP/1.1 200 OK"s,
          "SSH-2.0-OpenSSH_9.2"s}) {
        CAPTURE(line);
        CHECK(error_at(line + "\r\nContent-Length: 5\r\n\r\nhello") == Errc::malformed_response);
    }
}

TEST_CASE("Lines of a header may end in LF alone, unless strict") {
    auto const strict = Options().strict(true);
    for (std::string const& bytes :
         {"HTTP/1.1 200 OK\nContent-Length: 5\nX: y\n\nhello"s,
          "HTTP/1.1 200\nX: y\nContent-Length: 5\n\nhello"s,
          "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: y\r\n\nhello"s,
          "HTTP/1.1 200 OK\nX: y\nContent-Length: 5\r\n\r\nhello"s,
          "HTTP/1.1 200 OK\r\nX: y\nContent-Length: 5\n\r\nhello"s,
          "HTTP/1.1 200 OK\nX:\n y\nTransfer-Encoding: chunked\n\n5\r\nhello\r\n0\r\n\r\n"s}) {
        CAPTURE(bytes);
        for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
            CAPTURE(cut);
            syncopate::http::detail::ResponseHead head;
            CHECK(parsed({bytes.substr(0, cut), bytes.substr(cut)}, head) == "hello");
            CHECK(head.headers["x"] == "y");
        }
        Strings each;
        for (char const byte : bytes)
            each.emplace_back(1, byte);
        CHECK(parsed(each) == "hello");
        RawServer const server(sending_all(bytes));
        SessionOnLoop client(strict);
        CHECK(error_of(client, server) == Errc::malformed_response);
    }
    CHECK(
        text_of("HTTP/1.1 103 Early\nX: n\n\nHTTP/1.1 200 OK\nContent-Length: 5\n\nhello") ==
        "hello");
    for (std::string const& bytes :
         {"HTTP/1.1 200 OK\nContent-Length: 5\nTransfer-Encoding: chunked\n\nhello"s,
          "HTTP/1.1 200 OK\nContent-Length: 5\nContent-Length: 6\n\nhello!"s,
          "HTTP/1.1 200 OK\nX : y\n\nhello"s, "HTTP/1.1 200 OK\nX: \ry\n\nhello"s,
          "HTTP/1.1 200 OK\nX: y\r\r\n\nhello"s, "HTTP/1.1 200 OK\n\0: y\n\nhello"s})
        CHECK(error_at(bytes) == Errc::malformed_response);
    CHECK(error_at("HTTP/1.1 200 OK\n" + std::string(40'000, 'x')) == Errc::header_too_large);
}

TEST_CASE(
    "Odd lists in Connection, Keep-Alive and Transfer-Encoding are read for what they say, unless strict") {
    auto const strict = Options().strict(true);
    auto const connections_after = [](std::string const& field) {
        RawServer server([&](Peer& peer) {
            for (;;) {
                peer.read_request();
                peer.send(response("200 OK", field + "\r\n", "hello"));
            }
        });
        SessionOnLoop client;
        CHECK(client.text(server.url()) == "hello");
        return client.connections().idle;
    };
    for (auto const* value :
         {"close;", ";close", "close; x=1", ",,close,", "\"x\", close", "; CLOSE ;"}) {
        CAPTURE(value);
        CHECK(connections_after("Connection: "s + value) == 0);
    }
    for (auto const* value : {";", "keep-alive;", "\"close\"", "keep-alive; timeout=5"}) {
        CAPTURE(value);
        CHECK(connections_after("Connection: "s + value) == 1);
    }
    CHECK(connections_after("Keep-Alive: max=5; timeout=0") == 0);
    {
        RawServer const server(answering(response("200 OK", "Connection: close;\r\n", "")));
        SessionOnLoop client(strict);
        CHECK(error_of(client, server) == Errc::malformed_response);
    }
    auto const encoded = [](std::string const& value) {
        return "HTTP/1.1 200 OK\r\nTransfer-Encoding: " + value + "\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    };
    for (auto const* value :
         {"chunked,", ", chunked", "chunked;", ";chunked", ",,Chunked , ;", "identity, chunked",
          "\r\nTransfer-Encoding: chunked"}) {
        CAPTURE(value);
        CHECK(text_of(encoded(value)) == "hello");
        RawServer const server(sending_all(encoded(value)));
        SessionOnLoop client(strict);
        CHECK(error_of(client, server) == Errc::malformed_response);
    }
    for (auto const* value :
         {"chunked;q=1", "chunked, chunked", "gzip, chunked", "chunked, gzip", "\"chunked\""}) {
        CAPTURE(value);
        CHECK(error_at(encoded(value)) == Errc::malformed_response);
    }
}

TEST_CASE("Lines of a chunked body that do not end in CRLF are refused at once") {
    std::string const head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (auto const* body :
         {"5\nhello\n0\n\n", "5\n", "5\r\nhello\n", "5\r\nhello\r\n0\n", "5\r\nhello\r\n0\n\n",
          "5\r\nhello\r\n0\r\nX: y\n", "5\r\nhello\r\n0\r\n\n", "5;x\n", "5\rx", "5\r\nhello\rx"}) {
        CAPTURE(body);
        CHECK(error_at(head + body) == Errc::malformed_response);
    }
}

TEST_CASE("A folded line becomes one, with one space where the fold was") {
    RawServer server(sending_all(with_lines("A: b\r\n   c\r\n\t d\r\nContent-Length: 5\r\n")));
    SessionOnLoop client;
    auto const got = client.get(server.url());
    CHECK(got.headers()["A"] == "b c d");
    CHECK(got.headers()["Content-Length"] == "5");
}

TEST_CASE("The size of a chunk is a plain hexadecimal number, and its data ends with CRLF") {
    for (std::string const& body :
         {"\r\n"s,
          "g\r\n"s,
          "-1\r\n"s,
          "+5\r\nhello\r\n"s,
          "0x5\r\nhello\r\n0\r\n\r\n"s,
          " 5\r\nhello\r\n"s,
          "5 5\r\nhello\r\n"s,
          "10000000000000000\r\n"s,
          "fffffffffffffffff\r\n"s,
          "5\r\nhelloX\r\n0\r\n\r\n"s,
          "5\r\nhello\n0\r\n\r\n"s,
          "5\nhello\r\n0\r\n\r\n"s,
          "5\r\nhello0\r\n\r\n"s,
          "5\0\r\nhello\r\n"s,
          "5;a\nhello\r\n0\r\n\r\n"s,
          "5;\0\r\nhello\r\n0\r\n\r\n"s,
          "5\rhello\r\n0\r\n\r\n"s,
          "5\r\nhello\r\n0\n\r\n\r\n"s,
          "5\r\nhello\r\n0\r\nA: b\nC: d\r\n\r\n"s,
          "5\r\nhello\r\n0\r\nA : b\r\n\r\n"s}) {
        CAPTURE(body);
        CHECK(error_at(with_chunks(body)) == Errc::malformed_response);
    }
}

TEST_CASE("A body that breaks off is an error, and never a success") {
    for (std::string const& bytes : {
             "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello"s,
             "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n"s,
             with_chunks(""),
             with_chunks("5"),
             with_chunks("5\r\n"),
             with_chunks("5\r\nhell"),
             with_chunks("5\r\nhello"),
             with_chunks("5\r\nhello\r\n"),
             with_chunks("5\r\nhello\r\n0\r\n"),
             with_chunks("5\r\nhello\r\n0\r\nA: b\r\n"),
             with_chunks("ffffffffffffffff\r\nhello"),
         }) {
        CAPTURE(bytes);
        CHECK(error_at_end_of(bytes) == Errc::body_truncated);
    }
}

TEST_CASE("A header that breaks off is a lost connection") {
    for (std::string const& bytes :
         {""s, "H"s, "HTTP/1.1 200 OK\r\n"s, "HTTP/1.1 200 OK\r\nA: b\r\n"s,
          "HTTP/1.1 100 Continue\r\n\r\n"s, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 2"s}) {
        CAPTURE(bytes);
        CHECK(error_at_end_of(bytes) == Errc::connection_lost);
    }
}

TEST_CASE("A response that is cut anywhere is an error, and never a success") {
    auto const body = chunk(gzip("hello, ")) + "0;a=b\r\nC: d\r\n\r\n";
    auto const whole = "HTTP/1.1 103 Early Hints\r\n\r\n" +
                       with_chunks(body, "Content-Encoding: gzip\r\nE: f\r\n g\r\n");
    CHECK(text_of(whole) == "hello, ");
    for (std::size_t size = 0; size < whole.size(); ++size) {
        CAPTURE(size);
        auto const error = error_at_end_of(whole.substr(0, size));
        CHECK((error == Errc::connection_lost || error == Errc::body_truncated));
    }
}

TEST_CASE("A response with any byte changed has an end") {
    auto const whole = with_chunks(
        chunk(gzip("hello")) + "0;a=b\r\nC: d\r\n\r\n",
        "Content-Encoding: gzip\r\nE: f\r\n g\r\nKeep-Alive: timeout=1\r\n");
    SessionOnLoop client(Options().cookies(true));
    for (std::size_t i = 0; i < whole.size(); ++i) {
        for (char const byte : {'\0', '\r', ';', '1'}) {
            auto changed = whole;
            changed[i] = byte;
            RawServer server(sending_all(std::move(changed)));
            // Whichever. Nothing is to be found by the sanitizers, and nothing is left.
            error_of(client, server);
            auto const connections = client.connections();
            REQUIRE(connections.all == connections.idle);
        }
    }
}

TEST_CASE("A body that was reset is an error") {
    Received received;
    RawServer server([&](Peer& peer) {
        peer.read_request();
        peer.send("HTTP/1.1 200 OK\r\n\r\nhello");
        received.wait_for(5);
        peer.reset();
    });
    SessionOnLoop client;
    Request request(Verb::get, server.url());
    request.on_progress(received.function());
    CHECK(code_of([&] { client.text(request); }) == Errc::connection_lost);
}

TEST_CASE("A body without a length goes on to the end of the connection") {
    for (std::string const& head :
         {"HTTP/1.1 200 OK\r\n\r\n"s, "HTTP/1.0 200 OK\r\n\r\n"s,
          "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\n"s}) {
        CAPTURE(head);
        RawServer server(sending_all(head + "hello"));
        SessionOnLoop client;
        CHECK(client.text(server.url()) == "hello");
        CHECK(client.connections().all == 0);
    }
}

TEST_CASE("Over TLS, only close_notify is the end of a body") {
    CertificateAuthority const authority;
    auto const options = Options().ca_certificates(authority.certificate());
    for (std::string const& bytes :
         {"HTTP/1.1 200 OK\r\n\r\nhello"s, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello"s,
          with_chunks("5\r\nhello\r\n")}) {
        CAPTURE(bytes);
        auto const server = RawServer::tls(authority.issue(), [&](Peer& peer) {
            peer.read_request();
            peer.send(bytes);
            peer.close_without_notify();
        });
        SessionOnLoop client(options);
        CHECK(error_of(client, server) == Errc::body_truncated);
        CHECK(client.connections().all == 0);
    }
    auto const server = RawServer::tls(
        authority.issue(), answering_once("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello"));
    SessionOnLoop client(options);
    CHECK(client.text(server.url()) == "hello");
}

TEST_CASE("Interim responses are passed over") {
    auto const interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n"
                         "Content-Length: 7\r\n\r\nHTTP/1.1 199 Unknown\r\n\r\n"s;
    RawServer server(answering(interim + ok("hello")));
    SessionOnLoop client;
    for (int i = 0; i < 2; ++i) {
        auto got = client.get(server.url());
        CHECK(got.status() == 200);
        CHECK_FALSE(got.headers().contains("Link"));
        CHECK(client.text(got) == "hello");
    }
    CHECK(server.connections() == 1);
}

TEST_CASE("There are sixteen interim responses at most") {
    auto const answer_after = [](int interim) {
        std::string answer;
        for (int i = 0; i < interim; ++i)
            answer += "HTTP/1.1 100 Continue\r\n\r\n";
        return answer + ok("hello");
    };
    CHECK(text_of(answer_after(16)) == "hello");
    CHECK(error_at(answer_after(17)) == Errc::header_too_large);
    CHECK(error_at(answer_after(1000)) == Errc::header_too_large);
    CHECK(error_at(answer_after(1), Options().max_interim_responses(0)) == Errc::header_too_large);
}

TEST_CASE("A switch of the protocol that was not asked for is refused") {
    CHECK(
        error_at("HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n") ==
        Errc::malformed_response);
}

TEST_CASE("A response that has no body ends with its header, whatever length it names") {
    for (std::string const& framing :
         {"Content-Length: 5\r\n"s, "Transfer-Encoding: chunked\r\n"s, ""s}) {
        for (auto const& [verb, status] : std::vector<std::pair<Verb, std::string>>{
                 {Verb::head, "200 OK"},
                 {Verb::head, "404 Not Found"},
                 {Verb::get, "204 No Content"},
                 {Verb::get, "304 Not Modified"}}) {
            CAPTURE(framing, status);
            RawServer server(answering("HTTP/1.1 " + status + "\r\n" + framing + "\r\n"));
            SessionOnLoop client;
            CHECK(client.text(Request(verb, server.url())) == "");
            CHECK(client.text(Request(verb, server.url())) == "");
            CHECK(server.connections() == 1);
        }
    }
}

TEST_CASE("A connection with bytes behind the response is not used again") {
    for (auto const& [verb, bytes] : std::vector<std::pair<Verb, std::string>>{
             {Verb::get, "HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\nabc"},
             {Verb::get, "HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\nabc"},
             {Verb::head, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"},
             {Verb::get, ok("hello") + ok("injected")},
             {Verb::get, ok("hello") + "\r\n"},
             {Verb::get, with_chunks("5\r\nhello\r\n0\r\n\r\n") + ok("injected")}}) {
        CAPTURE(bytes);
        RawServer server(
            {[&](Peer& peer) {
                 peer.read_request();
                 send_together(peer, [&] { peer.send(bytes); });
                 peer.wait_for_close();
             },
             answering(ok("fresh"))});
        SessionOnLoop client;
        client.text(Request(verb, server.url()));
        CHECK(client.text(server.url()) == "fresh");
        CHECK(server.connections() == 2);
    }
}

TEST_CASE("A connection on which something came while it was idle is not used again") {
    Gate idle;
    Gate unsolicited;
    RawServer server(
        {[&](Peer& peer) {
             peer.read_request();
             peer.send(ok("hello"));
             idle.wait();
             peer.send("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n");
             wait_until_received(peer);
             unsolicited.open();
             peer.wait_for_close();
         },
         answering(ok("fresh"))});
    SessionOnLoop client;
    CHECK(client.text(server.url()) == "hello");
    CHECK(client.connections().idle == 1);
    idle.open();
    unsolicited.wait();
    CHECK(client.text(server.url()) == "fresh");
    CHECK(server.connections() == 2);
}

TEST_CASE("A ticket or a new key of TLS that comes while a connection is idle does not cost it") {
    CertificateAuthority const authority;
    auto const options = Options().ca_certificates(authority.certificate());
    Gate idle;
    Gate sent;
    RawServer const server = RawServer::tls(
        TlsSettings{.certificate = authority.issue(), .min_version = TLS1_3_VERSION},
        {[&](Peer& peer) {
            peer.read_request();
            peer.send(ok("hello"));
            idle.wait();
            peer.send_ticket();
            peer.update_key();
            wait_until_received(peer);
            sent.open();
            peer.read_request();
            peer.send(ok("again"));
        }});
    SessionOnLoop client(options);
    CHECK(client.text(server.url()) == "hello");
    CHECK(client.connections().idle == 1);
    idle.open();
    sent.wait();
    CHECK(client.text(server.url()) == "again");
    CHECK(server.connections() == 1);
}

TEST_CASE("A connection of TLS on which data came while it was idle is not used again") {
    CertificateAuthority const authority;
    auto const options = Options().ca_certificates(authority.certificate());
    bool const has_ticket = GENERATE(false, true);
    Gate idle;
    Gate sent;
    RawServer const server = RawServer::tls(
        TlsSettings{.certificate = authority.issue(), .min_version = TLS1_3_VERSION},
        {[&](Peer& peer) {
             peer.read_request();
             peer.send(ok("hello"));
             idle.wait();
             if (has_ticket)
                 peer.send_ticket();
             peer.send("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n");
             wait_until_received(peer);
             sent.open();
             peer.wait_for_close();
         },
         answering(ok("fresh"))});
    SessionOnLoop client(options);
    CHECK(client.text(server.url()) == "hello");
    CHECK(client.connections().idle == 1);
    idle.open();
    sent.wait();
    CHECK(client.text(server.url()) == "fresh");
    CHECK(server.connections() == 2);
}

TEST_CASE("Fields behind the body mean nothing") {
    auto const trailers = "Set-Cookie: a=b\r\nLocation: /elsewhere\r\nContent-Encoding: gzip\r\n"
                          "Keep-Alive: timeout=0\r\nX: y\r\n"s;
    RawServer server(answering(
        "HTTP/1.1 302 Found\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n" + trailers +
        "\r\n"));
    SessionOnLoop client(Options().cookies(true));
    for (int i = 0; i < 2; ++i) {
        auto got = client.get(server.url());
        CHECK(client.text(got) == "hello");
        CHECK(got.history().empty());
        CHECK(got.headers().size() == 1);
        CHECK(got.trailers().size() == 5);
        CHECK(got.trailers()["x"] == "y");
    }
    CHECK(server.requests().back().find("Cookie") == std::string::npos);
    CHECK(server.connections() == 1);
}

TEST_CASE("Fields behind the body are there when it has been read, also without one") {
    auto const with_trailer = [](std::string const& chunks) {
        return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Digest\r\n\r\n" + chunks +
               "0\r\nDigest: sha-256=abc\r\n\r\n";
    };
    RawServer server(
        {answering_until_closed(with_trailer("5\r\nhello\r\n")),
         answering_until_closed(with_trailer("")), answering_until_closed(ok("none"))});
    SessionOnLoop client;
    for (std::string const body : {"hello", ""}) {
        auto got = client.get(server.url());
        CHECK(client.text(got) == body);
        CHECK(got.trailers()["Digest"] == "sha-256=abc");
        CHECK_FALSE(got.headers().contains("Digest"));
        client.session = ClientSession();
    }
    auto got = client.get(server.url());
    CHECK(client.text(got) == "none");
    CHECK(got.trailers().empty());
}

TEST_CASE("A response knows whom it came from, on a connection that is used again, too") {
    RawServer server(answering(ok("hello")));
    SessionOnLoop client;
    for (int i = 0; i < 2; ++i) {
        auto const got = client.get(server.url());
        CHECK(got.peer().address().to_string() == "127.0.0.1");
        CHECK(got.peer().port() == server.port());
    }
    auto const six = RawServer::ipv6(answering(ok("hello")));
    CHECK(client.get(six.url()).peer().address().to_string() == "::1");
}

TEST_CASE("The links of a response are those of its fields Link") {
    Headers headers;
    headers.add(
        "Link",
        "<https://a.test/things?page=2>; rel=\"next\", </things?page=9,10>;rel=last ; title=\"a \\\"b\\\", c\"");
    headers.add("X", "<http://x.test/>; rel=next");
    headers.add(
        "link", ",, <mailto:me@a.test>; REL=\"Author  start\"; rel=ignored;;flag; title=plain; "
                "title*=UTF-8'de'%E2%82%ac%20x,<#part>;anchor=\"/other\";rel=prev");
    headers.add("Link", "no link, <http://b.test/>; rel=after");
    headers.add("Link", "<http://c.test/");
    Links const links(headers, "https://a.test/things");
    REQUIRE(links.size() == 4);
    CHECK(links["next"] == "https://a.test/things?page=2");
    CHECK(links["NEXT"] == "https://a.test/things?page=2");
    CHECK(links["last"] == "https://a.test/things?page=9,10");
    CHECK(links.find("last")->parameter("Title") == "a \"b\", c");
    CHECK(links["author"] == "mailto:me@a.test");
    CHECK(links.contains("start"));
    CHECK(links.find("start")->rel() == "Author  start");
    CHECK(links.find("start")->parameter("title") == "\xe2\x82\xac x");
    CHECK(links.find("start")->parameter("flag") == "");
    CHECK_FALSE(links.find("start")->parameter("type"));
    // It is a link of another resource.
    CHECK_FALSE(links.contains("prev"));
    CHECK(links.begin()[3].url() == "https://a.test/things#part");
    CHECK(links["absent"].empty());
    CHECK_FALSE(links.contains(""));
    CHECK(Links(Headers(), "https://a.test/").empty());

    Headers odd;
    odd.add("Link", "</1> odd; rel=one, </2>; title*=ISO-8859-1''%e9; title=plain ; rel=two");
    Links const left(odd, "https://a.test/things");
    CHECK(left.size() == 2);
    CHECK_FALSE(left.contains("one"));
    CHECK(left["two"] == "https://a.test/2");
    REQUIRE(left.find("two") != nullptr);
    CHECK(left.find("two")->parameter("title") == "plain");
}

TEST_CASE("What a server writes into Link harms nobody") {
    for (std::string const text :
         {"", "<", "<>", ">", "<a", "<a>;", "<a>;=", "<a>;rel", "<a>;rel=", "<a>;rel=\"",
          "<a>;rel=\"\\", "<a>;rel=x;rel*=UTF-8''%zz", "<a>,", "<a>x;rel=y", ";;;,,,", "<a><b>",
          "<\\>;rel=x"}) {
        CAPTURE(text);
        Headers headers;
        headers.add("Link", text);
        for (auto const& link : Links(headers, "https://a.test/")) {
            CHECK_FALSE(link.has_rel("y"));
            CHECK_FALSE(link.parameter("none"));
        }
    }
}

TEST_CASE("The extensions of a chunk mean nothing") {
    CHECK(text_of(with_chunks("5;a=b;c=\"d;e\";f\r\nhello\r\n0;x\r\n\r\n")) == "hello");
}

TEST_CASE("A control byte in the extension of a chunk is refused, in quotes too") {
    for (char const byte : {'\n', '\0', '\x01', '\x7f'}) {
        for (std::string const& size : {"5"s, "0"s}) {
            auto const line = size + ";a=\"" + byte + "\"\r\n";
            CAPTURE(line);
            auto const body = size == "5" ? line + "hello\r\n0\r\n\r\n" : line + "\r\n";
            CHECK(error_at(with_chunks(body)) == Errc::malformed_response);
        }
    }
    CHECK(text_of(with_chunks("5;a=\"b \\\" c\t\"\r\nhello\r\n0\r\n\r\n")) == "hello");
}

TEST_CASE("Spaces and odd extensions behind a chunk's size are passed over, unless strict") {
    for (std::string const& behind :
         {" "s, "  "s, "\t"s, ";"s, ";=x"s, ";a=b;"s, ";a b"s, ";a=\"b\" c"s, ";a=\xe9"s}) {
        CAPTURE(behind);
        auto const bytes = with_chunks(
            "5" + behind + "\r\nhello\r\n00a" + behind + "\r\n, everyone\r\n0" + behind +
            "\r\nA: b\r\n\r\n");
        CHECK(text_of(bytes) == "hello, everyone");
        Strings each;
        for (char const byte : bytes)
            each.emplace_back(1, byte);
        CHECK(parsed(each) == "hello, everyone");
        CHECK(error_at(bytes, Options().strict(true)) == Errc::malformed_response);
    }
    for (std::string const& behind : {";a=\""s, ";a=\"\\\""s, ";a b\n"s, " b"s, ";=\0"s}) {
        CAPTURE(behind);
        CHECK(
            error_at(with_chunks("5" + behind + "\r\nhello\r\n0\r\n\r\n")) ==
            Errc::malformed_response);
    }
}

TEST_CASE("A status line may lack the space behind the status, unless strict") {
    auto const bytes = "HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello"s;
    CHECK(text_of(bytes) == "hello");
    for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
        CAPTURE(cut);
        CHECK(parsed({bytes.substr(0, cut), bytes.substr(cut)}) == "hello");
    }
    CHECK(error_at(bytes, Options().strict(true)) == Errc::malformed_response);
    for (std::string const& line :
         {"HTTP/1.1 200X"s, "HTTP/1.1 2000"s, "HTTP/1.1 200\rX"s, "HTTP/1.1 20"s})
        CHECK(error_at(line + "\r\nContent-Length: 5\r\n\r\nhello") == Errc::malformed_response);
}

TEST_CASE("The limit of a header does not depend on how its bytes come") {
    auto const head = with_lines("A: " + std::string(500, 'a') + "\r\nContent-Length: 5\r\n");
    auto const size = head.size() - 5;
    for (std::size_t cut = 0; cut < size; cut += 7) {
        CAPTURE(cut);
        using syncopate::http::detail::ResponseParser;
        for (auto const limit : {size, size - 1}) {
            syncopate::http::detail::ResponseHead result;
            ResponseParser parser(result, {limit, 128}, ResponseParser::Body::expected, "server");
            std::string input;
            auto const code = code_of([&] {
                for (auto const& part : {head.substr(0, cut), head.substr(cut)}) {
                    input += part;
                    if (!input.empty())
                        input.erase(0, parser.parse(input, nullptr));
                }
            });
            CHECK((limit == size ? code == std::error_code() : code == Errc::header_too_large));
        }
    }
}

TEST_CASE("A chunk whose line comes in pieces may hold any line ends") {
    std::string const content = "\na\rb\r\n\nc\n";
    std::string const body = "\r\n0009\r\n" + content + "\r\n3;x\r\n\n\r\n\r\n0\r\n\r\n";
    for (std::size_t at = 1; at < body.size(); ++at) {
        CAPTURE(at);
        RawServer const server([&](Peer& peer) {
            peer.read_request();
            peer.send(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx" + body.substr(0, at));
            wait_until_received(peer);
            peer.send(body.substr(at));
            peer.wait_for_close();
        });
        SessionOnLoop client;
        CHECK(client.text(server.url()) == "x" + content + "\n\r\n");
    }
}

TEST_CASE("A response may come byte by byte") {
    auto const bytes =
        "HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n" +
        with_chunks("5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nC: d\r\n\r\n", "E: f\r\n g\r\n");
    RawServer server([&](Peer& peer) {
        int const on = 1;
        ::setsockopt(peer.native_handle(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        for (;;) {
            peer.read_request();
            for (char const byte : bytes) {
                peer.send(std::string_view(&byte, 1));
                wait_until_received(peer);
            }
        }
    });
    SessionOnLoop client;
    for (int i = 0; i < 3; ++i) {
        auto got = client.get(server.url());
        CHECK(client.text(got) == "hello!");
        CHECK(got.headers()["E"] == "f g");
    }
    CHECK(server.connections() == 1);
}

TEST_CASE("A response may come in three parts, wherever it is split") {
    for (std::string const& whole :
         {with_chunks("0\r\n\r\n"), with_chunks("1\r\nx\r\n0\r\n\r\n"),
          with_chunks("5;x=y\r\nhello\r\n1\r\n!\r\n000;a=\"b\"\r\nA: b\r\n c\r\n\r\n"),
          with_chunks("5\r\nhello\r\n0\r\nX: 5\" tall\r\n\r\n"),
          with_lines("Content-Length: 5\r\nE: f\r\n g\r\n"), with_lines(""),
          "HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\n"s}) {
        CAPTURE(whole);
        auto const body = parsed({whole});
        for (std::size_t i = 0; i <= whole.size(); ++i)
            for (std::size_t j = i; j <= whole.size(); ++j)
                REQUIRE(
                    parsed({whole.substr(0, i), whole.substr(i, j - i), whole.substr(j)}) == body);
    }
}

TEST_CASE("A body that was encoded is decoded") {
    auto const text = std::string(300'000, 'x') + "end";
    CHECK(text_of(encoded("gzip", gzip(text))) == text);
    CHECK(text_of(encoded("gzip", gzip(text) + gzip("more"))) == text + "more");
    CHECK(text_of(encoded("gzip, gzip", gzip(gzip(text)))) == text);
    CHECK(text_of(encoded("gzip\r\nContent-Encoding: gzip", gzip(gzip(text)))) == text);
    CHECK(
        text_of(with_chunks(chunk(gzip("hello")) + "0\r\n\r\n", "Content-Encoding: X-GZip\r\n")) ==
        "hello");
    CHECK(text_of("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip("hello")) == "hello");
    CHECK(text_of(encoded("gzip", "")) == "");
    CHECK(text_of(encoded("compress", "hello")) == "hello");
    CHECK(text_of(encoded("identity", "hello")) == "hello");
    CHECK(
        text_of(
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\n", Verb::head) ==
        "");
}

TEST_CASE("A part of what is encoded is not decoded, unless it is all of it") {
    auto const whole = gzip("hello");
    auto const part = [&](std::string const& range, std::string const& body) {
        return text_of(response(
            "206 Partial Content",
            "Content-Encoding: gzip\r\n" +
                (range.empty() ? "" : "Content-Range: " + range + "\r\n"),
            body));
    };
    auto const size = whole.size();
    CHECK(part("bytes 2-4/" + std::to_string(size), whole.substr(2, 3)) == whole.substr(2, 3));
    CHECK(part("bytes 0-4/" + std::to_string(size), whole.substr(0, 5)) == whole.substr(0, 5));
    CHECK(part("bytes 0-4/*", whole.substr(0, 5)) == whole.substr(0, 5));
    CHECK(part("", whole) == whole);
    CHECK(
        part("bytes 0-" + std::to_string(size - 1) + '/' + std::to_string(size), whole) == "hello");
}

TEST_CASE("An encoded body that is corrupt, or ends too early or too late, is an error") {
    auto const good = gzip("hello, hello, hello");
    auto corrupt = good;
    corrupt[good.size() - 6] ^= 1;
    for (std::string const& body :
         {corrupt, good.substr(0, good.size() - 1), good.substr(0, 1), good + "x", "hello"s}) {
        RawServer server(answering(encoded("gzip", body)));
        SessionOnLoop client;
        CHECK(error_of(client, server) == Errc::malformed_encoding);
        CHECK(
            error_at_end_of("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + body) ==
            Errc::malformed_encoding);
    }
}

TEST_CASE("What was flushed of an encoded body is there before the rest comes") {
    auto const pieces = gzip_pieces({"first\n", "second\n"});
    Gate first_read;
    RawServer server([&](Peer& peer) {
        peer.read_request();
        peer.send("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + pieces[0]);
        first_read.wait();
        peer.send(pieces[1]);
    });
    SessionOnLoop client;
    auto got = client.get(server.url());
    CHECK(client.runner.run(got.content().anext()) == "first\n");
    first_read.open();
    CHECK(client.text(got) == "second\n");
}

TEST_CASE("The body of a redirect that is followed is not decoded") {
    RawServer server([&](Peer& peer) {
        peer.read_request();
        peer.send(
            response("302 Found", "Location: /next\r\nContent-Encoding: gzip\r\n", "no gzip data"));
        peer.read_request();
        peer.send(ok("hello"));
    });
    SessionOnLoop client;
    CHECK(client.text(server.url()) == "hello");
    CHECK(server.connections() == 1);
}

TEST_CASE("Lines end at LF or CRLF, wherever the pieces of a body do") {
    auto const body = "a\r\nb\nc\rd\r\n\r\n\n\r\r\nlast\r"s;
    Strings const expected{"a", "b", "c\rd", "", "", "\r", "last\r"};
    for (std::size_t first_piece = 0; first_piece <= body.size(); ++first_piece) {
        CAPTURE(first_piece);
        CHECK(lines_of(body, first_piece) == expected);
    }
    CHECK(lines_of("", 0).empty());
    CHECK(lines_of("\n", 0) == Strings{""});
    CHECK(lines_of("a\n", 1) == Strings{"a"});
}

TEST_CASE("Chunks have just the size that was asked for, the last one excepted") {
    auto const chunks_of = [](std::size_t size) {
        RawServer server(
            answering_once(with_chunks("3\r\nabc\r\n5\r\ndefgh\r\n2\r\nij\r\n0\r\n\r\n")));
        SessionOnLoop client;
        auto got = client.get(server.url());
        return client.runner.run(collected(got.content().chunks(size)));
    };
    CHECK(chunks_of(4) == Strings{"abcd", "efgh", "ij"});
    CHECK(chunks_of(5) == Strings{"abcde", "fghij"});
    CHECK(chunks_of(0).size() == 10);
    CHECK(chunks_of(100) == Strings{"abcdefghij"});
}

TEST_CASE("Each byte of a body is given once, whichever way it is read") {
    RawServer server(answering_once("HTTP/1.1 200 OK\r\n\r\nhello"));
    SessionOnLoop client;
    auto got = client.get(server.url());
    CHECK(client.text(got) == "hello");
    CHECK(client.text(got) == "");
    CHECK(client.runner.run(got.content().anext()) == std::nullopt);
    client.leave(got);
    CHECK(code_of([&] { client.text(got); }) == Errc::response_closed);
}

TEST_CASE("A body that was given up after an error stays so") {
    RawServer server(answering_once("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello"));
    SessionOnLoop client;
    auto got = client.get(server.url());
    CHECK(code_of([&] { client.text(got); }) == Errc::body_truncated);
    CHECK(code_of([&] { client.text(got); }) == Errc::response_closed);
}

// NOLINTBEGIN(bugprone-use-after-move,hicpp-invalid-access-moved)

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

// NOLINTEND(bugprone-use-after-move,hicpp-invalid-access-moved)
