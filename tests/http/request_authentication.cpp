// Request::digest_auth and SessionOptions::netrc: who a request says that it is from.

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/http.hpp"
#include "support/raw_server.hpp"
#include "support/temporary_directory.hpp"
#include <syncopate/http/client.hpp>
#include <syncopate/http/detail/message/digest_auth.hpp>
#include <syncopate/http/detail/message/netrc.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/headers.hpp>
#include <syncopate/http/options.hpp>
#include <syncopate/http/request.hpp>

#include <filesystem>
#include <fstream>
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
    return DigestChallenge::find(headers);
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

/// A server that knows one user, and checks the answers by its own arithmetic. Each nonce is good for two requests.
class DigestServer {
public:
    explicit DigestServer(std::string parameters) : parameters_(std::move(parameters)) {}

    Script script() {
        return [this](Peer& peer) {
            for (;;)
                peer.send(answer(peer.read_request()));
        };
    }

private:
    std::string answer(std::string const& request) {
        auto const nonce = "nonce" + std::to_string(nonces_);
        if (request.find("Authorization: Digest ") == request.npos)
            return asking(challenge(nonce));
        if (part(request, "nonce") != nonce || uses_ == 2) {
            ++nonces_;
            uses_ = 0;
            return asking(challenge("nonce" + std::to_string(nonces_)) + ", stale=TRUE");
        }
        ++uses_;
        bool const is_right = part(request, "response") == expected(request) &&
                              part(request, "nc") == "0000000" + std::to_string(uses_);
        return is_right ? ok("welcome") : asking(challenge(nonce));
    }

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
    int nonces_ = 0;
    int uses_ = 0;
};

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
        auto const request =
            Request("POST", server.url("/a?b=c")).body("order").digest_auth("ann", "secret");
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
