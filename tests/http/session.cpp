// The end of sessions, responses and loops, in whichever order they come, wherever a request is then.
#include "support/audit.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/http.hpp"
#include "support/loops.hpp"
#include "support/raw_server.hpp"
#include "support/tasks.hpp"
#include <syncopate/async_generator.hpp>
#include <syncopate/blocking_portal.hpp>
#include <syncopate/error.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/options.hpp>
#include <syncopate/http/request.hpp>
#include <syncopate/http/response.hpp>
#include <syncopate/http/session.hpp>
#include <syncopate/run.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <exception>
#include <future>
#include <latch>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using syncopate::run;
using syncopate::ThreadRunner;
using syncopate::http::ClientSession;
using syncopate::http::Errc;
using syncopate::http::Request;
using syncopate::http::Response;
using syncopate::http::SessionOptions;
using syncopate::http::Verb;

constexpr auto half_a_response = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf";

/// Where a request waits.
enum class Stage { start, turn, tunnel, handshake, header, body, upload };

constexpr std::array<char const*, 7> stage_names = {
    "at its start",   "for a connection", "for a proxy's tunnel",  "in the TLS handshake",
    "for the header", "for the body",     "until more can be sent"};

/// A request that gets as far as that, and a server that sees to it.
class Stuck {
public:
    explicit Stuck(Stage stage) : stage_(stage) {}
    Stuck(Stuck const&) = delete;
    Stuck& operator=(Stuck const&) = delete;
    ~Stuck() { over_.open(); }

    SessionOptions options() const {
        SessionOptions options;
        if (stage_ == Stage::turn)
            options.max_connections(1);
        if (stage_ == Stage::tunnel)
            options.proxy(server_.url());
        return options;
    }

    /// The session has to be there until it is_there().
    asio::awaitable<void> request(ClientSession& session) {
        Tracked const frame;
        if (stage_ == Stage::upload) {
            Request upload(Verb::put, server_.url());
            upload.body(std::string(std::size_t{32} * 1024 * 1024, 'x'));
            static_cast<void>(co_await session.request(std::move(upload)));
        }
        auto response = co_await session.get(url());
        if (stage_ == Stage::turn)
            static_cast<void>(co_await session.get(url()));
        static_cast<void>(co_await response.content().anext());
        is_there_.open();
        static_cast<void>(co_await response.text());
    }

    /// On the loop, when the request has been started.
    bool is_there(ClientSession const& session) const {
        if (stage_ == Stage::start)
            return true;
        return stage_ == Stage::turn ? session.connections().requests_waiting == 1
                                     : is_there_.is_open();
    }
    void wait_until_there(ThreadRunner& runner, ClientSession const& session) const {
        while (!runner.call([&] { return is_there(session); }))
            std::this_thread::yield();
    }

    RawServer const& server() const { return server_; }

private:
    std::string url() const {
        switch (stage_) {
        case Stage::start: return "http://localhost:" + std::to_string(server_.port());
        case Stage::tunnel: return "https://origin.test/";
        case Stage::handshake: return "https://127.0.0.1:" + std::to_string(server_.port());
        default: return server_.url();
        }
    }

    void serve(Peer& peer) {
        if (stage_ == Stage::handshake)
            peer.read_exactly(1);
        else
            peer.read_head();
        if (stage_ == Stage::body || stage_ == Stage::turn)
            peer.send(half_a_response);
        else
            is_there_.open();
        if (stage_ == Stage::upload)
            over_.wait();  // and takes nothing
        peer.wait_for_close();
    }

    Stage const stage_;
    Gate is_there_;
    Gate over_;
    RawServer server_{[this](Peer& peer) { serve(peer); }};
};

Stage each_stage() {
    return static_cast<Stage>(GENERATE(range(0, static_cast<int>(stage_names.size()))));
}

std::string in_words(Stage stage) {
    return std::string("it waits ") + stage_names[static_cast<std::size_t>(stage)];
}

// ---- The session ends

TEST_CASE("A request ends with Errc::session_closed when its session ends") {
    auto const stage = each_stage();
    INFO(in_words(stage));
    Stuck stuck(stage);
    SessionOnLoop client(stuck.options());
    auto request = client.runner.run_as_future(stuck.request(client.session));
    stuck.wait_until_there(client.runner, client.session);
    client.close();
    CHECK(code_of([&] { request.get(); }) == Errc::session_closed);
    CHECK(client.connections().all == 0);
}

TEST_CASE("A request ends with Errc::session_closed when its session is destroyed") {
    auto const stage = each_stage();
    INFO(in_words(stage));
    Stuck stuck(stage);
    ThreadRunner runner;
    auto session = std::make_unique<ClientSession>(stuck.options());
    auto request = runner.run_as_future(stuck.request(*session));
    stuck.wait_until_there(runner, *session);
    session.reset();
    CHECK(code_of([&] { request.get(); }) == Errc::session_closed);
}

TEST_CASE("The connections of a session that ends are closed") {
    Stuck stuck(Stage::header);
    RawServer idle([](Peer& peer) {
        peer.read_request();
        peer.send(ok());
        peer.wait_for_close();
    });
    SessionOnLoop client;
    client.text(idle.url());
    auto request = client.runner.run_as_future(stuck.request(client.session));
    stuck.wait_until_there(client.runner, client.session);
    client.close();
    CHECK(stuck.server().wait_until_idle());
    CHECK(idle.wait_until_idle());
    CHECK_THROWS(request.get());
}

TEST_CASE("The connections of a session that is destroyed are closed") {
    RawServer server([](Peer& peer) {
        peer.read_request();
        peer.send(ok());
        peer.wait_for_close();
    });
    ThreadRunner runner;
    {
        ClientSession session;
        runner.run(fetch(session, server.url()));
    }
    CHECK(server.wait_until_idle());
}

TEST_CASE("A session can end more than once, and takes no requests afterwards") {
    RawServer server(answering(ok()));
    SessionOnLoop client;
    auto const was_used = GENERATE(false, true);
    if (was_used)
        client.text(server.url());
    client.close();
    CHECK_NOTHROW(client.close());
    CHECK(code_of([&] { return client.get(server.url()); }) == Errc::session_closed);
    CHECK(code_of([&] { client.runner.run(client.session.aenter()); }) == Errc::session_closed);
    CHECK(server.requests().size() == (was_used ? 1 : 0));
}

asio::awaitable<void> leave_both(Response& held, ClientSession& session) {
    co_await held.aexit(nullptr);
    co_await session.aexit(nullptr);
}

TEST_CASE("A request that has just been given a connection ends with its session") {
    auto const answer = GENERATE(ok("x"), std::string(half_a_response));
    RawServer server(answering(answer));
    SessionOnLoop client(SessionOptions().max_connections(1));
    auto held = client.get(server.url());
    auto waiting = client.runner.run_as_future(fetch(client.session, server.url()));
    client.wait_for_waiting(1);
    client.runner.run(leave_both(held, client.session));
    CHECK(code_of([&] { waiting.get(); }) == Errc::session_closed);
    CHECK(server.requests().size() == 1);
}

syncopate::AsyncGenerator<std::string> slow_stream(Gate& started, Gate& goes_on) {
    co_yield std::string("first");
    started.open();
    co_await goes_on.passed();
    co_yield std::string("second");
}

TEST_CASE("A request whose body is being produced ends with its session, at the next piece") {
    Gate started;
    Gate goes_on;
    RawServer server([](Peer& peer) { peer.read_request(); });
    SessionOnLoop client;
    auto request = client.runner.run_as_future(client.session.request(
        Request(Verb::put, server.url()).body_stream(slow_stream(started, goes_on))));
    started.wait();
    client.close();
    CHECK(server.wait_until_idle());
    goes_on.open();
    CHECK(code_of([&] { static_cast<void>(request.get()); }) == Errc::session_closed);
}

// ---- The caller ends a request

/// What a response has lets go of on the loop, a little later than the response.
void wait_until_unused(SessionOnLoop& client) {
    client.wait_for_waiting(0);
    while (client.connections().all != 0)
        std::this_thread::yield();
}

TEST_CASE("A request ends with Errc::cancelled when it is stopped, and leaves nothing") {
    auto const stage = each_stage();
    INFO(in_words(stage));
    Stuck stuck(stage);
    SessionOnLoop client(stuck.options());
    std::stop_source stop;
    auto request = client.runner.run_as_future(stuck.request(client.session), stop.get_token());
    stuck.wait_until_there(client.runner, client.session);
    stop.request_stop();
    CHECK(code_of([&] { request.get(); }) == syncopate::Errc::cancelled);
    wait_until_unused(client);
}

TEST_CASE("A request ends with Errc::timed_out of the bridge when its time is up") {
    auto const stage = each_stage();
    INFO(in_words(stage));
    Stuck stuck(stage);
    SessionOnLoop client(stuck.options());
    CHECK(code_of([&] {
              client.runner.run_for(20ms, stuck.request(client.session));
          }) == syncopate::Errc::timed_out);
    wait_until_unused(client);
}

TEST_CASE("A request that is stopped before it starts makes no connection") {
    RawServer server(answering(ok()));
    SessionOnLoop client;
    std::stop_source stop;
    stop.request_stop();
    CHECK(code_of([&] {
              client.runner.run(fetch(client.session, server.url()), stop.get_token());
          }) == syncopate::Errc::cancelled);
    CHECK(server.connections() == 0);
}

// ---- The loop ends

TEST_CASE("A runner can be closed wherever a request is") {
    auto const stage = each_stage();
    INFO(in_words(stage));
    Stuck stuck(stage);
    ClientSession session(stuck.options());
    ThreadRunner runner;
    auto request = runner.run_as_future(stuck.request(session));
    stuck.wait_until_there(runner, session);
    runner.close();
    CHECK_THROWS(request.get());
}

asio::awaitable<void> request_into(
    ClientSession& session, Request request, std::optional<Response>& response) {
    Tracked const frame;
    auto got = co_await session.request(std::move(request));
    response.emplace(std::move(got));
}

TEST_CASE("An io_context can be destroyed wherever a request is") {
    auto const stage = each_stage();
    auto const session_is_first = GENERATE(false, true);
    INFO(in_words(stage));
    Stuck stuck(stage);
    auto loop = std::make_unique<asio::io_context>();
    auto session = std::make_unique<ClientSession>(stuck.options());
    asio::co_spawn(*loop, stuck.request(*session), asio::detached);
    do
        loop->run_one_for(1ms);
    while (!stuck.is_there(*session));
    if (session_is_first)
        session.reset();
    loop.reset();
    CHECK((!session || session->connections().all == 0));
}

TEST_CASE("An io_context can be destroyed while the body of a request is produced") {
    Gate started;
    Gate never;
    RawServer server([](Peer& peer) { peer.read_request(); });
    ClientSession session;
    asio::io_context loop;
    Request request(Verb::put, server.url());
    request.body_stream(slow_stream(started, never));
    std::optional<Response> response;
    asio::co_spawn(loop, request_into(session, std::move(request), response), asio::detached);
    while (!started.is_open())
        loop.run_one_for(1ms);
}

TEST_CASE("A thread_pool can be destroyed wherever a request is on one of its strands") {
    auto const stage = each_stage();
    INFO(in_words(stage));
    Stuck stuck(stage);
    ClientSession session(stuck.options());
    asio::thread_pool pool(2);
    syncopate::BlockingPortal portal(pool);
    auto request = portal.run_as_future(stuck.request(session));
    while (!portal.call([&] { return stuck.is_there(session); }))
        std::this_thread::yield();
    portal.close();
    CHECK_THROWS(request.get());
}

TEST_CASE("An io_context can be destroyed with idle connections and responses") {
    RawServer server(answering(ok("x")));
    RawServer other(answering(half_a_response));
    auto loop = std::make_unique<asio::io_context>();
    ClientSession session;
    std::optional<Response> response;
    Request request(Verb::get, other.url());
    asio::co_spawn(*loop, request_into(session, std::move(request), response), asio::detached);
    auto idle = asio::co_spawn(*loop, fetch(session, server.url()), asio::use_future);
    while (!response || idle.wait_for(0s) != std::future_status::ready)
        loop->run_one_for(1ms);
    loop.reset();
    CHECK(response->status() == 200);
    CHECK(session.connections().all == 0);
    CHECK(code_of([&] { run(response->text()); }) == Errc::session_closed);
}

TEST_CASE("A session whose loop has ended begins anew on another one") {
    RawServer server(answering(ok("x")));
    ClientSession session;
    for (int i = 1; i <= 3; ++i) {
        CHECK(run(fetch(session, server.url())) == "x");
        CHECK(server.connections() == i);
    }
    run(session.aexit(nullptr));
    CHECK(code_of([&] { run(fetch(session, server.url())); }) == Errc::session_closed);
}

TEST_CASE("A session refuses to be used on a second loop") {
    RawServer server(answering(ok("x")));
    SessionOnLoop client;
    client.text(server.url());
    CHECK_THROWS_AS(run(fetch(client.session, server.url())), std::logic_error);
    CHECK(client.text(server.url()) == "x");
}

// ---- Responses that last longer

TEST_CASE("A response that its session has left behind tells what it knows, and no more") {
    auto const half_read = GENERATE(false, true);
    auto const is_destroyed = GENERATE(false, true);
    RawServer server(answering(half_a_response));
    ThreadRunner runner;
    std::optional<ClientSession> session(std::in_place);
    auto response = runner.run(session->get(server.url()));
    if (half_read)
        CHECK(runner.run(response.content().anext()) == "half");
    if (is_destroyed)
        session.reset();
    else
        runner.run(session->aexit(nullptr));
    CHECK(response.status() == 200);
    CHECK(response.url() == server.url());
    CHECK(response.headers()["Content-Length"] == "8");
    CHECK(code_of([&] { runner.run(response.text()); }) == Errc::session_closed);
    CHECK_NOTHROW(runner.run(response.aexit(nullptr)));
}

TEST_CASE("A response that its runner has left behind tells what it knows, and no more") {
    auto const half_read = GENERATE(false, true);
    auto const session_is_first = GENERATE(false, true);
    RawServer server(answering(half_a_response));
    auto runner = std::make_unique<ThreadRunner>();
    std::optional<ClientSession> session(std::in_place);
    auto response = runner->run(session->get(server.url()));
    if (half_read)
        CHECK(runner->run(response.content().anext()) == "half");
    if (session_is_first)
        session.reset();
    runner.reset();
    CHECK(response.status() == 200);
    CHECK(code_of([&] { run(response.text()); }) == Errc::session_closed);
}

TEST_CASE("A response that has been read to its end needs neither session nor loop") {
    RawServer server(answering(ok("x")));
    std::optional<Response> response;
    {
        SessionOnLoop client;
        response.emplace(client.get(server.url()));
        CHECK(client.text(*response) == "x");
    }
    CHECK(response->status() == 200);
    CHECK(run(response->text()).empty());
}

TEST_CASE("A response can be destroyed on another thread, and lets go of its connection") {
    auto const half_read = GENERATE(false, true);
    RawServer server([](Peer& peer) {
        peer.read_request();
        peer.send(half_a_response);
        peer.wait_for_close();
    });
    SessionOnLoop client;
    std::optional<Response> response(client.get(server.url()));
    if (half_read)
        client.runner.run(response->content().anext());
    std::jthread([&] { response.reset(); }).join();
    CHECK(server.wait_until_idle());
    wait_until_unused(client);
}

TEST_CASE("A response can be destroyed while its session is, on another thread") {
    RawServer server(answering(half_a_response));
    for (int i = 0; i < 50; ++i) {
        ThreadRunner runner;
        std::optional<ClientSession> session(std::in_place);
        std::optional<Response> response(runner.run(session->get(server.url())));
        std::latch both_here(2);
        std::jthread const other([&] {
            both_here.arrive_and_wait();
            response.reset();
        });
        both_here.arrive_and_wait();
        session.reset();
    }
}

TEST_CASE("A response and a session can be destroyed while their runner is") {
    RawServer server(answering(half_a_response));
    for (int i = 0; i < 50; ++i) {
        std::optional<ClientSession> session(std::in_place);
        ThreadRunner runner;
        std::optional<Response> response(runner.run(session->get(server.url())));
        std::latch all_here(3);
        std::jthread const one([&] {
            all_here.arrive_and_wait();
            response.reset();
        });
        std::jthread const two([&] {
            all_here.arrive_and_wait();
            session.reset();
        });
        all_here.arrive_and_wait();
        runner.close();
    }
}

// ---- Whichever loop it is on

TEMPLATE_LIST_TEST_CASE("A session works on every kind of loop", "", support::EveryLoop) {
    RawServer server(answering(ok("x")));
    TestType loop;
    ClientSession session;
    CHECK(loop.runner.run(fetch(session, server.url())) == "x");
    CHECK(loop.runner.run(fetch(session, server.url())) == "x");
    CHECK(server.connections() == 1);
    loop.runner.run(session.aexit(nullptr));
    CHECK(code_of([&] { loop.runner.run(fetch(session, server.url())); }) == Errc::session_closed);
}

TEMPLATE_LIST_TEST_CASE(
    "A session and a response can outlive every kind of loop", "", support::EveryLoop) {
    RawServer server(answering(ok("x")));
    std::optional<Response> response;
    // Without a deadline that would keep a loop at work until it has passed.
    auto const options = SessionOptions().read_timeout(0s).total_timeout(0s);
    std::optional<ClientSession> session(options);
    {
        TestType loop;
        loop.runner.run(fetch(*session, server.url()));
        response.emplace(loop.runner.run(session->get(server.url())));
    }
    auto const session_is_first = GENERATE(false, true);
    if (session_is_first)
        session.reset();
    CHECK(code_of([&] { run(response->text()); }) == Errc::session_closed);
}

TEST_CASE("Several threads can send requests through one session at once") {
    RawServer server(answering(ok("x")));
    SessionOnLoop client(SessionOptions().max_connections(3));
    constexpr std::size_t threads = 4;
    std::array<std::string, threads> texts;
    {
        std::vector<std::jthread> callers;
        for (auto& text : texts)
            callers.emplace_back([&] {
                for (int i = 0; i < 25; ++i)
                    text += client.text(server.url());
            });
    }
    for (auto const& text : texts)
        CHECK(text == std::string(25, 'x'));
    CHECK(server.connections() <= 3);
}

// NOLINTBEGIN(bugprone-use-after-move,hicpp-invalid-access-moved)

TEST_CASE("A session that was moved from is closed") {
    RawServer const server(answering(ok("body")));
    SessionOnLoop client;
    auto& session = client.session;
    auto& runner = client.runner;
    ClientSession other(std::move(session));
    CHECK(runner.run(fetch(other, server.url())) == "body");

    CHECK(code_of([&] { return client.get(server.url()); }) == Errc::session_closed);
    CHECK(code_of([&] {
              return client.request(Request(Verb::get, server.url()));
          }) == Errc::session_closed);
    CHECK(code_of([&] { runner.run(session.aenter()); }) == Errc::session_closed);
    CHECK(session.cookies() == nullptr);
    CHECK(client.connections().all == 0);
    CHECK_NOTHROW(client.close());

    session = std::move(other);
    CHECK(client.text(server.url()) == "body");
    CHECK(server.connections() == 1);
}

// NOLINTEND(bugprone-use-after-move,hicpp-invalid-access-moved)

}  // namespace
