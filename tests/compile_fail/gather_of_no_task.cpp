// expected-error: gather
// expected-error: Task|gather_result_t
#include <syncopate/gather.hpp>

boost::asio::awaitable<int> answer() {
    co_return 42;
}

int main() {
#ifdef CONTROL
    static_cast<void>(syncopate::gather(answer(), [] { return answer(); }));
#else
    static_cast<void>(syncopate::gather(answer(), 42));
#endif
}
