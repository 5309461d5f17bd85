// The library as a module. Coroutines of one's own need Asio's headers.
#include <boost/asio/awaitable.hpp>

#include <iostream>
#include <vector>

import syncopate;

boost::asio::awaitable<int> twice(int n) {
    co_return n * 2;
}

syncopate::AsyncGenerator<int> count(int n) {
    for (int i = 0; i < n; ++i)
        co_yield co_await twice(i);
}

int main() {
    syncopate::ThreadRunner runner;
    int sum = runner.run(twice(4));
    for (int i : runner.wrap_iter(count(4)))
        sum += i;
    std::cout << sum << '\n';
    return sum == 20 ? 0 : 1;
}
