// expected-error: fail_after
#include <syncopate/timeout.hpp>

#include <chrono>

boost::asio::awaitable<int> answer() {
    co_return 42;
}

int main() {
#ifdef CONTROL
    static_cast<void>(syncopate::fail_after(std::chrono::seconds(2), answer()));
#else
    static_cast<void>(syncopate::fail_after(2, answer()));
#endif
}
