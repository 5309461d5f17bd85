// Items through a Channel with room for 1,024, beside Asio's concurrent_channel: from a thread to a coroutine, from a
// coroutine to a thread, and from the coroutine of one loop to that of another.

#include "bench.hpp"
#include <syncopate/channel.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/experimental/concurrent_channel.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/system/error_code.hpp>

#include <cstddef>
#include <future>
#include <string>

namespace {

using namespace bench;
namespace asio = boost::asio;
using syncopate::ThreadRunner;

constexpr std::size_t room = 1024;

struct Syncopate {
    explicit Syncopate(ThreadRunner&) {}

    void send(int item) { channel.send(item); }
    int receive() { return channel.receive().value(); }
    asio::awaitable<void> async_send(int item) { return channel.async_send(item); }
    asio::awaitable<int> async_receive() { co_return (co_await channel.async_receive()).value(); }

    syncopate::Channel<int> channel{room};
};

/// Used as one would who knows it: what can be done at once is.
struct Plain {
    explicit Plain(ThreadRunner& runner) : channel(runner.get_executor(), room) {}

    using Error = boost::system::error_code;
    void send(int item) {
        if (!channel.try_send(Error{}, item))
            channel.async_send(Error{}, item, asio::use_future).get();
    }
    int receive() {
        int result = 0;
        if (!channel.try_receive([&](Error, int item) { result = item; }))
            result = channel.async_receive(asio::use_future).get();
        return result;
    }
    asio::awaitable<void> async_send(int item) {
        return channel.async_send(Error{}, item, asio::use_awaitable);
    }
    asio::awaitable<int> async_receive() { return channel.async_receive(asio::use_awaitable); }

    asio::experimental::concurrent_channel<void(Error, int)> channel;
};

template <class Channel>
asio::awaitable<void> send_all(Channel& channel, int count) {
    for (int i = 0; i < count; ++i)
        co_await channel.async_send(i);
}

template <class Channel>
asio::awaitable<long> receive_all(Channel& channel, int count) {
    long sum = 0;
    for (int i = 0; i < count; ++i)
        sum += co_await channel.async_receive();
    co_return sum;
}

template <class Channel>
long thread_to_coroutine(Channel& channel, ThreadRunner& runner, ThreadRunner&, int count) {
    auto sum = runner.run_as_future(receive_all(channel, count));
    for (int i = 0; i < count; ++i)
        channel.send(i);
    return sum.get();
}

template <class Channel>
long coroutine_to_thread(Channel& channel, ThreadRunner& runner, ThreadRunner&, int count) {
    auto const sent = runner.run_as_future(send_all(channel, count));
    long sum = 0;
    for (int i = 0; i < count; ++i)
        sum += channel.receive();
    sent.wait();
    return sum;
}

template <class Channel>
long between_loops(Channel& channel, ThreadRunner& from, ThreadRunner& to, int count) {
    auto const sent = from.run_as_future(send_all(channel, count));
    long const sum = to.run(receive_all(channel, count));
    sent.wait();
    return sum;
}

/// So that two loops are on two cores; the caller sleeps while they exchange items.
void share_core_of_caller(ThreadRunner& runner) {
    cpu_set_t cores;
    ::sched_getaffinity(0, sizeof cores, &cores);
    runner.call([&] { ::sched_setaffinity(0, sizeof cores, &cores); });
}

template <class Channel>
using Way = long (*)(Channel&, ThreadRunner&, ThreadRunner&, int);

template <class Channel>
void add_peer(std::string const& workload, std::string const& peer, Way<Channel> way) {
    for (Place const at : {Place::two_cores, Place::one_core})
        add(workload, at, peer, [way](benchmark::State& state, Place place) {
            ThreadRunner one;
            ThreadRunner other;
            Channel channel(one);
            constexpr int count = 20'000;
            way(channel, one, other, 1000);
            Placed const placed(place);
            share_core_of_caller(other);
            for (auto _ : state) {
                auto const start = Clock::now();
                long const sum = way(channel, one, other, count);
                set_time(state, seconds_since(start), count);
                require(sum == long{count} * (count - 1) / 2, "channel");
            }
        })->UseManualTime();
}

[[maybe_unused]] bool const registered = [] {
    add_peer<Syncopate>("channel_to_coroutine", "syncopate", thread_to_coroutine);
    add_peer<Plain>("channel_to_coroutine", "plain", thread_to_coroutine);
    add_peer<Syncopate>("channel_to_thread", "syncopate", coroutine_to_thread);
    add_peer<Plain>("channel_to_thread", "plain", coroutine_to_thread);
    add_peer<Syncopate>("channel_between_loops", "syncopate", between_loops);
    add_peer<Plain>("channel_between_loops", "plain", between_loops);
    return true;
}();

}  // namespace

BENCHMARK_MAIN();
