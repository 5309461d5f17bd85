// Stop tokens for what blocks in a Client.

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/raw_server.hpp"
#include "support/temporary_directory.hpp"
#include <syncopate/error.hpp>
#include <syncopate/http/client.hpp>
#include <syncopate/http/client_call.hpp>
#include <syncopate/http/request.hpp>

#include <atomic>
#include <filesystem>
#include <functional>
#include <source_location>
#include <stop_token>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using namespace support;
using syncopate::http::Client;
using syncopate::http::ClientCall;
using syncopate::http::Request;
using syncopate::http::Verb;
using Strings = std::vector<std::string>;

constexpr auto cancelled = syncopate::Errc::cancelled;

static_assert(std::is_convertible_v<std::stop_token, Client::Where>);
static_assert(std::is_convertible_v<std::source_location, Client::Where>);

using Call = std::function<void(std::stop_token)>;

/// Each blocking member, with a server that does not answer. The files of downloads lie in the directory.
std::vector<std::pair<char const*, Call>> calls_of(
    Client& client, std::string const& url, std::filesystem::path const& directory) {
    auto const file = directory / "file";
    return {
        {"request",
         [&client, url](auto stop) { return client.request(Request(Verb::get, url), stop); }},
        {"get", [&client, url](auto stop) { return client.get(url, stop); }},
        {"head", [&client, url](auto stop) { return client.head(url, stop); }},
        {"options", [&client, url](auto stop) { return client.options(url, stop); }},
        {"del", [&client, url](auto stop) { return client.del(url, stop); }},
        {"post", [&client, url](auto stop) { return client.post(url, "body", stop); }},
        {"put", [&client, url](auto stop) { return client.put(url, "body", stop); }},
        {"patch", [&client, url](auto stop) { return client.patch(url, "body", stop); }},
        {"get_all", [&client, url](auto stop) { return client.get_all({url}, 16, stop); }},
        {"get_all, shorter", [&client, url](auto stop) { return client.get_all({url}, stop); }},
        {"get_all_settled",
         [&client, url](auto stop) { return client.get_all_settled({url}, 16, stop); }},
        {"get_all_settled, shorter",
         [&client, url](auto stop) { return client.get_all_settled({url}, stop); }},
        {"get_each", [&client, url](auto stop) { return client.get_each({url}, stop); }},
        {"send_all",
         [&client, url](auto stop) { client.send_all({Request("GET", url)}, 4, stop); }},
        {"send_each",
         [&client, url](auto stop) { return client.send_each({Request("GET", url)}, 4, stop); }},
        {"events",
         [&client, url](auto stop) {
             for (auto const& event : client.events(url, stop))
                 static_cast<void>(event);
         }},
        {"stream", [&client, url](auto stop) { return client.stream(url, stop); }},
        {"stream of a request",
         [&client, url](auto stop) { return client.stream(Request(Verb::get, url), stop); }},
        {"download",
         [&client, url, file](auto stop) {
             client.download(url, file, syncopate::http::ProgressFunction(), stop);
         }},
        {"download, shorter",
         [&client, url, file](auto stop) { client.download(url, file, stop); }},
        {"download of a request",
         [&client, url, file](auto stop) { client.download(Request(Verb::get, url), file, stop); }},
    };
}

}  // namespace

TEST_CASE("A stop request ends what a client waits for, wherever it blocks") {
    TemporaryDirectory const directory;
    std::atomic<int> asked = 0;
    RawServer const server([&](Peer& peer) {
        peer.read_request();
        ++asked;
        peer.wait_for_close();
    });
    Client client;
    int before = 0;
    for (auto const& [name, call] : calls_of(client, server.url(), directory.path())) {
        CAPTURE(name);
        std::stop_source stop;
        std::thread stopper([&stop, &asked, before] {
            while (asked == before)
                std::this_thread::yield();
            stop.request_stop();
        });
        CHECK(code_of([&] { call(stop.get_token()); }) == cancelled);
        stopper.join();
        ++before;
    }
    CHECK(server.wait_until_idle());
    CHECK(std::filesystem::is_empty(directory.path()));
}

TEST_CASE("A call that is stopped before it begins sends nothing") {
    TemporaryDirectory const directory;
    RawServer const server(answering(ok("answer")));
    Client client;
    std::stop_source stopped;
    stopped.request_stop();
    for (auto const& [name, call] : calls_of(client, server.url(), directory.path())) {
        CAPTURE(name);
        CHECK(code_of([&] { call(stopped.get_token()); }) == cancelled);
    }
    CHECK(server.connections() == 0);
    std::stop_source const going_on;
    CHECK(client.get(server.url(), going_on.get_token()).text() == "answer");
    CHECK(client.get(server.url(), std::source_location::current()).text() == "answer");
}

TEST_CASE("A stop request ends a stream and a download whose body has begun") {
    TemporaryDirectory const directory;
    std::atomic<int> begun = 0;
    RawServer const server([&](Peer& peer) {
        peer.read_request();
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nline\n");
        ++begun;
        peer.wait_for_close();
    });
    Client client;
    auto const stopped = [&](int before, Call const& call) {
        std::stop_source stop;
        std::thread stopper([&stop, &begun, before] {
            while (begun == before)
                std::this_thread::yield();
            stop.request_stop();
        });
        auto const code = code_of([&] { call(stop.get_token()); });
        stopper.join();
        return code;
    };
    auto const read_lines = [&](std::stop_token const& stop) {
        auto stream = client.stream(server.url());
        for (auto const& line : stream.lines(stop))
            static_cast<void>(line);
    };
    auto const read_chunks = [&](std::stop_token const& stop) {
        auto stream = client.stream(server.url());
        for (auto const& chunk : stream.chunks(10, stop))
            static_cast<void>(chunk);
    };
    CHECK(stopped(0, read_lines) == cancelled);
    CHECK(stopped(1, read_chunks) == cancelled);
    auto const path = directory.path() / "file";
    CHECK(stopped(2, [&](auto stop) { client.download(server.url(), path, stop); }) == cancelled);
    CHECK(std::filesystem::is_empty(directory.path()));
}

TEST_CASE("A call knows its place, with a stop token and without") {
    ClientCall const place = ClientCall::current();
    ClientCall const with_stop = std::stop_source().get_token();
    auto const here = std::source_location::current();
    CHECK(std::source_location(place).line() + 2 == here.line());
    CHECK(std::source_location(with_stop).line() + 1 == here.line());
    CHECK_FALSE(place.stop().stop_possible());
}
