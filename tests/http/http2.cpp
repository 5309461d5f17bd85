// HTTP/2: requests that share a connection, what ends one of them only, and what a hostile server may do.

#include "support/http2.hpp"

#include "support/catch.hpp"
#include "support/certificates.hpp"
#include "support/child_process.hpp"
#include "support/errors.hpp"
#include "support/http.hpp"
#include "support/http2_client.hpp"
#include "support/raw_server.hpp"
#include "support/temporary_directory.hpp"
#include <syncopate/gather.hpp>
#include <syncopate/http/content.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/options.hpp>
#include <syncopate/http/request.hpp>
#include <syncopate/http/response.hpp>
#include <syncopate/http/session.hpp>
#include <syncopate/http/trace.hpp>
#include <syncopate/http/websocket.hpp>

#include <boost/asio/awaitable.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <future>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <sys/socket.h>

namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
namespace http = syncopate::http;
using namespace std::chrono_literals;
using namespace support;
using namespace support::http2;
using Catch::Matchers::ContainsSubstring;
using http::Errc;
using http::Request;
using http::SessionOptions;
using http::Verb;
using Strings = std::vector<std::string>;

bool are_missing(char const* program) {
    if (is_library_missing())
        return true;
    if (fs::exists(program))
        return false;
    WARN("skipped: there is no " << program);
    return true;
}

asio::awaitable<Strings> fetch_all(http::ClientSession& session, Strings urls) {
    std::vector<asio::awaitable<std::string>> tasks;
    for (auto const& url : urls)
        tasks.push_back(fetch(session, url));
    co_return co_await syncopate::gather(std::move(tasks));
}

std::string numbered(std::size_t size) {
    std::string text;
    for (unsigned number = 0; text.size() < size; ++number)
        text += std::to_string(number) + '\n';
    text.resize(size);
    return text;
}

// --- real servers

char const* const http2_nginx = "/usr/sbin/nginx";
char const* const http2_nghttpd = "/usr/sbin/nghttpd";

class Http2Nginx {
public:
    Http2Nginx() {
        auto const certificate = authority().issue();
        fs::permissions(folder_.path(), fs::perms::all);
        folder_.write("certificate.pem", certificate.chain);
        folder_.write("key.pem", certificate.key);
        fs::create_directory(folder_.path() / "files");
        auto const folder = folder_.path().string();
        folder_.write(
            "nginx.conf",
            "daemon off; master_process off; pid pid; error_log error.log;\n"
            "events { worker_connections 1024; }\n"
            "http { access_log off; default_type text/plain; root " +
                folder +
                "/files;\n"
                "client_body_temp_path 1; proxy_temp_path 2; fastcgi_temp_path 3;\n"
                "uwsgi_temp_path 4; scgi_temp_path 5;\n"
                "ssl_certificate certificate.pem; ssl_certificate_key key.pem;\n"
                "server { listen 127.0.0.1:" +
                std::to_string(port_) +
                " ssl http2;\n"
                "location = /connection { return 200 \"$connection $server_protocol\"; }\n"
                "location = /agent { return 200 \"$host $http_user_agent $http_x_own $http_cookie\"; }\n"
                "location = /none { return 204; }\n"
                "location = /there { return 302 /connection; }\n"
                "location = /cookie { add_header Set-Cookie \"a=b; Secure\"; return 200; }\n"
                "location /few { return 200 few; }\n"
                "location / { dav_methods PUT DELETE; client_max_body_size 0; }\n"
                "location /gzip/ { alias " +
                folder +
                "/files/; gzip on; gzip_types text/plain; gzip_min_length 1; } }\n"
                "server { listen 127.0.0.1:" +
                std::to_string(impatient_port_) +
                " ssl http2; keepalive_requests 3;\n"
                "location / { return 200 \"$connection\"; } } }\n");
        process_.emplace(
            folder,
            Strings{http2_nginx, "-p", folder, "-c", "nginx.conf", "-e", folder + "/error.log"});
        process_->wait_for_port(impatient_port_);
    }

    std::string url(std::string const& target) const {
        return "https://localhost:" + std::to_string(port_) + target;
    }
    /// Three requests a connection.
    std::string impatient_url() const {
        return "https://localhost:" + std::to_string(impatient_port_) + "/";
    }
    void write(std::string const& name, std::string_view text) const {
        folder_.write("files/" + name, text);
    }

private:
    std::uint16_t const port_ = free_port();
    std::uint16_t const impatient_port_ = free_port();
    TemporaryDirectory folder_;
    std::optional<ChildProcess> process_;
};

class Nghttpd {
public:
    explicit Nghttpd(Strings more) {
        auto const certificate = authority().issue();
        folder_.write("certificate.pem", certificate.chain);
        folder_.write("key.pem", certificate.key);
        folder_.write("file", numbered(size));
        auto const folder = folder_.path().string();
        Strings command{http2_nghttpd, "-d", folder, "--address=127.0.0.1"};
        command.insert(command.end(), more.begin(), more.end());
        command.insert(
            command.end(),
            {std::to_string(port_), folder + "/key.pem", folder + "/certificate.pem"});
        process_.emplace(folder, command);
        process_->wait_for_port(port_);
    }

    static constexpr std::size_t size = 1'000'000;
    std::string url(std::string const& target) const {
        return "https://localhost:" + std::to_string(port_) + target;
    }

private:
    std::uint16_t const port_ = free_port();
    TemporaryDirectory folder_;
    std::optional<ChildProcess> process_;
};

// --- a server that says frames byte by byte

RawServer http2_server(Scripts scripts) {
    return http2::server(authority().issue(), std::move(scripts));
}

std::error_code error_of(std::string (*answer)(std::uint32_t stream)) {
    auto server = http2_server(answering_each(answer));
    SessionOnLoop client(by_http2());
    return code_of([&] { client.text(server.url()); });
}

}  // namespace

TEST_CASE("Requests at once share one connection of HTTP/2") {
    if (are_missing(http2_nginx))
        return;
    Http2Nginx const nginx;
    std::atomic<int> created{0};
    SessionOnLoop client(
        by_http2().trace(http::Trace().on_connection_created([&](auto const&) { ++created; })));
    for (int round = 0; round < 3; ++round) {
        auto const texts =
            client.runner.run(fetch_all(client.session, Strings(100, nginx.url("/connection"))));
        CHECK_THAT(texts.front(), ContainsSubstring("HTTP/2.0"));
        for (auto const& text : texts)
            CHECK(text == texts.front());
        CHECK(client.connections().all == 1);
    }
    CHECK(created == 1);
    client.close();
}

TEST_CASE("One request after another goes over the same connection of HTTP/2, idle in between") {
    if (are_missing(http2_nginx))
        return;
    Http2Nginx const nginx;
    SessionOnLoop client(by_http2());
    auto const first = client.text(nginx.url("/connection"));
    for (int i = 0; i < 20; ++i) {
        while (client.connections().idle != 1)
            std::this_thread::yield();
        CHECK(client.text(nginx.url("/connection")) == first);
    }
}

TEST_CASE("What a request asks for is the same by HTTP/2") {
    if (are_missing(http2_nginx))
        return;
    Http2Nginx const nginx;
    SessionOnLoop client(by_http2().cookies(true).header("User-Agent", "someone"));

    SECTION("fields") {
        auto const text = client.text(Request(Verb::get, nginx.url("/agent")).header("X-Own", "1"));
        CHECK(text == "localhost someone 1 ");
    }
    SECTION("cookies") {
        client.text(nginx.url("/cookie"));
        CHECK_THAT(client.text(nginx.url("/agent")), ContainsSubstring("a=b"));
    }
    SECTION("no body") {
        CHECK(client.get(nginx.url("/none")).status() == 204);
        nginx.write("file", "12345");
        auto response = client.request(Request(Verb::head, nginx.url("/file")));
        CHECK(response.headers()["Content-Length"] == "5");
        CHECK(client.text(response).empty());
    }
    SECTION("what has not changed") {
        nginx.write("file", "12345");
        auto response = client.get(nginx.url("/file"));
        auto const tag = response.headers()["ETag"];
        CHECK(client.text(response) == "12345");
        auto const conditional = [&] {
            return Request(Verb::get, nginx.url("/file")).header("If-None-Match", tag);
        };
        for (int i = 0; i < 2; ++i) {
            auto same = client.request(conditional());
            CHECK(same.status() == 304);
            CHECK(same.headers()["ETag"] == tag);
            CHECK(client.text(same).empty());
        }
        nginx.write("file", "123456");
        CHECK(client.text(conditional()) == "123456");
        CHECK(client.connections().all == 1);
    }
    SECTION("redirects") {
        auto response = client.get(nginx.url("/there"));
        CHECK(response.history().size() == 1);
        CHECK_THAT(client.text(response), ContainsSubstring("HTTP/2.0"));
    }
    SECTION("encodings") {
        auto const text = numbered(1'000'000);
        nginx.write("text", text);
        auto response = client.get(nginx.url("/gzip/text"));
        CHECK(response.headers()["Content-Encoding"] == "gzip");
        CHECK((client.text(response) == text));
    }
    SECTION("errors") {
        CHECK(client.get(nginx.url("/nothing")).status() == 404);
    }
}

TEST_CASE("Bodies of requests and responses come whole by HTTP/2") {
    if (are_missing(http2_nginx))
        return;
    Http2Nginx const nginx;
    auto const text = numbered(5'000'000);
    SessionOnLoop client(by_http2());

    auto put = client.request(Request(Verb::put, nginx.url("/once")).body(text));
    CHECK(put.status() == 201);
    client.leave(put);
    auto streamed = client.request(
        Request(Verb::put, nginx.url("/streamed")).body_stream(in_pieces(text, 70'000)));
    CHECK(streamed.status() == 201);
    client.leave(streamed);
    auto counted = client.request(Request(Verb::put, nginx.url("/counted"))
                                      .body_stream(in_pieces(text, 70'000))
                                      .header("Content-Length", std::to_string(text.size())));
    CHECK(counted.status() == 201);
    client.leave(counted);
    auto const texts = client.runner.run(fetch_all(
        client.session, {nginx.url("/once"), nginx.url("/streamed"), nginx.url("/counted")}));
    for (auto const& each : texts)
        CHECK((each == text));
    CHECK(client.connections().all == 1);
}

TEST_CASE("A response that is not read does not hold up the others on its connection") {
    if (are_missing(http2_nginx))
        return;
    Http2Nginx const nginx;
    auto const text = numbered(3'000'000);
    nginx.write("large", text);
    SessionOnLoop client(by_http2());
    std::vector<http::Response> unread;
    for (int i = 0; i < 30; ++i)
        unread.push_back(client.get(nginx.url("/large")));
    CHECK(client.text(nginx.url("/few")) == "few");
    CHECK((client.text(unread.back()) == text));
    CHECK((client.text(unread.front()) == text));
    CHECK(client.connections().all == 1);
}

TEST_CASE("Requests succeed while nginx says good-bye on each connection of HTTP/2") {
    if (are_missing(http2_nginx))
        return;
    Http2Nginx const nginx;
    SessionOnLoop client(by_http2());
    auto const texts =
        client.runner.run(fetch_all(client.session, Strings(10, nginx.impatient_url())));
    CHECK(texts.size() == 10);
    for (int i = 0; i < 10; ++i)
        client.text(Request(Verb::post, nginx.impatient_url()).body("text"));
}

TEST_CASE("Trailers of HTTP/2 come behind a body, also behind one with a length") {
    if (are_missing(http2_nghttpd))
        return;
    Nghttpd const server({"--trailer=checksum: 1"});
    SessionOnLoop client(by_http2());
    auto response = client.get(server.url("/file"));
    CHECK(client.text(response).size() == Nghttpd::size);
    CHECK(response.headers()["Content-Length"] == std::to_string(Nghttpd::size));
    CHECK(response.trailers()["Checksum"] == "1");
}

TEST_CASE("Records of HTTP/2 that come together are all taken, new keys among them") {
    if (is_library_missing())
        return;
    auto server = http2_server([](Peer& peer) {
        greet(peer);
        for (;;) {
            auto const stream = read_frame(peer, header_frame).stream;
            send_together(peer, [&] {
                peer.send(head(stream, status("200")));
                peer.update_key();
                // More than one read of the client takes.
                for (char const c : {'a', 'b', 'c', 'd'})
                    peer.send(frame(data_frame, 0, stream, std::string(5000, c)));
                peer.send_ticket();
                peer.send(frame(data_frame, ends, stream, "end"));
            });
        }
    });
    auto const expected = std::string(5000, 'a') + std::string(5000, 'b') + std::string(5000, 'c') +
                          std::string(5000, 'd') + "end";
    SessionOnLoop client(by_http2());
    for (int i = 0; i < 20; ++i)
        REQUIRE(client.text(server.url()) == expected);
    CHECK(server.connections() == 1);
}

TEST_CASE("nghttpd is asked for as many files at once as it allows") {
    if (are_missing(http2_nghttpd))
        return;
    Nghttpd const server({"--max-concurrent-streams=5"});
    SessionOnLoop client(by_http2().max_connections_per_host(1));
    auto const texts =
        client.runner.run(fetch_all(client.session, Strings(50, server.url("/file"))));
    for (auto const& text : texts)
        CHECK(text.size() == Nghttpd::size);
    CHECK(client.connections().all == 1);
}

TEST_CASE("A server that does not speak HTTP/2 is asked by HTTP/1.1") {
    auto server = RawServer::tls(authority().issue(), answering(ok("one")));
    SessionOnLoop client(by_http2());
    auto const texts = client.runner.run(fetch_all(client.session, Strings(20, server.url())));
    for (auto const& text : texts)
        CHECK(text == "one");
}

TEST_CASE("HTTP/2 is offered to those only whom a session with http2 asks") {
    if (is_library_missing())
        return;
    std::promise<std::string> protocol;
    auto server = http2_server([&](Peer& peer) { protocol.set_value(peer.protocol()); });

    SECTION("a session without") {
        SessionOnLoop client(SessionOptions().ca_certificates(authority().certificate()));
        CHECK(code_of([&] { return client.get(server.url()); }));
        CHECK(protocol.get_future().get() == "http/1.1");
    }
    SECTION("a session with") {
        SessionOnLoop client(by_http2().retry(false));
        CHECK(code_of([&] { return client.get(server.url()); }) == Errc::connection_lost);
        CHECK(protocol.get_future().get() == "h2");
    }
    SECTION("a WebSocket") {
        SessionOnLoop client(by_http2());
        CHECK(code_of([&] { return client.runner.run(client.session.websocket(server.url())); }));
        CHECK(protocol.get_future().get() == "http/1.1");
    }
}

TEST_CASE("A request that is given up on is reset, and its connection lives on") {
    if (is_library_missing())
        return;
    auto server = http2_server([](Peer& peer) {
        greet(peer);
        read_frame(peer, header_frame);
        auto const reset = read_frame(peer, reset_frame);
        auto const next = read_frame(peer, header_frame).stream;
        peer.send(whole(next, std::to_string(reset.stream) + " " + reset.payload.substr(3)));
        peer.wait_for_close();
    });
    SessionOnLoop client(by_http2());
    auto const error =
        code_of([&] { client.text(Request(Verb::get, server.url()).timeout(300ms)); });
    CHECK(error == Errc::total_timed_out);
    CHECK(client.text(server.url()) == "1 \x08");
    CHECK(server.connections() == 1);
}

TEST_CASE("A server that has been silent for long is asked on a new connection of HTTP/2") {
    if (is_library_missing())
        return;
    auto server = http2_server(
        {[](Peer& peer) {
             greet(peer);
             peer.wait_for_close();
         },
         answering_each([](std::uint32_t stream) { return whole(stream, "well"); })});
    SessionOnLoop client(by_http2());
    CHECK(code_of([&] {
              client.text(Request(Verb::get, server.url()).timeout(1500ms));
          }) == Errc::total_timed_out);
    CHECK(client.text(server.url()) == "well");
    CHECK(server.connections() == 2);
}

TEST_CASE("A stream that is refused is asked for again, whatever it was") {
    if (is_library_missing())
        return;
    SessionOnLoop client(by_http2());

    SECTION("once") {
        auto server = http2_server([](Peer& peer) {
            greet(peer);
            auto const first = read_frame(peer, header_frame).stream;
            peer.send(frame(reset_frame, 0, first, number(7)));
            peer.send(whole(read_frame(peer, header_frame).stream, "taken"));
            peer.wait_for_close();
        });
        CHECK(client.text(Request(Verb::post, server.url()).body("text")) == "taken");
        CHECK(server.connections() == 1);
    }
    SECTION("but not for ever") {
        auto server = http2_server(answering_each(
            [](std::uint32_t stream) { return frame(reset_frame, 0, stream, number(7)); }));
        CHECK(code_of([&] { client.text(server.url()); }) == Errc::connection_lost);
    }
}

TEST_CASE("What a server that goes away has not taken is asked of its next connection") {
    if (is_library_missing())
        return;
    auto server = http2_server(
        {[](Peer& peer) {
             greet(peer);
             auto const first = read_frame(peer, header_frame).stream;
             read_frame(peer, header_frame);
             read_frame(peer, header_frame);
             peer.send(frame(go_away_frame, 0, 0, number(first) + number(0)));
             peer.send(whole(first, "old"));
             peer.wait_for_close();
         },
         answering_each([](std::uint32_t stream) { return whole(stream, "new"); })});
    SessionOnLoop client(by_http2());
    auto texts = client.runner.run(fetch_all(client.session, Strings(3, server.url())));
    std::sort(texts.begin(), texts.end());
    CHECK(texts == Strings{"new", "new", "old"});
    CHECK(server.connections() == 2);
}

TEST_CASE(
    "An idle connection of HTTP/2 answers a ping, and is not used when its server has gone away") {
    if (is_library_missing())
        return;
    std::promise<void> pinged;
    std::promise<void> gone;
    auto server = http2_server(
        {[&](Peer& peer) {
             greet(peer);
             peer.send(whole(read_frame(peer, header_frame).stream, "1"));
             peer.send(frame(ping_frame, 0, 0, "12345678"));
             read_frame(peer, ping_frame);
             pinged.set_value();
             peer.send(whole(read_frame(peer, header_frame).stream, "2"));
             peer.send(frame(go_away_frame, 0, 0, number(3) + number(0)));
             wait_until_received(peer);
             gone.set_value();
             peer.wait_for_close();
         },
         answering_each([](std::uint32_t stream) { return whole(stream, "3"); })});
    SessionOnLoop client(by_http2());
    CHECK(client.text(server.url()) == "1");
    pinged.get_future().get();
    CHECK(client.text(server.url()) == "2");
    gone.get_future().get();
    CHECK(client.text(Request(Verb::post, server.url()).body("text")) == "3");
    CHECK(server.connections() == 2);
}

TEST_CASE("The end of a session ends its requests by HTTP/2") {
    if (is_library_missing())
        return;
    std::promise<void> asked;
    auto server = http2_server([&](Peer& peer) {
        greet(peer);
        read_frame(peer, header_frame);
        read_frame(peer, header_frame);
        asked.set_value();
        peer.wait_for_close();
    });
    SessionOnLoop client(by_http2());
    auto first = client.runner.run_as_future(fetch(client.session, server.url()));
    auto second = client.runner.run_as_future(fetch(client.session, server.url()));
    asked.get_future().get();
    client.close();
    CHECK(code_of([&] { first.get(); }) == Errc::session_closed);
    CHECK(code_of([&] { second.get(); }) == Errc::session_closed);
    CHECK(server.wait_until_idle());
}

TEST_CASE("A loop may end with responses by HTTP/2 unread") {
    if (is_library_missing())
        return;
    auto server = http2_server([](Peer& peer) {
        greet(peer);
        for (;;)
            peer.send(head(read_frame(peer, header_frame).stream, status("200")));
    });
    std::optional<http::Response> response;
    {
        SessionOnLoop client(by_http2());
        response.emplace(client.get(server.url()));
        static_cast<void>(client.get(server.url()));
    }
    CHECK(response->status() == 200);
}

TEST_CASE("What is no response of HTTP/2 is refused") {
    if (is_library_missing())
        return;
    CHECK(error_of([](std::uint32_t stream) {
              return head(stream, status("200") + field("Upper", "case"), ends);
          }) == Errc::malformed_response);
    CHECK(error_of([](std::uint32_t stream) {
              return head(stream, status("200") + field("a", "b\r\nc: d"), ends);
          }) == Errc::malformed_response);
    CHECK(error_of([](std::uint32_t stream) {
              return head(stream, status("200") + field("transfer-encoding", "chunked"), ends);
          }) == Errc::malformed_response);
    CHECK(error_of([](std::uint32_t stream) {
              return head(stream, status("101"), ends);
          }) == Errc::malformed_response);
    CHECK(error_of([](std::uint32_t stream) {
              return head(stream, field("a", "b"), ends);
          }) == Errc::malformed_response);
    CHECK(error_of([](std::uint32_t stream) {
              return head(stream, status("200") + field("content-length", "2")) +
                     frame(data_frame, ends, stream, "three");
          }) == Errc::malformed_response);
    // No frame of HTTP/2 at all.
    CHECK(error_of([](std::uint32_t) {
              return std::string("HTTP/1.1 200 OK\r\n\r\n");
          }) == Errc::malformed_response);
}

TEST_CASE("A body by HTTP/2 that ends early is an error, whichever way it ends") {
    if (is_library_missing())
        return;
    CHECK(error_of([](std::uint32_t stream) {
              return head(stream, status("200") + field("content-length", "9")) +
                     frame(data_frame, ends, stream, "three");
          }) == Errc::body_truncated);
    CHECK(error_of([](std::uint32_t stream) {
              return head(stream, status("200")) + frame(data_frame, 0, stream, "three") +
                     frame(reset_frame, 0, stream, number(2));
          }) == Errc::connection_lost);
    auto server = http2_server([](Peer& peer) {
        greet(peer);
        auto const stream = read_frame(peer, header_frame).stream;
        peer.send(head(stream, status("200")) + frame(data_frame, 0, stream, "three"));
    });
    SessionOnLoop client(by_http2());
    CHECK(code_of([&] { client.text(server.url()); }) == Errc::body_truncated);
}

TEST_CASE("The limits on headers hold for HTTP/2") {
    if (is_library_missing())
        return;
    CHECK(error_of([](std::uint32_t stream) {
              auto fields = status("200");
              for (int i = 0; i < 400; ++i)
                  fields += field("name", std::string(100, 'x'));
              auto text = frame(header_frame, ends, stream, fields.substr(0, 16'000));
              text += frame(continuation_frame, 0, stream, fields.substr(16'000, 16'000));
              return text + frame(continuation_frame, ends_header, stream, fields.substr(32'000));
          }) == Errc::header_too_large);
    CHECK(error_of([](std::uint32_t stream) {
              auto fields = status("200");
              for (int i = 0; i < 129; ++i)
                  fields += field("a", "b");
              return head(stream, fields, ends);
          }) == Errc::header_too_large);
    CHECK(error_of([](std::uint32_t stream) {
              auto fields = field("a", "b");
              for (int i = 0; i < 129; ++i)
                  fields += field("a", "b");
              return head(stream, status("200")) + frame(data_frame, 0, stream, "text") +
                     head(stream, fields, ends);
          }) == Errc::header_too_large);
    CHECK(error_of([](std::uint32_t stream) {
              std::string text;
              for (int i = 0; i < 20; ++i)
                  text += head(stream, status("103"));
              return text + whole(stream, "");
          }) == Errc::header_too_large);
}

TEST_CASE("Interim responses of HTTP/2 are passed over, and a body may wait for one") {
    if (is_library_missing())
        return;
    auto server = http2_server([](Peer& peer) {
        greet(peer);
        auto const stream = read_frame(peer, header_frame).stream;
        peer.send(head(stream, status("100")));
        auto const body = read_frame(peer, data_frame);
        peer.send(whole(stream, body.payload + (body.flags == ends ? "." : "")));
        peer.wait_for_close();
    });
    SessionOnLoop client(by_http2());
    auto const text = client.text(
        Request(Verb::post, server.url()).body("text").header("Expect", "100-continue"));
    CHECK(text == "text.");
}

TEST_CASE("A server of HTTP/2 that floods its client is left") {
    if (is_library_missing())
        return;
    SessionOnLoop client(by_http2());
    auto const flood_with = [&](std::string (*make)(std::uint32_t)) {
        auto server = http2_server([=](Peer& peer) {
            greet(peer);
            auto const stream = read_frame(peer, header_frame).stream;
            int const smallest = 4096;
            ::setsockopt(peer.native_handle(), SOL_SOCKET, SO_RCVBUF, &smallest, sizeof smallest);
            peer.send(make(stream));
            peer.wait_for_close();
        });
        return code_of([&] { client.text(server.url()); });
    };
    // Continuations without an end.
    CHECK(flood_with([](std::uint32_t stream) {
              auto text = frame(header_frame, ends, stream, status("200"));
              for (int i = 0; i < 1000; ++i)
                  text += frame(continuation_frame, 0, stream, field("a", "b"));
              return text;
          }) == Errc::malformed_response);
    // Settings, and pings, while the client's answers are not read.
    CHECK(flood_with([](std::uint32_t) {
              std::string text;
              for (int i = 0; i < 500'000; ++i)
                  text += frame(ping_frame, 0, 0, "12345678");
              return text;
          }) == Errc::malformed_response);
}

TEST_CASE("What a client has not read of a body by HTTP/2 is bounded") {
    if (is_library_missing())
        return;
    std::promise<std::size_t> sent;
    auto server = http2_server([&](Peer& peer) {
        greet(peer);
        auto const stream = read_frame(peer, header_frame).stream;
        peer.send(head(stream, status("200")));
        // 256 KiB, which the settings allow.
        for (int i = 0; i < 16; ++i)
            peer.send(frame(data_frame, 0, stream, std::string(16'384, 'x')));
        peer.send(frame(ping_frame, 0, 0, "12345678"));
        bool has_window = false;
        for (;;) {
            auto const next = read_frame(peer);
            has_window = has_window || (next.type == window_frame && next.stream == stream);
            if (next.type == ping_frame)
                break;
        }
        sent.set_value(has_window ? 1 : 0);
        while (!has_window) {
            auto const next = read_frame(peer);
            has_window = next.type == window_frame && next.stream == stream;
        }
        peer.send(frame(data_frame, ends, stream, "y"));
        peer.wait_for_close();
    });
    SessionOnLoop client(by_http2());
    auto response = client.get(server.url());
    CHECK(sent.get_future().get() == 0);
    CHECK(client.text(response) == std::string(16 * 16'384, 'x') + "y");
}
