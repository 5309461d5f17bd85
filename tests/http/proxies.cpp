// Requests through proxies that are no plain HTTP ones: SOCKS5, and HTTP over TLS.
#include "support/broken_tls.hpp"
#include "support/catch.hpp"
#include "support/certificates.hpp"
#include "support/errors.hpp"
#include "support/http.hpp"
#include "support/raw_server.hpp"
#include "support/tls_settings.hpp"
#include <syncopate/http/error.hpp>
#include <syncopate/http/options.hpp>
#include <syncopate/http/request.hpp>
#include <syncopate/http/session.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <openssl/bio.h>
#include <openssl/ssl.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;
using namespace support;
using namespace syncopate::http;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;

// ---- SOCKS5

std::string bytes(std::initializer_list<int> values) {
    std::string text;
    for (int const value : values)
        text += static_cast<char>(value);
    return text;
}

std::string const accepted = bytes({5, 0, 0, 1, 0, 0, 0, 0, 0, 0});

std::string url_of(
    RawServer const& proxy, std::string const& scheme, std::string const& user = "") {
    return scheme + "://" + user + "127.0.0.1:" + std::to_string(proxy.port());
}

/// What the client asks for: the type of the address, the address, and the port.
std::string read_socks_request(Peer& peer) {
    auto const greeting = peer.read_exactly(2);
    peer.read_exactly(static_cast<unsigned char>(greeting[1]));
    peer.send(bytes({5, 0}));
    auto request = peer.read_exactly(4).substr(3);
    std::size_t size = request[0] == 1 ? 4 : 16;
    if (request[0] == 3) {
        request += peer.read_exactly(1);
        size = static_cast<unsigned char>(request[1]);
    }
    return request + peer.read_exactly(size + 2);
}

/// Is the proxy, and the server behind it, which says what it was asked for.
void tell_socks_request(Peer& peer) {
    auto const asked = read_socks_request(peer);
    peer.send(accepted);
    for (;;) {
        peer.read_request();
        peer.send(ok(asked));
    }
}

TEST_CASE("socks5h and socks leave the look-up of names to the proxy") {
    RawServer proxy(tell_socks_request);
    auto const scheme = GENERATE(as<std::string>(), "socks5h", "SOCKS5H", "socks");
    SessionOnLoop client(SessionOptions().proxy(url_of(proxy, scheme)));
    CHECK(
        client.text("http://nowhere.test:258/path") ==
        bytes({3, 12}) + "nowhere.test" + bytes({1, 2}));
    CHECK_THAT(
        proxy.requests().at(0), StartsWith("GET /path HTTP/1.1\r\nHost: nowhere.test:258\r\n"));
    client.text("http://nowhere.test:258/path");
    CHECK(proxy.connections() == 1);
}

TEST_CASE("socks5 is asked for an address") {
    RawServer proxy(tell_socks_request);
    SessionOnLoop client(SessionOptions().proxy(url_of(proxy, "socks5")));
    CHECK(client.text("http://127.0.0.1/") == bytes({1, 127, 0, 0, 1, 0, 80}));
    CHECK(client.text("http://[::1]/").substr(0, 1) == bytes({4}));
    auto const asked = client.text("http://localhost/");
    CHECK((asked.front() == 1 || asked.front() == 4));
    CHECK(code_of([&] { client.text("http://nowhere.invalid/"); }) == Errc::host_not_found);
}

TEST_CASE("socks5h is asked for an address where a URL has one") {
    RawServer proxy(tell_socks_request);
    SessionOnLoop client(SessionOptions().proxy(url_of(proxy, "socks5h")));
    CHECK(client.text("http://127.0.0.1/") == bytes({1, 127, 0, 0, 1, 0, 80}));
}

TEST_CASE("socks5 tries the next address when the proxy cannot reach one") {
    std::atomic<int> refused = 0;
    RawServer proxy([&](Peer& peer) {
        auto const asked = read_socks_request(peer);
        if (asked.front() == 4) {
            ++refused;
            peer.send(bytes({5, 4, 0, 1, 0, 0, 0, 0, 0, 0}));
            return;
        }
        peer.send(accepted);
        peer.read_request();
        peer.send(ok("reached"));
    });
    SessionOnLoop client(SessionOptions().proxy(url_of(proxy, "socks5")));
    CHECK(client.text("http://localhost/") == "reached");
    CHECK(proxy.connections() == refused + 1);
}

TEST_CASE("A SOCKS proxy is told a user and a password, which no server and no message sees") {
    std::string told;
    auto const answer = GENERATE(0, 1);
    RawServer proxy([&](Peer& peer) {
        told = peer.read_exactly(4);
        peer.send(bytes({5, 2}));
        told += peer.read_exactly(12);
        peer.send(bytes({1, answer}));
        if (answer != 0)
            return;
        peer.read_exactly(5 + 6 + 2);
        peer.send(accepted);
        peer.read_request();
        peer.send(ok("in"));
    });
    SessionOnLoop client(SessionOptions().proxy(url_of(proxy, "socks5h", "user:p%40:ss@")));
    auto const get = [&] { return client.text("http://a.test/"); };
    if (answer == 0) {
        CHECK(get() == "in");
        CHECK_THAT(proxy.requests().at(0), !ContainsSubstring("uthorization"));
    } else {
        auto const message = message_of<std::system_error>(get);
        CHECK_THAT(message, ContainsSubstring("refuses the user or the password"));
        CHECK_THAT(message, StartsWith(url_of(proxy, "socks5h")) && !ContainsSubstring("p@"));
    }
    CHECK(proxy.wait_until_idle());
    CHECK(told == bytes({5, 2, 0, 2, 1, 4}) + "user" + bytes({5}) + "p@:ss");
}

TEST_CASE("A SOCKS proxy is not told a user whose length does not fit into a byte") {
    RawServer const proxy([](Peer& peer) {
        peer.read_exactly(4);
        peer.send(bytes({5, 2}));
        peer.wait_for_close();
    });
    SessionOnLoop client(
        SessionOptions().proxy(url_of(proxy, "socks5h", std::string(256, 'u') + ":p@")));
    auto const get = [&] { return client.text("http://a.test/"); };
    CHECK(code_of(get) == Errc::proxy_failed);
    CHECK_THAT(message_of<std::system_error>(get), ContainsSubstring("more than 255 bytes"));
}

TEST_CASE("A SOCKS proxy that refuses is named with its reason") {
    auto const [reply, reason] = GENERATE(table<std::string, std::string>(
        {{bytes({5, 0, 5, 2, 0, 1, 0, 0, 0, 0, 0, 0}), "not allowed by its rules: a.test:80"},
         {bytes({5, 0, 5, 5, 0, 1, 0, 0, 0, 0, 0, 0}), "connection refused: a.test:80"},
         {bytes({5, 0, 5, 99, 0, 1, 0, 0, 0, 0, 0, 0}), "does not explain: a.test:80"},
         {bytes({5, 0, 5, 0, 0, 9}), "no SOCKS5 proxy"},
         {bytes({5, 255}), "it wants a user and a password"},
         {bytes({5, 2}), "it wants a user and a password"},
         {"HTTP/1.1 400 Bad Request\r\n\r\n", "no SOCKS5 proxy"},
         {"", "End of file"}}));
    RawServer proxy([answer = reply](Peer& peer) {
        peer.read_exactly(3);
        peer.send(answer);
        peer.shutdown_write();
        peer.wait_for_close();
    });
    SessionOnLoop client(SessionOptions().proxy(url_of(proxy, "socks5h")));
    auto const get = [&] { return client.text("http://a.test/"); };
    CHECK(code_of(get) == Errc::proxy_failed);
    auto const message = message_of<std::system_error>(get);
    CHECK_THAT(message, StartsWith(url_of(proxy, "socks5h") + ": "));
    CHECK_THAT(message, ContainsSubstring(reason));
    CHECK(client.connections().all == 0);
}

TEST_CASE("What a SOCKS proxy says of its own address is skipped, and the rest is the server's") {
    auto const address = GENERATE(
        std::string(bytes({1, 1, 2, 3, 4})), bytes({3, 5}) + "proxy",
        bytes({4}) + std::string(16, 'x'));
    RawServer proxy([address](Peer& peer) {
        read_socks_request(peer);
        peer.send(bytes({5, 0, 0}) + address + "pp" + ok("early"));
        peer.read_request();
    });
    SessionOnLoop client(SessionOptions().proxy(url_of(proxy, "socks5h")));
    CHECK(client.text("http://a.test/") == "early");
}

TEST_CASE("A SOCKS proxy that says nothing is not waited for longer than connect_timeout") {
    RawServer proxy([](Peer& peer) { peer.wait_for_close(); });
    SessionOnLoop client(SessionOptions().proxy(url_of(proxy, "socks5h")).connect_timeout(50ms));
    CHECK(code_of([&] { client.text("http://a.test/"); }) == Errc::connect_timed_out);
    CHECK(proxy.wait_until_idle());
}

TEST_CASE("https goes through a SOCKS proxy as through any other") {
    CertificateAuthority const authority;
    TlsSettings settings{.certificate = authority.issue({.alternative_names = "DNS:origin.test"})};
    auto const context = support::detail::make_context(settings);
    RawServer proxy([&](Peer& peer) {
        read_socks_request(peer);
        peer.send(accepted);
        peer.accept_tls(context.get());
        peer.read_request();
        peer.send(ok("secret"));
    });
    SessionOnLoop client(
        SessionOptions().proxy(url_of(proxy, "socks5h")).ca_certificates(authority.certificate()));
    CHECK(client.text("https://origin.test/") == "secret");
}

// ---- the proxy of one request

TEST_CASE(
    "A request's own proxy takes the place of its session's, and has connections of its own") {
    RawServer server(answering(ok("server")));
    RawServer first(answering(ok("first")));
    RawServer second(answering(ok("second")));
    SessionOnLoop client(SessionOptions().proxy(first.url()));
    auto const by = [&](std::string const& proxy) {
        return client.text(Request(Verb::get, server.url()).proxy(proxy));
    };
    for (int i = 0; i < 2; ++i) {
        CHECK(client.text(server.url()) == "first");
        CHECK(by(second.url()) == "second");
        CHECK(by("") == "server");
        CHECK(by("http://me:word@127.0.0.1:" + std::to_string(second.port())) == "second");
    }
    CHECK(server.connections() == 1);
    CHECK(first.connections() == 1);
    CHECK(second.connections() == 2);  // one for each user
    CHECK_THAT(
        second.requests().at(1), ContainsSubstring("Proxy-Authorization: Basic bWU6d29yZA=="));
    CHECK(code_of([&] { by("ftp://127.0.0.1"); }) == Errc::invalid_url);
}

TEST_CASE(
    "The redirects of a request go through its own proxy, and no message shows the password") {
    RawServer proxy([](Peer& peer) {
        auto const head = peer.read_request();
        bool const is_first = head.starts_with("GET http://a.test/ ");
        peer.send(
            is_first ? response("302 Found", "Location: http://b.test/\r\n", "") : ok("there"));
        peer.wait_for_close();
    });
    SessionOnLoop client(SessionOptions().max_connections(1));
    auto const url = "http://me:word@127.0.0.1:" + std::to_string(proxy.port());
    CHECK(client.text(Request(Verb::get, "http://a.test/").proxy(url)) == "there");

    RawServer silent([](Peer& peer) { peer.wait_for_close(); });
    auto stuck = client.runner.run_as_future(client.session.get(silent.url()));
    while (silent.connections() == 0)
        std::this_thread::yield();
    auto const message = message_of<std::system_error>(
        [&] { client.text(Request(Verb::get, "http://a.test/").proxy(url).timeout(50ms)); });
    CHECK_THAT(message, StartsWith("http://a.test: waiting") && !ContainsSubstring("word"));
    client.close();
    CHECK(code_of([&] { static_cast<void>(stuck.get()); }) == Errc::session_closed);
}

// ---- HTTP proxies over TLS

/// The server's end of a TLS connection within a peer's own.
class InnerTls {
public:
    InnerTls(Peer& peer, SSL_CTX* context) : peer_(peer), ssl_(SSL_new(context)) {
        SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
        while (SSL_accept(ssl_.get()) != 1)
            exchange();
        flush();
    }

    std::string read_head() {
        std::string head;
        char c = 0;
        while (!head.ends_with("\r\n\r\n")) {
            if (SSL_read(ssl_.get(), &c, 1) == 1)
                head += c;
            else
                exchange();
        }
        return head;
    }

    void send(std::string_view data) {
        SSL_write(ssl_.get(), data.data(), static_cast<int>(data.size()));
        flush();
    }

private:
    void flush() {
        std::string pending(BIO_ctrl_pending(SSL_get_wbio(ssl_.get())), '\0');
        if (pending.empty())
            return;
        BIO_read(SSL_get_wbio(ssl_.get()), pending.data(), static_cast<int>(pending.size()));
        peer_.send(pending);
    }
    /// Sends what there is to send, and waits for a record of the client.
    void exchange() {
        flush();
        auto record = peer_.read_exactly(5);
        auto const high = static_cast<unsigned char>(record[3]);
        auto const low = static_cast<unsigned char>(record[4]);
        record += peer_.read_exactly(high * std::size_t{256} + low);
        BIO_write(SSL_get_rbio(ssl_.get()), record.data(), static_cast<int>(record.size()));
    }

    Peer& peer_;
    std::unique_ptr<SSL, OpensslDeleter<&SSL_free>> ssl_;
};

std::string secure_url_of(RawServer const& proxy, std::string const& user = "") {
    return "https://" + user + "localhost:" + std::to_string(proxy.port());
}

TEST_CASE("A proxy over TLS is asked for the whole URL, and its certificate is checked") {
    CertificateAuthority const authority;
    RawServer proxy = RawServer::tls(authority.issue(), answering(ok("by proxy")));
    SessionOnLoop client(SessionOptions()
                             .proxy(secure_url_of(proxy, "user:p%40ss@"))
                             .ca_certificates(authority.certificate()));
    CHECK(client.text("http://origin.test/path") == "by proxy");
    CHECK(client.text("http://origin.test/path") == "by proxy");
    CHECK(proxy.connections() == 1);
    CHECK_THAT(proxy.requests().at(0), StartsWith("GET http://origin.test/path HTTP/1.1\r\n"));
    CHECK_THAT(
        proxy.requests().at(0), ContainsSubstring("Proxy-Authorization: Basic dXNlcjpwQHNz\r\n"));

    SessionOnLoop stranger(SessionOptions()
                               .proxy(secure_url_of(proxy))
                               .ca_certificates(CertificateAuthority().certificate()));
    auto const get = [&] { return stranger.text("http://origin.test/"); };
    CHECK(code_of(get) == Errc::certificate_refused);
    CHECK_THAT(message_of<std::system_error>(get), StartsWith(secure_url_of(proxy)));
}

TEST_CASE("https goes through a proxy over TLS by TLS within TLS") {
    CertificateAuthority const authority;
    TlsSettings settings{.certificate = authority.issue({.alternative_names = "DNS:origin.test"})};
    auto const context = support::detail::make_context(settings);
    std::string const large(std::size_t{300} * 1024, 'x');
    RawServer proxy = RawServer::tls(authority.issue(), [&](Peer& peer) {
        peer.read_head();
        peer.send("HTTP/1.1 200 Connected\r\n\r\n");
        InnerTls inner(peer, context.get());
        for (;;) {
            inner.read_head();
            inner.send(ok(large));
        }
    });
    SessionOnLoop client(
        SessionOptions().proxy(secure_url_of(proxy)).ca_certificates(authority.certificate()));
    CHECK(client.text("https://origin.test/") == large);
    CHECK(client.text("https://origin.test/") == large);
    CHECK(proxy.connections() == 1);
    CHECK_THAT(proxy.requests().at(0), StartsWith("CONNECT origin.test:443 HTTP/1.1\r\n"));
    client.close();
    CHECK(proxy.wait_until_idle());
}

TEST_CASE("A proxy over TLS that leaves ends the request") {
    CertificateAuthority const authority;
    RawServer proxy = RawServer::tls(
        authority.issue(), answering_once("HTTP/1.1 200 OK\r\n"
                                          "Content-Length: 9\r\n\r\nx"));
    SessionOnLoop client(
        SessionOptions().proxy(secure_url_of(proxy)).ca_certificates(authority.certificate()));
    CHECK(code_of([&] { client.text("http://origin.test/"); }) == Errc::body_truncated);
}

TEST_CASE(
    "A body without a length that comes by a proxy over TLS is whole after close_notify only") {
    CertificateAuthority const authority;
    RawServer proxy = RawServer::tls(
        authority.issue(), {[](Peer& peer) {
                                peer.read_request();
                                peer.send("HTTP/1.1 200 OK\r\n\r\nwhole");
                            },
                            [](Peer& peer) {
                                peer.read_request();
                                peer.send("HTTP/1.1 200 OK\r\n\r\nhalf");
                                peer.close_without_notify();
                            }});
    SessionOnLoop client(
        SessionOptions().proxy(secure_url_of(proxy)).ca_certificates(authority.certificate()));
    CHECK(client.text("http://origin.test/") == "whole");
    CHECK(code_of([&] { client.text("http://origin.test/"); }) == Errc::body_truncated);
}

TEST_CASE("What TLS finds wrong on the way to a proxy is told, whatever goes through it") {
    CertificateAuthority const authority;
    TlsSettings settings{
        .certificate = authority.issue({.alternative_names = "DNS:origin.test, DNS:shared.test"})};
    auto const context = support::detail::make_context(settings);
    auto settings_of_http2 = settings;
    settings_of_http2.protocols = "\x02h2\x08http/1.1";
    auto const context_of_http2 = support::detail::make_context(settings_of_http2);
    std::string const half = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf";
    for (Ending const end : breaks_of_tls) {
        RawServer proxy = RawServer::tls(authority.issue(), [&](Peer& peer) {
            auto const head = peer.read_head();
            if (!head.starts_with("CONNECT")) {
                peer.send(half);
            } else if (head.starts_with("CONNECT origin.test:")) {
                peer.send("HTTP/1.1 200 Connected\r\n\r\n");
                InnerTls inner(peer, context.get());
                inner.read_head();
                inner.send(half);
            } else if (head.starts_with("CONNECT shared.test:")) {
                peer.send("HTTP/1.1 200 Connected\r\n\r\n");
                InnerTls(peer, context_of_http2.get()).read_head();
            } else if (head.starts_with("CONNECT silent.test:")) {
                peer.send("HTTP/1.1 200 Connected\r\n\r\n");
            }
            end(peer);
            peer.wait_for_close();
        });
        SessionOnLoop client(SessionOptions()
                                 .proxy(secure_url_of(proxy))
                                 .ca_certificates(authority.certificate())
                                 .http2(true));
        auto const fails = [&](std::string const& url, Errc code) {
            auto const get = [&] { client.text(url); };
            CHECK(code_of(get) == code);
            CHECK(is_told_by_tls(message_of<std::system_error>(get)));
        };
        fails("http://origin.test/", Errc::connection_lost);
        fails("https://origin.test/", Errc::connection_lost);
        fails("https://shared.test/", Errc::connection_lost);
        fails("https://silent.test/", Errc::tls_failed);
        fails("https://lost.test/", Errc::proxy_failed);
    }
}

TEST_CASE("An io_context can be destroyed with an idle connection through a proxy over TLS") {
    CertificateAuthority const authority;
    RawServer proxy = RawServer::tls(authority.issue(), answering(ok("by proxy")));
    ClientSession session(
        SessionOptions().proxy(secure_url_of(proxy)).ca_certificates(authority.certificate()));
    {
        asio::io_context context;
        auto text =
            asio::co_spawn(context, fetch(session, "http://origin.test/"), asio::use_future);
        while (text.wait_for(0s) != std::future_status::ready)
            context.run_one();
        CHECK(text.get() == "by proxy");
    }
    CHECK(proxy.wait_until_idle());
}

}  // namespace
