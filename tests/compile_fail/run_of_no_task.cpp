// expected-error: run\(int\)|no matching member function for call to 'run'
// expected-error: Task|task_result_t
#include <syncopate/thread_runner.hpp>

boost::asio::awaitable<int> answer() {
    co_return 42;
}

int main() {
    syncopate::ThreadRunner runner;
#ifdef CONTROL
    return runner.run(answer());
#else
    return runner.run(42);
#endif
}
