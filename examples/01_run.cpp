// Idea: synchronous code calls asynchronous code, and gets its result as if it were a function's.
// In the article: "As always, there must be a better way", runner.run(do_stuff(2)).
#include <syncopate/thread_runner.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <iostream>
#include <stdexcept>

namespace asio = boost::asio;
using namespace std::chrono_literals;

asio::awaitable<int> do_stuff(int i) {
    asio::steady_timer timer{co_await asio::this_coro::executor, 1ms};
    co_await timer.async_wait(asio::use_awaitable);
    if (i < 0) {
        throw std::invalid_argument("negative stuff");
    }
    co_return i * 2;
}

int main() {
    syncopate::ThreadRunner runner;

    // A coroutine.
    std::cout << "run: " << runner.run(do_stuff(2)) << '\n';

    // A callable that makes one. The runner calls it on the loop's thread and keeps it, and whatever
    // it captured, for as long as its coroutine runs.
    int stuff = 21;
    std::cout << "run: " << runner.run([stuff] { return do_stuff(stuff); }) << '\n';

    // An operation of Asio, without a coroutine around it.
    asio::steady_timer timer{runner.get_executor(), 1ms};
    runner.run(timer.async_wait(asio::deferred));
    std::cout << "the timer has expired\n";

    // What the coroutine throws comes out of run().
    try {
        runner.run(do_stuff(-1));
    } catch (std::invalid_argument const& error) {
        std::cout << "caught: " << error.what() << '\n';
    }
}
