// expected-error: no matching (member )?function for call to
// expected-error: AsyncContext|ContextSource|context_t
#include <syncopate/thread_runner.hpp>

#include <exception>

struct Session {
    boost::asio::awaitable<void> aenter() { co_return; }
    boost::asio::awaitable<void> aexit(std::exception_ptr) { co_return; }
};

int main() {
    syncopate::ThreadRunner runner;
#ifdef CONTROL
    auto session = runner.wrap_context(Session());
#else
    auto session = runner.wrap_context(42);
#endif
}
