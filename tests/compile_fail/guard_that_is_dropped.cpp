// The context would be left again at the end of the statement.
// expected-error: nodiscard|unused-result|unused-value
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
    runner.wrap_context(Session());
#endif
}
