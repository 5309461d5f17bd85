// expected-error: no matching function for call to .*to_thread
// expected-error: BlockingFunction
#include <syncopate/to_thread.hpp>

boost::asio::awaitable<int> coroutine() {
    co_return 1;
}

int function() {
    return 1;
}

void use() {
#ifdef CONTROL
    static_cast<void>(syncopate::to_thread(function));
#else
    static_cast<void>(
        syncopate::to_thread(coroutine));  // what blocks goes to a thread, not what awaits
#endif
}
