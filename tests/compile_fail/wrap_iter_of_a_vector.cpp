// expected-error: no matching (member )?function for call to
// expected-error: AsyncIterable|iterable_value_t
#include <syncopate/async_generator.hpp>
#include <syncopate/thread_runner.hpp>

#include <vector>

syncopate::AsyncGenerator<int> one() {
    co_yield 1;
}

int main() {
    syncopate::ThreadRunner runner;
    int sum = 0;
#ifdef CONTROL
    for (int item : runner.wrap_iter(one()))
        sum += item;
#else
    auto items = runner.wrap_iter(std::vector{1});
#endif
    return sum;
}
