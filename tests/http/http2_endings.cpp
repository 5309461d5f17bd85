// HTTP/2: connections that are lost or given up in the middle of requests, and what becomes of these.

#include "support/broken_tls.hpp"
#include "support/catch.hpp"
#include "support/certificates.hpp"
#include "support/errors.hpp"
#include "support/http.hpp"
#include "support/http2.hpp"
#include "support/http2_client.hpp"
#include "support/raw_server.hpp"
#include <syncopate/gather.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/request.hpp>
#include <syncopate/http/response.hpp>
#include <syncopate/http/session.hpp>
#include <syncopate/timeout.hpp>

#include <boost/asio/awaitable.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <future>
#include <iterator>
#include <map>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace {

namespace asio = boost::asio;
namespace http = syncopate::http;
using namespace std::chrono_literals;
using namespace support;
using namespace support::http2;
using Catch::Matchers::StartsWith;
using http::Errc;
using http::Request;
using http::Verb;

RawServer http2_server(Scripts scripts) {
    return http2::server(authority().issue(), std::move(scripts));
}

Request post(RawServer const& server, std::string body = "text") {
    return Request(Verb::post, server.url()).body(std::move(body));
}

asio::awaitable<std::error_code> outcome_of(http::ClientSession& session, Request request) {
    try {
        co_await fetch(session, std::move(request));
    } catch (std::system_error const& error) {
        co_return error.code();
    }
    co_return std::error_code();
}

/// Of so many requests at once.
std::vector<std::error_code> outcomes_of(
    SessionOnLoop& client, std::string const& url, std::size_t count) {
    std::vector<asio::awaitable<std::error_code>> tasks;
    for (std::size_t i = 0; i < count; ++i)
        tasks.push_back(outcome_of(client.session, Request(Verb::get, url)));
    return client.runner.run(syncopate::gather(std::move(tasks)));
}

std::string reset(std::uint32_t stream, std::uint32_t why) {
    return frame(reset_frame, 0, stream, number(why));
}
std::string go_away(std::uint32_t last_stream) {
    return frame(go_away_frame, 0, 0, number(last_stream) + number(0));
}
/// Lets the client send that many more bytes, by this stream and by all together.
std::string more_room(std::uint32_t stream, std::uint32_t size = 100'000'000) {
    return frame(window_frame, 0, 0, number(size)) + frame(window_frame, 0, stream, number(size));
}

std::string all_well(std::uint32_t stream) {
    return whole(stream, "well");
}

/// What has come of the bodies of requests.
class Uploads {
public:
    explicit Uploads(Peer& peer) : peer_(peer) {}

    /// The stream of the next request.
    std::uint32_t wait_for_request() {
        for (;;)
            if (auto const next = take(); next.type == header_frame)
                return next.stream;
    }
    /// Gives the size of a body when all of it has come.
    std::string wait_for_end(std::uint32_t stream) {
        while (!ended_[stream])
            take();
        return std::to_string(sizes_[stream]);
    }

private:
    Frame take() {
        auto next = read_frame(peer_);
        if (next.type == data_frame) {
            sizes_[next.stream] += next.payload.size();
            ended_[next.stream] = (next.flags & ends) != 0;
        }
        return next;
    }

    Peer& peer_;
    std::map<std::uint32_t, std::size_t> sizes_;
    std::map<std::uint32_t, bool> ended_;
};

/// Answers each request, when all of it has come, with the size of its body.
void take_uploads(Peer& peer) {
    greet(peer);
    Uploads uploads(peer);
    for (;;) {
        auto const stream = uploads.wait_for_request();
        peer.send(more_room(stream));
        peer.send(whole(stream, uploads.wait_for_end(stream)));
    }
}

constexpr Ending ends_of_connections[] = {
    [](Peer& peer) { peer.close(); },
    [](Peer& peer) { peer.close_without_notify(); },
    [](Peer& peer) { peer.reset(); },
    breaks_of_tls[0],
    breaks_of_tls[1],
    breaks_of_tls[2],
};

}  // namespace

TEST_CASE(
    "Only what may be repeated is sent again if an idle connection of HTTP/2 is closed just then") {
    if (is_library_missing())
        return;
    for (Ending const end : ends_of_connections) {
        auto server = http2_server(
            {[end](Peer& peer) {
                 greet(peer);
                 peer.send(whole(read_frame(peer, header_frame).stream, "first"));
                 read_frame(peer, header_frame);
                 end(peer);
             },
             answering_each(all_well)});
        SessionOnLoop client(by_http2());
        CHECK(client.text(server.url()) == "first");
        CHECK(client.text(server.url()) == "well");
        CHECK(server.connections() == 2);

        auto second = http2_server([end](Peer& peer) {
            greet(peer);
            peer.send(whole(read_frame(peer, header_frame).stream, "first"));
            read_frame(peer, header_frame);
            end(peer);
        });
        CHECK(client.text(second.url()) == "first");
        CHECK(code_of([&] { client.text(post(second)); }) == Errc::connection_lost);
        CHECK(second.connections() == 1);
        SessionOnLoop careful(by_http2().retry(false));
        CHECK(careful.text(second.url()) == "first");
        CHECK(code_of([&] { careful.text(second.url()); }) == Errc::connection_lost);
        CHECK(second.connections() == 2);
    }
}

TEST_CASE("A response that has come whole is read after its connection of HTTP/2 is lost") {
    if (is_library_missing())
        return;
    for (Ending const end : ends_of_connections) {
        auto server = http2_server([end](Peer& peer) {
            greet(peer);
            peer.send(whole(read_frame(peer, header_frame).stream, "whole"));
            wait_until_received(peer);
            end(peer);
        });
        SessionOnLoop client(by_http2());
        auto response = client.get(server.url());
        REQUIRE(server.wait_until_idle());
        CHECK(client.text(response) == "whole");
    }
}

TEST_CASE("A response of HTTP/2 that comes together with a broken record is read") {
    if (is_library_missing())
        return;
    for (Ending const end : breaks_of_tls) {
        auto server = http2_server([end](Peer& peer) {
            greet(peer);
            auto const stream = read_frame(peer, header_frame).stream;
            send_together(peer, [&] {
                peer.send(head(stream, status("200")));
                peer.send(frame(data_frame, ends, stream, "well"));
                end(peer);
            });
            peer.wait_for_close();
        });
        SessionOnLoop client(by_http2());
        CHECK(client.text(server.url()) == "well");
    }
}

TEST_CASE("What TLS finds wrong behind a good record is told by HTTP/2 as by HTTP/1.1") {
    if (is_library_missing())
        return;
    for (Ending const end : breaks_of_tls) {
        auto old = RawServer::tls(authority().issue(), [end](Peer& peer) {
            peer.read_request();
            send_together(peer, [&] {
                peer.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
                end(peer);
            });
            peer.wait_for_close();
        });
        auto server = http2_server([end](Peer& peer) {
            greet(peer);
            auto const stream = read_frame(peer, header_frame).stream;
            send_together(peer, [&] {
                peer.send(head(stream, status("200")) + frame(data_frame, 0, stream, "half"));
                end(peer);
            });
            peer.wait_for_close();
        });
        SessionOnLoop client(by_http2());
        auto const reason = [&](RawServer const& of) {
            auto const get = [&] { client.text(of.url()); };
            CHECK(code_of(get) == Errc::connection_lost);
            auto const message = message_of<std::system_error>(get);
            CHECK_THAT(message, StartsWith(of.url("")));
            return message.substr(of.url("").size());
        };
        auto const usual = reason(old);
        CHECK(is_told_by_tls(usual));
        CHECK(reason(server) == usual);
    }
}

TEST_CASE("A close_notify behind the good records of HTTP/2 cuts only what is not whole") {
    if (is_library_missing())
        return;
    auto server = http2_server(
        {[](Peer& peer) {
             greet(peer);
             auto const first = read_frame(peer, header_frame).stream;
             auto const second = read_frame(peer, header_frame).stream;
             send_together(peer, [&] {
                 peer.send(whole(first, "whole"));
                 peer.send(head(second, status("200")) + frame(data_frame, 0, second, "half"));
                 peer.send_close_notify();
             });
             peer.wait_for_close();
         },
         answering_each(all_well)});
    SessionOnLoop client(by_http2());
    auto const outcomes = outcomes_of(client, server.url(), 2);
    CHECK_FALSE(outcomes.at(0));
    CHECK(outcomes.at(1) == Errc::body_truncated);
    CHECK(client.text(server.url()) == "well");
    CHECK(server.connections() == 2);
}

TEST_CASE(
    "A request that a response leads to is not begun on a connection whose end came with it") {
    if (is_library_missing())
        return;
    std::vector<Ending> all(std::begin(breaks_of_tls), std::end(breaks_of_tls));
    all.push_back([](Peer& peer) { peer.send_close_notify(); });
    for (Ending const end : all) {
        auto server = http2_server(
            {[end](Peer& peer) {
                 greet(peer);
                 auto const stream = read_frame(peer, header_frame).stream;
                 send_together(peer, [&] {
                     peer.send(whole(stream, "first"));
                     end(peer);
                 });
                 peer.wait_for_close();
             },
             answering_each(all_well)});
        SessionOnLoop client(by_http2());
        auto const in_turn = [](http::ClientSession& session, Request first,
                                Request second) -> asio::awaitable<std::string> {
            auto text = co_await fetch(session, std::move(first));
            text += co_await fetch(session, std::move(second));
            co_return text;
        };
        auto const text = client.runner.run(
            in_turn(client.session, Request(Verb::get, server.url()), post(server)));
        CHECK(text == "firstwell");
        CHECK(server.connections() == 2);
    }
}

TEST_CASE("What a server has not taken before it goes away and closes is sent again, a POST too") {
    if (is_library_missing())
        return;
    auto server = http2_server(
        {[](Peer& peer) {
             greet(peer);
             auto const first = read_frame(peer, header_frame).stream;
             peer.send(whole(first, "first"));
             read_frame(peer, header_frame);
             read_frame(peer, data_frame);
             peer.send(go_away(first));
         },
         answering_each(all_well)});
    SessionOnLoop client(by_http2());
    CHECK(client.text(server.url()) == "first");
    CHECK(client.text(post(server)) == "well");
    CHECK(server.connections() == 2);
}

TEST_CASE("A server that goes away on each connection is not asked for ever") {
    if (is_library_missing())
        return;
    auto server = http2_server([](Peer& peer) {
        greet(peer);
        read_frame(peer, header_frame);
        peer.send(go_away(0));
        peer.wait_for_close();
    });
    SessionOnLoop client(by_http2());
    CHECK(code_of([&] { client.text(server.url()); }) == Errc::connection_lost);
    CHECK(server.connections() == 4);
}

TEST_CASE("Of two uploads, that which a server has taken goes on when it goes away") {
    if (is_library_missing())
        return;
    std::string const body(200'000, 'x');
    auto server = http2_server(
        {[](Peer& peer) {
             greet(peer);
             Uploads uploads(peer);
             auto const first = uploads.wait_for_request();
             uploads.wait_for_request();
             peer.send(go_away(first));
             peer.send(more_room(first));
             peer.send(whole(first, "old " + uploads.wait_for_end(first)));
             peer.wait_for_close();
         },
         take_uploads});
    SessionOnLoop client(by_http2());

    SECTION("and the other is sent again") {
        std::vector<asio::awaitable<std::string>> tasks;
        tasks.push_back(fetch(client.session, post(server, body)));
        tasks.push_back(fetch(client.session, post(server, body)));
        auto const texts = client.runner.run(syncopate::gather(std::move(tasks)));
        CHECK(texts == std::vector<std::string>{"old 200000", "200000"});
        CHECK(server.connections() == 2);
    }
    SECTION("and the other fails, if its body can be sent once only") {
        auto const streamed = [&] {
            return Request(Verb::post, server.url()).body_stream(in_pieces(body, 10'000));
        };
        std::vector<asio::awaitable<std::error_code>> tasks;
        tasks.push_back(outcome_of(client.session, streamed()));
        tasks.push_back(outcome_of(client.session, streamed()));
        auto const outcomes = client.runner.run(syncopate::gather(std::move(tasks)));
        CHECK_FALSE(outcomes.at(0));
        CHECK(outcomes.at(1) == Errc::connection_lost);
    }
}

TEST_CASE(
    "What a server of HTTP/2 says before it resets the connection is heard, although a write fails") {
    if (is_library_missing())
        return;
    constexpr std::size_t size = 30'000'000;
    std::promise<void> is_full;
    std::promise<void> is_held;
    std::promise<void> is_reset;
    auto server = http2_server(
        {[&](Peer& peer) {
             int const smallest = 4096;
             ::setsockopt(peer.native_handle(), SOL_SOCKET, SO_RCVBUF, &smallest, sizeof smallest);
             // Of a client that has sent beyond the window, the system hears no acknowledgement: it would keep for
             // later what goes out before the reset, and lose it.
             int const on = 1;
             ::setsockopt(peer.native_handle(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
             greet(peer, std::string("\0\4", 2) + number(100'000'000));
             peer.send(more_room(0));
             read_frame(peer, header_frame);
             // The client fills all buffers, and waits until it can write.
             std::this_thread::sleep_for(300ms);
             is_full.set_value();
             is_held.get_future().get();
             peer.send(go_away(0));
             peer.reset();
             is_reset.set_value();
         },
         take_uploads});
    SessionOnLoop client(by_http2());
    auto text =
        client.runner.run_as_future(fetch(client.session, post(server, std::string(size, 'x'))));
    is_full.get_future().get();
    // Its loop learns of all that at once.
    client.runner.call([&] {
        is_held.set_value();
        is_reset.get_future().get();
    });
    CHECK(text.get() == std::to_string(size));
    CHECK(server.connections() == 2);
}

TEST_CASE("A response of HTTP/2 that comes before all of the request has been sent is not lost") {
    if (is_library_missing())
        return;
    auto const resets = GENERATE(true, false);
    std::atomic<bool> is_reset_by_client{false};
    auto server = http2_server([&](Peer& peer) {
        greet(peer);
        auto const stream = read_frame(peer, header_frame).stream;
        read_frame(peer, data_frame);
        peer.send(whole(stream, "enough"));
        if (resets)
            peer.send(reset(stream, 0));
        else
            is_reset_by_client = read_frame(peer, reset_frame).stream == stream;
        peer.send(all_well(read_frame(peer, header_frame).stream));
        peer.wait_for_close();
    });
    SessionOnLoop client(by_http2());
    std::string const body(200'000, 'x');
    auto const is_streamed = GENERATE(true, false);
    auto request = is_streamed
                       ? Request(Verb::post, server.url()).body_stream(in_pieces(body, 10'000))
                       : post(server, body);
    CHECK(client.text(std::move(request)) == "enough");
    CHECK(client.text(server.url()) == "well");
    CHECK(server.connections() == 1);
    CHECK(is_reset_by_client == !resets);
}

TEST_CASE("A server that resets each stream at once costs an attempt each, and no connection") {
    if (is_library_missing())
        return;
    constexpr int count = 100;
    std::atomic<int> asked{0};
    auto const why = GENERATE(std::uint32_t{7}, std::uint32_t{8});  // refused, cancelled
    int const attempts = why == 7 ? 4 : 1;
    auto server = http2_server([&](Peer& peer) {
        greet(peer);
        while (asked < attempts * count) {
            auto const stream = read_frame(peer, header_frame).stream;
            ++asked;
            peer.send(reset(stream, why));
        }
        peer.send(all_well(read_frame(peer, header_frame).stream));
        peer.wait_for_close();
    });
    SessionOnLoop client(by_http2());
    for (auto const& outcome : outcomes_of(client, server.url(), count))
        CHECK(outcome == Errc::connection_lost);
    CHECK(client.text(server.url()) == "well");
    CHECK(asked == attempts * count);
    CHECK(server.connections() == 1);
}

TEST_CASE(
    "A client that gives up one request after another resets each, and keeps its connection") {
    if (is_library_missing())
        return;
    int asked = 0;
    int given_up = 0;
    std::promise<void> is_over;
    auto server = http2_server([&](Peer& peer) {
        greet(peer);
        peer.send(all_well(read_frame(peer, header_frame).stream));
        for (;;) {
            auto const next = read_frame(peer);
            given_up += next.type == reset_frame ? 1 : 0;
            if (next.type != header_frame)
                continue;
            // The last one has a body.
            if ((next.flags & ends) == 0) {
                peer.send(all_well(next.stream));
                break;
            }
            ++asked;
        }
        is_over.set_value();
        peer.wait_for_close();
    });
    SessionOnLoop client(by_http2());
    auto const give_up_many = [&](std::string url) -> asio::awaitable<void> {
        for (int i = 0; i < 200; ++i)
            co_await syncopate::move_on_after(1ms, fetch(client.session, url));
    };
    CHECK(client.text(server.url()) == "well");
    client.runner.run(give_up_many(server.url()));
    CHECK(client.text(post(server)) == "well");
    is_over.get_future().get();
    CHECK(asked > 0);
    CHECK(given_up == asked);
    CHECK(server.connections() == 1);
    CHECK(client.connections().all == 1);
}

TEST_CASE("Requests by HTTP/2 share a tunnel through a proxy") {
    if (is_library_missing())
        return;
    auto settings = http2::tls_settings(authority().issue());
    auto const context = support::detail::make_context(settings);
    RawServer proxy([&](Peer& peer) {
        peer.read_head();
        peer.send("HTTP/1.1 200 Connected\r\n\r\n");
        peer.accept_tls(context.get());
        answering_each(all_well)(peer);
    });
    SessionOnLoop client(by_http2().proxy(proxy.url()));
    for (auto const& outcome : outcomes_of(client, "https://localhost:1/", 50))
        CHECK_FALSE(outcome);
    CHECK(client.text("https://localhost:1/") == "well");
    CHECK(proxy.connections() == 1);
    CHECK_THAT(proxy.requests().at(0), StartsWith("CONNECT localhost:1 HTTP/1.1\r\n"));
}
