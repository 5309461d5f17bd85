// A loop falls asleep and is woken at every moment in which that can happen: no call is forgotten.

#include "support/audit.hpp"
#include "support/stress.hpp"
#include "support/tasks.hpp"
#include <syncopate/options.hpp>
#include <syncopate/thread_runner.hpp>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <future>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using namespace support;
using syncopate::Options;
using syncopate::ThreadRunner;

// Long enough for the callers' pauses to fall into each step of the loop's waiting.
constexpr std::chrono::nanoseconds spins[] = {0ns, 3us, 30us};

void call_now_and_then(Options options, long calls) {
    constexpr int callers = 4;
    ThreadRunner runner(std::move(options));
    std::atomic<long> begun{0};
    std::vector<std::jthread> threads;
    for (unsigned seed = 0; seed < callers; ++seed)
        threads.emplace_back([&, seed] {
            RandomPause pause(seed);
            for (long i = seed; i < calls; i += callers) {
                pause();
                int const value = static_cast<int>(i);
                switch (pause.below(4)) {
                case 0:
                    runner.start_soon([&begun]() -> asio::awaitable<void> {
                        Tracked const frame;
                        ++begun;
                        co_return;
                    });
                    break;
                case 1:
                    require(runner.run_as_future(twice_later(value)).get() == 2 * value, "future");
                    ++begun;
                    break;
                case 2:
                    require(runner.call([&] { return 2 * value; }) == 2 * value, "call");
                    ++begun;
                    break;
                default: require(runner.run(twice(value)) == 2 * value, "run"); ++begun;
                }
            }
        });
    threads.clear();
    runner.run(nothing());  // comes after all others
    require(begun == calls, "every call runs");
}

}  // namespace

int main(int argc, char* argv[]) {
    long const calls = iterations(argc, argv, 100'000);
    Audit const audit;
    call_now_and_then(Options(), calls);
    for (auto const spin : spins)
        call_now_and_then(Options().spin(spin), calls);
    require_nothing_left(audit);
    return EXIT_SUCCESS;
}
