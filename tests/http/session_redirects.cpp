// Where a session's requests go, and what they take along: redirects, cookies, proxies, TLS.
#include "support/catch.hpp"
#include "support/certificates.hpp"
#include "support/errors.hpp"
#include "support/http.hpp"
#include "support/raw_server.hpp"
#include "support/tasks.hpp"
#include "support/temporary_directory.hpp"
#include "support/tls_settings.hpp"
#include <syncopate/async_generator.hpp>
#include <syncopate/error.hpp>
#include <syncopate/gather.hpp>
#include <syncopate/http/cookies.hpp>
#include <syncopate/http/detail/session/cookie_origin.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/options.hpp>
#include <syncopate/http/request.hpp>
#include <syncopate/http/response.hpp>
#include <syncopate/http/trace.hpp>

#include <openssl/ssl.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <future>
#include <latch>
#include <map>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <sys/socket.h>

namespace {

using namespace std::chrono_literals;
using namespace support;
using namespace syncopate::http;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::EndsWith;
using Catch::Matchers::StartsWith;

SessionOptions options() {
    return SessionOptions();
}

std::string redirect(std::string const& location, std::string const& status = "302 Found") {
    return response(status, "Location: " + location + "\r\n", "");
}

/// Gives each target its answer, and "end" to the others.
Script answering_by_target(std::map<std::string, std::string> answers) {
    return [answers = std::move(answers)](Peer& peer) {
        for (;;) {
            auto const request = peer.read_request();
            auto const begin = request.find(' ') + 1;
            auto const found =
                answers.find(request.substr(begin, request.find(' ', begin) - begin));
            peer.send(found == answers.end() ? ok("end") : found->second);
        }
    };
}

Script redirecting(std::string const& location, std::string const& status = "302 Found") {
    return answering_by_target({{"/", redirect(location, status)}});
}

template <class F>
std::string failure_of(F function) {
    return message_of<std::system_error>(std::move(function));
}

syncopate::AsyncGenerator<std::string> one_piece() {
    co_yield std::string("piece");
}

// ---- Where a redirect leads

TEST_CASE("A redirect is followed, and the response tells where it came from") {
    auto const status =
        GENERATE("301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent");
    RawServer server(redirecting("/next", status));
    SessionOnLoop client;
    auto response = client.get(server.url());
    CHECK(response.status() == 200);
    CHECK(response.url() == server.url("/next"));
    CHECK(client.text(response) == "end");
    CHECK(server.connections() == 1);
}

TEST_CASE("What redirected a request is its history, oldest first") {
    RawServer server(answering_by_target(
        {{"/", redirect("/second", "301 Moved")}, {"/second", redirect("/third", "307 On")}}));
    SessionOnLoop client;
    auto const response = client.get(server.url());
    REQUIRE(response.history().size() == 2);
    CHECK(response.history()[0].status() == 301);
    CHECK(response.history()[0].url() == server.url());
    CHECK(response.history()[1].status() == 307);
    CHECK(response.history()[1].reason() == "On");
    CHECK(response.history()[1].url() == server.url("/second"));
    CHECK(response.history()[1].headers()["Location"] == "/third");
}

TEST_CASE("Other statuses are responses, also with a Location") {
    auto const status = GENERATE("200 OK", "201 Created", "300 Choices", "304 Same", "404 No");
    RawServer server(redirecting("/next", status));
    SessionOnLoop client;
    auto const response = client.get(server.url());
    CHECK(response.history().empty());
    CHECK(response.url() == server.url());
}

TEST_CASE("A redirect without a Location is the response itself") {
    RawServer server(answering(response("302 Found", "", "here")));
    SessionOnLoop client;
    auto response = client.get(server.url());
    CHECK(response.status() == 302);
    CHECK(client.text(response) == "here");
}

TEST_CASE("A Location is resolved as a reference, and escaped where it must be") {
    auto const [location, target] = GENERATE(table<std::string, std::string>({
        {"/absolute?q=1", "/absolute?q=1"},
        {"relative", "/directory/relative"},
        {"../up", "/up"},
        {"?query", "/directory/page?query"},
        {"/with space", "/with%20space"},
        {"/caf\xc3\xa9", "/caf%C3%A9"},
        {"/%2e%2e/kept%2fescapes", "/%2e%2e/kept%2fescapes"},
        {"/lone%percent", "/lone%25percent"},
        {"/never#sent", "/never"},
    }));
    INFO(location);
    RawServer server(answering_by_target({{"/directory/page", redirect(location)}}));
    SessionOnLoop client;
    client.text(server.url("/directory/page"));
    REQUIRE(server.requests().size() == 2);
    CHECK_THAT(server.requests()[1], StartsWith("GET " + target + " HTTP/1.1\r\n"));
}

TEST_CASE("A Location may name another server without a scheme") {
    RawServer other(answering(ok("other")));
    RawServer server(redirecting("//127.0.0.1:" + std::to_string(other.port()) + "/"));
    SessionOnLoop client;
    CHECK(client.text(server.url()) == "other");
}

TEST_CASE("A redirect to what is no usable URL is refused") {
    auto const location = GENERATE(
        "http:\\\\elsewhere", "/back\\slash", "javascript:alert(1)", "file:///etc/passwd",
        "ftp://elsewhere/", "ws://elsewhere/", "http://", "http://a@b@c/",
        "http://elsewhere:99999/", "http://else where/");
    INFO(location);
    RawServer server(redirecting(location));
    SessionOnLoop client;
    CHECK(code_of([&] { return client.get(server.url()); }) == Errc::redirect_refused);
    CHECK(server.requests().size() == 1);
    CHECK(client.connections().all == client.connections().idle);
}

TEST_CASE("A refused redirect names the server, and no password") {
    RawServer server(redirecting("http://user:secret@elsewhere:99999/"));
    SessionOnLoop client;
    auto const message = failure_of([&] { return client.get(server.url()); });
    CHECK_THAT(message, StartsWith("http://127.0.0.1:" + std::to_string(server.port())));
    CHECK_THAT(message, !ContainsSubstring("secret"));
}

TEST_CASE("A redirect from https to http is refused") {
    CertificateAuthority const authority;
    RawServer plain(answering(ok()));
    RawServer secure = RawServer::tls(authority.issue(), redirecting(plain.url()));
    SessionOnLoop client(options().ca_certificates(authority.certificate()));
    CHECK(code_of([&] { return client.get(secure.url()); }) == Errc::redirect_refused);
    CHECK(plain.connections() == 0);
}

TEST_CASE("A redirect from https to http is followed where that is allowed, without credentials") {
    CertificateAuthority const authority;
    RawServer plain(answering(ok("plain")));
    RawServer secure = RawServer::tls(authority.issue(), redirecting(plain.url()));
    SessionOnLoop client(options().allow_downgrade(true).ca_certificates(authority.certificate()));
    CHECK(client.text(Request(Verb::get, secure.url()).bearer("secret")) == "plain");
    CHECK_THAT(plain.requests().at(0), !ContainsSubstring("secret"));
}

// ---- How far

TEST_CASE("A redirect that leads back to itself ends with an error") {
    RawServer server(redirecting("/"));
    SessionOnLoop client;
    CHECK(code_of([&] { return client.get(server.url()); }) == Errc::too_many_redirects);
    CHECK(server.requests().size() == 11);
    CHECK(client.connections().all == client.connections().idle);
}

TEST_CASE("A session follows as many redirects as it may, and a request has a limit of its own") {
    RawServer server(
        answering_by_target({{"/", redirect("/second")}, {"/second", redirect("/third")}}));
    SessionOnLoop client(options().max_redirects(1));
    auto const get = [&] { return Request(Verb::get, server.url()); };
    CHECK(code_of([&] { return client.request(get()); }) == Errc::too_many_redirects);
    CHECK(client.text(get().max_redirects(2)) == "end");
    CHECK(client.text(server.url("/second")) == "end");
}

TEST_CASE("Without redirects, the redirect is the response, with its body") {
    RawServer server(answering(response("302 Found", "Location: http://a@b@c\r\n", "moved")));
    SessionOnLoop client(options().max_redirects(0));
    auto response = client.get(server.url());
    CHECK(response.status() == 302);
    CHECK(response.history().empty());
    CHECK(client.text(response) == "moved");
}

// ---- The body of a redirect

TEST_CASE("The body of a redirect is not decoded") {
    RawServer server(answering_by_target(
        {{"/",
          response(
              "302 Found", "Location: /next\r\nContent-Encoding: gzip\r\n", "no gzip at all")}}));
    SessionOnLoop client;
    CHECK(client.text(server.url()) == "end");
    CHECK(server.connections() == 1);
}

TEST_CASE("The connection of a redirect is used again, however its chunks are written") {
    auto const sizes =
        GENERATE(std::string("5\r\nhello\r\n0\r\n\r\n"), std::string("5 \r\nhello\r\n0 \r\n\r\n"));
    RawServer server(answering_by_target(
        {{"/",
          "HTTP/1.1 302 Found\r\nLocation: /next\r\nTransfer-Encoding: chunked\r\n\r\n" + sizes}}));
    SessionOnLoop client;
    CHECK(client.text(server.url()) == "end");
    CHECK(server.connections() == 1);
}

TEST_CASE("A redirect with a long body is followed on another connection") {
    auto const first = GENERATE(
        std::string("HTTP/1.1 302 Found\r\nLocation: /next\r\nContent-Length: 9999999\r\n\r\n"),
        std::string("HTTP/1.1 302 Found\r\nLocation: /next\r\n\r\nto the end"),
        std::string(
            "HTTP/1.1 302 Found\r\nLocation: /next\r\nTransfer-Encoding: chunked\r\n\r\n100000\r\n") +
            std::string(100'000, 'x'));
    RawServer server(answering_by_target({{"/", first}}));
    SessionOnLoop client(options().max_connections(1));
    CHECK(client.text(server.url()) == "end");
    CHECK(server.connections() == 2);
}

// ---- What it makes of the request

std::string method_of(std::string const& request) {
    return request.substr(0, request.find(' '));
}

TEST_CASE("A redirect may make GET of a request, which then has no body") {
    auto const [status, method] = GENERATE(table<std::string, std::string>({
        {"301 Moved", "POST"},
        {"302 Found", "POST"},
        {"303 See Other", "POST"},
        {"303 See Other", "PUT"},
        {"303 See Other", "DELETE"},
        {"303 See Other", "QUERY"},
    }));
    RawServer server(redirecting("/next", status));
    SessionOnLoop client;
    client.text(Request(method, server.url()).form({{"a", "b"}}).header("Content-Language", "en"));
    REQUIRE(server.requests().size() == 2);
    auto const second = server.requests()[1];
    CHECK(method_of(second) == "GET");
    CHECK_THAT(second, EndsWith("\r\n\r\n"));
    CHECK_THAT(second, !ContainsSubstring("Content-") && !ContainsSubstring("Transfer-Encoding"));
}

TEST_CASE("Another redirect sends the request again, with its body") {
    auto const [status, method] = GENERATE(table<std::string, std::string>({
        {"307 Temporary", "POST"},
        {"308 Permanent", "POST"},
        {"307 Temporary", "PATCH"},
        {"301 Moved", "PUT"},
        {"302 Found", "DELETE"},
        {"301 Moved", "QUERY"},
    }));
    RawServer server(redirecting("/next", status));
    SessionOnLoop client;
    client.text(Request(method, server.url()).form({{"a", "b"}}));
    REQUIRE(server.requests().size() == 2);
    auto const second = server.requests()[1];
    CHECK(method_of(second) == method);
    CHECK_THAT(second, EndsWith("\r\n\r\na=b") && ContainsSubstring("Content-Length: 3\r\n"));
    CHECK_THAT(second, ContainsSubstring("x-www-form-urlencoded"));
}

TEST_CASE("HEAD stays HEAD") {
    auto const status = GENERATE("301 Moved", "302 Found", "303 See Other", "307 Temporary");
    RawServer server(answering(
        std::string("HTTP/1.1 ") + status + "\r\nLocation: /\r\nContent-Length: 9\r\n\r\n"));
    SessionOnLoop client(options().max_redirects(1));
    CHECK(code_of([&] {
              return client.request(Request(Verb::head, server.url()));
          }) == Errc::too_many_redirects);
    CHECK(method_of(server.requests().back()) == "HEAD");
}

TEST_CASE("A stream that has been sent is not sent again") {
    RawServer server(redirecting("/next", "307 Temporary"));
    SessionOnLoop client;
    CHECK(code_of([&] {
              return client.request(Request(Verb::post, server.url()).body_stream(one_piece()));
          }) == Errc::body_not_replayable);
    CHECK(server.requests().size() == 1);
    CHECK(client.connections().all == client.connections().idle);
}

TEST_CASE("A stream that has been sent does no harm where the redirect drops the body") {
    RawServer server(redirecting("/next", "303 See Other"));
    SessionOnLoop client;
    CHECK(client.text(Request(Verb::post, server.url()).body_stream(one_piece())) == "end");
}

// ---- Who asks

Request with_credentials(std::string url) {
    return Request(Verb::get, std::move(url))
        .header("authorization", "secret1")
        .header("COOKIE", "a=secret2")
        .header("Proxy-Authorization", "secret3")
        .header("Accept-Language", "en");
}

TEST_CASE("A redirect to the same origin takes the credentials along") {
    RawServer server(answering_by_target({{"/", redirect("/next")}}));
    SessionOnLoop client;
    client.text(with_credentials(server.url()));
    auto const second = server.requests().at(1);
    CHECK_THAT(
        second, ContainsSubstring("secret1") && ContainsSubstring("secret2") &&
                    ContainsSubstring("secret3"));
}

TEST_CASE("A redirect to another port drops the credentials") {
    RawServer other(answering(ok()));
    RawServer server(redirecting(other.url()));
    SessionOnLoop client;
    client.text(with_credentials(server.url()));
    CHECK_THAT(other.requests().at(0), !ContainsSubstring("secret") && ContainsSubstring("en\r\n"));
}

TEST_CASE("A redirect to another host drops the credentials") {
    Gate has_port;
    std::string other;
    RawServer server([&](Peer& peer) {
        has_port.wait();
        redirecting(other)(peer);
    });
    other = "http://localhost:" + std::to_string(server.port()) + "/next";
    has_port.open();
    SessionOnLoop client;
    client.text(with_credentials(server.url()));
    CHECK_THAT(server.requests().at(0), ContainsSubstring("secret"));
    CHECK_THAT(server.requests().at(1), !ContainsSubstring("secret"));
}

TEST_CASE("A redirect to another scheme drops the credentials") {
    CertificateAuthority const authority;
    RawServer other = RawServer::tls(authority.issue(), answering(ok()));
    RawServer server(redirecting(other.url()));
    SessionOnLoop client(options().ca_certificates(authority.certificate()));
    client.text(with_credentials(server.url()));
    CHECK_THAT(other.requests().at(0), !ContainsSubstring("secret"));
}

TEST_CASE("A redirect to another origin drops the credentials, however they were set") {
    RawServer other(answering(ok()));
    RawServer server(redirecting(other.url()));
    SessionOnLoop client(options().header("Authorization", "of the session"));
    auto const get = [&] { return Request(Verb::get, server.url()); };
    auto const port = std::to_string(server.port());
    client.text(get());
    client.text(get().basic_auth("user", "password"));
    client.text(get().bearer("token"));
    client.text("http://user:password@127.0.0.1:" + port);
    for (auto const& request : server.requests())
        CHECK_THAT(request, ContainsSubstring("\r\nAuthorization: "));
    CHECK(other.requests().size() == 4);
    for (auto const& request : other.requests())
        CHECK_THAT(request, !ContainsSubstring("Authorization"));
}

TEST_CASE("What a redirect has dropped stays behind, wherever the way goes on") {
    RawServer server([](Peer& peer) {
        auto const request = peer.read_request();
        auto const host = request.find("Host: ") + 6;
        auto const begin = request.find(':', host) + 1;
        auto const port = request.substr(begin, request.find('\r', begin) - begin);
        if (request.starts_with("GET / "))
            peer.send(redirect("http://localhost:" + port + "/there"));
        else if (request.starts_with("GET /there "))
            peer.send(redirect("/on"));
        else if (request.starts_with("GET /on "))
            peer.send(redirect("http://127.0.0.1:" + port + "/back"));
        else
            peer.send(ok());
    });
    SessionOnLoop client(options().header("Connection", "close"));
    client.text(with_credentials(server.url()));
    auto const requests = server.requests();
    REQUIRE(requests.size() == 4);
    for (std::size_t i = 1; i < requests.size(); ++i)
        CHECK_THAT(requests[i], !ContainsSubstring("secret"));
}

TEST_CASE("A Host that was set for one server is not told to another") {
    RawServer other(answering(ok()));
    RawServer server(redirecting(other.url()));
    SessionOnLoop client;
    client.text(Request(Verb::get, server.url()).header("Host", "virtual.test"));
    CHECK_THAT(server.requests().at(0), ContainsSubstring("Host: virtual.test\r\n"));
    CHECK_THAT(
        other.requests().at(0),
        ContainsSubstring("Host: 127.0.0.1:" + std::to_string(other.port()) + "\r\n") &&
            !ContainsSubstring("virtual.test"));
}

TEST_CASE("User and password of a URL stay with a redirect to the same origin") {
    bool const is_absolute = GENERATE(false, true);
    RawServer server([is_absolute](Peer& peer) {
        auto const request = peer.read_request();
        auto const host = request.find("Host: ") + 6;
        auto const origin = "http://" + request.substr(host, request.find('\r', host) - host);
        peer.send(redirect((is_absolute ? origin : "") + "/next"));
        peer.read_request();
        peer.send(ok());
    });
    SessionOnLoop client;
    auto const port = std::to_string(server.port());
    auto const response = client.get("http://user:password@127.0.0.1:" + port);
    CHECK_THAT(
        server.requests().at(1), ContainsSubstring("Authorization: Basic dXNlcjpwYXNzd29yZA=="));
    CHECK(response.url() == server.url("/next"));
    CHECK(response.history().at(0).url() == server.url());
}

TEST_CASE("A Location does not choose the credentials for another origin") {
    RawServer other(answering(ok()));
    auto const port = std::to_string(other.port());
    RawServer server(redirecting("http://admin:admin@127.0.0.1:" + port + "/reboot"));
    SessionOnLoop client;
    client.text(server.url());
    CHECK_THAT(other.requests().at(0), !ContainsSubstring("Authorization"));
}

TEST_CASE("A request that is cancelled while a redirect is read is not sent on") {
    std::latch both(2);
    RawServer server([&](Peer& peer) {
        peer.read_request();
        both.arrive_and_wait();
        peer.send(ok());
        peer.read_request();
        peer.send("HTTP/1.1 307 On\r\nLocation: /next\r\nContent-Length: 10\r\n\r\nhalf");
        peer.wait_for_close();
    });
    std::stop_source source;
    // Called on the loop: what is posted there comes when the rest of the redirect is waited for.
    auto const trace = Trace().on_redirect(
        [&](auto&&...) { std::jthread([&] { source.request_stop(); }).join(); });
    SessionOnLoop client(options().trace(trace));
    std::vector<asio::awaitable<std::string>> two;
    two.push_back(fetch(client.session, server.url("/1")));
    two.push_back(fetch(client.session, server.url("/2")));
    client.runner.run(syncopate::gather(std::move(two)));
    REQUIRE(client.connections().idle == 2);
    CHECK(code_of([&] {
              client.runner.run(
                  fetch(client.session, Request(Verb::post, server.url("/3"))), source.get_token());
          }) == syncopate::Errc::cancelled);
    client.close();
    server.wait_until_idle();
    CHECK(server.requests().size() == 3);
}

// ---- Cookies

namespace {

/// The value of the field Cookie, where it stands once.
std::string cookies_of(std::string const& request) {
    std::string const name = "\r\nCookie: ";
    auto const begin = request.find(name) + name.size();
    if (begin < name.size() || request.find(name, begin) != std::string::npos)
        return "none, or several";
    return request.substr(begin, request.find("\r\n", begin) - begin);
}

}  // namespace

TEST_CASE("A session keeps cookies when it is told to, and sends them back") {
    RawServer server(answering(response("200 OK", "Set-Cookie: a=b; Path=/\r\n", "")));
    SessionOnLoop client(options().cookies(true));
    client.text(server.url());
    client.text(server.url("/other"));
    CHECK_THAT(server.requests().at(0), !ContainsSubstring("Cookie"));
    CHECK_THAT(server.requests().at(1), ContainsSubstring("\r\nCookie: a=b\r\n"));
}

TEST_CASE("A session keeps no cookies unless it is told to") {
    RawServer server(answering(response("200 OK", "Set-Cookie: a=b\r\n", "")));
    SessionOnLoop client;
    client.text(server.url());
    client.text(server.url());
    CHECK_THAT(server.requests().at(1), !ContainsSubstring("Cookie"));
    CHECK(client.session.cookies() == nullptr);
}

TEST_CASE("A cookie that a redirect sets goes where it leads") {
    RawServer server(answering_by_target(
        {{"/", response("302 Found", "Location: /next\r\nSet-Cookie: a=b\r\n", "")}}));
    SessionOnLoop client(options().cookies(true));
    client.text(server.url());
    CHECK_THAT(server.requests().at(1), ContainsSubstring("\r\nCookie: a=b\r\n"));
}

TEST_CASE("A cookie does not follow a redirect to another host, and that host's own does") {
    RawServer other(answering(response("200 OK", "Set-Cookie: own=1\r\n", "")));
    auto const elsewhere = "http://localhost:" + std::to_string(other.port()) + "/";
    RawServer server(answering_by_target(
        {{"/", response("302 Found", "Location: " + elsewhere + "\r\nSet-Cookie: a=b\r\n", "")}}));
    SessionOnLoop client(options().cookies(true));
    client.text(server.url());
    client.text(server.url());
    CHECK_THAT(other.requests().at(0), !ContainsSubstring("Cookie"));
    CHECK_THAT(other.requests().at(1), ContainsSubstring("\r\nCookie: own=1\r\n"));
}

TEST_CASE(
    "A cookie of the user's goes along with those of the jar, and in the place of one of its name") {
    RawServer server(answering(
        response("200 OK", "Set-Cookie: a=jar; Path=/\r\nSet-Cookie: b=jar; Path=/\r\n", "")));
    SessionOnLoop client(options().cookies(true).header("Cookie", "lang=en; b=own"));
    client.text(server.url());
    client.text(server.url());
    client.text(Request(Verb::get, server.url()).header("cookie", "c=request"));
    auto const cookies = [&](std::size_t i) { return cookies_of(server.requests().at(i)); };
    CHECK(cookies(0) == "lang=en; b=own");
    CHECK(cookies(1) == "lang=en; b=own; a=jar");
    CHECK(cookies(2) == "c=request; a=jar; b=jar");
}

TEST_CASE(
    "A cookie of the user's does not follow a redirect to another host, and that host's own does") {
    RawServer other(answering(response("200 OK", "Set-Cookie: own=1\r\n", "")));
    auto const elsewhere = "http://localhost:" + std::to_string(other.port()) + "/";
    RawServer server(answering(response("302 Found", "Location: " + elsewhere + "\r\n", "")));
    SessionOnLoop client(options().cookies(true).header("Cookie", "lang=en"));
    client.text(server.url());
    client.text(server.url());
    CHECK_THAT(other.requests().at(0), !ContainsSubstring("Cookie"));
    CHECK_THAT(other.requests().at(1), ContainsSubstring("\r\nCookie: own=1\r\n"));
}

TEST_CASE("A Secure cookie is kept, and sent, by http on this machine") {
    RawServer server(answering(response("200 OK", "Set-Cookie: a=b; Secure; Path=/\r\n", "")));
    SessionOnLoop client(options().cookies(true));
    client.text(server.url());
    client.text(server.url());
    CHECK_THAT(server.requests().at(1), ContainsSubstring("\r\nCookie: a=b\r\n"));
    using syncopate::http::Url;
    using syncopate::http::detail::is_loopback;
    for (auto const* url :
         {"http://localhost/", "http://a.LOCALHOST./", "http://127.3.2.1/", "http://[::1]/"})
        CHECK(is_loopback(Url(url)));
    for (auto const* url :
         {"http://mylocalhost/", "http://128.0.0.1/", "http://127.example/", "http://[::2]/"})
        CHECK_FALSE(is_loopback(Url(url)));
}

// ---- Proxies

/// "http://user:p%40ss@127.0.0.1:PORT"
std::string with_user(RawServer const& server) {
    return "http://user:p%40ss@127.0.0.1:" + std::to_string(server.port());
}
constexpr auto credentials = "Proxy-Authorization: Basic dXNlcjpwQHNz\r\n";

/// Lets each CONNECT pass, and is the server at the other end as well.
class Tunnel {
public:
    explicit Tunnel(Certificate certificate, Script script)
        : settings_{.certificate = std::move(certificate)}, script_(std::move(script)) {}

    Script script() {
        return [this](Peer& peer) {
            peer.read_head();
            peer.send("HTTP/1.1 200 Connected\r\n\r\n");
            peer.accept_tls(context_.get());
            script_(peer);
        };
    }

private:
    TlsSettings settings_;
    support::detail::TlsContext const context_ = support::detail::make_context(settings_);
    Script const script_;
};

TEST_CASE("A proxy is asked for the whole URL") {
    RawServer proxy(answering(ok("by proxy")));
    SessionOnLoop client(options().proxy(with_user(proxy)));
    CHECK(client.text("http://origin.test/path?query#fragment") == "by proxy");
    auto const request = proxy.requests().at(0);
    CHECK_THAT(request, StartsWith("GET http://origin.test/path?query HTTP/1.1\r\n"));
    CHECK_THAT(request, ContainsSubstring("\r\nHost: origin.test\r\n"));
    CHECK_THAT(request, ContainsSubstring(credentials));
}

TEST_CASE("A proxy's 407 is the response") {
    RawServer proxy(answering(response("407 Who are you", "", "")));
    SessionOnLoop client(options().proxy(proxy.url()));
    CHECK(client.get("http://origin.test/").status() == 407);
    CHECK_THAT(proxy.requests().at(0), !ContainsSubstring("Proxy-Authorization"));
}

TEST_CASE("https goes through a proxy by a tunnel, which is used again") {
    CertificateAuthority const authority;
    Tunnel tunnel(authority.issue({.alternative_names = "DNS:origin.test"}), answering(ok("end")));
    RawServer proxy(tunnel.script());
    SessionOnLoop client(
        options().proxy(with_user(proxy)).ca_certificates(authority.certificate()));
    CHECK(client.text("https://origin.test/first") == "end");
    CHECK(client.text("https://origin.test/second") == "end");
    auto const requests = proxy.requests();
    REQUIRE(requests.size() == 3);
    CHECK_THAT(requests[0], StartsWith("CONNECT origin.test:443 HTTP/1.1\r\n"));
    CHECK_THAT(requests[0], ContainsSubstring(credentials));
    CHECK_THAT(requests[1], StartsWith("GET /first HTTP/1.1\r\n"));
    CHECK_THAT(requests[1], !ContainsSubstring("Proxy-Authorization"));
}

TEST_CASE("A redirect from http to https does not tell the server the proxy's password") {
    CertificateAuthority const authority;
    Tunnel tunnel(authority.issue({.alternative_names = "DNS:origin.test"}), answering(ok("end")));
    RawServer proxy(
        std::vector<Script>{answering(redirect("https://origin.test/")), tunnel.script()});
    SessionOnLoop client(
        options().proxy(with_user(proxy)).ca_certificates(authority.certificate()));
    CHECK(client.text("http://origin.test/") == "end");
    CHECK_THAT(proxy.requests().at(2), !ContainsSubstring("Proxy-Authorization"));
}

TEST_CASE("A redirect to another server tells the proxy who asks, as before") {
    RawServer proxy(
        std::vector<Script>{answering(redirect("http://other.test/")), answering(ok("end"))});
    SessionOnLoop client(options().proxy(with_user(proxy)));
    CHECK(client.text("http://origin.test/") == "end");
    CHECK_THAT(proxy.requests().at(1), ContainsSubstring(credentials));
}

TEST_CASE("A proxy that refuses the tunnel is named in the error, without its password") {
    RawServer proxy(answering(response("407 Who are you", "", "")));
    SessionOnLoop client(options().proxy(with_user(proxy)));
    auto const get = [&] { return client.get("https://origin.test/"); };
    CHECK(code_of(get) == Errc::proxy_failed);
    auto const message = failure_of(get);
    CHECK_THAT(message, ContainsSubstring("127.0.0.1:" + std::to_string(proxy.port())));
    CHECK_THAT(message, ContainsSubstring("407"));
    CHECK_THAT(message, !ContainsSubstring("user:") && !ContainsSubstring("ss@"));
    CHECK(client.connections().all == 0);
}

TEST_CASE("No message shows the password of a URL or of a proxy") {
    std::string dead_proxy;
    std::string dead_server;
    {
        RawServer const gone(answering(ok()));
        dead_proxy = with_user(gone);
        dead_server = dead_proxy + "/";
    }
    SessionOnLoop client(options().proxy(dead_proxy));
    SessionOnLoop direct;
    for (auto const& message :
         {failure_of([&] { return client.get("http://origin.test/"); }),
          failure_of([&] { return client.get("https://user:p%40ss@origin.test/"); }),
          failure_of([&] { return direct.get(dead_server); }),
          failure_of([&] { return direct.get("http://user:p%40ss@127.0.0.1:99999/"); }),
          failure_of([&] { SessionOnLoop(options().proxy("http://user:p%40ss@a:99999")); })}) {
        INFO(message);
        CHECK(!message.empty());
        CHECK_THAT(message, !ContainsSubstring("p%40ss") && !ContainsSubstring("p@ss"));
    }
}

// ---- TLS

struct Refusal {
    char const* name;
    Certificate certificate;
    std::string reason;
};

std::vector<Refusal> refusals(CertificateAuthority const& authority) {
    auto const intermediate = authority.intermediate();
    return {
        {"expired", authority.issue({.valid_until = -1s}), "certificate has expired"},
        {"not yet valid", authority.issue({.valid_from = 1h}), "certificate is not yet valid"},
        {"self-signed", make_self_signed(), "self-signed certificate"},
        {"another name", authority.issue({.alternative_names = "DNS:other.test"}),
         "hostname mismatch"},
        {"only a common name",
         authority.issue({.common_name = "localhost", .alternative_names = ""}),
         "hostname mismatch"},
        {"incomplete", without_intermediates(intermediate.issue()),
         "unable to get local issuer certificate"},
        {"unknown authority", CertificateAuthority("Somebody").issue(),
         "unable to get local issuer certificate"},
    };
}

TEST_CASE("A certificate that is not to be trusted is refused, and the message says why") {
    CertificateAuthority const authority;
    for (auto const& [name, certificate, reason] : refusals(authority)) {
        INFO(name);
        RawServer server = RawServer::tls(certificate, answering(ok()));
        SessionOnLoop client(options().ca_certificates(authority.certificate()));
        auto const get = [&] { return client.get(server.url()); };
        CHECK(code_of(get) == Errc::certificate_refused);
        auto const message = failure_of(get);
        CHECK_THAT(message, ContainsSubstring("https://localhost:") && ContainsSubstring(reason));
        CHECK(server.requests().empty());
        CHECK(client.connections().all == 0);
    }
}

TEST_CASE("A wildcard for a part of a label is refused") {
    CertificateAuthority const authority;
    Tunnel tunnel(authority.issue({.alternative_names = "DNS:f*o.origin.test"}), answering(ok()));
    RawServer proxy(tunnel.script());
    SessionOnLoop client(options().proxy(proxy.url()).ca_certificates(authority.certificate()));
    CHECK(code_of([&] {
              return client.get("https://foo.origin.test/");
          }) == Errc::certificate_refused);
}

TEST_CASE("TLS 1.1 is refused") {
    CertificateAuthority const authority;
    RawServer server = RawServer::tls(
        TlsSettings{
            .certificate = authority.issue(),
            .min_version = TLS1_VERSION,
            .max_version = TLS1_1_VERSION},
        answering(ok()));
    SessionOnLoop client(options().ca_certificates(authority.certificate()));
    auto const get = [&] { return client.get(server.url()); };
    CHECK(code_of(get) == Errc::tls_failed);
    CHECK_THAT(failure_of(get), ContainsSubstring("protocol"));
}

TEST_CASE("What one session does not verify, another one does not trust") {
    RawServer server = RawServer::tls(make_self_signed(), answering(ok("anybody")));
    SessionOnLoop careless(options().verify(false));
    SessionOnLoop careful;
    CHECK(careless.text(server.url()) == "anybody");
    CHECK(code_of([&] { careful.text(server.url()); }) == Errc::certificate_refused);
    CHECK(careless.text(server.url()) == "anybody");
    CHECK(server.requests().size() == 2);
}

TEST_CASE("A new connection to a server goes on with the TLS session of an earlier one") {
    auto const version = GENERATE(TLS1_2_VERSION, TLS1_3_VERSION);
    CertificateAuthority const authority;
    RawServer server = RawServer::tls(
        TlsSettings{.certificate = authority.issue(), .max_version = version}, [](Peer& peer) {
            peer.read_request();
            peer.send(ok(peer.is_resumed() ? "resumed" : "new"));
            peer.wait_for_close();
        });
    SessionOnLoop client(
        options().ca_certificates(authority.certificate()).header("Connection", "close"));
    CHECK(client.text(server.url()) == "new");
    CHECK(client.text(server.url()) == "resumed");
    CHECK(client.text(server.url()) == "resumed");
}

TEST_CASE("A server that wants the client's certificate gets it, or the error says so") {
    auto const version = GENERATE(TLS1_2_VERSION, TLS1_3_VERSION);
    CertificateAuthority const authority;
    auto const own = authority.issue_for_client("alice");
    TemporaryDirectory directory;
    RawServer server = RawServer::tls(
        TlsSettings{
            .certificate = authority.issue(),
            .max_version = version,
            .client_authority = authority.certificate()},
        [](Peer& peer) {
            peer.read_request();
            peer.send(ok(peer.client_name()));
        });
    auto const trusting = options().ca_certificates(authority.certificate());
    SessionOnLoop nobody(trusting);
    auto const message = failure_of([&] { return nobody.get(server.url()); });
    CHECK_THAT(
        message,
        ContainsSubstring("https://localhost:") &&
            (ContainsSubstring("certificate required") || ContainsSubstring("handshake failure")));
    SessionOnLoop alice(SessionOptions(trusting).client_certificate(
        directory.write("certificate", own.chain), directory.write("key", own.key)));
    CHECK(alice.text(server.url()) == "alice");
}

// The type of the next TLS record, as it lies on the wire; 0 at the end.
int next_record_type(Peer const& peer) {
    unsigned char type = 0;
    return ::recv(peer.native_handle(), &type, 1, 0) == 1 ? type : 0;
}

TEST_CASE("The end of a session sends close_notify on idle TLS connections") {
    std::atomic<int> type = -1;
    CertificateAuthority const authority;
    RawServer server = RawServer::tls(
        // Where the type of a record can be seen.
        TlsSettings{.certificate = authority.issue(), .max_version = TLS1_2_VERSION},
        [&](Peer& peer) {
            peer.read_request();
            peer.send(ok());
            type = next_record_type(peer);
        });
    SessionOnLoop client(options().ca_certificates(authority.certificate()));
    client.text(server.url());
    client.close();
    CHECK(server.wait_until_idle());
    constexpr int alert = 21;
    CHECK(type == alert);
    CHECK(client.connections().all == 0);
}

TEST_CASE(
    "The end of a session does not wait for long for a server that does not answer close_notify") {
    Gate test_ends;
    CertificateAuthority const authority;
    RawServer server = RawServer::tls(authority.issue(), [&](Peer& peer) {
        peer.read_request();
        peer.send(ok());
        test_ends.wait();
    });
    SessionOnLoop client(options().ca_certificates(authority.certificate()));
    client.text(server.url());
    auto end = client.runner.run_as_future(client.session.aexit(nullptr));
    CHECK(end.wait_for(15s) == std::future_status::ready);
    test_ends.open();
    end.get();
}

TEST_CASE("The end of a session that is cancelled closes the connections all the same") {
    CertificateAuthority const authority;
    RawServer server = RawServer::tls(authority.issue(), [&](Peer& peer) {
        peer.read_request();
        peer.send(ok());
        while (next_record_type(peer) != 0) {
        }
    });
    SessionOnLoop client(options().ca_certificates(authority.certificate()));
    client.text(server.url());
    static_cast<void>(code_of([&] { client.runner.run_for(0s, client.session.aexit(nullptr)); }));
    client.close();
    CHECK(server.wait_until_idle());
}

}  // namespace
