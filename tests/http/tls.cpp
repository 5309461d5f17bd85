// TLS: which servers are refused and what the error says, as whom a client appears, and resumption.

#include "support/catch.hpp"
#include "support/certificates.hpp"
#include "support/errors.hpp"
#include "support/http.hpp"
#include "support/raw_server.hpp"
#include "support/temporary_directory.hpp"
#include <syncopate/http/detail/connection/socket.hpp>
#include <syncopate/http/detail/connection/tls.hpp>
#include <syncopate/http/detail/connection/tls_sessions.hpp>
#include <syncopate/http/detail/connection/tls_stream.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/options.hpp>
#include <syncopate/http/tls_options.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream_base.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace {

namespace asio = boost::asio;
namespace http = syncopate::http;
using namespace std::chrono_literals;
using namespace support;
using Catch::Matchers::ContainsSubstring;
using http::Errc;
using http::SessionOptions;
using http::detail::Socket;
using http::detail::Tls;
using http::detail::TlsSession;
using http::detail::TlsSessions;
using http::detail::TlsStream;

/// A connection to a server of these tests, whatever name it is asked to have.
class Connection {
public:
    Connection(Tls& tls, RawServer const& server, std::string host, std::string origin)
        : socket_(context_) {
        socket_.connect(asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), server.port()));
        stream_ = tls.make_stream(socket_, std::move(host), std::move(origin));
    }

    boost::system::error_code handshake() {
        boost::system::error_code error;
        stream_->handshake(asio::ssl::stream_base::client, error);
        return error;
    }

    /// What the server answers to one request.
    std::string exchange() {
        asio::write(*stream_, asio::buffer(std::string_view("GET / HTTP/1.1\r\n\r\n")));
        std::array<char, 4096> data;
        auto const size = stream_->read_some(asio::buffer(data));
        return {data.data(), size};
    }

    TlsStream& stream() { return *stream_; }

private:
    asio::io_context context_;
    Socket socket_;
    std::unique_ptr<TlsStream> stream_;
};

/// What a server makes of a client that has been let in: its answer to one request.
std::string visit(Tls& tls, RawServer const& server, std::string const& host = "localhost") {
    Connection connection(tls, server, host, "https://" + host);
    if (auto const error = connection.handshake())
        connection.stream().throw_handshake_error(error);
    return connection.exchange();
}

std::string visit(
    SessionOptions const& options, RawServer const& server, std::string const& host = "localhost") {
    Tls tls(options);
    return visit(tls, server, host);
}

/// The error of a client that is not satisfied with a server, or the other way round.
struct Refusal {
    Refusal(
        SessionOptions const& options,
        RawServer const& server,
        std::string const& host = "localhost") {
        try {
            visit(options, server, host);
        } catch (std::system_error const& error) {
            code = error.code();
            message = error.what();
        }
    }

    std::error_code code;
    std::string message;
};

CertificateAuthority const& authority() {
    static CertificateAuthority const instance;
    return instance;
}

SessionOptions trusting() {
    return SessionOptions().ca_certificates(authority().certificate());
}

/// Sends what it knows of the client, and waits until that one closes.
void describe_client(Peer& peer) {
    peer.read_head();
    peer.send(
        "name=" + peer.server_name() + " protocol=" + peer.protocol() +
        " client=" + peer.client_name() + (peer.is_resumed() ? " resumed" : ""));
    peer.wait_for_close();
}

RawServer server_with(Certificate certificate) {
    return RawServer::tls(std::move(certificate), describe_client);
}

std::string refusal_of(Certificate certificate, std::string const& host = "localhost") {
    auto const server = server_with(std::move(certificate));
    Refusal const refusal(trusting(), server, host);
    CHECK(refusal.code == Errc::certificate_refused);
    return refusal.message;
}

std::string clog_during(auto function) {
    std::ostringstream log;
    auto* const previous = std::clog.rdbuf(log.rdbuf());
    function();
    std::clog.rdbuf(previous);
    return log.str();
}

/// What pins the key of a certificate.
std::string key_digest(Certificate const& certificate) {
    OpensslBio const in(
        BIO_new_mem_buf(certificate.key.data(), static_cast<int>(certificate.key.size())));
    OpensslKey const key(PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, nullptr));
    std::array<unsigned char, 1024> der{};
    auto* end = der.data();
    auto const size = i2d_PUBKEY(key.get(), &end);
    std::array<unsigned char, 32> digest{};
    EVP_Digest(
        der.data(), static_cast<std::size_t>(size), digest.data(), nullptr, EVP_sha256(), nullptr);
    std::array<unsigned char, 48> text{};
    EVP_EncodeBlock(text.data(), digest.data(), 32);
    return reinterpret_cast<char const*>(text.data());
}

/// The client's key, behind a password.
std::string encrypted(std::string const& key_pem) {
    OpensslBio const in(BIO_new_mem_buf(key_pem.data(), static_cast<int>(key_pem.size())));
    OpensslKey const key(PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, nullptr));
    OpensslBio const out(BIO_new(BIO_s_mem()));
    auto const* const password = reinterpret_cast<unsigned char const*>("secret");
    PEM_write_bio_PrivateKey(
        out.get(), key.get(), EVP_aes_128_cbc(), password, 6, nullptr, nullptr);
    return support::detail::text_of(out.get());
}

}  // namespace

TEST_CASE("A server with a certificate of the trusted authority is let in") {
    auto const server = server_with(authority().issue());
    CHECK(visit(trusting(), server) == "name=localhost protocol=http/1.1 client=");
}

TEST_CASE("A server with a certificate of an intermediate authority shows that one's too") {
    auto const server = server_with(authority().intermediate().issue());
    CHECK_NOTHROW(visit(trusting(), server));
}

TEST_CASE("An authority that is named need not be a root") {
    auto const intermediate = authority().intermediate();
    auto const server = server_with(intermediate.issue());
    CHECK_NOTHROW(visit(SessionOptions().ca_certificates(intermediate.certificate()), server));
}

TEST_CASE("A server's own certificate can be named instead of an authority") {
    auto const certificate = make_self_signed();
    auto const server = server_with(certificate);
    CHECK_NOTHROW(visit(SessionOptions().ca_certificates(certificate.chain), server));
}

TEST_CASE("A file of authorities is trusted like their text") {
    TemporaryDirectory const directory;
    auto const others = CertificateAuthority("another").certificate();
    auto const path = directory.write("ca.pem", others + authority().certificate());
    auto const server = server_with(authority().issue());
    CHECK_NOTHROW(visit(SessionOptions().ca_file(path), server));
}

TEST_CASE("Without authorities of its own, a session trusts those of the system") {
    auto const server = server_with(authority().issue());
    Refusal const refusal({}, server);
    CHECK(refusal.code == Errc::certificate_refused);
    CHECK_THAT(refusal.message, ContainsSubstring("unable to get local issuer certificate"));
}

TEST_CASE("An address is looked for in the certificate, and not sent as a name") {
    auto const server = server_with(authority().issue());
    CHECK(visit(trusting(), server, "127.0.0.1") == "name= protocol=http/1.1 client=");
    CHECK(visit(trusting(), server, "::1") == "name= protocol=http/1.1 client=");
}

TEST_CASE("A whole label may be a wildcard") {
    auto const server = server_with(authority().issue({.alternative_names = "DNS:*.example.test"}));
    CHECK_NOTHROW(visit(trusting(), server, "foo.example.test"));
}

TEST_CASE("A wildcard stands for a label with an underscore, and for nothing else") {
    auto const names =
        "DNS:exact_name.example.org,DNS:*.example.test,DNS:*.my_zone.test,DNS:*.test";
    auto const server = server_with(authority().issue({.alternative_names = names}));
    for (auto const* host :
         {"foo_bar.example.test", "_foo.EXAMPLE.test", "a.my_zone.test", "a_b.my_zone.test",
          "exact_name.example.org"}) {
        CAPTURE(host);
        CHECK_NOTHROW(visit(trusting(), server, host));
    }
    for (auto const* host :
         {"a_b.c.example.test", "a_b.other.test", "a_b.test", "example_test", "a.b_c.example.test",
          "other_name.example.org", "x_.exact_name.example.org"}) {
        CAPTURE(host);
        Refusal const refusal(trusting(), server, host);
        CHECK(refusal.code == Errc::certificate_refused);
        CHECK_THAT(refusal.message, ContainsSubstring("hostname mismatch"));
    }
    auto const unknown =
        server_with(CertificateAuthority("another").issue({.alternative_names = names}));
    CHECK(Refusal(trusting(), unknown, "foo_bar.example.test").code == Errc::certificate_refused);
    auto const partial =
        server_with(authority().issue({.alternative_names = "DNS:f*.example.test"}));
    CHECK(Refusal(trusting(), partial, "foo_bar.example.test").code == Errc::certificate_refused);
}

TEST_CASE("A certificate out of its time is refused") {
    CHECK_THAT(
        refusal_of(authority().issue({.valid_until = -1s})),
        ContainsSubstring("certificate has expired"));
    CHECK_THAT(
        refusal_of(authority().issue({.valid_from = 1h})),
        ContainsSubstring("certificate is not yet valid"));
}

TEST_CASE("A certificate for which nobody vouches is refused") {
    CHECK_THAT(refusal_of(make_self_signed()), ContainsSubstring("self-signed certificate"));
    CHECK_THAT(
        refusal_of(CertificateAuthority("another").issue()),
        ContainsSubstring("unable to get local issuer certificate"));
}

TEST_CASE("An incomplete chain is refused") {
    CHECK_THAT(
        refusal_of(without_intermediates(authority().intermediate().issue())),
        ContainsSubstring("unable to get local issuer certificate"));
}

TEST_CASE("A certificate for another name is refused") {
    CHECK_THAT(
        refusal_of(authority().issue(), "example.test"), ContainsSubstring("hostname mismatch"));
    CHECK_THAT(
        refusal_of(authority().issue({.alternative_names = "DNS:localhost"}), "127.0.0.1"),
        ContainsSubstring("IP address mismatch"));
    CHECK_THAT(
        refusal_of(authority().issue({.alternative_names = "DNS:127.0.0.1"}), "127.0.0.1"),
        ContainsSubstring("IP address mismatch"));
}

TEST_CASE("A name that is only the common name is refused") {
    CHECK_THAT(
        refusal_of(authority().issue({.common_name = "localhost", .alternative_names = ""})),
        ContainsSubstring("hostname mismatch"));
}

TEST_CASE("A partial wildcard is refused") {
    CHECK_THAT(
        refusal_of(
            authority().issue({.alternative_names = "DNS:f*.example.test"}), "foo.example.test"),
        ContainsSubstring("hostname mismatch"));
}

TEST_CASE("A certificate for clients is refused as a server's") {
    CHECK_THAT(
        refusal_of(authority().issue({.extended_usage = "clientAuth"})),
        ContainsSubstring("unsuitable certificate purpose"));
}

TEST_CASE("A refusal names the server") {
    CHECK(
        refusal_of(authority().issue(), "example.test") ==
        "https://example.test: hostname mismatch: certificate refused");
}

TEST_CASE("A server that speaks nothing newer than TLS 1.1 is refused") {
    auto const server = RawServer::tls(
        {.certificate = authority().issue(),
         .min_version = TLS1_1_VERSION,
         .max_version = TLS1_1_VERSION},
        describe_client);
    Refusal const refusal(trusting(), server);
    CHECK(refusal.code == Errc::tls_failed);
    CHECK_THAT(refusal.message, ContainsSubstring("protocol version"));
}

TEST_CASE("A server that does not speak TLS is refused") {
    RawServer const server([](Peer& peer) {
        peer.send("HTTP/1.1 400 Bad Request\r\n\r\n");
        peer.wait_for_close();
    });
    Refusal const refusal(trusting(), server);
    CHECK(refusal.code == Errc::tls_failed);
    CHECK_THAT(refusal.message, ContainsSubstring("https://localhost: wrong version number"));
}

TEST_CASE("A server that leaves during the handshake is no server to talk to") {
    RawServer const server([](Peer& peer) {
        peer.read_exactly(5);
        peer.shutdown_write();
        peer.wait_for_close();
    });
    Refusal const refusal(trusting(), server);
    CHECK(refusal.code == Errc::tls_failed);
    CHECK_THAT(refusal.message, ContainsSubstring("https://localhost: stream truncated"));
}

TEST_CASE("A handshake that is cancelled reports that") {
    auto const server = server_with(authority().issue());
    auto const options = trusting();
    Tls tls(options);
    Connection connection(tls, server, "localhost", "https://localhost");
    CHECK_THROWS_AS(
        connection.stream().throw_handshake_error(asio::error::operation_aborted),
        boost::system::system_error);
}

TEST_CASE("A connection without close_notify at its end is truncated") {
    auto const server = RawServer::tls(authority().issue(), [](Peer& peer) {
        peer.read_head();
        peer.send("all");
        peer.close_without_notify();
    });
    auto const options = trusting();
    Tls tls(options);
    Connection connection(tls, server, "localhost", "https://localhost");
    REQUIRE_FALSE(connection.handshake());
    CHECK(connection.exchange() == "all");
    boost::system::error_code error;
    char byte = 0;
    connection.stream().read_some(asio::buffer(&byte, 1), error);
    CHECK(error == asio::ssl::error::stream_truncated);
}

TEST_CASE("A part of a record behind a good one is no error, whatever is left in OpenSSL's queue") {
    auto server = RawServer::tls(authority().issue(), [](Peer& peer) {
        peer.read_request();
        send_together(peer, [&] {
            peer.send("one");
            peer.send("two");
            peer.send_past_tls(unsealed_record.substr(0, 9));
        });
        peer.wait_for_close();
    });
    Tls tls(trusting());
    Connection connection(tls, server, "localhost", "https://localhost");
    REQUIRE_FALSE(connection.handshake());
    CHECK(connection.exchange() == "one");
    std::array<char, 100> room{};
    boost::system::error_code error;
    ERR_raise(ERR_LIB_SSL, SSL_R_BAD_SIGNATURE);
    auto const size = connection.stream().take_received(room.data(), room.size(), error);
    CHECK(std::string(room.data(), size) == "two");
    CHECK_FALSE(error);
    CHECK(ERR_peek_error() == 0);
}

TEST_CASE("A client appears with its certificate") {
    TemporaryDirectory const directory;
    auto const certificate = authority().intermediate().issue_for_client("alice");
    auto const server = RawServer::tls(
        {.certificate = authority().issue(), .client_authority = authority().certificate()},
        describe_client);
    auto const options = trusting().client_certificate(
        directory.write("alice.pem", certificate.chain),
        directory.write("alice.key", certificate.key));
    CHECK(visit(options, server) == "name=localhost protocol=http/1.1 client=alice");
}

TEST_CASE("A server that asks for a certificate refuses a client without one") {
    TlsSettings settings{
        .certificate = authority().issue(), .client_authority = authority().certificate()};
    SECTION("in the handshake of TLS 1.2") {
        settings.max_version = TLS1_2_VERSION;
        auto const server = RawServer::tls(settings, describe_client);
        Refusal const refusal(trusting(), server);
        CHECK(refusal.code == Errc::tls_failed);
        CHECK_THAT(refusal.message, ContainsSubstring("handshake failure"));
    }
    SECTION("in the first read of TLS 1.3") {
        auto const server = RawServer::tls(settings, describe_client);
        auto const options = trusting();
        Tls tls(options);
        Connection connection(tls, server, "localhost", "https://localhost");
        REQUIRE_FALSE(connection.handshake());
        std::string text;
        try {
            connection.exchange();
        } catch (boost::system::system_error const& error) {
            text = http::detail::tls_error_text(error.code());
        }
        CHECK_THAT(text, ContainsSubstring("certificate required"));
    }
}

TEST_CASE("A client shows its certificate to a server that asks for it after the handshake") {
    TemporaryDirectory const directory;
    auto const certificate = authority().issue_for_client("alice");
    auto const server = RawServer::tls(authority().issue(), [](Peer& peer) {
        for (;;) {
            peer.read_request();
            if (peer.client_name().empty())
                peer.ask_for_certificate();
            peer.send(ok(peer.client_name()));
        }
    });
    SessionOnLoop client(trusting().client_certificate(
        directory.write("alice.pem", certificate.chain),
        directory.write("alice.key", certificate.key)));
    CHECK(client.text(server.url()) == "alice");
    CHECK(client.text(server.url()) == "alice");
    CHECK(server.connections() == 1);
    CHECK(code_of([&] { SessionOnLoop(trusting()).text(server.url()); }) == Errc::connection_lost);
}

TEST_CASE("A key with a password is read with it") {
    TemporaryDirectory const directory;
    auto const certificate = authority().issue_for_client("alice");
    auto const server = RawServer::tls(
        {.certificate = authority().issue(), .client_authority = authority().certificate()},
        describe_client);
    auto const options = trusting().client_certificate(
        directory.write("alice.pem", certificate.chain),
        directory.write("alice.key", encrypted(certificate.key)));
    CHECK_THAT(
        visit(SessionOptions(options).client_key_password("secret"), server),
        ContainsSubstring("client=alice"));
    auto const wrong = SessionOptions(options).client_key_password("guessed");
    CHECK(code_of([&] { Tls const tls(wrong); }) == std::errc::invalid_argument);
}

TEST_CASE("Authorities can be added to those of a file, and to those of the system") {
    TemporaryDirectory const directory;
    CertificateAuthority const another("another");
    auto const path = directory.write("another.pem", another.certificate());
    auto const first = server_with(authority().issue());
    auto const second = server_with(another.issue());
    auto const with_file = trusting().extra_ca_file(path);
    CHECK_NOTHROW(visit(with_file, first));
    CHECK_NOTHROW(visit(with_file, second));

    ::setenv("SSL_CERT_FILE", path.c_str(), 1);  // what the system trusts
    auto const with_text = SessionOptions().extra_ca_certificates(authority().certificate());
    auto const only = trusting();
    CHECK_NOTHROW(visit(with_text, first));
    CHECK_NOTHROW(visit(with_text, second));
    CHECK(Refusal(only, second).code == Errc::certificate_refused);
    ::unsetenv("SSL_CERT_FILE");
    CHECK(Refusal(with_text, second).code == Errc::certificate_refused);

    auto const missing = SessionOptions().extra_ca_file(path + ".missing");
    CHECK(code_of([&] { Tls const tls(missing); }) == std::errc::no_such_file_or_directory);
}

TEST_CASE("TLS 1.3 can be required") {
    auto const old = RawServer::tls(
        {.certificate = authority().issue(), .max_version = TLS1_2_VERSION}, describe_client);
    CHECK_NOTHROW(visit(trusting().minimum_tls(http::TlsVersion::tls_1_2), old));
    auto const options = trusting().minimum_tls(http::TlsVersion::tls_1_3);
    CHECK(Refusal(options, old).code == Errc::tls_failed);
    CHECK_NOTHROW(visit(options, server_with(authority().issue())));
}

TEST_CASE(
    "A server with another public key than the pinned ones is refused, also without verification") {
    auto const certificate = authority().issue();
    auto const pin = "sha256//" + key_digest(certificate);
    auto const other = "sha256//" + key_digest(authority().issue());
    auto const server = RawServer::tls(certificate, [](Peer& peer) {
        peer.read_request();
        peer.send(
            response("200 OK", "Connection: close\r\n", peer.is_resumed() ? "resumed" : "new"));
    });
    SessionOnLoop client(trusting().pin_public_key(other + ';' + pin));
    CHECK(client.text(server.url()) == "new");
    CHECK(client.text(server.url()) == "resumed");
    CHECK(
        SessionOnLoop(trusting().pin_public_key(other).pin_public_key(pin)).text(server.url()) ==
        "new");

    SessionOnLoop stranger(trusting().pin_public_key(other));
    auto const get = [&] { stranger.text(server.url()); };
    CHECK(code_of(get) == Errc::certificate_refused);
    CHECK_THAT(
        message_of<std::system_error>(get), ContainsSubstring("none of those that are pinned"));
    CHECK(server.requests().size() == 3);
    clog_during([&] {
        SessionOnLoop careless(SessionOptions().verify(false).pin_public_key(other));
        CHECK(code_of([&] { careless.text(server.url()); }) == Errc::certificate_refused);
    });
    for (auto const& text :
         {std::string(), "sha256/" + pin.substr(8), pin.substr(8), pin + "=", pin.substr(0, 51),
          std::string("sha1//abc="), pin + ";x", "sha256//" + std::string(43, '!') + '=',
          "sha256//" + std::string(42, 'A') + "==", "sha256//" + std::string(47, 'A') + '='}) {
        CAPTURE(text);
        auto const options = SessionOptions().pin_public_key(text);
        CHECK(code_of([&] { Tls const tls(options); }) == std::errc::invalid_argument);
    }
}

TEST_CASE("The keys of connections are appended to a file, which is its owner's only") {
    TemporaryDirectory const directory;
    auto const path = (directory.path() / "keys").string();
    auto const server = RawServer::tls(authority().issue(), answering(ok("in")));
    for (int i = 0; i < 2; ++i)
        CHECK(SessionOnLoop(trusting().key_log_file(path)).text(server.url()) == "in");
    std::ifstream file(path);
    std::string line;
    int secrets = 0;
    while (std::getline(file, line))
        secrets += line.starts_with("CLIENT_TRAFFIC_SECRET_0 ");
    CHECK(secrets == 2);
    using Perms = std::filesystem::perms;
    CHECK(std::filesystem::status(path).permissions() == (Perms::owner_read | Perms::owner_write));
    auto const missing = SessionOptions().key_log_file(path + "/missing");
    auto const make = [&] { Tls const tls(missing); };
    CHECK(code_of(make) == std::errc::not_a_directory);
    CHECK_THAT(message_of<std::system_error>(make), ContainsSubstring(path));
}

TEST_CASE("Without verification any server is let in, and the log says so once a session") {
    auto const server = server_with(make_self_signed({.alternative_names = "DNS:example.test"}));
    auto const options = SessionOptions().verify(false);
    auto const log = clog_during([&] {
        Tls tls(options);
        CHECK_NOTHROW(visit(tls, server));
        CHECK_NOTHROW(visit(tls, server));
    });
    CHECK(log == "syncopate::http: verify(false): servers do not have to prove who they are\n");
}

TEST_CASE("A file that cannot be read is reported with its path when the session is made") {
    TemporaryDirectory const directory;
    auto const missing = (directory.path() / "missing.pem").string();
    auto const made_with = [](SessionOptions const& options) {
        return [&options] { Tls const tls(options); };
    };
    auto const certificate = authority().issue_for_client("alice");
    auto const good = directory.write("good.pem", certificate.chain);

    auto const authorities = SessionOptions().ca_file(missing);
    CHECK(code_of(made_with(authorities)) == std::errc::no_such_file_or_directory);
    CHECK_THAT(message_of<std::system_error>(made_with(authorities)), ContainsSubstring(missing));
    auto const own = SessionOptions().client_certificate(missing, missing);
    CHECK(code_of(made_with(own)) == std::errc::no_such_file_or_directory);
    auto const key = SessionOptions().client_certificate(good, missing);
    CHECK_THAT(message_of<std::system_error>(made_with(key)), ContainsSubstring(missing));
    auto const folder = SessionOptions().ca_file(directory.path().string());
    CHECK(code_of(made_with(folder)) == std::errc::is_a_directory);
    CHECK_THAT(
        message_of<std::system_error>(made_with(folder)),
        ContainsSubstring(directory.path().string()));
}

TEST_CASE("A file that is not what it should be is reported with its path and why") {
    TemporaryDirectory const directory;
    auto const certificate = authority().issue_for_client("alice");
    auto const chain = directory.write("chain.pem", certificate.chain);
    auto const empty = directory.write("empty.pem", "");
    auto const failure_of = [](SessionOptions const& options) {
        auto const make = [&] { Tls const tls(options); };
        CHECK(code_of(make) == std::errc::invalid_argument);
        return message_of<std::system_error>(make);
    };

    CHECK_THAT(
        failure_of(SessionOptions().ca_file(empty)),
        ContainsSubstring(empty + ": no certificates as PEM (no start line)"));
    CHECK_THAT(
        failure_of(SessionOptions().ca_certificates("nothing")),
        ContainsSubstring("ca_certificates: no certificates as PEM (no start line)"));
    CHECK_THAT(
        failure_of(SessionOptions().client_certificate(empty, empty)),
        ContainsSubstring(empty + ": no certificate as PEM"));
    auto const other = directory.write("other.key", authority().issue().key);
    CHECK_THAT(
        failure_of(SessionOptions().client_certificate(chain, other)),
        ContainsSubstring(
            other + ": no private key, as PEM, of the certificate (key values mismatch)"));
    auto const locked = directory.write("locked.key", encrypted(certificate.key));
    CHECK_THAT(
        failure_of(SessionOptions().client_certificate(chain, locked)), ContainsSubstring(locked));
}

TEST_CASE("The next connection to an origin resumes the session of the last") {
    auto const version = GENERATE(TLS1_2_VERSION, TLS1_3_VERSION);
    auto const server = RawServer::tls(
        {.certificate = authority().issue(), .min_version = version, .max_version = version},
        describe_client);
    auto const options = trusting();
    Tls tls(options);
    for (bool const resumed : {false, true, true}) {
        Connection connection(tls, server, "localhost", "https://localhost:443");
        REQUIRE_FALSE(connection.handshake());
        CHECK((SSL_session_reused(connection.stream().native_handle()) == 1) == resumed);
        CHECK(connection.exchange().ends_with(" resumed") == resumed);
    }
}

TEST_CASE("A session is not resumed with another origin, nor under other options") {
    auto const server = server_with(authority().issue());
    auto const options = trusting();
    Tls tls(options);
    Tls another(options);
    CHECK_FALSE(visit(tls, server, "localhost").ends_with(" resumed"));
    CHECK_FALSE(visit(tls, server, "127.0.0.1").ends_with(" resumed"));
    CHECK_FALSE(visit(another, server, "localhost").ends_with(" resumed"));
}

TEST_CASE("A stream may outlive the options' TLS") {
    auto const server = server_with(authority().issue());
    auto const options = trusting();
    auto tls = std::make_unique<Tls>(options);
    Connection connection(*tls, server, "localhost", "https://localhost");
    tls.reset();
    REQUIRE_FALSE(connection.handshake());
    CHECK_NOTHROW(connection.exchange());
}

TEST_CASE("The sessions that are kept are the newest") {
    TlsSessions sessions;
    for (std::size_t i = 0; i <= TlsSessions::capacity; ++i)
        sessions.put(std::to_string(i), TlsSession(SSL_SESSION_new()));
    CHECK_FALSE(sessions.take("0"));
    CHECK(sessions.take("1"));
}

TEST_CASE("A session of TLS 1.3 is given away once, an older one as often as it is asked for") {
    auto const version = GENERATE(TLS1_2_VERSION, TLS1_3_VERSION);
    TlsSession session(SSL_SESSION_new());
    SSL_SESSION_set_protocol_version(session.get(), version);
    TlsSessions sessions;
    sessions.put("https://localhost", std::move(session));
    CHECK(sessions.take("https://localhost"));
    CHECK((sessions.take("https://localhost") == nullptr) == (version == TLS1_3_VERSION));
}

TEST_CASE("A session is not offered after the end of its lifetime") {
    TlsSession session(SSL_SESSION_new());
    SSL_SESSION_set_time(session.get(), 1000);
    SSL_SESSION_set_timeout(session.get(), 60);
    SSL_SESSION_set_protocol_version(session.get(), TLS1_2_VERSION);
    TlsSessions sessions;
    sessions.put("https://localhost", std::move(session));
    CHECK(sessions.take("https://localhost", 1059s));
    CHECK_FALSE(sessions.take("https://localhost", 1060s));
    CHECK_FALSE(sessions.take("https://localhost", 1059s));
}
