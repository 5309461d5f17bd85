// expected-error: write run\(std::move\(task\)\)
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
    return runner.run(std::move(task));
#else
    return runner.run(task);
#endif
}
