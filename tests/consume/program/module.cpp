// The library as a module. Coroutines of one's own need Asio's headers.
#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <exception>
#include <iostream>
#include <system_error>
#include <utility>
#include <vector>

import syncopate;

namespace asio = boost::asio;
using namespace std::chrono_literals;

asio::awaitable<int> twice(int n) {
    co_return n * 2;
}

syncopate::AsyncGenerator<int> count(int n) {
    for (int i = 0; i < n; ++i)
        co_yield co_await twice(i);
}

struct Session {
    asio::awaitable<int> aenter() { return twice(1); }
    asio::awaitable<void> aexit(std::exception_ptr) { co_return; }
};

template <syncopate::Task T>
syncopate::task_result_t<T> run(syncopate::RunnerBase& runner, T task) {
    return runner.run(std::move(task));
}

asio::awaitable<int> several() {
    auto const [a, b] = co_await syncopate::gather(
        twice(1), syncopate::to_thread([] { return syncopate::from_thread::run(twice(2)); }));
    co_await syncopate::with_task_group([](syncopate::TaskGroup& group) -> asio::awaitable<void> {
        group.start_soon(syncopate::sleep(1ms));
        co_return;
    });
    co_return a + b;
}

int main() {
    syncopate::ThreadRunner runner;
    int sum = run(runner, twice(4)) + syncopate::run(several());
    for (int i : runner.wrap_iter(count(4)))
        sum += i;
    sum += *runner.wrap_context(Session{});
    try {
        runner.run_for(5ms, syncopate::sleep(60s));
    } catch (std::system_error const& error) {
        sum += error.code() == syncopate::Errc::timed_out ? 100 : 0;
    }
    std::cout << sum << '\n';
    return sum == 128 ? 0 : 1;
}
