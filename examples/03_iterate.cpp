// Idea: a range-for in synchronous code takes items that a coroutine produces.
// In the article: "But I want to use async iterables".
#include <syncopate/async_generator.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <iostream>
#include <ranges>

namespace asio = boost::asio;
using namespace std::chrono_literals;

struct Farewell {
    ~Farewell() { std::cout << "the generator has cleaned up\n"; }
};

syncopate::AsyncGenerator<int> generate_stuff(int count) {
    Farewell const farewell;
    asio::steady_timer timer{co_await asio::this_coro::executor};
    for (int n = 0; n < count; ++n) {
        timer.expires_after(1ms);
        co_await timer.async_wait(asio::use_awaitable);
        co_yield n;
    }
}

int main() {
    syncopate::ThreadRunner runner;

    for (int n : runner.wrap_iter(generate_stuff(4))) {
        std::cout << n << '\n';
    }

    // Leaving early ends the generator, on the loop, before the program goes on.
    for (int n : runner.wrap_iter(generate_stuff(1'000'000))) {
        if (n == 2) {
            break;
        }
    }
    std::cout << "left the loop\n";

    // It is an ordinary input range. Here up to 8 items are made before they are asked for.
    auto odd_ones = runner.wrap_iter(generate_stuff(6), syncopate::ReadAhead{8}) |
                    std::views::filter([](int n) { return n % 2 == 1; });
    int sum = 0;
    for (int n : odd_ones) {
        sum += n;
    }
    std::cout << "the odd ones add up to " << sum << '\n';
}
