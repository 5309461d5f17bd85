// expected-error: with_task_group
// expected-error: TaskGroupBody|task_group_result_t
#include <syncopate/task_group.hpp>

boost::asio::awaitable<int> answer() {
    co_return 42;
}

int main() {
#ifdef CONTROL
    static_cast<void>(syncopate::with_task_group([](syncopate::TaskGroup&) { return answer(); }));
#else
    static_cast<void>(syncopate::with_task_group([] { return answer(); }));
#endif
}
