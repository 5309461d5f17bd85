// expected-error: run\(.*\(&\)\(int\)\)|no matching member function for call to 'run'
// expected-error: Task|task_result_t|AwaitableByName
#include <syncopate/thread_runner.hpp>

boost::asio::awaitable<int> twice(int i) {
    co_return 2 * i;
}

int main() {
    syncopate::ThreadRunner runner;
#ifdef CONTROL
    return runner.run(twice(21));
#else
    return runner.run(twice);
#endif
}
