// What goes over the wire, byte by byte, and what is refused before a byte does.

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/http.hpp"
#include "support/raw_server.hpp"
#include "support/temporary_directory.hpp"
#include <syncopate/async_generator.hpp>
#include <syncopate/http/detail/message/body_decoder.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/json.hpp>
#include <syncopate/http/multipart.hpp>
#include <syncopate/http/options.hpp>
#include <syncopate/http/request.hpp>
#include <syncopate/http/session.hpp>
#include <syncopate/http/trace.hpp>
#include <syncopate/version.hpp>

#include <boost/json/value.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <sys/socket.h>

namespace {

using namespace std::string_literals;
using namespace support;
using syncopate::AsyncGenerator;
using syncopate::http::ClientSession;
using syncopate::http::Errc;
using syncopate::http::Multipart;
using syncopate::http::Request;
using syncopate::http::Trace;
using syncopate::http::Verb;
using Options = syncopate::http::SessionOptions;
using Strings = std::vector<std::string>;

std::string const user_agent = "User-Agent: syncopate/" + std::to_string(SYNCOPATE_VERSION_MAJOR) +
                               '.' + std::to_string(SYNCOPATE_VERSION_MINOR) + "\r\n";
std::string const defaults = user_agent + "Accept: */*\r\nAccept-Encoding: " +
                             syncopate::http::detail::BodyDecoder::known_encodings() + "\r\n";

template <class R>
concept ShowsItsParts = requires(R request) { request.take_url(); } || requires(R request) {
    request.body();
} || requires(R request) { request.authorization(); };
static_assert(!ShowsItsParts<Request>, "what the session reads is nobody else's");

/// A server that answers everything, and a session with it.
class Wire {
public:
    explicit Wire(Options options = {})
        : server_(answering(response("200 OK", "Connection: close\r\n", ""))),
          client_(std::move(options)) {}

    std::string url(std::string_view target = "/") const { return server_.url(target); }
    std::string url_with_user(std::string const& user) const {
        return "http://" + user + "@127.0.0.1:" + std::to_string(server_.port()) + "/";
    }
    std::string host() const {
        return "Host: 127.0.0.1:" + std::to_string(server_.port()) + "\r\n";
    }

    /// What the server gets.
    std::string sent(Request request) {
        client_.text(std::move(request));
        return server_.requests().back();
    }
    std::string sent(Verb verb) { return sent(Request(verb, url())); }
    std::error_code error_of(Request request) {
        return code_of([&] { client_.text(std::move(request)); });
    }
    int connections() const { return server_.connections(); }

private:
    RawServer server_;
    SessionOnLoop client_;
};

/// The line of that name in a request's head, where it stands once.
std::string line_of(std::string const& request, std::string const& name) {
    auto const head = request.substr(0, request.find("\r\n\r\n") + 2);
    auto const begin = head.find("\r\n" + name + ": ");
    if (begin == std::string::npos)
        return "none";
    if (head.find("\r\n" + name + ": ", begin + 2) != std::string::npos)
        return "several";
    auto const value = begin + name.size() + 4;
    return head.substr(value, head.find("\r\n", value) - value);
}

std::string body_of(std::string const& request) {
    return request.substr(request.find("\r\n\r\n") + 4);
}

AsyncGenerator<std::string> pieces(Strings all) {
    for (auto& each : all)
        co_yield std::move(each);
}

}  // namespace

TEST_CASE("A GET is what its URL and the defaults make of it") {
    Wire wire;
    CHECK(
        wire.sent(Request(Verb::get, wire.url("/a/b?c=d#fragment"))) ==
        "GET /a/b?c=d HTTP/1.1\r\n" + wire.host() + defaults + "\r\n");
    CHECK(
        wire.sent(Request("GET", wire.url("?c")).query("q", "a b&c=\r\n").query("r", "")) ==
        "GET /?c&q=a%20b%26c%3D%0D%0A&r= HTTP/1.1\r\n" + wire.host() + defaults + "\r\n");
}

TEST_CASE("Any token is a method") {
    Strings told;
    Wire wire(Options().trace(Trace().on_request_start(
        [&](Trace::Request const& request) { told.emplace_back(request.method); })));
    for (std::string const& method : {"QUERY"s, "brew"s, "X-!#$%&'*+.^_`|~9"s, "M-SEARCH"s}) {
        Request request(method, wire.url());
        request.body("hello").timeout(std::chrono::minutes(1));
        CHECK(request.method_name() == method);
        CHECK((request.method() == Verb::unknown) == (method != "M-SEARCH"));
        CHECK(
            wire.sent(request) ==
            method + " / HTTP/1.1\r\n" + wire.host() + defaults + "Content-Length: 5\r\n\r\nhello");
        CHECK(told.back() == method);
    }
    CHECK(Request(Verb::get, "").method_name() == "GET");
}

TEST_CASE("A range names its first and its last byte") {
    Wire wire;
    auto const range = [&](Request request) { return line_of(wire.sent(request), "Range"); };
    auto const request = [&] { return Request(Verb::get, wire.url()); };
    CHECK(range(request().range(0, 0)) == "bytes=0-0");
    CHECK(
        range(request().header("range", "bytes=1-").range(5'000'000'000, 5'000'000'001)) ==
        "bytes=5000000000-5000000001");
    CHECK(range(request().range(7)) == "bytes=7-");
    CHECK(line_of(wire.sent(request().range(7)), "Accept-Encoding") == "identity");
}

TEST_CASE("A body has its length, and a method that usually has one says that there is none") {
    Wire wire;
    auto const request = [&](std::string const& method, std::string const& rest) {
        return method + " / HTTP/1.1\r\n" + wire.host() + defaults + rest;
    };
    CHECK(
        wire.sent(Request(Verb::post, wire.url()).body("hello")) ==
        request("POST", "Content-Length: 5\r\n\r\nhello"));
    CHECK(
        wire.sent(Request(Verb::get, wire.url()).body("hello")) ==
        request("GET", "Content-Length: 5\r\n\r\nhello"));
    CHECK(
        wire.sent(Request(Verb::delete_, wire.url()).body("")) ==
        request("DELETE", "Content-Length: 0\r\n\r\n"));
    CHECK(
        wire.sent(
            Request(Verb::put, wire.url()).body("\0\r\n\xff"s).header("Content-Length", "4")) ==
        request("PUT", "Content-Length: 4\r\n\r\n\0\r\n\xff"s));
    for (auto const verb : {Verb::post, Verb::put, Verb::patch})
        CHECK(wire.sent(verb).ends_with("\r\nContent-Length: 0\r\n\r\n"));
    for (auto const verb : {Verb::get, Verb::head, Verb::delete_, Verb::options, Verb::trace})
        CHECK(line_of(wire.sent(verb), "Content-Length") == "none");
}

TEST_CASE("Form, JSON and multipart say what they are") {
    Wire wire;
    auto const form = wire.sent(
        Request(Verb::post, wire.url()).form({{"a", "b c&=+"}, {"\xc3\xa4", ""}, {"a", "\n"}}));
    CHECK(line_of(form, "Content-Type") == "application/x-www-form-urlencoded");
    CHECK(body_of(form) == "a=b+c%26%3D%2B&%C3%A4=&a=%0A");
    CHECK(line_of(form, "Content-Length") == std::to_string(body_of(form).size()));

    auto const json = wire.sent(Request(Verb::post, wire.url()).json({{"a", 1}}));
    CHECK(line_of(json, "Content-Type") == "application/json");
    CHECK(body_of(json) == "{\"a\":1}");

    auto const multipart = wire.sent(
        Request(Verb::post, wire.url()).multipart(Multipart().field("a", "b").file("c", "d", "e")));
    auto const type = line_of(multipart, "Content-Type");
    auto const boundary = "--" + type.substr(type.find('=') + 1);
    CHECK(type.starts_with("multipart/form-data; boundary="));
    CHECK(
        body_of(multipart) ==
        boundary + "\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n" + boundary +
            "\r\nContent-Disposition: form-data; name=\"c\"; filename=\"d\"\r\n"
            "Content-Type: application/octet-stream\r\n\r\ne\r\n" +
            boundary + "--\r\n");
    CHECK(line_of(multipart, "Content-Length") == std::to_string(body_of(multipart).size()));
}

TEST_CASE("The last body that is set counts, with what it says of itself") {
    Wire wire;
    auto const request = [&] { return Request(Verb::post, wire.url()).form({{"a", "b"}}); };
    CHECK(line_of(wire.sent(request().body("hello")), "Content-Type") == "none");
    CHECK(line_of(wire.sent(request().json({})), "Content-Type") == "application/json");
    CHECK(line_of(wire.sent(request().body_stream(pieces({"x"}))), "Content-Type") == "none");
    CHECK(
        line_of(wire.sent(request().header("Content-Type", "text/x")), "Content-Type") == "text/x");
}

TEST_CASE("The type of a request's body takes the place of its session's") {
    Wire wire(Options().header("content-type", "text/session"));
    auto const type = [&](Request request) {
        auto const sent = wire.sent(std::move(request));
        auto const other = line_of(sent, "content-type");
        return other == "none" ? line_of(sent, "Content-Type") : other;
    };
    auto const post = [&] { return Request(Verb::post, wire.url()); };
    CHECK(type(post().body("hello")) == "text/session");
    CHECK(type(post().json({})) == "application/json");
    CHECK(type(post().form({{"a", "b"}}).header("Content-Type", "text/request")) == "text/request");
}

TEST_CASE("A stream is sent in chunks, one for each piece that is not empty") {
    Wire wire;
    CHECK(
        wire.sent(Request(Verb::post, wire.url())
                      .body_stream(pieces({"hello", "", std::string(17, 'x'), ""}))) ==
        "POST / HTTP/1.1\r\n" + wire.host() + defaults +
            "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n11\r\n" + std::string(17, 'x') +
            "\r\n0\r\n\r\n");
    CHECK(
        body_of(wire.sent(Request(Verb::post, wire.url()).body_stream(pieces({})))) == "0\r\n\r\n");
    CHECK(
        line_of(
            wire.sent(Request(Verb::post, wire.url())
                          .header("transfer-encoding", "chunked")
                          .body_stream(pieces({"a"}))),
            "Transfer-Encoding") == "chunked");
}

TEST_CASE("A stream whose length is given is sent as it is, and has to be as long") {
    Wire wire;
    auto const request = [&](Strings all) {
        return Request(Verb::put, wire.url())
            .header("Content-Length", "7")
            .body_stream(pieces(std::move(all)));
    };
    CHECK(
        wire.sent(request({"hel", "", "lo!!"})) ==
        "PUT / HTTP/1.1\r\n" + wire.host() + defaults + "Content-Length: 7\r\n\r\nhello!!");
    CHECK(wire.error_of(request({"hello"})) == Errc::invalid_request);
    CHECK(wire.error_of(request({"hello", "hello"})) == Errc::invalid_request);
    CHECK(wire.error_of(request({})) == Errc::invalid_request);
}

TEST_CASE("A field of the request takes the place of the session's, and that of the default") {
    Wire wire(Options()
                  .header("User-Agent", "session")
                  .header("accept", "text/session")
                  .header("X-Session", "1")
                  .header("X-Session", "2"));
    CHECK(
        wire.sent(Request(Verb::get, wire.url())
                      .header("ACCEPT", "text/request")
                      .header("X-Request", "1")
                      .header("X-Request", "2")
                      .header("Accept-Encoding", "br")) ==
        "GET / HTTP/1.1\r\n" + wire.host() +
            "ACCEPT: text/request\r\nX-Request: 1\r\nX-Request: 2\r\nAccept-Encoding: br\r\n"
            "User-Agent: session\r\nX-Session: 1\r\nX-Session: 2\r\n\r\n");
    CHECK(wire.sent(Request(Verb::get, wire.url()).header("Host", "other.test"))
              .starts_with("GET / HTTP/1.1\r\nHost: other.test\r\n"));
    CHECK(line_of(wire.sent(Verb::get), "X-Session") == "several");
}

TEST_CASE("Without decompression no encoding is asked for") {
    Wire wire(Options().decompress(false));
    CHECK(line_of(wire.sent(Verb::get), "Accept-Encoding") == "none");
}

TEST_CASE("A request says by itself whether an encoding is asked for") {
    Wire asking;
    CHECK(
        line_of(
            asking.sent(Request(Verb::get, asking.url()).decompress(false)), "Accept-Encoding") ==
        "none");
    CHECK(
        asking.sent(Request(Verb::get, asking.url()).decompress(true)) ==
        "GET / HTTP/1.1\r\n" + asking.host() + defaults + "\r\n");
    Wire plain(Options().decompress(false));
    auto const encoding = [&](Request request) {
        return line_of(plain.sent(std::move(request.decompress(true))), "Accept-Encoding");
    };
    CHECK(
        encoding(Request(Verb::get, plain.url())) ==
        syncopate::http::detail::BodyDecoder::known_encodings());
    CHECK(encoding(Request(Verb::get, plain.url()).header("Range", "bytes=0-9")) == "identity");
    CHECK(encoding(Request(Verb::get, plain.url()).header("Accept-Encoding", "x")) == "x");
}

TEST_CASE("A part of something is asked for without an encoding") {
    Wire wire;
    auto const encoding = [&](Request request) {
        return line_of(wire.sent(std::move(request)), "Accept-Encoding");
    };
    CHECK(encoding(Request(Verb::get, wire.url()).header("Range", "bytes=8-17")) == "identity");
    CHECK(
        encoding(Request(Verb::get, wire.url())
                     .header("range", "bytes=8-")
                     .header("Accept-Encoding", "gzip")) == "gzip");
    Wire all_in_parts(Options().header("Range", "bytes=0-9"));
    CHECK(line_of(all_in_parts.sent(Verb::get), "Accept-Encoding") == "identity");
    Wire as_told(Options().header("Accept-Encoding", "gzip"));
    CHECK(
        line_of(
            as_told.sent(Request(Verb::get, as_told.url()).header("Range", "bytes=1-")),
            "Accept-Encoding") == "gzip");
    Wire without(Options().decompress(false));
    CHECK(
        line_of(
            without.sent(Request(Verb::get, without.url()).header("Range", "bytes=1-")),
            "Accept-Encoding") == "none");
}

TEST_CASE("Credentials are sent as Basic or Bearer, and a URL's appear nowhere else") {
    Wire wire;
    auto const authorization = [&](Request request) {
        return line_of(wire.sent(std::move(request)), "Authorization");
    };
    CHECK(
        authorization(Request(Verb::get, wire.url()).basic_auth("Aladdin", "open sesame")) ==
        "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    CHECK(authorization(Request(Verb::get, wire.url()).bearer("a.b-c")) == "Bearer a.b-c");
    auto const request = wire.sent(Request(Verb::get, wire.url_with_user("Aladdin:open%20sesame")));
    CHECK(
        request == "GET / HTTP/1.1\r\n" + wire.host() + defaults +
                       "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n");
    CHECK(
        authorization(
            Request(Verb::get, wire.url_with_user("a:b")).header("Authorization", "own")) == "own");
}

TEST_CASE("The credentials of a request take the place of those of its session") {
    Wire wire(Options().header("Authorization", "of the session"));
    auto const authorization = [&](Request request) {
        return line_of(wire.sent(std::move(request)), "Authorization");
    };
    CHECK(authorization(Request(Verb::get, wire.url())) == "of the session");
    CHECK(authorization(Request(Verb::get, wire.url()).bearer("a")) == "Bearer a");
    CHECK(authorization(Request(Verb::get, wire.url()).basic_auth("a", "b")) == "Basic YTpi");
    CHECK(authorization(Request(Verb::get, wire.url_with_user("a:b"))) == "Basic YTpi");
}

TEST_CASE("A body up to 16 KiB goes out with its header in one write") {
    std::string const body(std::size_t{16} * 1024, 'x');
    std::size_t first_read = 0;
    std::size_t whole = 0;
    {
        RawServer server([&](Peer& peer) {
            std::array<char, 65536> bytes;
            auto const size = ::recv(peer.native_handle(), bytes.data(), bytes.size(), 0);
            first_read = static_cast<std::size_t>(size);
            whole = std::string_view(bytes.data(), first_read).find("\r\n\r\n") + 4 + body.size();
            peer.send(ok());
        });
        SessionOnLoop client;
        client.text(Request(Verb::post, server.url()).body(body));
    }
    CHECK(first_read == whole);
}

TEST_CASE("Over TLS, a small body shares the record of its header") {
    std::size_t record = 0;
    CertificateAuthority const authority;
    {
        auto const server = RawServer::tls(authority.issue(), [&](Peer& peer) {
            std::array<unsigned char, 5> bytes{};
            ::recv(peer.native_handle(), bytes.data(), bytes.size(), MSG_PEEK | MSG_WAITALL);
            record = std::size_t{bytes[3]} * 256 + bytes[4];
            peer.read_request();
            peer.send(ok());
        });
        SessionOnLoop client(Options().ca_certificates(authority.certificate()));
        client.text(Request(Verb::post, server.url()).body(std::string(10'000, 'x')));
    }
    CHECK(record > 10'000);
}

TEST_CASE("A Unix socket takes all requests, whatever host they name") {
    TemporaryDirectory const directory;
    auto const path = directory.path() / "socket";
    auto const server = RawServer::unix_socket(path.string(), answering(ok("hello")));
    SessionOnLoop client(Options().unix_socket(path.string()));
    CHECK(client.text("http://anything.test:1234/a"s) == "hello");
    CHECK(client.text("http://anything.test:1234/b"s) == "hello");
    CHECK(server.connections() == 1);
    CHECK(
        server.requests()[0] ==
        "GET /a HTTP/1.1\r\nHost: anything.test:1234\r\n" + defaults + "\r\n");
}

TEST_CASE("An IPv6 address stands in brackets in Host") {
    auto const server = RawServer::ipv6(answering(ok("hello")));
    SessionOnLoop client;
    CHECK(client.text(server.url()) == "hello");
    CHECK(line_of(server.requests()[0], "Host") == "[::1]:" + std::to_string(server.port()));
}

TEST_CASE("What would end a line, or is no token, is refused where it is set") {
    auto const request = [] { return Request(Verb::get, "http://localhost/"); };
    auto const is_refused = [](std::function<void()> const& set) {
        return code_of(set) == Errc::invalid_request;
    };
    for (std::string const& text :
         {"\r"s, "\n"s, "\0"s, "a\r\nB: c"s, "a\nB: c"s, "a\rb"s, "a\0b"s, "\x01"s, "\x7f"s}) {
        CAPTURE(text);
        CHECK(is_refused([&] { request().header("A", text); }));
        CHECK(is_refused([&] { request().header(text, "a"); }));
        CHECK(is_refused([&] { request().header("Host", text); }));
        CHECK(is_refused([&] { request().header("Cookie", text); }));
        CHECK(is_refused([&] { request().bearer(text); }));
        CHECK(is_refused([&] { request().basic_auth(text, "a"); }));
        CHECK(is_refused([&] { request().basic_auth("a", text); }));
        CHECK(is_refused([&] { Request(text, "http://localhost/"); }));
        CHECK(is_refused([&] { Request("GET" + text, "http://localhost/"); }));
        CHECK(is_refused([&] { SessionOnLoop client(Options().header("A", text)); }));
        CHECK(is_refused([&] { SessionOnLoop client(Options().header(text, "a")); }));
    }
    for (std::string const& text : {"a\rb"s, "a\nb"s, "a\0b"s}) {
        CHECK(is_refused([&] { Multipart().field(text, ""); }));
        CHECK(is_refused([&] { Multipart().file(text, "a", ""); }));
        CHECK(is_refused([&] { Multipart().file("a", text, ""); }));
        CHECK(is_refused([&] { Multipart().file("a", "a", "", text); }));
    }
    for (std::string const& name : {""s, "a b"s, "a:"s, "\xc3\xa4"s, "(a)"s})
        CHECK(is_refused([&] { request().header(name, "a"); }));
    constexpr auto negative = static_cast<std::uint64_t>(-1);
    CHECK(is_refused([&] { request().range(1, 0); }));
    CHECK(is_refused([&] { request().range(negative); }));
    CHECK(is_refused([&] { request().range(0, negative); }));
    for (std::string const& method :
         {"CONNECT"s, "connect"s, "get"s, "Post"s, "m-search"s, "GET /"s, ""s, "<unknown>"s})
        CHECK(is_refused([&] { Request(method, "http://localhost/"); }));
}

TEST_CASE("What is refused is refused before a connection is made") {
    Wire wire;
    auto const post = [&] { return Request(Verb::post, wire.url()).body("hello"); };
    auto const stream = [&] {
        return Request(Verb::post, wire.url()).body_stream(pieces({"hello"}));
    };
    for (auto const& request :
         {post().header("Transfer-Encoding", "chunked"),
          post().header("Transfer-Encoding", "chunked").header("Content-Length", "5"),
          post().header("Content-Length", "4"), post().header("Content-Length", "+5"),
          post().header("Content-Length", "5").header("Content-Length", "5"),
          post().header("Content-Length", "5,5"), post().header("Content-Length", ""),
          post().header("Content-Length", "99999999999999999999"),
          stream().header("Transfer-Encoding", "gzip"),
          stream().header("Transfer-Encoding", "chunked").header("Transfer-Encoding", "gzip"),
          stream().header("transfer-encoding", "chunked").header("content-length", "5"),
          Request(Verb::get, wire.url()).header("Content-Length", "5"),
          Request(Verb::get, wire.url()).header("Transfer-Encoding", "chunked"),
          Request(Verb::get, wire.url()).header("Host", "a").header("Host", "b")})
        CHECK(wire.error_of(request) == Errc::invalid_request);
    for (std::string const& target :
         {"/a\\b"s, "/a\r\nb"s, "/a\nb"s, "/\0"s, "/\\"s, "/a\r\n\r\nGET / HTTP/1.1"s})
        CHECK(wire.error_of(Request(Verb::get, wire.url(target))) == Errc::invalid_url);
    for (std::string const& url :
         {"javascript:alert(1)"s, "ftp://localhost/"s, "ws://localhost/"s, ""s, "/"s,
          "//localhost/"s})
        CHECK(wire.error_of(Request(Verb::get, url)) == Errc::invalid_url);
    CHECK(wire.connections() == 0);
}

TEST_CASE("What cannot be true of all requests is refused when the session is made") {
    for (auto const& options :
         {Options().header("Content-Length", "5"), Options().header("Transfer-Encoding", "chunked"),
          Options().header("Host", "a").header("host", "b"), Options().header("A", "b\r\nC: d"),
          Options().header("A b", "c")})
        CHECK(code_of([&] { ClientSession const session(options); }) == Errc::invalid_request);
}

TEST_CASE("A trace is told of each step, without a user's name and password") {
    Strings told;
    auto const note = [&](std::string what, Trace::Request const& request) {
        told.push_back(what + ' ' + std::string(request.method) + ' ' + std::string(request.url));
    };
    Trace trace;
    trace.on_request_start([&](auto const& r) { note("start", r); })
        .on_connection_created([&](auto const& r) { note("created", r); })
        .on_connection_reused([&](auto const& r) { note("reused", r); })
        .on_redirect([&](auto const& r, int status, std::string_view location) {
            note("redirect " + std::to_string(status) + ' ' + std::string(location), r);
        })
        .on_request_end(
            [&](auto const& r, int status) { note("end " + std::to_string(status), r); })
        .on_request_error([&](auto const& r, std::exception_ptr const& error) {
            note("error " + code_of(error).message(), r);
        });
    RawServer server([](Peer& peer) {
        peer.read_request();
        peer.send(response("303 See Other", "Location: /next\r\n", ""));
        peer.read_request();
        peer.send(ok());
        peer.read_request();
        peer.send("nonsense\r\n\r\n");
        peer.wait_for_close();
    });
    auto const first = server.url("/");
    auto const next = server.url("/next");
    auto const with_user = "http://user:secret@" + first.substr(7);
    SessionOnLoop client(Options().trace(trace));
    client.text(Request(Verb::post, with_user));
    CHECK(
        told == Strings{
                    "start POST " + first, "created POST " + first,
                    "redirect 303 " + next + " POST " + first, "reused GET " + next,
                    "end 200 GET " + next});
    told.clear();
    auto const message = message_of<std::system_error>([&] { client.text(with_user); });
    CHECK(
        told ==
        Strings{
            "start GET " + first, "reused GET " + first, "error malformed response GET " + first});
    CHECK(message.find("secret") == std::string::npos);
}

TEST_CASE("What a trace throws ends the request") {
    RawServer server(answering(ok()));
    Trace trace;
    trace.on_connection_created([](auto const&) { throw std::runtime_error("enough"); })
        .on_request_error([](auto const&, auto const&) { throw std::runtime_error("swallowed"); });
    SessionOnLoop client(Options().trace(trace));
    CHECK(message_of<std::runtime_error>([&] { client.text(server.url()); }) == "enough");
    CHECK(client.connections().all == 0);
}
