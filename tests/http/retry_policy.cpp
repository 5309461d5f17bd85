// RetryPolicy: requests that are sent again.

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/http.hpp"
#include "support/raw_server.hpp"
#include <syncopate/http/client.hpp>
#include <syncopate/http/detail/session/retry_wait.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/options.hpp>
#include <syncopate/http/request.hpp>
#include <syncopate/http/retry_policy.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/asio/awaitable.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <future>
#include <memory>
#include <stop_token>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using namespace support;
using namespace syncopate::http;
using Catch::Matchers::ContainsSubstring;

SessionOptions patient(std::size_t attempts = 3) {
    return SessionOptions().retries(RetryPolicy().attempts(attempts).backoff(1ms, 2ms));
}

/// Gives one answer after the other, the last one for ever; an empty one closes the connection.
Script answering_in_turn(std::vector<std::string> answers) {
    auto const next = std::make_shared<std::atomic<std::size_t>>(0);
    return [answers = std::move(answers), next](Peer& peer) {
        for (;;) {
            peer.read_request();
            auto const index = std::min(next->fetch_add(1), answers.size() - 1);
            if (answers[index].empty())
                return;
            peer.send(answers[index]);
        }
    };
}

std::string const busy = response("503 Busy", "", "later");

}  // namespace

TEST_CASE("The wait between attempts doubles up to its limit, and a quarter more by chance") {
    auto const policy = RetryPolicy().backoff(100ms, 350ms);
    for (int i = 0; i < 20; ++i) {
        auto const first = syncopate::http::detail::backoff_after(policy, 1);
        CHECK((first >= 100ms && first <= 125ms));
        auto const second = syncopate::http::detail::backoff_after(policy, 2);
        CHECK((second >= 200ms && second <= 250ms));
        CHECK(syncopate::http::detail::backoff_after(policy, 3) == 350ms);
        CHECK(syncopate::http::detail::backoff_after(policy, 1000) == 350ms);
    }
    CHECK(syncopate::http::detail::backoff_after(RetryPolicy().backoff(0s, 0s), 5) == 0ns);
    CHECK(syncopate::http::detail::backoff_after(RetryPolicy().backoff(20s, 10s), 1) == 10s);
    CHECK(RetryPolicy().attempts(0).attempts() == 1);
}

TEST_CASE("A request is sent again after a status of the policy, as often as it allows") {
    RawServer const server(answering_in_turn({busy, busy, ok("now")}));
    Client client(patient());
    auto const response = client.get(server.url());
    CHECK(response.status() == 200);
    CHECK(response.text() == "now");
    CHECK(server.requests().size() == 3);

    RawServer const busy_server(answering(busy));
    CHECK(client.get(busy_server.url()).status() == 503);
    CHECK(busy_server.requests().size() == 3);
    CHECK(busy_server.connections() == 1);
}

TEST_CASE("Other statuses, and sessions without a policy, have one attempt") {
    RawServer const server(answering_in_turn({response("500 Oh", "", ""), ok()}));
    Client client(patient());
    CHECK(client.get(server.url()).status() == 500);
    RawServer const other(answering_in_turn({busy, ok()}));
    Client impatient;
    CHECK(impatient.get(other.url()).status() == 503);
    RawServer const third(answering_in_turn({busy, response("500 Oh", "", ""), ok("now")}));
    Client wide(
        SessionOptions().retries(RetryPolicy().attempts(4).backoff(1ms, 1ms).statuses({500, 503})));
    CHECK(wide.get(third.url()).text() == "now");
}

TEST_CASE("A connection that breaks before the response costs an attempt, also a new one") {
    RawServer const server(answering_in_turn({"", "", ok("now")}));
    Client client(patient());
    CHECK(client.get(server.url()).text() == "now");
    CHECK(server.connections() == 3);

    RawServer const dead(answering_once(""));
    CHECK(code_of([&] { static_cast<void>(client.get(dead.url())); }) == Errc::connection_lost);
    CHECK(dead.connections() == 3);
}

TEST_CASE("A request that must not be repeated is sent once, unless nothing of it was sent") {
    RawServer const server(answering_in_turn({busy, ok()}));
    Client client(patient());
    CHECK(client.post(server.url(), "order").status() == 503);
    RawServer const dead(answering_once(""));
    CHECK(code_of([&] {
              static_cast<void>(client.post(dead.url(), "order"));
          }) == Errc::connection_lost);
    CHECK(dead.connections() == 1);

    std::atomic<int> attempts = 0;
    auto closed = [] { return RawServer(answering(ok())).url(); }();
    Client counting(patient().trace(Trace().on_request_start([&](auto const&) { ++attempts; })));
    CHECK(code_of([&] {
              static_cast<void>(counting.post(closed, "order"));
          }) == Errc::connect_failed);
    CHECK(attempts == 3);

    // The server has taken the order, though the page that it leads to cannot be had.
    RawServer const taking(answering(response("303 See", "Location: " + closed + "\r\n", "")));
    CHECK(code_of([&] {
              static_cast<void>(client.post(taking.url(), "order"));
          }) == Errc::connect_failed);
    CHECK(taking.requests().size() == 1);
}

TEST_CASE("A range is iterated anew for each attempt") {
    RawServer const server(answering_in_turn({busy, ok()}));
    Client client(patient());
    std::vector<std::string> const pieces{"one", "two"};
    CHECK(client.request(Request("PUT", server.url()).body_range(pieces)).status() == 200);
    CHECK_THAT(server.requests().at(1), ContainsSubstring("two"));
}

TEST_CASE(
    "Retry-After counts in the place of the back-off, and a wait beyond the total time is not begun") {
    auto const after = [](std::string seconds) {
        return response("429 Slow", "Retry-After: " + seconds + "\r\n", "");
    };
    Client client(SessionOptions().total_timeout(30s).retries(RetryPolicy().backoff(1h, 1h)));
    RawServer const server(answering_in_turn({after("0"), ok("now")}));
    CHECK(client.get(server.url()).text() == "now");
    RawServer const long_wait(answering_in_turn({after("3600"), ok()}));
    CHECK(client.get(long_wait.url()).status() == 429);
    RawServer const silent(answering_in_turn({busy, ok()}));
    CHECK(client.get(silent.url()).status() == 503);
    CHECK(client.request(Request("GET", silent.url()).timeout(10s)).status() == 200);
}

TEST_CASE("The wait for the next attempt ends with the session, and by cancellation") {
    RawServer const server(answering(busy));
    std::promise<void> answered;
    SessionOnLoop loop(
        SessionOptions()
            .total_timeout(0s)
            .retries(RetryPolicy().backoff(1h, 1h))
            .trace(Trace().on_request_end([&](auto const&, int) { answered.set_value(); })));
    auto result = loop.runner.run_as_future(loop.session.get(server.url()));
    answered.get_future().get();
    loop.close();
    CHECK(code_of([&] { static_cast<void>(result.get()); }) == Errc::session_closed);

    answered = {};
    SessionOnLoop other(
        SessionOptions()
            .total_timeout(0s)
            .retries(RetryPolicy().backoff(1h, 1h))
            .trace(Trace().on_request_end([&](auto const&, int) { answered.set_value(); })));
    std::stop_source stop;
    auto cancelled = other.runner.run_as_future(other.session.get(server.url()), stop.get_token());
    answered.get_future().get();
    stop.request_stop();
    CHECK(code_of([&] { static_cast<void>(cancelled.get()); }) == syncopate::Errc::cancelled);
}
