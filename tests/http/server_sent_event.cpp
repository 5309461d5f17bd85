// ServerSentEvent: streams of events, and how they go on.

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/raw_server.hpp"
#include <syncopate/error.hpp>
#include <syncopate/http/client.hpp>
#include <syncopate/http/detail/message/event_parser.hpp>
#include <syncopate/http/detail/session/event_flow.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/options.hpp>
#include <syncopate/http/request.hpp>
#include <syncopate/http/retry_policy.hpp>
#include <syncopate/http/server_sent_event.hpp>
#include <syncopate/http/status_error.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using namespace support;
using namespace syncopate::http;
using Catch::Matchers::ContainsSubstring;
using syncopate::http::detail::EventParser;
using Strings = std::vector<std::string>;

/// Each event as "kind|data|id", parsed from pieces of that size.
Strings events_in(std::string_view stream, std::size_t piece) {
    EventParser parser({100, 100}, "server", "");
    Strings events;
    for (std::size_t i = 0; i < stream.size(); i += piece) {
        parser.feed(stream.substr(i, piece));
        while (auto const event = parser.next())
            events.push_back(event->event() + "|" + event->data() + "|" + event->id());
    }
    return events;
}
Strings events_in(std::string_view stream) {
    auto const whole = events_in(stream, stream.size());
    for (std::size_t piece = 1; piece < 5; ++piece)
        CHECK(events_in(stream, piece) == whole);
    return whole;
}

std::string const head =
    "HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream; charset=utf-8\r\n\r\n";
std::string const no_more = response("204 No", "", "");

template <class Range>
Strings data_of(Range&& range) {
    Strings data;
    for (auto const& event : range)
        data.push_back(event.data());
    return data;
}

}  // namespace

TEST_CASE("A stream of events is read as the HTML standard says, however it is cut") {
    CHECK(events_in("data: YHOO\ndata: +2\ndata: 10\n\n") == Strings{"message|YHOO\n+2\n10|"});
    CHECK(
        events_in(
            ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n") ==
        Strings{"message|first event|1", "message|second event|", "message| third event|"});
    CHECK(events_in("data\n\ndata\ndata\n\ndata:") == Strings{"message||", "message|\n|"});
    CHECK(events_in("data:test\n\ndata: test\n\n") == Strings{"message|test|", "message|test|"});
    CHECK(
        events_in("event: add\rdata: 1\r\revent: x\r\n\r\ndata: 2\r\n\r\n") ==
        Strings{"add|1|", "message|2|"});
    CHECK(events_in("data: a\r\ndata: b\r\n\r\n") == Strings{"message|a\nb|"});
    CHECK(
        events_in("\xef\xbb\xbf"
                  "data: 1\n\n\xef\xbb\xbf"
                  "data: 2\n\n") == Strings{"message|1|"});
    CHECK(events_in("id: 5\n\ndata: 1\n\nfoo: 7\nDATA: 9\ndata : 9\n\n") == Strings{"message|1|5"});
    CHECK(events_in({"id: 1\nid: a\0b\ndata: x\n\n", 23}) == Strings{"message|x|1"});
    CHECK(events_in("").empty());
}

TEST_CASE("The time to wait is a number alone, and limited") {
    EventParser parser({100, 100}, "server", "");
    parser.feed("retry: 10\nretry: -1\nretry: 2s\nretry:\nretry: +3\ndata\n\n");
    CHECK(parser.next());
    CHECK(parser.retry() == std::optional(10ms));
    parser.feed("retry: 99999999999999999999999\n");
    CHECK(!parser.next());
    CHECK(parser.retry() == std::optional<std::chrono::milliseconds>(24h));
}

TEST_CASE("A line and an event have their greatest size") {
    EventParser parser({100, 150}, "server", "");
    auto const data = [](std::size_t size) { return "data: " + std::string(size, 'x') + "\n"; };
    parser.feed(data(90) + data(59) + "\n" + data(90) + data(60));
    CHECK(parser.next()->data().size() == 150);
    CHECK(code_of([&] { parser.next(); }) == Errc::body_too_large);
    EventParser other({100, 150}, "server", "");
    other.feed(std::string(100, ':') + "\n");
    CHECK(!other.next());
    other.feed(std::string(101, ':'));
    CHECK_THAT(message_of<std::system_error>([&] { other.next(); }), ContainsSubstring("server"));
}

TEST_CASE(
    "The wait for a stream that brings nothing doubles, up to half a minute, until there is an event") {
    syncopate::http::detail::EventFlow flow(SessionOptions(), Request("GET", "http://127.0.0.1/"));
    flow.parser().feed("retry: 0\n\n");
    CHECK(!flow.parser().next());
    CHECK(flow.next_wait() == 0ms);
    for (auto wait = 100ms; wait < 25s; wait *= 2)
        CHECK(flow.next_wait() == wait);
    CHECK(flow.next_wait() == 25600ms);
    for (int i = 0; i < 3; ++i)
        CHECK(flow.next_wait() == 30s);
    flow.note_event();
    CHECK(flow.next_wait() == 0ms);
}

TEST_CASE("A client reads events as they come, and ends with a 204") {
    RawServer const server(Scripts{
        [](Peer& peer) {
            peer.read_request();
            peer.send(head + "retry: 0\nid: 7\ndata: one\n\n");
            peer.send("event: add\ndata: two\n\nid: 8\ndata: never complete\n");
        },
        answering_once(head + "data: three\n\n"), answering_once(no_more)});
    Client client;
    Strings seen;
    for (ServerSentEvent const& event : client.events(server.url()))
        seen.push_back(event.event() + " " + event.data() + " " + event.id());
    CHECK(seen == Strings{"message one 7", "add two 7", "message three 7"});
    auto const requests = server.requests();
    REQUIRE(requests.size() == 3);
    CHECK_THAT(requests[0], ContainsSubstring("\r\nAccept: text/event-stream\r\n"));
    CHECK_THAT(requests[0], !ContainsSubstring("Last-Event-ID"));
    CHECK_THAT(requests[1], ContainsSubstring("\r\nLast-Event-ID: 7\r\n"));
    CHECK_THAT(requests[2], ContainsSubstring("\r\nLast-Event-ID: 7\r\n"));
}

TEST_CASE("A stream that breaks is asked for again from where it was") {
    RawServer const server(Scripts{
        [](Peer& peer) {
            peer.read_request();
            peer.send(
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                "Transfer-Encoding: chunked\r\n\r\n1d\r\nretry: 0\nid: 4\ndata: one\n\nid: \r\n");
        },
        [](Peer& peer) {
            peer.read_request();
            peer.reset();
        },
        answering_once(head + "data: two\n\n"), answering_once(no_more)});
    Client client;
    auto const request = Request("GET", server.url()).header("Last-Event-ID", "3");
    CHECK(data_of(client.events(request)) == Strings{"one", "two"});
    auto const requests = server.requests();
    REQUIRE(requests.size() == 4);
    CHECK_THAT(requests[0], ContainsSubstring("\r\nLast-Event-ID: 3\r\n"));
    CHECK_THAT(
        requests[2], ContainsSubstring("\r\nLast-Event-ID: 4\r\n") && !ContainsSubstring("ID: 3"));
}

TEST_CASE("What is no stream of events is an error") {
    RawServer const page(
        answering(response("200 OK", "Content-Type: text/html\r\n", "data: 1\n\n")));
    RawServer const gone(answering(response("410 Gone", "", "")));
    Client client;
    auto const read = [&](std::string url) {
        return [&client, url = std::move(url)] { data_of(client.events(url)); };
    };
    CHECK_THAT(message_of<std::system_error>(read(page.url())), ContainsSubstring("127.0.0.1"));
    CHECK(code_of(read(page.url())) == Errc::malformed_response);
    CHECK_THROWS_AS(read(gone.url())(), StatusError);
    auto const closed = [] { return RawServer(answering(no_more)).url(); }();
    CHECK(code_of(read(closed)) == Errc::connect_failed);
}

TEST_CASE("A stream that fails again and again ends after the attempts of the policy") {
    RawServer const server(
        Scripts{answering_once(head + "retry: 0\ndata: one\n\n"), [](Peer& peer) {
                    peer.read_request();
                    peer.reset();
                }});
    Client client(SessionOptions().retries(RetryPolicy().attempts(2).backoff(1ms, 1ms)));
    Strings seen;
    CHECK(code_of([&] {
              for (auto const& event : client.events(server.url()))
                  seen.push_back(event.data());
          }) == Errc::connection_lost);
    CHECK(seen == Strings{"one"});
}

TEST_CASE("The answer to a POST is a stream that is not asked for again") {
    RawServer const server(
        Scripts{answering_once(head + "data: one\n\n"), answering_once(no_more)});
    Client client;
    CHECK(data_of(client.events(Request("POST", server.url()).body("prompt"))) == Strings{"one"});
    CHECK(server.requests().size() == 1);
    RawServer const breaking(answering_once(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 99\r\n\r\ndata: 1\n\n"));
    CHECK(code_of([&] {
              data_of(client.events(Request("POST", breaking.url()).body("prompt")));
          }) == Errc::body_truncated);
    CHECK(breaking.requests().size() == 1);
}

TEST_CASE("A loop over events that is left ends the stream, also while it waits") {
    auto const events = [](Peer& peer) {
        peer.read_request();
        peer.send(head + "data: one\n\n");
        peer.wait_for_close();
    };
    RawServer const server(events);
    Client client;
    for (auto const& event : client.events(server.url())) {
        CHECK(event.data() == "one");
        break;
    }
    CHECK(server.wait_until_idle());

    auto range = client.events(server.url());
    CHECK(range.next_for(20s)->data() == "one");
    CHECK(code_of([&] { static_cast<void>(range.next_for(1ms)); }) == syncopate::Errc::timed_out);
    client.close();
    CHECK(code_of([&] { static_cast<void>(range.next_for(20s)); }) == Errc::session_closed);
}
