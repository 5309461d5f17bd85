// Which connections a session makes: to which addresses, and whom it asks before.

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/http.hpp"
#include "support/raw_server.hpp"
#include "support/temporary_directory.hpp"
#include <syncopate/http/connect_info.hpp>
#include <syncopate/http/connect_policies.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/options.hpp>
#include <syncopate/http/request.hpp>
#include <syncopate/http/session.hpp>

#include <boost/asio/ip/address.hpp>
#include <boost/system/system_error.hpp>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

namespace {

using namespace support;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;
using syncopate::http::allowed_hosts;
using syncopate::http::ClientSession;
using syncopate::http::ConnectInfo;
using syncopate::http::Errc;
using syncopate::http::public_addresses_only;
using syncopate::http::Request;
using syncopate::http::Verb;
using Options = syncopate::http::SessionOptions;
using Strings = std::vector<std::string>;

ConnectInfo connection_to(std::string const& address) {
    ConnectInfo info;
    info.url = "http://a.test/";
    info.host = "a.test";
    info.address = boost::asio::ip::make_address(address);
    return info;
}

bool is_refused(std::string const& address) {
    auto const function = public_addresses_only();
    return code_of([&] { function(connection_to(address)); }) == Errc::connection_not_allowed;
}

bool is_allowed(Strings hosts, std::string const& host, std::uint16_t port = 80) {
    ConnectInfo info = connection_to("192.0.2.1");
    info.host = host;
    info.port = port;
    auto const function = allowed_hosts(std::move(hosts));
    return code_of([&] { function(info); }) != Errc::connection_not_allowed;
}

std::string name_url(RawServer const& server, std::string const& name) {
    return "http://" + name + ':' + std::to_string(server.port()) + '/';
}

/// Writes each call down: "hop address".
auto noting(Strings& calls) {
    return [&calls](ConnectInfo const& info) {
        calls.push_back(std::to_string(info.hop) + ' ' + info.address.to_string());
    };
}

}  // namespace

TEST_CASE("Addresses that are not of the public Internet are refused") {
    for (auto const* const address :
         {"0.0.0.0",
          "0.1.2.3",
          "10.0.0.1",
          "100.64.0.1",
          "100.127.255.255",
          "100.100.100.200",
          "127.0.0.1",
          "127.255.255.254",
          "168.63.129.16",
          "169.254.169.254",
          "172.16.0.1",
          "172.31.255.255",
          "192.0.0.8",
          "192.0.2.1",
          "192.88.99.1",
          "192.168.1.1",
          "198.18.0.1",
          "198.19.255.255",
          "198.51.100.1",
          "203.0.113.1",
          "224.0.0.1",
          "239.1.1.1",
          "240.0.0.1",
          "255.255.255.255",
          "::",
          "::1",
          "::7f00:1",
          "::ffff:127.0.0.1",
          "::ffff:a9fe:a9fe",
          "::ffff:0:127.0.0.1",
          "64:ff9b::10.0.0.1",
          "64:ff9b::127.0.0.1",
          "64:ff9b:1::8.8.8.8",
          "100::1",
          "2001::1",
          "2001:0:1:2:3:4:5:6",
          "2001:2::1",
          "2001:10::1",
          "2001:20::1",
          "2001:db8::1",
          "2002:7f00:1::",
          "2002:c0a8:101::1",
          "2002:a00:1::1",
          "2a00:1450::5efe:10.0.0.1",
          "2a00:1450::200:5efe:127.0.0.1",
          "3fff::1",
          "3fff:fff::1",
          "4000::1",
          "5f00::1",
          "fc00::1",
          "fd00:ec2::254",
          "fe80::1",
          "fe80::1%1",
          "fec0::1",
          "ff02::1"}) {
        CAPTURE(address);
        CHECK(is_refused(address));
    }
}

TEST_CASE("Addresses of the public Internet are allowed") {
    for (auto const* const address :
         {"1.1.1.1",
          "8.8.8.8",
          "9.255.255.255",
          "11.0.0.1",
          "100.63.255.255",
          "100.128.0.1",
          "126.0.0.1",
          "128.0.0.1",
          "169.253.1.1",
          "172.15.0.1",
          "172.32.0.1",
          "192.0.1.1",
          "192.167.1.1",
          "192.169.1.1",
          "198.17.0.1",
          "198.20.0.1",
          "223.255.255.254",
          "::ffff:8.8.8.8",
          "64:ff9b::8.8.8.8",
          "2002:808:808::1",
          "2001:200::1",
          "2001:4860:4860::8888",
          "2001:db7::1",
          "2606:4700::1111",
          "2a00:1450::5efe:8.8.8.8",
          "3ffe::1",
          "3fff:1000::1"}) {
        CAPTURE(address);
        CHECK_FALSE(is_refused(address));
    }
}

TEST_CASE("Hosts are allowed by name, with or without a port, and below a name") {
    CHECK(is_allowed({"Example.org", "b.test"}, "example.org"));
    CHECK(is_allowed({"example.org"}, "example.org.", 8080));
    CHECK(is_allowed({"*.example.org"}, "a.b.example.org"));
    CHECK(is_allowed({"example.org:8080"}, "example.org", 8080));
    CHECK(is_allowed({"127.0.0.1", "::1"}, "::1"));
    CHECK(is_allowed({"[::1]:81"}, "::1", 81));

    CHECK_FALSE(is_allowed({}, "example.org"));
    CHECK_FALSE(is_allowed({"example.org"}, "www.example.org"));
    CHECK_FALSE(is_allowed({"example.org"}, "badexample.org"));
    CHECK_FALSE(is_allowed({"*.example.org"}, "example.org"));
    CHECK_FALSE(is_allowed({"*.example.org"}, "badexample.org"));
    CHECK_FALSE(is_allowed({"*.example.org"}, ".example.org"));
    CHECK_FALSE(is_allowed({"example.org:80"}, "example.org", 8080));
    CHECK_FALSE(is_allowed({"[::1]:81"}, "::1", 80));
    for (auto const* const host :
         {"", "*", "a b", "http://example.org", "example.org/path", "me@example.org", "a..b",
          "example.org:0", "*.", "example.org?"}) {
        CAPTURE(host);
        CHECK(code_of([&] { static_cast<void>(allowed_hosts({host})); }) == Errc::invalid_url);
    }
}

TEST_CASE("Each connection is told before it is made, also those of redirects") {
    RawServer last(answering(ok("there")));
    RawServer first(answering(
        response("302 Found", "Location: " + name_url(last, "localhost") + "b?c\r\n", "")));
    std::vector<ConnectInfo> calls;
    SessionOnLoop client(Options()
                             .resolve("localhost", last.port(), "127.0.0.1")
                             .on_connect([&](ConnectInfo const& info) { calls.push_back(info); }));
    Request const request(
        Verb::get, "http://me:word@127.0.0.1:" + std::to_string(first.port()) + "/a");
    CHECK(client.text(request) == "there");
    CHECK(client.text(request) == "there");  // by the same connections
    REQUIRE(calls.size() == 2);
    CHECK(calls[0].url == first.url("/a"));
    CHECK(calls[0].host == "127.0.0.1");
    CHECK(calls[0].port == first.port());
    CHECK(calls[0].address.to_string() == "127.0.0.1");
    CHECK(calls[0].hop == 0);
    CHECK(calls[0].proxy.empty());
    CHECK_FALSE(calls[0].is_to_proxy);
    CHECK(calls[1].url == name_url(last, "localhost") + "b?c");
    CHECK(calls[1].host == "localhost");
    CHECK(calls[1].hop == 1);
}

TEST_CASE("What the function throws refuses the connection, and comes out as it is") {
    RawServer last(answering(ok("there")));
    RawServer first(answering(response("302 Found", "Location: " + last.url() + "\r\n", "")));
    SessionOnLoop client(Options().on_connect([](ConnectInfo const& info) {
        if (info.hop > 0)
            throw std::runtime_error("too far");
    }));
    CHECK(message_of<std::runtime_error>([&] { client.text(first.url()); }) == "too far");
    CHECK(last.connections() == 0);
    CHECK(client.connections().all == 1);

    boost::system::system_error const own(make_error_code(boost::system::errc::not_supported));
    SessionOnLoop other(Options().on_connect([&](ConnectInfo const&) { throw own; }));
    CHECK_THROWS_AS(other.text(first.url()), boost::system::system_error);
}

TEST_CASE("A function added to another one has to agree as well") {
    RawServer server(answering(ok("there")));
    int asked = 0;
    SessionOnLoop client(Options()
                             .on_connect(allowed_hosts({"127.0.0.1"}))
                             .on_connect([&](ConnectInfo const&) { ++asked; })
                             .on_connect({}));
    CHECK(client.text(server.url()) == "there");
    CHECK(code_of([&] {
              client.text(name_url(server, "localhost"));
          }) == Errc::connection_not_allowed);
    CHECK(asked == 1);
}

TEST_CASE("Private addresses are refused wherever they come from, and nothing is sent to them") {
    RawServer server(answering(ok("secret")));
    SessionOnLoop client(Options()
                             .on_connect(public_addresses_only())
                             .resolve("rebound.test", server.port(), "127.0.0.1")
                             .resolve("mapped.test", server.port(), "::ffff:127.0.0.1"));
    for (std::string const host :
         {"127.0.0.1", "localhost", "rebound.test", "mapped.test", "[::ffff:127.0.0.1]", "[::1]",
          "[64:ff9b::7f00:1]"}) {
        CAPTURE(host);
        auto const get = [&] { client.text(name_url(server, host)); };
        CHECK(code_of(get) == Errc::connection_not_allowed);
        CHECK_THAT(message_of<std::system_error>(get), StartsWith("http://" + host + ':'));
    }
    CHECK(server.connections() == 0);
    CHECK(client.connections().all == 0);
}

TEST_CASE("Of several addresses the allowed ones are tried, each after it was checked") {
    RawServer server(answering(ok("there")));
    Strings calls;
    auto const options = Options()
                             .resolve("A.test.", server.port(), "127.0.0.2")
                             .resolve("a.test", server.port(), "[::ffff:127.0.0.3]")
                             .resolve("a.test", 0, "127.0.0.4")
                             .resolve("a.test", server.port(), "127.0.0.1")
                             .on_connect(noting(calls));
    auto const refusing = [](Strings refused) {
        return [refused = std::move(refused)](ConnectInfo const& info) {
            for (auto const& each : refused)
                if (info.address.to_string() == each)
                    throw std::runtime_error(each);
        };
    };
    SessionOnLoop client(Options(options).on_connect(refusing({"127.0.0.2", "::ffff:127.0.0.3"})));
    CHECK(client.text(name_url(server, "a.test")) == "there");
    CHECK(calls == Strings{"0 127.0.0.2", "0 ::ffff:127.0.0.3", "0 127.0.0.1"});
    calls.clear();
    CHECK(client.text(name_url(server, "a.test.")) == "there");
    CHECK(calls == Strings{"0 127.0.0.2", "0 ::ffff:127.0.0.3", "0 127.0.0.1"});

    // One that is refused says why also if the others only do not answer.
    SessionOnLoop none(Options(options).on_connect(refusing({"127.0.0.1", "::ffff:127.0.0.3"})));
    CHECK(message_of<std::runtime_error>([&] {
              none.text(name_url(server, "a.test"));
          }) == "::ffff:127.0.0.3");
}

TEST_CASE("A proxy is told with its address, and the server's where it is known here") {
    auto const proxy = RawServer(answering(ok("by proxy")));
    Strings calls;
    auto const note = [&](ConnectInfo const& info) {
        calls.push_back(
            info.address.to_string() + (info.is_to_proxy ? " proxy " : " server ") + info.proxy);
    };
    auto const port = std::to_string(proxy.port());
    SessionOnLoop client(Options()
                             .proxy("http://me:word@localhost:" + port)
                             .on_connect(note)
                             .resolve("localhost", 0, "127.0.0.1"));
    CHECK(client.text("http://a.test/") == "by proxy");
    CHECK(calls == Strings{"127.0.0.1 proxy http://localhost:" + port});

    calls.clear();
    SessionOnLoop socks(Options()
                            .proxy("socks5://127.0.0.1:" + port)
                            .on_connect(note)
                            .resolve("a.test", 80, "192.0.2.7"));
    CHECK_THROWS(
        socks.text(Request(Verb::get, "http://a.test/").timeout(std::chrono::milliseconds(50))));
    CHECK(
        calls == Strings{
                     "192.0.2.7 server socks5://127.0.0.1:" + port,
                     "127.0.0.1 proxy socks5://127.0.0.1:" + port});
}

TEST_CASE("Behind a proxy, only what can be checked is a public address") {
    auto const proxy = RawServer(answering(ok("by proxy")));
    SessionOnLoop client(Options().proxy(proxy.url()).on_connect(public_addresses_only()));
    CHECK(client.text("http://8.8.8.8/") == "by proxy");
    auto const get = [&] { client.text("http://a.test/"); };
    CHECK(code_of(get) == Errc::connection_not_allowed);
    CHECK_THAT(message_of<std::system_error>(get), ContainsSubstring("looked up by the proxy"));
    CHECK(code_of([&] { client.text("http://10.0.0.1/"); }) == Errc::connection_not_allowed);
    SessionOnLoop socks(Options()
                            .proxy("socks5://127.0.0.1:" + std::to_string(proxy.port()))
                            .resolve("a.test", 0, "10.0.0.1")
                            .on_connect(public_addresses_only()));
    CHECK(code_of([&] { socks.text("http://a.test/"); }) == Errc::connection_not_allowed);
    CHECK(code_of([&] { socks.text("http://10.0.0.1/"); }) == Errc::connection_not_allowed);
    CHECK(proxy.connections() == 1);
}

TEST_CASE("A Unix socket has no public address, and a host all the same") {
    TemporaryDirectory const directory;
    auto const path = (directory.path() / "socket").string();
    auto const server = RawServer::unix_socket(path, answering(ok("here")));
    SessionOnLoop client(Options().unix_socket(path).on_connect(allowed_hosts({"a.test"})));
    CHECK(client.text("http://a.test/") == "here");
    CHECK(code_of([&] { client.text("http://b.test/"); }) == Errc::connection_not_allowed);
    SessionOnLoop none(Options().unix_socket(path).on_connect(public_addresses_only()));
    CHECK(code_of([&] { none.text("http://a.test/"); }) == Errc::connection_not_allowed);
}

TEST_CASE("An address that is named takes the place of a look-up, for its port") {
    RawServer server(answering(ok("there")));
    SessionOnLoop client(Options()
                             .resolve(
                                 "b\xc3\xbc"
                                 "cher.test",
                                 server.port(), "127.0.0.1")
                             .resolve("192.0.2.1", 0, "127.0.0.1"));
    CHECK(client.text(name_url(server, "xn--bcher-kva.test")) == "there");
    CHECK_THAT(server.requests().at(0), ContainsSubstring("\r\nHost: xn--bcher-kva.test:"));
    CHECK(client.text(name_url(server, "192.0.2.1")) == "there");
    CHECK(code_of([&] { client.text("http://xn--bcher-kva.test:1/"); }) == Errc::host_not_found);

    auto const error_of = [](std::string host, std::string address) {
        return code_of([&] { ClientSession(Options().resolve(host, 80, address)); });
    };
    CHECK(error_of("a.test", "localhost") == std::errc::invalid_argument);
    CHECK(error_of("a.test", "") == std::errc::invalid_argument);
    CHECK(error_of("a/b", "127.0.0.1") == Errc::invalid_url);
}
