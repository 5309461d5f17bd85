// expected-error: write start_soon\(std::move\(task\)\)
// The error stands in a header: it is a static_assert.
#include <syncopate/thread_runner.hpp>

#include <utility>

boost::asio::awaitable<int> answer() {
    co_return 42;
}

int main() {
    syncopate::ThreadRunner runner;
    auto task = answer();
#ifdef CONTROL
    runner.start_soon(std::move(task));
#else
    runner.start_soon(task);
#endif
}
