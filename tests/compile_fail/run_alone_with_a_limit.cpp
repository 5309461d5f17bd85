// expected-error: write runner.run_for\(5s, task\)
// The error stands in a header: it is a static_assert.
#include <syncopate/run.hpp>
#include <syncopate/runner.hpp>

#include <chrono>

boost::asio::awaitable<int> answer() {
    co_return 42;
}

int main() {
#ifdef CONTROL
    syncopate::Runner runner;
    return runner.run_for(std::chrono::seconds(5), answer());
#else
    syncopate::run(answer(), std::chrono::seconds(5));
#endif
}
