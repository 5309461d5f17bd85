// Request::digest_auth, SessionOptions::netrc, and proxies that ask for Digest: who a request says that it is from.

#include "support/catch.hpp"
#include "support/certificates.hpp"
#include "support/errors.hpp"
#include "support/http.hpp"
#include "support/raw_server.hpp"
#include "support/temporary_directory.hpp"
#include "support/tls_settings.hpp"
#include <syncopate/async_generator.hpp>
#include <syncopate/http/client.hpp>
#include <syncopate/http/detail/message/digest_auth.hpp>
#include <syncopate/http/detail/message/netrc.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/headers.hpp>
#include <syncopate/http/options.hpp>
#include <syncopate/http/request.hpp>

#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace {

using namespace support;
using namespace syncopate::http;
using Catch::Matchers::ContainsSubstring;
using syncopate::http::detail::DigestChallenge;
using syncopate::http::detail::DigestSession;
using syncopate::http::detail::Netrc;

std::optional<DigestChallenge> challenge_of(std::string_view field) {
    Headers headers;
    headers.add("WWW-Authenticate", field);
    return DigestChallenge::find(headers, "WWW-Authenticate");
}

/// What a parameter of an answer is; empty if there is none.
std::string part(std::string const& answer, std::string const& name) {
    auto begin = answer.find(" " + name + "=");
    if (begin == answer.npos)
        return {};
    begin += name.size() + 2;
    bool const is_quoted = answer[begin] == '"';
    begin += is_quoted;
    return answer.substr(begin, answer.find_first_of(is_quoted ? "\"" : ",\r", begin) - begin);
}

std::string asking(std::string const& challenge) {
    return response("401 Who", "WWW-Authenticate: " + challenge + "\r\n", "tell");
}

std::string proxy_asking(std::string const& challenge) {
    return response("407 Who", "Proxy-Authenticate: " + challenge + "\r\n", "tell");
}

/// A server that knows one user, and checks the answers by its own arithmetic. Each nonce is good for two requests.
class DigestServer {
public:
    /// ask:       makes the response that asks.
    explicit DigestServer(
        std::string parameters, std::function<std::string(std::string const&)> ask = asking)
        : parameters_(std::move(parameters)), asking_(std::move(ask)) {}

    Script script() {
        return [this](Peer& peer) {
            for (;;)
                peer.send(answer(peer.read_request()));
        };
    }

    /// The same of a proxy that is asked for tunnels, in which it is the server, too.
    ///
    /// behind:    what becomes of the connection after a refusal.
    Script tunnel(Script server, std::function<void(Peer&)> behind) {
        return [this, server = std::move(server), behind = std::move(behind)](Peer& peer) {
            for (;;) {
                auto const text = answer(peer.read_head());
                if (text == ok("welcome"))
                    break;
                peer.send(text);
                behind(peer);
            }
            peer.send("HTTP/1.1 200 Connected\r\n\r\n");
            peer.accept_tls(context_.get());
            server(peer);
        };
    }
    std::string certificate() const { return authority_.certificate(); }

private:
    std::string answer(std::string const& request) {
        bool const is_answer = request.find("Authorization: Digest ") != request.npos;
        bool const is_known = part(request, "nonce") == nonce() && uses_ < 2;
        if (!is_answer || !is_known) {
            ++nonces_;
            uses_ = 0;
            return asking_(challenge(nonce()) + (is_answer ? ", stale=TRUE" : ""));
        }
        ++uses_;
        bool const is_right = part(request, "response") == expected(request) &&
                              part(request, "nc") == "0000000" + std::to_string(uses_) &&
                              request.find("Proxy-Authorization: Basic ") == request.npos;
        return is_right ? ok("welcome") : asking_(challenge(nonce()));
    }

    std::string nonce() const { return "nonce" + std::to_string(nonces_); }

    std::string challenge(std::string const& nonce) const {
        return "Basic realm=\"b\", Digest realm=\"a \\\"realm\\\"\", nonce=\"" + nonce + "\", " +
               parameters_;
    }

    std::string expected(std::string const& request) const {
        auto const rules = *challenge_of(challenge("n"));
        auto const hash = [&](std::string text) { return rules.hashed({std::move(text)}); };
        auto const nonce = part(request, "nonce");
        auto const cnonce = part(request, "cnonce");
        auto const qop = part(request, "qop");
        auto key = hash("ann:a \"realm\":secret");
        if (rules.is_session)
            key = hash(key + ":" + nonce + ":" + cnonce);
        auto action = request.substr(0, request.find(' ')) + ":" + part(request, "uri");
        if (qop == "auth-int")
            action += ":" + hash(request.substr(request.find("\r\n\r\n") + 4));
        if (qop.empty())
            return hash(key + ":" + nonce + ":" + hash(action));
        return hash(
            key + ":" + nonce + ":" + part(request, "nc") + ":" + cnonce + ":" + qop + ":" +
            hash(action));
    }

    std::string const parameters_;
    std::function<std::string(std::string const&)> const asking_;
    int nonces_ = 0;
    int uses_ = 0;
    CertificateAuthority const authority_;
    TlsSettings settings_{
        .certificate = authority_.issue({.alternative_names = "DNS:origin.test"})};
    support::detail::TlsContext const context_ = support::detail::make_context(settings_);
};

std::string proxy_url(RawServer const& proxy, std::string const& user = "ann:secret@") {
    return "http://" + user + proxy.url().substr(7);
}

syncopate::AsyncGenerator<std::string> one_piece(std::string text) {
    co_yield text;
}

}  // namespace

TEST_CASE("Digest answers are those of RFC 7616") {
    syncopate::http::detail::DigestUser const mufasa{"Mufasa", "Circle of Life"};
    std::string const fields =
        "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", "
        "nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", "
        "opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\", algorithm=";
    std::string const client_nonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
    DigestSession md5(*challenge_of(fields + "MD5"), mufasa, client_nonce);
    auto const answer = *md5.answer("GET", "/dir/index.html", nullptr);
    CHECK(part(answer, "response") == "8ca523f5e9506fed4657c9700eebdbec");
    CHECK(part(answer, "opaque") == "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS");
    CHECK(part(answer, "nc") == "00000001");
    CHECK(part(*md5.answer("GET", "/", nullptr), "nc") == "00000002");
    DigestSession sha256(*challenge_of(fields + "SHA-256"), mufasa, client_nonce);
    CHECK(
        part(*sha256.answer("GET", "/dir/index.html", nullptr), "response") ==
        "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1");

    // The RFC hashes this one by another function; erratum 4897. The answer is what Python computes.
    DigestSession named(
        *challenge_of(
            "Digest realm=\"api@example.org\", qop=\"auth\", algorithm=SHA-512-256, "
            "nonce=\"5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK\", charset=UTF-8, userhash=true"),
        {"J\xc3\xa4s\xc3\xb8n Doe", "Secret, or not?"}, "NTg6RKcb9boFIAS3KrFK9BGeh+niz/sm");
    auto const of_named = *named.answer("GET", "/doe.json", nullptr);
    CHECK(
        part(of_named, "username") ==
        "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b");
    CHECK(
        part(of_named, "response") ==
        "7a4e1192babbba02e91182d2895bfdbf7adafc6e48d4e517ca301974843d840c");
}

TEST_CASE("Of several challenges the strongest counts, and what is no challenge is passed over") {
    using Hash = DigestChallenge::Hash;
    CHECK(
        challenge_of("Digest nonce=a,algorithm=MD5, Digest algorithm=SHA-256,nonce=\"b\"")->hash ==
        Hash::sha256);
    CHECK(challenge_of("Negotiate abc==, Digest nonce=\"q\\\"x, y\", realm=")->nonce == "q\"x, y");
    CHECK(challenge_of("Basic realm=\"Digest nonce=1\"") == std::nullopt);
    for (auto const* const field :
         {"", "Digest", "Digest nonce", "Digest nonce=", "Digest realm=x",
          "Digest nonce=a, algorithm=ROT13", "Digest nonce=a, qop=\"x\"", "=,\"\",=\\",
          "Digest \""})
        CHECK(!challenge_of(field));
}

TEST_CASE("A request answers a challenge, and the next ones do before they are asked") {
    for (std::string const parameters :
         {"", "qop=\"auth\"", "algorithm=MD5-sess, qop=auth",
          "algorithm=SHA-256, qop=\"auth,auth-int\"", "qop=\"auth-int\"",
          "algorithm=sha-512-256-SESS, qop=auth-int"}) {
        DigestServer digest(parameters);
        bool const counts = !parameters.empty();
        RawServer const server(digest.script());
        Client client;
        // Any method is a part of what is hashed.
        std::string const method = parameters.starts_with("algorithm") ? "QUERY" : "POST";
        auto const request =
            Request(method, server.url("/a?b=c")).body("order").digest_auth("ann", "secret");
        INFO(parameters);
        CHECK(client.request(request).text() == (counts ? "welcome" : "tell"));
        if (!counts)
            continue;
        CHECK(server.requests().size() == 2);
        CHECK(client.request(request).text() == "welcome");
        CHECK(server.requests().size() == 3);
        CHECK(client.request(request).text() == "welcome");  // after a stale nonce
        CHECK(server.requests().size() == 5);
        auto wrong = request;
        CHECK(client.request(wrong.digest_auth("ann", "guess")).status() == 401);
        CHECK(client.request(Request("GET", server.url())).status() == 401);
    }
}

TEST_CASE("A challenge is not answered without end, nor on another origin") {
    RawServer const server(answering(asking("Digest nonce=\"a\", stale=true")));
    Client client;
    CHECK(
        client.request(Request("GET", server.url()).digest_auth("ann", "secret")).status() == 401);
    CHECK(server.requests().size() == 5);
    RawServer const redirect(
        answering(response("307 There", "Location: " + server.url("/2") + "\r\n", "")));
    CHECK(
        client.request(Request("GET", redirect.url()).digest_auth("ann", "secret")).status() ==
        401);
    CHECK(server.requests().size() == 6);
    CHECK_THAT(server.requests().back(), !ContainsSubstring("Authorization"));
    CHECK(code_of([] {
              Request("GET", "http://x/").digest_auth("a\nb", "");
          }) == Errc::invalid_request);
}

TEST_CASE("A proxy's Digest challenge is answered, and the next requests answer before it asks") {
    for (std::string const parameters :
         {"qop=\"auth\"", "algorithm=SHA-256, qop=\"auth,auth-int\""}) {
        DigestServer digest(parameters, proxy_asking);
        RawServer const proxy(digest.script());
        Client client(SessionOptions().proxy(proxy_url(proxy)));
        auto const request = Request("POST", "http://origin.test/a?b=c").body("order");
        INFO(parameters);
        CHECK(client.request(request).text() == "welcome");
        auto const first = proxy.requests();
        REQUIRE(first.size() == 2);
        CHECK_THAT(first[0], ContainsSubstring("Proxy-Authorization: Basic YW5uOnNlY3JldA=="));
        CHECK(part(first[1], "uri") == "http://origin.test/a?b=c");
        CHECK(client.request(request).text() == "welcome");
        CHECK(proxy.requests().size() == 3);
        CHECK(client.request(request).text() == "welcome");  // after a stale nonce
        CHECK(proxy.requests().size() == 5);
        CHECK(proxy.connections() == 1);

        // By a request's own proxy, and never by Basic.
        Client careful(SessionOptions().allow_proxy_basic(false));
        auto own = request;
        CHECK(careful.request(own.proxy(proxy_url(proxy))).text() == "welcome");
        CHECK_THAT(proxy.requests().at(5), !ContainsSubstring("Authorization"));
        CHECK(careful.request(own.proxy(proxy_url(proxy, "ann:guess@"))).status() == 407);
        CHECK(proxy.requests().size() == 9);
        CHECK(careful.request(own.proxy(proxy_url(proxy, ""))).status() == 407);
        own.header("Proxy-Authorization", "own");
        CHECK(careful.request(own.proxy(proxy_url(proxy))).status() == 407);
        CHECK(proxy.requests().size() == 11);
    }
}

TEST_CASE("Digest answers tell a proxy who asks for a tunnel, on the connection that it keeps") {
    auto const refusing = GENERATE(0, 1, 2, 3);
    INFO(refusing);
    auto const refusal = [&](std::string const& challenge) {
        auto text = proxy_asking(challenge);
        text.replace(9, 7, refusing == 1 ? "407 Who\r\nProxy-Connection: x, Close" : "407 Who");
        if (refusing == 2)
            text.replace(text.find("Content-Length"), 7, "X");
        return text;
    };
    DigestServer digest("qop=auth", refusal);
    auto const behind = [&](Peer& peer) {
        if (refusing == 1 || refusing == 2)
            peer.wait_for_close();
        if (refusing != 0)
            peer.close();
    };
    RawServer const proxy(digest.tunnel(
        answering(response("407 No", "Proxy-Authenticate: Digest nonce=a\r\n", "end")), behind));
    Client client(SessionOptions().proxy(proxy_url(proxy)).ca_certificates(digest.certificate()));
    auto const get = [&](Client& by) {
        return by.request(Request("GET", "https://origin.test/").header("Connection", "close"))
            .text();
    };
    CHECK(get(client) == "end");
    auto const first = proxy.requests();
    REQUIRE(first.size() == 3);
    CHECK_THAT(first[0], ContainsSubstring("Proxy-Authorization: Basic "));
    CHECK(part(first[1], "uri") == "origin.test:443");
    CHECK_THAT(first[2], !ContainsSubstring("Authorization"));
    CHECK(proxy.connections() == (refusing == 0 ? 1 : 2));
    CHECK(get(client) == "end");
    CHECK(proxy.requests().size() == 5);
    CHECK(get(client) == "end");  // after a stale nonce
    CHECK(proxy.requests().size() == 8);
    Client wrong(SessionOptions().allow_proxy_basic(false).proxy(proxy_url(proxy, "ann:guess@")));
    CHECK(code_of([&] { get(wrong); }) == Errc::proxy_failed);
    CHECK(proxy.requests().size() == 10);
    CHECK_THAT(proxy.requests().at(8), !ContainsSubstring("Authorization"));
}

TEST_CASE("No server learns a proxy's password, and a stream goes by Digest if it was held back") {
    RawServer const server(answering(proxy_asking("Digest nonce=a, qop=auth")));
    Client direct;
    CHECK(direct.get(server.url()).status() == 407);
    CHECK(server.requests().size() == 1);
    CHECK(
        direct.request(Request("GET", server.url()).digest_auth("ann", "secret")).status() == 407);

    RawServer const proxy([](Peer& peer) {
        auto const is_known = peer.read_head().find(" Digest ") != std::string::npos;
        if (is_known)
            peer.send("HTTP/1.1 100 Continue\r\n\r\n");
        peer.send(
            is_known ? ok(peer.read_until("0\r\n\r\n")) : proxy_asking("Digest nonce=a, qop=auth"));
    });
    Client client(SessionOptions().proxy(proxy_url(proxy)));
    auto const sent = [&](Request request) {
        return client.request(request.body_stream(one_piece("once"))).text();
    };
    CHECK_THAT(
        sent(Request("PUT", "http://origin.test/").expect_continue()), ContainsSubstring("once"));
}

TEST_CASE("A netrc file has its entries by host, in whichever form they are written") {
    Netrc const netrc(
        "# machine no login no\nmachine One.example\n\tlogin ann\tpassword \"a \\\"b\\\" c\"\n"
        "macdef init\nmachine not.example login x\n\nmachine two.example login bob account q password p "
        "machine two.example login eve password e\ndefault login anonymous password guest");
    CHECK(netrc.find("one.EXAMPLE", "")->password == "a \"b\" c");
    CHECK(netrc.find("two.example", "")->user == "bob");
    CHECK(netrc.find("two.example", "eve")->password == "e");
    CHECK(netrc.find("not.example", "")->user == "anonymous");
    CHECK(netrc.find("two.example", "mallory") == nullptr);
    CHECK(Netrc("login x machine").find("one.example", "") == nullptr);
}

TEST_CASE("A request without credentials has those of the netrc file") {
    RawServer const server(answering(ok()));
    TemporaryDirectory directory;
    auto const path = directory.path() / "netrc";
    std::ofstream(path) << "machine 127.0.0.1 login ann password secret\n";
    Client client(SessionOptions().netrc(path));
    auto const sent = [&](Request request) {
        static_cast<void>(client.request(std::move(request)));
        return server.requests().back();
    };
    auto const url = server.url();
    auto const with_user = [&](std::string user) { return "http://" + user + "@" + url.substr(7); };
    CHECK_THAT(
        sent({"GET", url}), ContainsSubstring("\r\nAuthorization: Basic YW5uOnNlY3JldA==\r\n"));
    CHECK_THAT(sent({"GET", with_user("ann")}), ContainsSubstring("Basic YW5uOnNlY3JldA=="));
    CHECK_THAT(sent({"GET", with_user("bob")}), ContainsSubstring("Basic Ym9iOg=="));
    CHECK_THAT(sent({"GET", with_user("bob:p")}), ContainsSubstring("Basic Ym9iOnA="));
    CHECK_THAT(
        sent(Request("GET", url).bearer("token")),
        ContainsSubstring("Authorization: Bearer token\r\n"));
    CHECK_THAT(
        sent(Request("GET", url).header("Authorization", "own")),
        ContainsSubstring("Authorization: own\r\n"));
    CHECK_THAT(
        sent({"GET", "http://localhost" + url.substr(url.rfind(':'))}),
        !ContainsSubstring("Authorization"));
    auto const missing = [&] { Client other(SessionOptions().netrc(directory.path() / "none")); };
    CHECK_THAT(message_of<std::system_error>(missing), ContainsSubstring("none"));
}
