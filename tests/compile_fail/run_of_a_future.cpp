// expected-error: wrap_future\(std::move\(future\)\)
// The error stands in a header: it is a static_assert.
#include <syncopate/thread_runner.hpp>
#include <syncopate/wrap_future.hpp>

#include <future>

int main() {
    syncopate::ThreadRunner runner;
    std::promise<void> promise;
    promise.set_value();
#ifdef CONTROL
    runner.run(syncopate::wrap_future(promise.get_future()));
#else
    runner.run(promise.get_future());
#endif
}
