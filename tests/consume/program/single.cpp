#include <syncopate/thread_runner.hpp>

#include <iostream>

namespace {

boost::asio::awaitable<int> answer() {
    co_return 42;
}

}  // namespace

int main() {
    syncopate::ThreadRunner runner;
    int const result = runner.run(answer());
    std::cout << "the answer is " << result << "\n";
    return result == 42 ? 0 : 1;
}
