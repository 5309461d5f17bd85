// expected-error: start_soon\(int\)|no matching member function for call to 'start_soon'
// expected-error: Task
#include <syncopate/task_group.hpp>

boost::asio::awaitable<int> answer() {
    co_return 42;
}

int main() {
    syncopate::TaskGroup group;
#ifdef CONTROL
    group.start_soon(answer());
#else
    group.start_soon(42);
#endif
}
