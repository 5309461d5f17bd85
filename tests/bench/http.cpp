// HTTP requests, beside other clients and the system itself; with_nginx.py provides the server.

#include "bench.hpp"
#include "http_peers.hpp"
#include <syncopate/blocking_range.hpp>
#include <syncopate/gather.hpp>
#include <syncopate/run.hpp>
#include <syncopate/thread_runner.hpp>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <numeric>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sys/resource.h>

namespace {

using namespace bench;

/// A client that makes so many requests, one after another.
struct Contender {
    std::string peer;
    std::function<void(int count)> get;
    std::vector<double> shares = {};
};

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

double median(std::vector<double> values) {
    auto const middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::ranges::nth_element(values, middle);
    return *middle;
}

/// In rounds, in which each of them has a short turn. They are close to each other, and compared by their shares
/// of a round: what slows the machine down for a second changes the time of a round, and not the shares. Tells
/// the time of one request in a counter for each.
template <class MakeContenders>
void in_rounds(benchmark::State& state, Place place, MakeContenders make) {
    constexpr int rounds = 20;
    constexpr int requests = 100;  // of a turn
    Nginx::place(place);
    std::vector<Contender> contenders = make();
    for (Contender& each : contenders)
        each.get(2);
    Placed const placed(place);
    std::vector<double> times;
    for (auto _ : state) {
        double total = 0;
        for (int round = 0; round < rounds; ++round) {
            std::vector<double> seconds;
            for (Contender& each : contenders) {
                auto const start = Clock::now();
                each.get(requests);
                seconds.push_back(seconds_since(start));
            }
            auto const time = std::accumulate(seconds.begin(), seconds.end(), 0.0);
            for (std::size_t i = 0; i < contenders.size(); ++i)
                contenders[i].shares.push_back(seconds[i] / time);
            times.push_back(time);
            total += time;
        }
        state.SetIterationTime(total);
    }
    for (Contender& each : contenders)
        state.counters[each.peer] = median(each.shares) * median(times) * 1e9 / requests;
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

constexpr int at_once = 64;
constexpr int rounds = 100;

/// 64 coroutines of one loop.
void many_from_one_loop(benchmark::State& state, Place) {
    Nginx::place(Place::anywhere);
    OnRunner peer(Nginx::plain());
    auto const all = [&](int count) -> asio::awaitable<void> {
        std::vector<asio::awaitable<void>> tasks;
        for (int i = 0; i < at_once; ++i)
            tasks.push_back(get_in_turn(peer.session, peer.url, count));
        co_await syncopate::gather(std::move(tasks));
    };
    peer.runner.run(all(2));
    for (auto _ : state) {
        auto const start = Clock::now();
        peer.runner.run(all(rounds));
        set_time(state, seconds_since(start), at_once * rounds);
    }
}

/// 64 threads with a handle each.
void many_from_curl_threads(benchmark::State& state, Place) {
    Nginx::place(Place::anywhere);
    std::vector<std::unique_ptr<Curl>> handles;
    for (int i = 0; i < at_once; ++i) {
        handles.push_back(std::make_unique<Curl>(Nginx::plain()));
        require(handles.back()->get() == Nginx::short_size, "get");
    }
    for (auto _ : state) {
        auto const start = Clock::now();
        std::vector<std::jthread> threads;
        for (auto const& handle : handles)
            threads.emplace_back([&handle] {
                for (int i = 0; i < rounds; ++i)
                    require(handle->get() == Nginx::short_size, "get");
            });
        threads.clear();
        set_time(state, seconds_since(start), at_once * rounds);
    }
}

/// 64 handles of one multi handle.
void many_from_curl_multi(benchmark::State& state, Place) {
    Nginx::place(Place::anywhere);
    std::vector<std::unique_ptr<Curl>> handles;
    CURLM* const multi = ::curl_multi_init();
    ::curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, long{at_once});
    for (int i = 0; i < at_once; ++i)
        handles.push_back(std::make_unique<Curl>(Nginx::plain()));
    auto const run = [&](int count) {
        int left = at_once * count;
        int begun = at_once;
        for (auto const& handle : handles)
            ::curl_multi_add_handle(multi, handle->handle);
        for (int running = 0; left > 0;) {
            ::curl_multi_perform(multi, &running);
            int queued = 0;
            while (CURLMsg const* const message = ::curl_multi_info_read(multi, &queued)) {
                require(message->data.result == CURLE_OK, "curl");
                CURL* const handle = message->easy_handle;
                ::curl_multi_remove_handle(multi, handle);
                --left;
                if (begun < at_once * count) {
                    ++begun;
                    ::curl_multi_add_handle(multi, handle);
                }
            }
            if (left > 0)
                ::curl_multi_poll(multi, nullptr, 0, 1000, nullptr);
        }
    };
    run(2);
    for (auto _ : state) {
        auto const start = Clock::now();
        run(rounds);
        set_time(state, seconds_since(start), at_once * rounds);
    }
    ::curl_multi_cleanup(multi);
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

template <class Function>
void add_timed(
    std::string const& workload, Place place, std::string const& peer, Function function) {
    add(workload, place, peer, function)->UseManualTime();
}

template <class MakeContenders>
void add_in_rounds(std::string const& workload, MakeContenders make) {
    for (Place const place : {Place::one_core, Place::anywhere})
        add_timed(workload, place, "in_rounds", [make](benchmark::State& state, Place where) {
            in_rounds(state, where, make);
        });
}

[[maybe_unused]] bool const registered = [] {
    add_in_rounds("http_get", plain_contenders);
    add_in_rounds("https_get", secure_contenders);
    add_in_rounds("https_resumed", resuming_contenders);
    add_timed("http_64", Place::anywhere, "syncopate_loop", many_from_one_loop);
    add_timed("http_64", Place::anywhere, "curl", many_from_curl_threads);
    add_timed("http_64", Place::anywhere, "curl_multi", many_from_curl_multi);
    add_timed("http_stream", Place::anywhere, "syncopate_loop", stream_on_the_loop);
    add_timed("http_stream", Place::anywhere, "syncopate_client", stream_through_wrap_iter);
    add_timed("http_stream", Place::anywhere, "curl", stream_with_curl);
    return true;
}();

}  // namespace

BENCHMARK_MAIN();
