// Many threads are the first to use a runner, all at once: one loop thread starts, and serves them all.

#include "support/audit.hpp"
#include "support/stress.hpp"
#include <syncopate/thread_runner.hpp>

#include <algorithm>
#include <barrier>
#include <cstdlib>
#include <optional>
#include <thread>
#include <vector>

int main(int argc, char* argv[]) {
    using namespace support;

    constexpr int callers = 64;
    long const rounds = iterations(argc, argv, 100'000) / callers + 1;
    Audit const audit;
    {
        std::optional<syncopate::ThreadRunner> runner;
        std::vector<std::thread::id> served_by(callers);
        std::barrier begin(callers + 1);
        std::barrier end(callers + 1);
        std::vector<std::jthread> threads;
        for (auto& loop_thread : served_by)
            threads.emplace_back([&] {
                for (long round = 0; round < rounds; ++round) {
                    begin.arrive_and_wait();
                    loop_thread = runner->call([] { return std::this_thread::get_id(); });
                    end.arrive_and_wait();
                }
            });
        for (long round = 0; round < rounds; ++round) {
            runner.emplace();
            begin.arrive_and_wait();
            end.arrive_and_wait();
            require(
                std::ranges::count(served_by, served_by.front()) == callers,
                "one thread serves all callers");
        }
        runner.reset();
    }
    require_nothing_left(audit);
    return EXIT_SUCCESS;
}
