// Bodies from files and from ranges of synchronous code, which are read while they are sent.
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/http.hpp"
#include "support/loops.hpp"
#include "support/raw_server.hpp"
#include "support/temporary_directory.hpp"
#include <syncopate/http/client.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/multipart.hpp>
#include <syncopate/http/options.hpp>
#include <syncopate/http/progress.hpp>
#include <syncopate/http/request.hpp>

#include <cstddef>
#include <filesystem>
#include <iterator>
#include <optional>
#include <ranges>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>

namespace {

using namespace support;
using namespace syncopate::http;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::EndsWith;
using Catch::Matchers::StartsWith;

std::string body_of(std::string const& request) {
    return request.substr(request.find("\r\n\r\n") + 4);
}

/// More than one piece.
std::string const large = [] {
    std::string text;
    for (int i = 0; text.size() < std::size_t{600} * 1024; ++i)
        text += std::to_string(i);
    return text;
}();

Request put(RawServer const& server) {
    return {Verb::put, server.url()};
}

// ---- Files

TEST_CASE("A file is sent with its length, and a type") {
    TemporaryDirectory const directory;
    auto const text = GENERATE(as<std::string>(), "", "short", large);
    auto const path = directory.write("a.bin", text);
    RawServer server(answering(ok("got it")));
    SessionOnLoop client;
    CHECK(client.text(put(server).file(path)) == "got it");
    auto const request = server.requests().at(0);
    CHECK_THAT(request, ContainsSubstring("\r\nContent-Type: application/octet-stream\r\n"));
    CHECK_THAT(
        request, ContainsSubstring("\r\nContent-Length: " + std::to_string(text.size()) + "\r\n"));
    CHECK(body_of(request) == text);
    client.text(put(server).file(path, "text/x"));
    CHECK_THAT(server.requests().at(1), ContainsSubstring("\r\nContent-Type: text/x\r\n"));
}

LOOP_TEST_CASE("A client sends a file on every kind of loop", EveryLoop) {
    TemporaryDirectory const directory;
    auto const path = directory.write("a.bin", large);
    RawServer server(answering(ok("got it")));
    AnyLoop loop;
    Client client(loop.runner);
    CHECK(client.request(put(server).file(path)).text() == "got it");
    CHECK(body_of(server.requests().at(0)) == large);
}

TEST_CASE("A file that cannot be read is refused when the request is made, by its path") {
    TemporaryDirectory const directory;
    auto const missing = (directory.path() / "missing").string();
    auto const pipe = (directory.path() / "pipe").string();
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    for (auto const& path : {missing, directory.path().string(), pipe, std::string("/dev/null")}) {
        auto const add = [&] { Request(Verb::put, "http://a.test").file(path); };
        CHECK_THAT(message_of<std::system_error>(add), StartsWith(path + ": "));
        auto const add_part = [&] { Multipart().file_from("name", path); };
        CHECK_THAT(message_of<std::system_error>(add_part), StartsWith(path + ": "));
    }
    auto const add_missing = [&] { Request(Verb::put, "http://a.test").file(missing); };
    CHECK(code_of(add_missing) == std::errc::no_such_file_or_directory);
}

TEST_CASE("A file that has gone when it is sent ends the request") {
    TemporaryDirectory const directory;
    auto const path = directory.write("a.bin", "text");
    RawServer server(answering(ok()));
    SessionOnLoop client;
    auto const request = put(server).file(path);
    std::filesystem::remove(path);
    CHECK(code_of([&] { client.text(Request(request)); }) == std::errc::no_such_file_or_directory);
    CHECK(client.connections().all == 0);
}

TEST_CASE("Of a file, what it holds when it is sent counts") {
    TemporaryDirectory const directory;
    auto const path = directory.write("a.bin", "old");
    RawServer server(answering(ok()));
    SessionOnLoop client;
    auto const request = put(server).file(path);
    directory.write("a.bin", "the new text");
    client.text(Request(request));
    CHECK_THAT(server.requests().at(0), EndsWith("\r\n\r\nthe new text"));
}

TEST_CASE(
    "Of a file that grows while it is sent, what was announced is sent, and one that shrinks is an error") {
    TemporaryDirectory const directory;
    auto const path = directory.write("a.bin", large);
    auto const grows = GENERATE(false, true);
    RawServer server(answering(ok()));
    SessionOnLoop client;
    auto request = put(server).file(path);
    bool has_changed = false;
    request.on_progress([&](Progress const& progress) {
        if (progress.sent > 0 && !std::exchange(has_changed, true))
            std::filesystem::resize_file(path, grows ? 2 * large.size() : 1);
    });
    auto const send = [&] { client.text(request); };
    if (grows) {
        send();
        CHECK(body_of(server.requests().at(0)) == large);
    } else {
        CHECK(code_of(send) == Errc::invalid_request);
        CHECK_THAT(message_of<std::system_error>(send), !ContainsSubstring("as long as"));
    }
}

TEST_CASE("A file is sent again where a redirect or a stale connection asks for it") {
    TemporaryDirectory const directory;
    auto const path = directory.write("a.bin", large);
    RawServer server(std::vector<Script>{
        [](Peer& peer) {
            peer.read_request();
            peer.send(response("307 Temporary Redirect", "Location: /next\r\n", ""));
            peer.read_request();
            peer.send(ok("first"));
            peer.read_head();  // and goes away, as if it had been idle for too long
        },
        answering(ok("second"))});
    SessionOnLoop client;
    auto const request = put(server).file(path);
    CHECK(client.text(Request(request)) == "first");
    CHECK(client.text(Request(request)) == "second");
    auto const requests = server.requests();
    CHECK(body_of(requests.at(1)) == large);
    CHECK(body_of(requests.back()) == large);
}

TEST_CASE("The length of a file must be the Content-Length that is set") {
    TemporaryDirectory const directory;
    auto const path = directory.write("a.bin", "four");
    RawServer server(answering(ok("good")));
    SessionOnLoop client;
    CHECK(client.text(put(server).file(path).header("Content-Length", "4")) == "good");
    CHECK(code_of([&] {
              client.text(put(server).file(path).header("Content-Length", "5"));
          }) == Errc::invalid_request);
}

TEST_CASE("The progress of a file is told with its length") {
    TemporaryDirectory const directory;
    auto const path = directory.write("a.bin", large);
    RawServer server(answering(ok()));
    SessionOnLoop client;
    Progress last;
    auto request = put(server).file(path);
    client.text(request.on_progress([&](Progress const& progress) { last = progress; }));
    CHECK(last.sent == large.size());
    CHECK(last.send_total == large.size());
}

// ---- Forms

TEST_CASE("A form's files may be read while it is sent") {
    TemporaryDirectory const directory;
    auto const path = directory.write("ä \"b\".bin", large);
    auto const empty = directory.write("empty", "");
    auto form = Multipart()
                    .field("user", "Ann")
                    .file_from("film", path, "video/x")
                    .file("small", "s", "data")
                    .file_from("nothing", empty);
    auto const in_memory = Multipart(form);
    RawServer server(answering(ok()));
    SessionOnLoop client;
    client.text(Request(Verb::post, server.url()).multipart(std::move(form)));
    auto const request = server.requests().at(0);
    std::string expected;
    for (auto const& piece : Multipart(in_memory).take_pieces())
        expected += piece;
    CHECK(body_of(request) == expected);
    CHECK(in_memory.content_length() == expected.size());
    CHECK_THAT(
        request,
        ContainsSubstring("\r\nContent-Length: " + std::to_string(expected.size()) + "\r\n"));
    CHECK_THAT(
        expected, ContainsSubstring(
                      "name=\"film\"; filename=\"ä %22b%22.bin\"\r\n"
                      "Content-Type: video/x\r\n\r\n" +
                      large + "\r\n--"));
    CHECK_THAT(expected, ContainsSubstring("\r\n\r\ndata\r\n--"));
    CHECK_THAT(expected, ContainsSubstring("filename=\"empty\"\r\n"));
}

// ---- Ranges

TEST_CASE("The strings of a range are a body in chunks") {
    RawServer server(answering(ok()));
    SessionOnLoop client;
    std::vector<std::string> const strings{"one", "", "three"};
    client.text(put(server).body_range(strings));
    client.text(put(server).body_range(std::vector<std::string>{"one", "", "three"}));
    client.text(put(server).body_range(std::vector<std::string_view>{"one", "three"}));
    client.text(put(server).body_range(
        std::views::iota(1, 3) | std::views::transform([](int i) { return std::to_string(i); })));
    client.text(put(server).body_range(std::vector<std::string>()));
    auto const requests = server.requests();
    for (std::size_t i = 0; i < 3; ++i)
        CHECK_THAT(requests.at(i), EndsWith("\r\n\r\n3\r\none\r\n5\r\nthree\r\n0\r\n\r\n"));
    CHECK_THAT(requests.at(3), EndsWith("\r\n\r\n1\r\n1\r\n1\r\n2\r\n0\r\n\r\n"));
    CHECK_THAT(requests.at(4), EndsWith("\r\n\r\n0\r\n\r\n"));
}

TEST_CASE("The strings of a range have the length that is set, or are an error") {
    RawServer server(answering(ok("good")));
    SessionOnLoop client;
    std::vector<std::string> const strings{"one", "two"};
    CHECK(client.text(put(server).body_range(strings).header("Content-Length", "6")) == "good");
    CHECK_THAT(server.requests().at(0), EndsWith("\r\n\r\nonetwo"));
    CHECK(code_of([&] {
              client.text(put(server).body_range(strings).header("Content-Length", "7"));
          }) == Errc::invalid_request);
}

TEST_CASE("A range that can be iterated once is sent once") {
    RawServer server(answering(ok("good")));
    SessionOnLoop client;
    std::istringstream words("a b");
    auto request = put(server).body_range(std::views::istream<std::string>(words));
    CHECK(client.text(request) == "good");
    CHECK_THAT(server.requests().at(0), EndsWith("\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n"));
    CHECK(code_of([&] { client.text(request); }) == Errc::body_not_replayable);
}

TEST_CASE("A client's range is iterated on the calling thread, where it may use the client") {
    RawServer server(answering(ok("good")));
    RawServer other(answering(ok("from elsewhere")));
    Client client;
    std::vector<std::thread::id> threads;
    auto const pieces = std::views::iota(0, 2) | std::views::transform([&](int) {
                            threads.push_back(std::this_thread::get_id());
                            return client.get(other.url()).text();
                        });
    CHECK(client.request(put(server).body_range(pieces)).text() == "good");
    CHECK(threads == std::vector<std::thread::id>(2, std::this_thread::get_id()));
    CHECK_THAT(server.requests().at(0), ContainsSubstring("from elsewhere"));
}

TEST_CASE("What a range throws is what the request throws") {
    RawServer server([](Peer& peer) { peer.wait_for_close(); });
    Client client;
    auto const pieces = std::views::iota(0, 2) | std::views::transform([](int) -> std::string {
                            throw std::runtime_error("no more");
                        });
    CHECK(message_of<std::runtime_error>([&] {
              static_cast<void>(client.request(put(server).body_range(pieces)));
          }) == "no more");
    CHECK(server.wait_until_idle());
}

}  // namespace
