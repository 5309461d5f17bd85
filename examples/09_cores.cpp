// Idea: work that computes is spread over the cores, and the loop stays on time.
// In the article: ProcessPoolExecutor. Here threads do, because nothing locks an interpreter.
#include <syncopate/gather.hpp>
#include <syncopate/task_group.hpp>
#include <syncopate/thread_runner.hpp>
#include <syncopate/to_thread.hpp>
#include <syncopate/worker_pool.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <numeric>
#include <thread>
#include <vector>

namespace asio = boost::asio;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

bool is_prime(int number) {
    for (int divisor = 2; divisor * divisor <= number; ++divisor)
        if (number % divisor == 0)
            return false;
    return number >= 2;
}

int count_primes(int begin, int end) {
    int count = 0;
    for (int number = begin; number < end; ++number)
        count += is_prime(number);
    return count;
}

// What else the loop has to do: something each millisecond.
struct Ticker {
    int ticks = 0;
    Clock::duration latest{};

    asio::awaitable<void> run() {
        asio::steady_timer timer{co_await asio::this_coro::executor, Clock::now()};
        for (;;) {
            timer.expires_at(timer.expiry() + 1ms);
            co_await timer.async_wait(asio::use_awaitable);
            latest = std::max(latest, Clock::now() - timer.expiry());
            ++ticks;
        }
    }
};

asio::awaitable<int> count_on_all_cores(syncopate::WorkerPool& pool, int end) {
    constexpr int chunk = 50'000;
    std::vector<asio::awaitable<int>> chunks;
    for (int begin = 0; begin < end; begin += chunk)
        chunks.push_back(
            syncopate::run_in_executor(pool, [begin, chunk_end = std::min(begin + chunk, end)] {
                return count_primes(begin, chunk_end);
            }));
    auto const counts = co_await syncopate::gather(std::move(chunks));
    co_return std::accumulate(counts.begin(), counts.end(), 0);
}

int main() {
    Ticker ticker;
    syncopate::WorkerPool pool{std::max(1U, std::thread::hardware_concurrency())};
    syncopate::ThreadRunner runner;

    auto const count_while_ticking = [&](syncopate::TaskGroup& group) -> asio::awaitable<int> {
        group.start_soon(ticker.run());
        int const count = co_await count_on_all_cores(pool, 2'000'000);
        group.cancel();
        co_return count;
    };
    auto const start = Clock::now();
    int const count = runner.run(syncopate::with_task_group(count_while_ticking));
    auto const took = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start);

    std::cout << count << " primes below 2,000,000\n";
    std::cout << (ticker.ticks > 0 ? "the timer ticked meanwhile\n" : "the timer stood still\n");
    std::clog << pool.size() << " threads took " << took.count() << " ms; " << ticker.ticks
              << " ticks, the latest late by "
              << std::chrono::duration_cast<std::chrono::microseconds>(ticker.latest).count()
              << " us\n";
}
