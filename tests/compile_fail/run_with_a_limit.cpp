// expected-error: write run_for\(5s, task\)
// The error stands in a header: it is a static_assert.
#include <syncopate/thread_runner.hpp>

#include <chrono>

boost::asio::awaitable<int> answer() {
    co_return 42;
}

int main() {
    syncopate::ThreadRunner runner;
#ifdef CONTROL
    return runner.run_for(std::chrono::seconds(5), answer());
#else
    runner.run(answer(), std::chrono::seconds(5));
#endif
}
