// Responses, sessions and runners that end at the same time, on different threads: whatever comes first,
// nothing is used that is gone, nothing is left behind, and every request ends.

#include "support/raw_server.hpp"
#include "support/stress.hpp"
#include <syncopate/error.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/options.hpp>
#include <syncopate/http/response.hpp>
#include <syncopate/http/session.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace http = syncopate::http;
using namespace support;

// More than is drained, and less: the one is closed, the other goes back to the pool.
std::string const long_answer = ok(std::string(std::size_t{200} * 1024, 'x'));
std::string const short_answer = ok("short");

void serve(Peer& peer) {
    for (;;) {
        bool const wants_long = peer.read_request().find(" /long ") != std::string::npos;
        peer.send(wants_long ? long_answer : short_answer);
    }
}

/// The errors that a request may end with when its session or runner ends.
template <class F>
bool ends_as_it_may(F f) {
    try {
        f();
        return true;
    } catch (std::system_error const& error) {
        require(
            error.code() == http::Errc::session_closed ||
                error.code() == http::Errc::response_closed ||
                error.code() == syncopate::Errc::runner_closed ||
                error.code() == syncopate::Errc::cancelled,
            error.what());
    } catch (boost::system::system_error const& error) {
        require(error.code() == boost::asio::error::operation_aborted, error.what());
    }
    return false;
}

using OptionalResponse = std::optional<http::Response>;

/// A response, half of them with a body that has not come as a whole.
OptionalResponse fetch(
    syncopate::ThreadRunner& runner, http::ClientSession& session, std::string url) {
    OptionalResponse response;
    ends_as_it_may([&] { response.emplace(runner.run(session.get(std::move(url)))); });
    return response;
}

/// Responses are dropped by their thread, read or not, while another one ends the session, or the runner.
void end_together(RawServer const& server, RandomPause& pause) {
    syncopate::ThreadRunner runner;
    auto session =
        std::make_optional<http::ClientSession>(http::SessionOptions().max_connections(2));
    std::vector<std::thread> threads;
    for (unsigned number = 0; number < 3; ++number)
        threads.emplace_back([&, seed = pause.below(1'000'000), number] {
            RandomPause own(seed);
            auto const url = server.url(number == 0 ? "/short" : "/long");
            auto response = fetch(runner, *session, url);
            own();
            if (response && own.below(2) == 0)
                ends_as_it_may([&] { static_cast<void>(runner.run(response->text())); });
            own();
            response.reset();
        });
    pause();
    switch (pause.below(3)) {
    case 0: ends_as_it_may([&] { runner.run(session->aexit(nullptr)); }); break;
    case 1: runner.close(); break;
    default: break;
    }
    for (auto& thread : threads)
        thread.join();
    session.reset();
}

/// Responses outlive their session, and its runner, and go in between.
void outlive(RawServer const& server, RandomPause& pause) {
    OptionalResponse longer;
    OptionalResponse shorter;
    auto session = std::make_optional<http::ClientSession>();
    std::thread other;
    {
        syncopate::ThreadRunner runner;
        longer = fetch(runner, *session, server.url("/long"));
        shorter = fetch(runner, *session, server.url("/long"));
        other = std::thread([&, seed = pause.below(1'000'000)] {
            RandomPause own(seed);
            own();
            shorter.reset();
            own();
            session.reset();
        });
        pause();
    }
    longer.reset();
    other.join();
}

}  // namespace

int main(int argc, char** argv) {
    // Each makes connections and threads, and the server keeps a thread of its own for each connection that it
    // has had: of ten thousand rounds the system has not enough.
    auto const count = std::min(iterations(argc, argv, 1000) / 10, 2000L);
    RawServer const server(serve);
    RandomPause pause(1);
    for (long i = 0; i < count; ++i) {
        end_together(server, pause);
        outlive(server, pause);
        if (i % 16 == 0)
            require(server.wait_until_idle(), "the server's connections have ended");
    }
    return 0;
}
