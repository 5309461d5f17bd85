// expected-error: nobody waits for this task, so a callable given as an lvalue is copied
// expected-error: std::move\(callable\), or std::ref\(callable\)
// The error stands in a header: it is a static_assert.
#include <syncopate/thread_runner.hpp>

#include <memory>
#include <utility>

boost::asio::awaitable<void> nothing() {
    co_return;
}

int main() {
    syncopate::ThreadRunner runner;
    auto factory = [owned = std::make_unique<int>()] { return nothing(); };
#ifdef CONTROL
    runner.start_soon(std::move(factory));
#else
    runner.start_soon(factory);
#endif
}
