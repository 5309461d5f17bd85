// expected-error: no matching (member )?function for call to
// expected-error: Task|task_result_t
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
