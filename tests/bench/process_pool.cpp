// A call of a small function in another process: one at a time, and many in flight. Prints nanoseconds per call of each:
// process_pool.py runs it beside Python's ProcessPoolExecutor.

#include <syncopate/gather.hpp>
#include <syncopate/process_pool.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <utility>
#include <vector>

namespace {

int twice(int number) {
    return 2 * number;
}

void require(bool condition) {
    if (condition)
        return;
    std::cerr << "WRONG RESULT: process_pool\n";
    std::exit(EXIT_FAILURE);
}

template <class F>
double time_each(int count, F function) {
    auto const start = std::chrono::steady_clock::now();
    function(count);
    return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start)
               .count() /
           count;
}

}  // namespace

int main() {
    syncopate::ProcessPool pool{2};
    syncopate::ThreadRunner runner;
    auto const in_turn = [&](int count) {
        for (int i = 0; i < count; ++i)
            require(runner.run(syncopate::run_in_executor(pool, twice, i)) == 2 * i);
    };
    auto const in_flight = [&](int count) {
        std::vector<boost::asio::awaitable<int>> tasks;
        for (int i = 0; i < count; ++i)
            tasks.push_back(syncopate::run_in_executor(pool, twice, i));
        long sum = 0;
        for (int const result : runner.run(syncopate::gather(std::move(tasks))))
            sum += result;
        require(sum == static_cast<long>(count) * (count - 1));
    };
    in_flight(200);
    std::cout << time_each(2000, in_turn) << ' ' << time_each(5000, in_flight) << '\n';
}
