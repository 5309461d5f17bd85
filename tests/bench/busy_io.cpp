// A loop that is busy with input and output: how long a call takes there, and what it costs those.

#include "bench.hpp"
#include "peers.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace bench;
using namespace std::chrono_literals;
using Socket = asio::local::stream_protocol::socket;

/// Counted by the loop, read by the caller.
std::atomic<long> rounds{0};

asio::awaitable<void> echo(Socket socket) {
    for (char byte = 0;;) {
        co_await socket.async_read_some(asio::buffer(&byte, 1), asio::use_awaitable);
        co_await socket.async_write_some(asio::buffer(&byte, 1), asio::use_awaitable);
    }
}

asio::awaitable<void> ping(Socket socket) {
    for (char byte = 0;;) {
        co_await socket.async_write_some(asio::buffer(&byte, 1), asio::use_awaitable);
        co_await socket.async_read_some(asio::buffer(&byte, 1), asio::use_awaitable);
        rounds.store(rounds.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }
}

/// Starts both ends on the loop.
template <class Peer>
asio::awaitable<int> start_pairs(Peer& peer, int pairs) {
    auto const executor = co_await asio::this_coro::executor;
    for (int i = 0; i < pairs; ++i) {
        Socket one(executor);
        Socket other(executor);
        asio::local::connect_pair(one, other);
        peer.start_soon(echo(std::move(one)));
        peer.start_soon(ping(std::move(other)));
    }
    co_return pairs;
}

/// Rounds a second while `act` is called.
template <class Act>
double throughput(Act act) {
    long const before = rounds.load(std::memory_order_relaxed);
    auto const start = Clock::now();
    act();
    return static_cast<double>(rounds.load(std::memory_order_relaxed) - before) /
           seconds_since(start);
}

/// The time is the 99th percentile of calls with a pause before each. Also gives the rounds of the sockets a second
/// while nobody calls, and what part of them is left while somebody does.
template <class Peer>
void busy(benchmark::State& state, Place) {
    constexpr int pairs = 32;  // 64 sockets
    Peer peer;
    require(peer.run(start_pairs(peer, pairs)) == pairs, "pairs");
    require(throughput([] { std::this_thread::sleep_for(50ms); }) > 0, "rounds");
    for (auto _ : state) {
        double const alone = throughput([] { std::this_thread::sleep_for(300ms); });
        std::vector<double> times(2000);
        double const with_calls = throughput([&] {
            for (double& time : times) {
                std::this_thread::sleep_for(100us);
                auto const start = Clock::now();
                require(peer.call(1) == 2, "call");
                time = seconds_since(start);
            }
        });
        auto const p99 = times.begin() + static_cast<std::ptrdiff_t>(times.size() * 99 / 100);
        std::nth_element(times.begin(), p99, times.end());
        set_time(state, *p99, 1);
        state.counters["rounds"] = alone;
        state.counters["left"] = with_calls / alone;
    }
}

[[maybe_unused]] bool const registered = [] {
    add("busy_io", Place::anywhere, "plain", busy<PlainAsio>)->UseManualTime()->Iterations(1);
    add("busy_io", Place::anywhere, "syncopate", busy<Syncopate>)->UseManualTime()->Iterations(1);
    return true;
}();

}  // namespace

BENCHMARK_MAIN();
