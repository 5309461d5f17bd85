// Idea: threads and coroutines in one pipeline. A blocking range, coroutines that work on what it gives, and a thread that
// takes their results, with channels in between.
#include <syncopate/channel.hpp>
#include <syncopate/iterate_in_thread.hpp>
#include <syncopate/race.hpp>
#include <syncopate/sleep.hpp>
#include <syncopate/task_group.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <iostream>
#include <ranges>
#include <sstream>
#include <string>
#include <utility>

namespace asio = boost::asio;
using namespace std::chrono_literals;
using syncopate::Channel;

// A stream blocks while it has nothing: a worker reads it.
asio::awaitable<void> read_words(std::string text, Channel<std::string>& words) {
    std::istringstream file(std::move(text));
    auto all = syncopate::iterate_in_thread(std::views::istream<std::string>(file));
    for (auto word = co_await all.anext(); word; word = co_await all.anext())
        co_await words.async_send(std::move(*word));
    words.close();
}

asio::awaitable<void> measure(Channel<std::string>& words, Channel<std::size_t>& lengths) {
    while (true) {
        auto const word = co_await words.async_receive();
        if (!word)
            break;
        co_await syncopate::sleep(1ms);  // or ask somebody on the network
        co_await lengths.async_send(word->size());
    }
}

// Three at once. The last to end closes what they fill.
asio::awaitable<void> measure_all(Channel<std::string>& words, Channel<std::size_t>& lengths) {
    auto const start = [&](syncopate::TaskGroup& group) -> asio::awaitable<void> {
        for (int i = 0; i < 3; ++i)
            group.start_soon(measure(words, lengths));
        co_return;
    };
    co_await syncopate::with_task_group(start);
    lengths.close();
}

int main() {
    Channel<std::string> words{4};
    Channel<std::size_t> lengths{4};
    Channel<int> silent{1};
    syncopate::ThreadRunner runner;
    runner.start_soon([&] { return read_words("the quick brown fox jumps", words); });
    runner.start_soon([&] { return measure_all(words, lengths); });
    std::size_t letters = 0;
    for (std::size_t const length : lengths)
        letters += length;
    std::cout << letters << " letters\n";

    // For several at once, and for a time, as Go's select.
    auto const first = runner.run([&] {
        return syncopate::race(silent.async_receive(), words.async_receive(), syncopate::sleep(5s));
    });
    char const* const heard[] = {"an item", "the end of the words", "nothing in time"};
    std::cout << heard[first.index()] << '\n';
}
