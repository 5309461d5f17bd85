// Threads and coroutines of two loops send and receive, some of them with hardly any time, while somebody closes the
// channel: what was sent is received once, and nothing else is. Coroutines wait for futures that become ready while
// they are cancelled.

#include "support/audit.hpp"
#include "support/stress.hpp"
#include "support/tasks.hpp"
#include <syncopate/channel.hpp>
#include <syncopate/error.hpp>
#include <syncopate/race.hpp>
#include <syncopate/thread_runner.hpp>
#include <syncopate/wrap_future.hpp>

#include <boost/asio/awaitable.hpp>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using syncopate::Channel;
using syncopate::Errc;
using syncopate::race;
using syncopate::ThreadRunner;
using syncopate::wrap_future;

constexpr int items_of_each = 20;
constexpr int senders = 3;

using Item = Tracked;

// Of one round.
struct Round {
    explicit Round(int capacity) : channel(capacity) {}

    Channel<Item> channel;
    std::atomic<int> sent[senders * items_of_each + 1] = {};
    std::atomic<int> received[senders * items_of_each + 1] = {};

    void note_sent(int number) { ++sent[number]; }
    void note_received(Item const& item) { ++received[item.value()]; }
};

// What ends by itself, by a time that is up, or because the channel is closed. Returns whether that is so.
template <class F>
bool is_closed(F function) {
    try {
        function();
    } catch (std::system_error const& error) {
        if (error.code() == Errc::channel_closed)
            return true;
        require(error.code() == Errc::timed_out, "another error");
    }
    return false;
}

void send_from_thread(Round& round, int first, RandomPause pause) {
    for (int number = first; number < first + items_of_each; ++number) {
        Item item(number);
        bool is_sent = false;
        while (!is_sent) {
            auto const send = [&] {
                if (pause.below(2) == 0) {
                    is_sent =
                        round.channel.send_for(std::chrono::microseconds(pause.below(30)), item);
                } else {
                    round.channel.send(std::move(item));
                    is_sent = true;
                }
            };
            if (is_closed(send))
                return;
        }
        round.note_sent(number);
        pause();
    }
}

void send_from_loop(Round& round, ThreadRunner& runner, int first, RandomPause pause) {
    for (int number = first; number < first + items_of_each; ++number) {
        bool is_sent = false;
        while (!is_sent) {
            auto const send = [&] {
                runner.run_for(
                    std::chrono::microseconds(pause.below(60)),
                    round.channel.async_send(Item(number)));
                is_sent = true;
            };
            if (is_closed(send))
                return;
        }
        round.note_sent(number);
    }
}

void receive_on_thread(Round& round, RandomPause pause) {
    for (;;) {
        bool const was_closed = round.channel.is_closed();
        auto const item =
            pause.below(2) == 0
                ? round.channel.receive()
                : round.channel.receive_for(std::chrono::microseconds(pause.below(30)));
        if (item)
            round.note_received(*item);
        else if (was_closed && round.channel.size() == 0)
            return;
        pause();
    }
}

void receive_on_loop(Round& round, ThreadRunner& runner, RandomPause pause) {
    Channel<Item> never{1};
    for (bool ended = false; !ended;) {
        is_closed([&] {
            auto const task = [&] {
                return race(never.async_receive(), round.channel.async_receive());
            };
            auto const item = runner.run_for(std::chrono::microseconds(pause.below(60)), task);
            if (item)
                round.note_received(*item);
            else
                ended = true;
        });
    }
}

void exchange(unsigned seed, ThreadRunner& one, ThreadRunner& other) {
    RandomPause pause(seed);
    Round round(pause.below(2) == 0 ? 2 : 24);
    {
        std::jthread const threads[] = {
            std::jthread([&] { send_from_thread(round, 1, RandomPause(seed + 1)); }),
            std::jthread(
                [&] { send_from_thread(round, 1 + items_of_each, RandomPause(seed + 2)); }),
            std::jthread(
                [&] { send_from_loop(round, one, 1 + 2 * items_of_each, RandomPause(seed + 3)); }),
            std::jthread([&] { receive_on_thread(round, RandomPause(seed + 4)); }),
            std::jthread([&] { receive_on_loop(round, one, RandomPause(seed + 5)); }),
            std::jthread([&] { receive_on_loop(round, other, RandomPause(seed + 6)); })};
        for (auto turns = pause.below(60); turns != 0; --turns)
            pause();
        round.channel.close();
    }
    for (int number = 1; number <= senders * items_of_each; ++number)
        require(round.sent[number] == round.received[number], "lost, or doubled");
}

void await_future(unsigned seed, ThreadRunner& runner) {
    RandomPause pause(seed);
    std::promise<Tracked> promise;
    auto future = promise.get_future();
    std::jthread const setter([&promise, pause = RandomPause(seed + 1)]() mutable {
        pause();
        promise.set_value(Tracked(7));
    });
    is_closed([&] {
        auto const value = runner.run_for(
            std::chrono::microseconds(pause.below(200)), wrap_future(std::move(future)));
        require(value.value() == 7, "the future's value");
    });
}

}  // namespace

int main(int argc, char** argv) {
    long const count = iterations(argc, argv, 5000);
    Audit const audit;
    {
        ThreadRunner one;
        ThreadRunner other;
        // Enough for CI, and not for tests/races.sh.
        auto const end = std::chrono::steady_clock::now() + (count < 100'000 ? 20s : 3600s);
        for (unsigned i = 0; i < static_cast<unsigned>(count) / 10; ++i) {
            exchange(10 * i, one, other);
            await_future(10 * i, one);
            if (std::chrono::steady_clock::now() > end)
                break;
        }
    }
    require_nothing_left(audit);
    std::puts("ok");
}
