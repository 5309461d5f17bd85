// Client: HTTP for synchronous code.

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/raw_server.hpp"
#include "support/temporary_directory.hpp"
#include <syncopate/blocking_portal.hpp>
#include <syncopate/error.hpp>
#include <syncopate/http/client.hpp>
#include <syncopate/http/client_cookies.hpp>
#include <syncopate/http/cookie.hpp>
#include <syncopate/http/detail/session/retry_after.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/json.hpp>
#include <syncopate/http/status_error.hpp>
#include <syncopate/http/text_lines.hpp>
#include <syncopate/runner.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/asio/thread_pool.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <climits>
#include <condition_variable>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <mutex>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using namespace std::chrono_literals;
using namespace support;
using namespace syncopate::http;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::Equals;
using Catch::Matchers::StartsWith;
constexpr auto runner_closed = syncopate::Errc::runner_closed;
using Strings = std::vector<std::string>;

static_assert(std::ranges::view<TextLines>);
static_assert(std::ranges::forward_range<TextLines>);
static_assert(std::ranges::forward_range<OwnedTextLines const>);
template <class Stream>
concept HasLines = requires(Stream stream) { std::forward<Stream>(stream).lines(); };
static_assert(HasLines<ClientStream&>);
static_assert(!HasLines<ClientStream>, "a range would outlive its stream");

/// Answers with the target of each request.
void echo_target(Peer& peer) {
    for (;;) {
        auto const request = peer.read_request();
        auto const begin = request.find(' ') + 1;
        peer.send(ok(request.substr(begin, request.find(' ', begin) - begin)));
    }
}

void stay_silent(Peer& peer) {
    peer.read_request();
    peer.wait_for_close();
}

template <class Range>
Strings strings_of(Range&& range) {
    Strings strings;
    for (auto const& each : range)
        strings.emplace_back(each);
    return strings;
}

std::size_t threads() {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator("/proc/self/task"), fs::directory_iterator()));
}

std::string content_of(fs::path const& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

Strings names_in(TemporaryDirectory const& directory) {
    Strings names;
    for (auto const& entry : fs::directory_iterator(directory.path()))
        names.push_back(entry.path().filename());
    return names;
}

std::string const truncated = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf";

}  // namespace

// --- requests and responses

TEST_CASE("A client gives a response with its whole body") {
    RawServer const server(answering(response("203 Odd", "X-One: 1\r\n", "body")));
    Client client;
    auto const response = client.get(server.url("/page"));
    CHECK(response.status() == 203);
    CHECK(response.reason() == "Odd");
    CHECK(response.headers()["x-one"] == "1");
    CHECK(response.url() == server.url("/page"));
    CHECK(response.is_ok());
    CHECK(response.history().empty());
    CHECK(response.text() == "body");
}

TEST_CASE("A response without a name gives its text away") {
    RawServer const server(answering(ok("body")));
    Client client;
    std::string const text = client.get(server.url()).raise_for_status().text();
    CHECK(text == "body");
}

TEST_CASE("A response outlives its client") {
    RawServer const server(answering(ok("body")));
    std::optional<ClientResponse> response;
    response.emplace(Client().get(server.url()));
    CHECK(response->text() == "body");
}

TEST_CASE("Each method of a client sends the HTTP method of its name") {
    RawServer const server(answering(response("200 OK", "Connection: close\r\n", "")));
    Client client;
    auto const url = server.url();
    static_cast<void>(client.head(url));
    static_cast<void>(client.options(url));
    static_cast<void>(client.del(url));
    static_cast<void>(client.post(url, "a"));
    static_cast<void>(client.put(url, "b"));
    static_cast<void>(client.patch(url, "c"));
    auto const requests = server.requests();
    REQUIRE(requests.size() == 6);
    CHECK_THAT(requests[0], StartsWith("HEAD / "));
    CHECK_THAT(requests[1], StartsWith("OPTIONS / "));
    CHECK_THAT(requests[2], StartsWith("DELETE / "));
    CHECK_THAT(requests[3], StartsWith("POST / ") && Catch::Matchers::EndsWith("\r\n\r\na"));
    CHECK_THAT(requests[4], StartsWith("PUT / ") && Catch::Matchers::EndsWith("\r\n\r\nb"));
    CHECK_THAT(requests[5], StartsWith("PATCH / ") && Catch::Matchers::EndsWith("\r\n\r\nc"));
}

TEST_CASE("A client sends a request as it was made") {
    RawServer const server(answering(ok()));
    Client client;
    static_cast<void>(
        client.request(Request("PUT", server.url()).header("X-One", "1").query("q", "a b")));
    REQUIRE(server.requests().size() == 1);
    CHECK_THAT(server.requests()[0], StartsWith("PUT /?q=a") && ContainsSubstring("X-One: 1\r\n"));
}

TEST_CASE("A client keeps its connection from one request to the next") {
    RawServer const server(answering(ok("body")));
    Client client;
    for (int i = 0; i < 10; ++i)
        REQUIRE(client.get(server.url()).text() == "body");
    CHECK(server.connections() == 1);
}

TEST_CASE("The lines of a response end at LF or CRLF") {
    RawServer const server(answering(ok("one\ntwo\r\n\n\r\nfo\rur\nla\nst\r")));
    Client client;
    auto const response = client.get(server.url());
    CHECK(strings_of(response.lines()) == Strings{"one", "two", "", "", "fo\rur", "la", "st\r"});
}

TEST_CASE("The lines of a response are those that a stream gives") {
    for (std::string const body : {"", "\n", "\r\n", "a", "a\n", "a\n\n", "\na", "a\r\r\nb\r"}) {
        RawServer const server(answering(ok(body)));
        Client client;
        auto const response = client.get(server.url());
        auto stream = client.stream(server.url());
        CHECK(strings_of(response.lines()) == strings_of(stream.lines()));
    }
}

TEST_CASE("The lines of a response without a name keep its text") {
    RawServer const server(answering(ok("one\ntwo\n")));
    Client client;
    Strings lines;
    for (std::string_view const line : client.get(server.url()).lines())
        lines.emplace_back(line);
    CHECK(lines == Strings{"one", "two"});
}

TEST_CASE("A response gives its body as JSON") {
    RawServer const server(answering(ok(R"({"answer": 42})")));
    Client client;
    CHECK(client.get(server.url()).json().at("answer").as_int64() == 42);
}

TEST_CASE("A body that is not JSON is malformed_json") {
    RawServer const server(answering(ok("nonsense")));
    Client client;
    auto const response = client.get(server.url());
    CHECK(code_of([&] { return response.json(); }) == Errc::malformed_json);
}

TEST_CASE("An error that a body brings names the server") {
    RawServer const page(answering(ok("<html></html")));
    RawServer const no_gzip(answering(response("200 OK", "Content-Encoding: gzip\r\n", "?")));
    RawServer const nested(
        answering(response("200 OK", "Content-Encoding: gzip,gzip,gzip\r\n", "?")));
    RawServer const large(answering(ok(std::string(2000, 'x'))));
    Client client(SessionOptions().max_body_size(1000).max_line_size(1000));
    auto const message = [](auto f) { return message_of<std::system_error>(f); };
    auto const names = [](RawServer const& server) { return StartsWith(server.url("") + ": "); };

    CHECK_THAT(message([&] { return client.get(page.url()).json(); }), names(page));
    CHECK_THAT(message([&] { return client.get(no_gzip.url()); }), names(no_gzip));
    CHECK_THAT(message([&] { return client.get(nested.url()); }), names(nested));
    CHECK_THAT(message([&] { return client.get(large.url()); }), names(large));
    auto stream = client.stream(large.url());
    CHECK_THAT(message([&] { return strings_of(stream.lines()); }), names(large));
}

TEST_CASE("A request for which no connection became free says so") {
    RawServer const server([](Peer& peer) {
        peer.read_request();
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nx");
        peer.wait_for_close();
    });
    Client client(SessionOptions().max_connections(1));
    auto const stream = client.stream(server.url());
    Request request(Verb::get, server.url());
    request.timeout(10ms);
    CHECK_THAT(
        message_of<std::system_error>([&] { return client.request(request); }),
        ContainsSubstring("waiting for a connection") && ContainsSubstring("total timed out"));
}

TEST_CASE("The cookies of a client can be read, set, saved and loaded") {
    RawServer const server(answering(response("200 OK", "Set-Cookie: login=42; Path=/\r\n", "")));
    TemporaryDirectory const directory;
    auto const path = directory.path() / "cookies.txt";
    {
        Client client(SessionOptions().cookies(true));
        CHECK(client.cookies().empty());
        client.cookies().store(server.url(), "lang=en; Path=/; Secure");
        CHECK(client.get(server.url()).is_ok());
        CHECK(client.cookies().size() == 2);
        auto cookies = client.cookies();
        auto others = std::move(cookies);
        // NOLINTNEXTLINE(bugprone-use-after-move,hicpp-invalid-access-moved)
        CHECK(cookies.size() == others.size());
        CHECK(client.cookies().header_for(server.url()) == "lang=en; login=42");
        Strings names;
        for (Cookie const& cookie : client.cookies())
            names.push_back(cookie.name());
        CHECK(names == Strings{"lang", "login"});
        client.cookies().save(path);
        client.cookies().clear();
        CHECK(client.cookies().jar().empty());
    }
    syncopate::ThreadRunner runner;
    Client client(runner, SessionOptions().cookies(true));
    client.cookies().load(path);
    CHECK(client.cookies().header_for(server.url()) == "lang=en; login=42");
    auto kept = client.cookies();
    client.close();
    CHECK(code_of([&] { return kept.size(); }) == runner_closed);
    Client without;
    CHECK(code_of([&] { return without.cookies().size(); }) == Errc::invalid_request);
}

TEST_CASE("A response knows the redirects that led to it") {
    RawServer const server([](Peer& peer) {
        peer.read_request();
        peer.send(response("302 Found", "Location: /there\r\n", "gone"));
        peer.read_request();
        peer.send(ok("here"));
    });
    Client client;
    auto const response = client.get(server.url("/from"));
    CHECK(response.text() == "here");
    CHECK(response.url() == server.url("/there"));
    REQUIRE(response.history().size() == 1);
    CHECK(response.history()[0].status() == 302);
    CHECK(response.history()[0].url() == server.url("/from"));
}

TEST_CASE("An error status is no error until raise_for_status") {
    RawServer const server(answering(response("404 Not Found", "", "nothing here")));
    Client client;
    auto const response = client.get(server.url());
    CHECK_FALSE(response.is_ok());
    CHECK(response.text() == "nothing here");
    CHECK(code_of([&] { response.raise_for_status(); }) == Errc::error_status);
    CHECK_THAT(
        message_of<std::system_error>([&] { response.raise_for_status(); }),
        ContainsSubstring("404 Not Found"));
}

TEST_CASE("An error status tells the status, the header, the URL and the time to wait") {
    RawServer const server([](Peer& peer) {
        peer.read_request();
        peer.send(response("302 Found", "Location: /there\r\n", ""));
        peer.read_request();
        peer.send(response("503 Busy", "Retry-After: 2\r\nX-Id: 7\r\n", ""));
        peer.wait_for_close();
    });
    Client client;
    auto const response = client.get(server.url());
    CHECK(response.retry_after() == 2s);
    try {
        response.raise_for_status();
        FAIL("it is no error");
    } catch (StatusError const& error) {
        StatusError thrown = error;
        StatusError const copy = std::move(thrown);
        // NOLINTNEXTLINE(bugprone-use-after-move,hicpp-invalid-access-moved)
        CHECK(thrown.status() == 503);
        CHECK(copy.code() == Errc::error_status);
        CHECK(copy.code().value() == 503);
        CHECK(copy.code() != std::error_code(404, error_category()));
        CHECK(copy.code() != Errc::connection_lost);
        CHECK(copy.code().default_error_condition() == std::error_code(Errc::error_status));
        CHECK(copy.status() == 503);
        CHECK(copy.headers()["x-id"] == "7");
        CHECK(copy.url() == server.url("/there"));
        CHECK(copy.retry_after() == 2s);
        CHECK_THAT(copy.what(), StartsWith(server.url("") + ": 503 Busy"));
    }
}

TEST_CASE("What a terminal would take for a command is escaped in an error's message") {
    auto const shown = [](std::string const& reason) {
        std::string const text = StatusError(500, reason, {}, "http://h/", {}).what();
        auto const begin = std::string("http://h: 500 ").size();
        return text.substr(begin, text.rfind(": ") - begin);
    };
    CHECK(shown("a b\tc\n\x1b[2J\x7f") == "a b\\x09c\\x0a\\x1b[2J\\x7f");
    CHECK(
        shown("\xc2\x9b"
              "2J \xc2\xa0\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80") ==
        "\\xc2\\x9b"
        "2J \xc2\xa0\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
    CHECK(
        shown("\x9b"
              "2J\xff\xc3") == "\\x9b"
                               "2J\\xff\\xc3");
    CHECK(shown("\xe2\x82 \xc0\x9b") == "\\xe2\\x82 \\xc0\\x9b");
}

TEST_CASE("Retry-After is a number of seconds, or a date") {
    auto const now = std::chrono::sys_days(std::chrono::year(2024) / 5 / 17) + 12h;
    auto const wait = [&](std::string_view value, std::string_view date = "") {
        Headers headers;
        headers.add("Retry-After", value);
        if (!date.empty())
            headers.add("Date", date);
        return syncopate::http::detail::retry_after_of(headers, now);
    };
    CHECK(wait("0") == 0s);
    CHECK(wait("120") == 2min);
    CHECK(wait("99999999999999999999") > 24h * 365);
    CHECK(wait("Fri, 17 May 2024 12:00:30 GMT") == 30s);
    CHECK(wait("Fri, 17 May 2024 11:00:00 GMT") == 0s);
    CHECK(wait("Fri, 17 May 2024 12:00:30 GMT", "Fri, 17 May 2024 12:00:20 GMT") == 10s);
    auto const longest = wait("99999999999999999999");
    CHECK(wait("Fri, 01 Jan 9999 00:00:00 GMT") == longest);
    CHECK(wait("Fri, 01 Jan 9999 00:00:00 GMT", "Mon, 01 Jan 1601 00:00:00 GMT") == longest);
    CHECK(wait("Mon, 01 Jan 1601 00:00:00 GMT", "Fri, 01 Jan 9999 00:00:00 GMT") == 0s);
    CHECK_FALSE(wait(""));
    CHECK_FALSE(wait("-1"));
    CHECK_FALSE(wait("1.5"));
    CHECK_FALSE(wait("soon"));
}

TEST_CASE("A download that the server refuses tells the status") {
    RawServer const server(answering(response("404 Not Found", "", "")));
    TemporaryDirectory const directory;
    Client client;
    int status = 0;
    try {
        client.download(server.url(), directory.path() / "file");
    } catch (StatusError const& error) {
        status = error.status();
    }
    CHECK(status == 404);
}

TEST_CASE("raise_for_status gives the response back") {
    RawServer const server(answering(ok("body")));
    Client client;
    auto response = client.get(server.url());
    CHECK(&response.raise_for_status() == &response);
    CHECK(&std::as_const(response).raise_for_status() == &response);
    ClientResponse const moved = std::move(response).raise_for_status();
    CHECK(moved.text() == "body");
}

TEST_CASE("What fails a request comes out of the call") {
    std::string url;
    {
        RawServer const server(answering(ok()));
        url = server.url();
    }
    Client client;
    CHECK(code_of([&] { return client.get(url); }) == Errc::connect_failed);
    CHECK(code_of([&] { return client.get("nonsense"); }) == Errc::invalid_url);
}

TEST_CASE("A client reads no more of a body than max_body_size") {
    RawServer const server(answering(ok("four")));
    Client enough(SessionOptions().max_body_size(4));
    CHECK(enough.get(server.url()).text() == "four");
    Client less(SessionOptions().max_body_size(3));
    CHECK(code_of([&] { return less.get(server.url()); }) == Errc::body_too_large);
}

TEST_CASE("A body that breaks off is an error") {
    RawServer const server(answering_once(truncated));
    Client client;
    CHECK(code_of([&] { return client.get(server.url()); }) == Errc::body_truncated);
}

TEST_CASE("The timeout of a request ends the wait") {
    RawServer const server(stay_silent);
    Client client;
    CHECK(code_of([&] {
              return client.request(Request(Verb::get, server.url()).timeout(20ms));
          }) == Errc::total_timed_out);
}

// --- threads

TEST_CASE("Many threads use one client at once") {
    RawServer const server(echo_target);
    Client client(SessionOptions().max_connections(4));
    std::atomic<int> right = 0;
    {
        std::vector<std::jthread> workers;
        for (int thread = 0; thread < 8; ++thread)
            workers.emplace_back([&, thread] {
                for (int i = 0; i < 20; ++i) {
                    auto const target = "/" + std::to_string(100 * thread + i);
                    right += client.get(server.url(target)).text() == target;
                }
            });
    }
    CHECK(right == 160);
    CHECK(server.connections() <= 4);
}

TEST_CASE("A client has no thread before its first request") {
    auto const before = threads();
    Client client;
    CHECK(threads() == before);
    CHECK(client.get_all({}).empty());
    CHECK(threads() == before + 1);
}

TEST_CASE("A client that was never used closes without a thread") {
    auto const before = threads();
    syncopate::ThreadRunner runner;
    Client client(runner);
    client.close();
    CHECK(threads() == before);
}

TEST_CASE("A call on the client's own loop is refused") {
    RawServer const server(answering(ok("body")));
    Client client;
    std::atomic<bool> is_refused = false;
    auto request = Request(Verb::get, server.url());
    request.on_progress([&](Progress const&) {
        try {
            static_cast<void>(client.get(server.url()));
        } catch (syncopate::DeadlockError const&) {
            is_refused = true;
        }
    });
    CHECK(client.request(request).text() == "body");
    CHECK(is_refused);
}

// --- many at once

TEST_CASE("get_all gives the responses in the order of the URLs") {
    RawServer const server(echo_target);
    Client client;
    Strings urls;
    for (int i = 0; i < 50; ++i)
        urls.push_back(server.url("/" + std::to_string(i)));
    auto const responses = client.get_all(urls, 7);
    REQUIRE(responses.size() == 50);
    for (int i = 0; i < 50; ++i)
        CHECK(responses[static_cast<std::size_t>(i)].text() == "/" + std::to_string(i));
}

TEST_CASE("get_all has as many requests under way as it may, and no more") {
    std::mutex mutex;
    std::condition_variable changed;
    int under_way = 0;
    int most = 0;
    RawServer const server([&](Peer& peer) {
        for (;;) {
            peer.read_request();
            {
                // The first three wait for each other.
                std::unique_lock lock(mutex);
                most = std::max(most, ++under_way);
                changed.notify_all();
                changed.wait_for(lock, 20s, [&] { return most >= 3; });
                --under_way;
            }
            peer.send(ok());
        }
    });
    Client client;
    CHECK(client.get_all(Strings(30, server.url()), 3).size() == 30);
    CHECK(most == 3);
    CHECK(server.connections() == 3);
}

TEST_CASE("get_all takes a limit of zero for one") {
    RawServer const server(answering(ok()));
    Client client;
    CHECK(client.get_all(Strings(5, server.url()), 0).size() == 5);
    CHECK(server.connections() == 1);
}

TEST_CASE("The first failure ends get_all, and gives the other requests up") {
    RawServer const silent(stay_silent);
    RawServer const broken(answering_once(truncated));
    Client client;
    Strings const urls{silent.url(), broken.url(), silent.url(), broken.url(), broken.url()};
    CHECK(code_of([&] { return client.get_all(urls, 5); }) == Errc::body_truncated);
    CHECK(silent.wait_until_idle());
}

TEST_CASE("Of several failures get_all gives the first, and reports no other") {
    ErrorLog log;
    syncopate::ThreadRunner runner(syncopate::ThreadRunner::Options().on_error(log.handler()));
    Client client(runner);
    CHECK(code_of([&] { return client.get_all({"one", "two", "three"}, 3); }) == Errc::invalid_url);
    CHECK(log.messages().empty());
}

TEST_CASE("get_all makes no more requests after a failure") {
    RawServer const server(answering_once(truncated));
    Client client;
    CHECK(code_of([&] { return client.get_all(Strings(9, server.url()), 1); }));
    CHECK(server.requests().size() == 1);
}

TEST_CASE("An error status does not end get_all") {
    RawServer const server(answering(response("500 No", "", "")));
    Client client;
    CHECK(client.get_all({server.url(), server.url()}).at(1).status() == 500);
}

TEST_CASE("get_all_settled gives for each URL its response or its error") {
    RawServer const server(echo_target);
    RawServer const broken(answering_once(truncated));
    Client client;
    auto outcomes =
        client.get_all_settled({broken.url(), server.url("/a"), "nonsense", server.url("/b")});
    REQUIRE(outcomes.size() == 4);
    CHECK(code_of(outcomes[0].error()) == Errc::body_truncated);
    CHECK_FALSE(outcomes[0].has_response());
    CHECK(code_of([&] { return outcomes[0].response().status(); }) == Errc::body_truncated);
    CHECK(outcomes[1].has_response());
    CHECK_FALSE(outcomes[1].error());
    CHECK(outcomes[1].response().text() == "/a");
    CHECK(code_of(outcomes[2].error()) == Errc::invalid_url);
    CHECK(std::move(outcomes[3]).response().text() == "/b");
}

TEST_CASE("send_all and send_each send any requests, and give the responses in their order") {
    RawServer const server(echo_target);
    RawServer const broken(answering_once(truncated));
    Client client;
    std::vector<Request> requests;
    for (int i = 0; i < 5; ++i)
        requests.push_back(
            Request("PUT", server.url("/" + std::to_string(i))).header("X-Number", "1").body("b"));
    auto const responses = client.send_all(requests, 2);
    REQUIRE(responses.size() == 5);
    CHECK(responses[4].text() == "/4");
    CHECK_THAT(server.requests().at(0), StartsWith("PUT /") && ContainsSubstring("X-Number: 1"));
    requests.insert(requests.begin(), Request("GET", broken.url()));
    auto const outcomes = client.send_each(requests, 2);
    REQUIRE(outcomes.size() == 6);
    CHECK(code_of(outcomes[0].error()) == Errc::body_truncated);
    CHECK(outcomes[5].response().text() == "/4");
    CHECK(code_of([&] { return client.send_all(requests, 2); }) == Errc::body_truncated);
}

TEST_CASE("A response and an outcome can be copied") {
    RawServer const server(answering(response("203 Odd", "X-One: 1\r\n", "[1]")));
    Client client;
    std::optional<ClientResponse> first(client.get(server.url()));
    auto const copy = *first;
    std::vector<ClientOutcome> const outcomes(2, ClientOutcome(*first));
    first.reset();
    CHECK(copy.status() == 203);
    CHECK(copy.headers()["X-One"] == "1");
    CHECK(copy.text() == "[1]");
    CHECK(outcomes[1].response().text() == "[1]");
}

TEST_CASE("The JSON of a response is kept, so that a loop may go over it") {
    RawServer const server(answering(ok("[1, 2, 3]")));
    Client client;
    auto const response = client.get(server.url());
    auto const copy = response;
    std::int64_t sum = 0;
    for (auto const& each : response.json().as_array())
        sum += each.as_int64();
    CHECK(sum == 6);
    CHECK(&response.json() == &response.json());
    CHECK(&copy.json() == &response.json());
    boost::json::value const taken = client.get(server.url()).raise_for_status().json();
    CHECK(taken == response.json());
}

TEST_CASE("What is taken out of the JSON of a temporary response is kept") {
    RawServer const server(answering(ok(
        R"({"names": ["a longer name than fits into a value", "b"], "sizes": [1, 2.5, true]})")));
    Client client;
    std::string names;
    for (auto const& name : client.get(server.url()).json().at("names").as_array())
        names += name.as_string();
    CHECK(names == "a longer name than fits into a valueb");
    for (auto const& [key, value] : client.get(server.url()).json().as_object())
        CHECK(value.is_array());
    auto const& first = client.get(server.url()).json().at("names").at(0).as_string();
    auto const& sizes = client.get(server.url()).json().at("sizes");
    auto const& size = client.get(server.url()).json().at("sizes").at(1).as_double();
    CHECK(first == "a longer name than fits into a value");
    CHECK(sizes.at(0).as_int64() + sizes.at(0).to_number<int>() == 2);
    CHECK(sizes.at(2).as_bool());
    CHECK(size == 2.5);
    auto value = client.get(server.url()).json();
    value.as_object()["more"] = value.at("sizes");
    CHECK(&value.at("sizes") == &value.as_object().at("sizes"));
    CHECK(value.at("more").as_array().size() == 3);
}

TEST_CASE("get_each stops when its client is closed") {
    RawServer const server([](Peer& peer) {
        peer.read_request();
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
        peer.wait_for_close();
    });
    syncopate::ThreadRunner runner;
    Client client(runner);
    auto request = std::async(
        std::launch::async, [&] { return client.get_each(Strings(100, server.url()), 1); });
    while (server.requests().empty())
        std::this_thread::yield();
    runner.close();
    CHECK(code_of([&] { return request.get(); }) == runner_closed);
    CHECK(server.requests().size() == 1);
}

// --- streams

TEST_CASE("A stream gives the lines of a body") {
    RawServer const server(answering(response("201 Made", "X-One: 1\r\n", "one\r\ntwo\nthree")));
    Client client;
    auto stream = client.stream(server.url("/page"));
    CHECK(stream.status() == 201);
    CHECK(stream.reason() == "Made");
    CHECK(stream.headers()["X-One"] == "1");
    CHECK(stream.url() == server.url("/page"));
    CHECK(stream.history().empty());
    CHECK(stream.is_ok());
    CHECK(stream.announced_size() == std::uint64_t{14});
    CHECK(strings_of(stream.lines()) == Strings{"one", "two", "three"});
}

TEST_CASE("A stream gives a body in chunks of one size") {
    RawServer const server(answering(ok("abcdefgh")));
    Client client;
    auto stream = client.stream(Request(Verb::get, server.url()));
    CHECK(strings_of(stream.chunks(3)) == Strings{"abc", "def", "gh"});
}

TEST_CASE("A stream gives what has come before all has") {
    std::promise<void> has_first_line;
    RawServer const server([&](Peer& peer) {
        peer.read_request();
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\none\n");
        has_first_line.get_future().wait_for(20s);
        peer.send("two\n");
        peer.wait_for_close();
    });
    Client client;
    auto stream = client.stream(server.url());
    auto lines = stream.lines();
    auto line = lines.begin();
    CHECK(*line == "one");
    has_first_line.set_value();
    CHECK(*++line == "two");
    CHECK(++line == lines.end());
}

TEST_CASE("A stream that breaks off gives its lines before the error") {
    RawServer const server(
        answering_once("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\none\ntwo"));
    Client client;
    auto stream = client.stream(server.url());
    Strings lines;
    auto const error = code_of([&] {
        for (std::string const& line : stream.lines())
            lines.push_back(line);
    });
    CHECK(error == Errc::body_truncated);
    CHECK(lines == Strings{"one"});
}

TEST_CASE("A stream that is left early closes its connection") {
    RawServer const server([](Peer& peer) {
        peer.read_request();
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\none\n");
        peer.wait_for_close();
    });
    Client client;
    {
        auto stream = client.stream(server.url());
        for (std::string const& line : stream.lines())
            if (line == "one")
                break;
    }
    CHECK(server.wait_until_idle());
}

TEST_CASE("A stream that was read to its end leaves its connection to the next request") {
    RawServer const server(answering(ok("one\ntwo\n")));
    Client client;
    for (int i = 0; i < 3; ++i) {
        auto stream = client.stream(server.url());
        CHECK(strings_of(stream.lines()).size() == 2);
    }
    CHECK(server.connections() == 1);
}

TEST_CASE("A stream knows no size of a body in chunks, or in an encoding") {
    RawServer const server(
        {answering_once("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
         answering_once(response("200 OK", "Content-Encoding: gzip\r\n", "??"))});
    Client client;
    CHECK_FALSE(client.stream(server.url()).announced_size());
    CHECK_FALSE(client.stream(server.url()).announced_size());
}

TEST_CASE("raise_for_status gives the stream back") {
    RawServer const server({answering(ok("body")), answering(response("404 No", "", ""))});
    Client client(SessionOptions().max_connections(2));
    auto stream = client.stream(server.url()).raise_for_status();
    CHECK(&stream.raise_for_status() == &stream);
    CHECK(code_of([&] {
              return client.stream(server.url()).raise_for_status();
          }) == Errc::error_status);
    CHECK(strings_of(stream.chunks(100)) == Strings{"body"});
}

TEST_CASE("A stream that was closed gives nothing") {
    RawServer const server(answering(ok("body")));
    Client client;
    auto stream = client.stream(server.url());
    stream.close();
    stream.close();
    CHECK(code_of([&] { return stream.status(); }) == runner_closed);
    CHECK(code_of([&] { return stream.lines(); }) == runner_closed);
}

TEST_CASE("A stream may outlive its client, which ends it") {
    RawServer const server([](Peer& peer) {
        peer.read_request();
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\none\n");
        peer.wait_for_close();
    });
    std::optional<Client> client(std::in_place);
    auto stream = client->stream(server.url());
    client.reset();
    CHECK(code_of([&] { return stream.status(); }) == runner_closed);
    CHECK(code_of([&] { return stream.chunks(1); }) == runner_closed);
    CHECK(server.wait_until_idle());
}

// --- downloads

TEST_CASE("A download writes a body to a file") {
    TemporaryDirectory const directory;
    std::string body;
    while (body.size() < 1'000'000)
        body += std::to_string(body.size()) + ' ';
    RawServer const server(answering(ok(body)));
    Client client;
    client.download(server.url(), directory.path() / "file");
    CHECK((content_of(directory.path() / "file") == body));
    CHECK(names_in(directory) == Strings{"file"});
}

TEST_CASE("A download of nothing is an empty file") {
    TemporaryDirectory const directory;
    RawServer const server(answering(ok()));
    Client client;
    client.download(Request(Verb::get, server.url()), directory.path() / "file");
    CHECK(fs::file_size(directory.path() / "file") == 0);
}

TEST_CASE("A download tells the calling thread of its progress") {
    TemporaryDirectory const directory;
    RawServer const server(answering(ok(std::string(600'000, 'x'))));
    Client client;
    auto const caller = std::this_thread::get_id();
    bool is_on_caller = true;
    std::vector<std::uint64_t> received;
    std::optional<std::uint64_t> total;
    client.download(server.url(), directory.path() / "file", [&](Progress const& progress) {
        is_on_caller = is_on_caller && std::this_thread::get_id() == caller;
        received.push_back(progress.received);
        total = progress.receive_total;
    });
    CHECK(is_on_caller);
    CHECK(received == std::vector<std::uint64_t>{262'144, 524'288, 600'000});
    CHECK(total == std::uint64_t{600'000});
}

TEST_CASE("A download replaces a file when it is complete, and not before") {
    TemporaryDirectory const directory;
    auto const path = directory.write("file", "old and long");
    RawServer const server(answering(ok("new")));
    Client client;
    std::string meanwhile;
    client.download(server.url(), path, [&](Progress const&) { meanwhile = content_of(path); });
    CHECK(meanwhile == "old and long");
    CHECK(content_of(path) == "new");
    CHECK(names_in(directory) == Strings{"file"});
}

TEST_CASE("A download that breaks off leaves nothing, and what was there") {
    TemporaryDirectory const directory;
    RawServer const server(answering_once(truncated));
    Client client;
    CHECK(code_of([&] {
              client.download(server.url(), directory.path() / "file");
          }) == Errc::body_truncated);
    CHECK(names_in(directory).empty());

    auto const path = directory.write("file", "old");
    CHECK(code_of([&] { client.download(server.url(), path); }) == Errc::body_truncated);
    CHECK(content_of(path) == "old");
    CHECK(names_in(directory) == Strings{"file"});
}

TEST_CASE("A download of an error status leaves nothing") {
    TemporaryDirectory const directory;
    RawServer const server(answering(response("404 Not Found", "", "sorry")));
    Client client;
    CHECK(code_of([&] {
              client.download(server.url(), directory.path() / "file");
          }) == Errc::error_status);
    CHECK(names_in(directory).empty());
}

TEST_CASE("A progress function that throws ends the download") {
    TemporaryDirectory const directory;
    RawServer const server(answering(ok("body")));
    Client client;
    auto const stop = [](Progress const&) { throw std::runtime_error("enough"); };
    CHECK_THROWS_WITH(
        client.download(server.url(), directory.path() / "file", stop), Equals("enough"));
    CHECK(names_in(directory).empty());
}

TEST_CASE("A download to where no file can be asks nobody") {
    TemporaryDirectory const directory;
    RawServer const server(answering(ok("body")));
    Client client;
    auto const path = directory.path() / "missing" / "file";
    CHECK(code_of([&] {
              client.download(server.url(), path);
          }) == std::errc::no_such_file_or_directory);
    CHECK_THAT(
        message_of<std::system_error>([&] { client.download(server.url(), path); }),
        ContainsSubstring(path.string()));
    CHECK(code_of([&] {
              client.download(server.url(), directory.path());
          }) == std::errc::invalid_argument);
    CHECK(server.connections() == 0);
}

TEST_CASE("A download keeps the rights of the file that it replaces") {
    TemporaryDirectory const directory;
    auto const rights = GENERATE(fs::perms(0600), fs::perms(0640), fs::perms(0755));
    auto const path = directory.write("file", "old");
    fs::permissions(path, rights);
    RawServer const server(answering(ok("new")));
    Client client;
    client.download(server.url(), path);
    CHECK(content_of(path) == "new");
    CHECK(fs::status(path).permissions() == rights);
}

TEST_CASE("A download may have the longest name that there is") {
    TemporaryDirectory const directory;
    auto const path = directory.path() / std::string(NAME_MAX, 'n');
    RawServer const server(answering(ok("body")));
    Client client;
    client.download(server.url(), path);
    client.download(server.url(), path);
    CHECK(content_of(path) == "body");
    CHECK(names_in(directory) == Strings{path.filename().string()});
}

TEST_CASE("A download to a device or a pipe goes there, and replaces nothing") {
    RawServer const server(answering(ok("body")));
    Client client;
    client.download(server.url(), "/dev/null");
    CHECK(fs::is_character_file("/dev/null"));

    TemporaryDirectory const directory;
    int const file = ::open(directory.write("open", "before ").c_str(), O_RDONLY);
    client.download(server.url(), "/proc/self/fd/" + std::to_string(file));
    ::close(file);
    CHECK(content_of(directory.path() / "open") == "before body");

    auto const pipe = directory.path() / "pipe";
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    std::string received;
    std::jthread reader([&] { received = content_of(pipe); });
    client.download(server.url(), pipe);
    reader.join();
    CHECK(received == "body");
    CHECK(fs::is_fifo(pipe));
}

TEST_CASE("A download that finds no room says where") {
    RawServer const server(answering(ok("body")));
    Client client;
    auto const download = [&] { client.download(server.url(), "/dev/full"); };
    CHECK(code_of(download) == std::errc::no_space_on_device);
    CHECK_THAT(message_of<std::system_error>(download), ContainsSubstring("/dev/full: "));
}

TEST_CASE("A download that finds no room leaves nothing, and what was there") {
    TemporaryDirectory const directory;
    auto const path = directory.write("file", "old");
    RawServer const server(answering(ok(std::string(100'000, 'x'))));
    Client client;
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
    rlimit const little{1000, before.rlim_max};
    auto const old_handler = std::signal(SIGXFSZ, SIG_IGN);
    ::setrlimit(RLIMIT_FSIZE, &little);
    auto const code = code_of([&] { client.download(server.url(), path); });
    ::setrlimit(RLIMIT_FSIZE, &before);
    std::signal(SIGXFSZ, old_handler);
    CHECK(code == std::errc::file_too_large);
    CHECK(content_of(path) == "old");
    CHECK(names_in(directory) == Strings{"file"});
}

TEST_CASE("A download makes what a symbolic link leads to") {
    TemporaryDirectory const directory;
    fs::create_directory(directory.path() / "there");
    fs::create_symlink("there/file", directory.path() / "link");
    RawServer const server(answering(ok("body")));
    Client client;
    client.download(server.url(), directory.path() / "link");
    CHECK(fs::is_symlink(directory.path() / "link"));
    CHECK(content_of(directory.path() / "there" / "file") == "body");
}

TEST_CASE("A download replaces what a symbolic link leads to") {
    TemporaryDirectory const directory;
    directory.write("file", "old");
    fs::create_symlink("file", directory.path() / "link");
    RawServer const server(answering(ok("new")));
    Client client;
    client.download(server.url(), directory.path() / "link");
    CHECK(fs::is_symlink(directory.path() / "link"));
    CHECK(content_of(directory.path() / "file") == "new");
}

// --- the end of a client, and other loops

TEST_CASE("A client that was closed refuses requests") {
    RawServer const server(answering(ok()));
    TemporaryDirectory const directory;
    Client client;
    static_cast<void>(client.get(server.url()));
    client.close();
    client.close();
    CHECK(code_of([&] { return client.get(server.url()); }) == runner_closed);
    CHECK(code_of([&] { return client.stream(server.url()); }) == runner_closed);
    CHECK(code_of([&] { return client.get_all({server.url()}); }) == runner_closed);
    CHECK(code_of([&] {
              client.download(server.url(), directory.path() / "file");
          }) == runner_closed);
    CHECK(names_in(directory).empty());
    CHECK(server.wait_until_idle());
}

TEST_CASE("A client that was moved from refuses requests") {
    RawServer const server(answering(ok("body")));
    Client client;
    Client other(std::move(client));
    CHECK(other.get(server.url()).text() == "body");
    CHECK(code_of([&] { return client.get(server.url()); }) == runner_closed);
    client.close();
    client = std::move(other);
    CHECK(client.get(server.url()).text() == "body");
    CHECK(server.connections() == 1);
}

TEST_CASE("close ends the requests that are under way") {
    RawServer const server(stay_silent);
    syncopate::ThreadRunner runner;
    Client own;
    Client borrowing(runner);
    for (auto* const client : {&own, &borrowing}) {
        auto const before = server.requests().size();
        auto request =
            std::async(std::launch::async, [&] { return client->get(server.url()).status(); });
        while (server.requests().size() == before)
            std::this_thread::yield();
        client->close();
        CHECK(code_of([&] { return request.get(); }) == Errc::session_closed);
    }
}

TEST_CASE("A client uses the loop of a ThreadRunner, and leaves it open") {
    RawServer const server(answering(ok("body")));
    syncopate::ThreadRunner runner;
    {
        Client client(runner);
        CHECK(client.get(server.url()).text() == "body");
        auto stream = client.stream(server.url());
        CHECK(strings_of(stream.lines()) == Strings{"body"});
        client.close();
        CHECK(server.wait_until_idle());
    }
    CHECK(runner.call([] { return 1; }) == 1);
}

TEST_CASE("A client uses the loop of a Runner, on the calling thread") {
    RawServer const server(echo_target);
    TemporaryDirectory const directory;
    auto const before = threads();
    syncopate::Runner runner;
    Client client(runner);
    CHECK(client.get_all({server.url("/a"), server.url("/b")}).at(1).text() == "/b");
    client.download(server.url("/c"), directory.path() / "file");
    CHECK(content_of(directory.path() / "file") == "/c");
    // But for the server's, one for each connection.
    CHECK(threads() == before + static_cast<std::size_t>(server.connections()));
}

TEST_CASE("A client uses a loop that somebody else runs") {
    RawServer const server(echo_target);
    asio::thread_pool pool(2);
    {
        syncopate::BlockingPortal portal(pool);
        Client client(portal);
        CHECK(client.get(server.url("/a")).text() == "/a");
        auto stream = client.stream(server.url("/b"));
        CHECK(strings_of(stream.lines()) == Strings{"/b"});
    }
    pool.join();
}

TEST_CASE("A client whose runner was closed refuses requests, and ends quietly") {
    RawServer const server(answering(ok()));
    syncopate::ThreadRunner runner;
    Client client(runner);
    static_cast<void>(client.get(server.url()));
    runner.close();
    CHECK(code_of([&] { return client.get(server.url()); }) == runner_closed);
    CHECK_NOTHROW(client.close());
}

// NOLINTBEGIN(bugprone-use-after-move,hicpp-invalid-access-moved)

TEST_CASE("A client's response and stream that were moved from say so") {
    RawServer const server(answering(ok("body")));
    Client client;
    ClientResponse response = client.get(server.url());
    ClientResponse const other = std::move(response);
    CHECK(code_of([&] { return response.status(); }) == Errc::response_closed);
    CHECK(response.text().empty());
    CHECK(other.text() == "body");

    auto stream = client.stream(server.url());
    auto const other_stream = std::move(stream);
    auto const closed = make_error_code(syncopate::Errc::runner_closed);
    CHECK(code_of([&] { return stream.status(); }) == closed);
    CHECK(code_of([&] { return stream.lines(); }) == closed);
    CHECK(code_of([&] { return stream.chunks(1); }) == closed);
    CHECK_NOTHROW(stream.close());
    CHECK(other_stream.status() == 200);
}

TEST_CASE("An outcome that was moved from has no response") {
    ClientOutcome outcome(std::make_exception_ptr(std::runtime_error("failed")));
    ClientOutcome const other = std::move(outcome);
    CHECK(code_of([&] { return outcome.response().status(); }) == Errc::response_closed);
    CHECK_THROWS_AS(other.response(), std::runtime_error);

    RawServer const server(answering(ok("body")));
    Client client;
    ClientOutcome success(client.get(server.url()));
    ClientOutcome const moved = std::move(success);
    CHECK(!success.has_response());
    CHECK(code_of([&] { return success.response().status(); }) == Errc::response_closed);
    CHECK(moved.response().text() == "body");
}

// NOLINTEND(bugprone-use-after-move,hicpp-invalid-access-moved)
