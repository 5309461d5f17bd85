// HTTP requests, beside other clients and the system itself; with_nginx.py provides the server.

#include "bench.hpp"
#include "http_peers.hpp"
#include "in_rounds.hpp"
#include <syncopate/blocking_range.hpp>
#include <syncopate/run.hpp>
#include <syncopate/thread_runner.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <sys/resource.h>

namespace {

using namespace bench;

/// Each by a blocking call.
template <class Peer>
Contender contender(std::string name, std::string const& base) {
    auto const peer = std::make_shared<Peer>(base);
    return {std::move(name), [peer](int count) {
                for (int i = 0; i < count; ++i)
                    require(peer->get() == Nginx::short_size, "get");
            }};
}

asio::awaitable<void> get_in_turn(http::ClientSession& session, std::string url, int count) {
    for (int i = 0; i < count; ++i) {
        auto const size = co_await get_short(session, url);
        require(size == Nginx::short_size, "get");
    }
}

/// All by one coroutine on the loop.
Contender contender_on_the_loop(std::string const& base) {
    auto const peer = std::make_shared<OnRunner>(base);
    return {"syncopate_loop", [peer](int count) {
                peer->runner.run(get_in_turn(peer->session, peer->url, count));
            }};
}

std::vector<Contender> plain_contenders() {
    auto const base = Nginx::plain();
    return {
        contender<Raw>("raw", base),
        contender<Beast>("beast", base),
        contender_on_the_loop(base),
        contender<Curl>("curl", base),
        contender<OnRunner>("syncopate_runner", base),
        contender<CppHttplib>("httplib", base),
        contender<OnClient>("syncopate_client", base)};
}

std::vector<Contender> secure_contenders() {
    auto const base = Nginx::secure();
    return {
        contender<BeastTls>("beast", base), contender_on_the_loop(base),
        contender<Curl>("curl", base), contender<OnRunner>("syncopate_runner", base),
        contender<OnClient>("syncopate_client", base)};
}

std::vector<Contender> resuming_contenders() {
    auto const base = Nginx::secure();
    return {contender<CurlAnew>("curl", base), contender<OnRunnerAnew>("syncopate_runner", base)};
}

double peak_mib() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return static_cast<double>(usage.ru_maxrss) / 1024;
}

/// The long file, as a stream. Gives the time for a MiB, and how often one went to the loop for it.
void set_stream(benchmark::State& state, double seconds, std::size_t bytes, std::size_t pieces) {
    auto const mib = static_cast<double>(bytes) / (1024.0 * 1024.0);
    set_time(state, seconds, mib);
    state.counters["pieces_per_MiB"] = static_cast<double>(pieces) / mib;
    state.counters["peak_MiB"] = peak_mib();
}

void stream_through_wrap_iter(benchmark::State& state, Place) {
    Nginx::place(Place::anywhere);
    syncopate::ThreadRunner runner;
    auto& session = runner.enter_context([] { return http::ClientSession(session_options()); });
    for (auto _ : state) {
        auto const start = Clock::now();
        auto response = runner.wrap_context(session.get(Nginx::plain() + "/long"));
        std::size_t bytes = 0;
        std::size_t pieces = 0;
        for (std::string const& piece : runner.wrap_iter(response->content())) {
            bytes += piece.size();
            ++pieces;
        }
        set_stream(state, seconds_since(start), bytes, pieces);
    }
}

void stream_on_the_loop(benchmark::State& state, Place) {
    Nginx::place(Place::anywhere);
    OnRunner peer(Nginx::plain());
    for (auto _ : state) {
        auto const start = Clock::now();
        std::size_t bytes = 0;
        std::size_t pieces = 0;
        auto const receive = [&]() -> asio::awaitable<void> {
            auto response = co_await peer.session.get(Nginx::plain() + "/long");
            while (auto const piece = co_await response.content().anext()) {
                bytes += piece->size();
                ++pieces;
            }
        };
        peer.runner.run(receive);
        set_stream(state, seconds_since(start), bytes, pieces);
    }
}

void stream_with_curl(benchmark::State& state, Place) {
    Nginx::place(Place::anywhere);
    Curl curl(Nginx::plain());
    auto const url = Nginx::plain() + "/long";
    ::curl_easy_setopt(curl.handle, CURLOPT_URL, url.c_str());
    for (auto _ : state) {
        auto const start = Clock::now();
        auto const bytes = curl.get();
        set_stream(state, seconds_since(start), bytes, 0);
    }
}

[[maybe_unused]] bool const registered = [] {
    add_in_rounds("http_get", plain_contenders);
    add_in_rounds("https_get", secure_contenders);
    add_in_rounds("https_resumed", resuming_contenders);
    add_timed("http_stream", Place::anywhere, "syncopate_loop", stream_on_the_loop);
    add_timed("http_stream", Place::anywhere, "syncopate_client", stream_through_wrap_iter);
    add_timed("http_stream", Place::anywhere, "curl", stream_with_curl);
    return true;
}();

}  // namespace

BENCHMARK_MAIN();
