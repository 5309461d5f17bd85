// Threads look at a runner's tasks while others call it, tasks look at themselves, and the runner ends.
#include "support/audit.hpp"
#include "support/stress.hpp"
#include "support/tasks.hpp"
#include <syncopate/capacity_limiter.hpp>
#include <syncopate/context_guard.hpp>
#include <syncopate/label.hpp>
#include <syncopate/options.hpp>
#include <syncopate/task_info.hpp>
#include <syncopate/thread_runner.hpp>
#include <syncopate/to_thread.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <set>
#include <sstream>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using support::RandomPause;
using support::require;
using syncopate::label;
using syncopate::ThreadRunner;

struct Context {
    asio::awaitable<void> aenter() { co_await asio::post(asio::use_awaitable); }
    asio::awaitable<void> aexit(std::exception_ptr) { co_return; }
};

asio::awaitable<void> borrow(syncopate::CapacityLimiter& limiter) {
    support::Tracked const frame;
    auto const token = co_await limiter.acquire();
    co_await syncopate::to_thread([] {});
}

void look_at(ThreadRunner const& runner) {
    std::set<std::uint64_t> ids;
    auto const tasks = runner.tasks();
    for (auto const& task : tasks) {
        ids.insert(task.id);
        require(task.id != 0, "a task without an id");
        require(task.label.empty() || task.label == "labelled task", "a label that nobody gave");
        require(task.location.line() != 0, "a task without a call site");
        require(task.age > -1s && task.age < 1h, "an age that cannot be");
    }
    require(ids.size() == tasks.size(), "a task that is listed twice");
    std::ostringstream text;
    runner.dump(text);
    require(text.str().starts_with("\"ThreadRunner\""), "a dump without a beginning");
}

/// A task finds itself, once, and running.
asio::awaitable<void> look_from_inside(ThreadRunner const& runner) {
    support::Tracked const frame;
    int running = 0;
    for (auto const& task : runner.tasks())
        running += task.state == syncopate::TaskState::running;
    require(running == 1, "not one task that runs");
    co_return;
}

void call(ThreadRunner& runner, syncopate::CapacityLimiter& limiter, unsigned kind) {
    switch (kind) {
    case 0: return runner.run(look_from_inside(runner));
    case 1: return runner.run(label("labelled task", borrow(limiter)));
    case 2: return runner.start_soon(label("labelled task", support::twice_later(1)));
    case 3: return runner.call([&runner] { look_at(runner); });
    case 4: return static_cast<void>(runner.run_for(0s, support::sleep_for(1h)));
    case 5: return static_cast<void>(runner.wrap_context(Context()));
    default: return static_cast<void>(runner.run(support::twice(1)));
    }
}

void one_round(unsigned seed, long calls) {
    ThreadRunner runner;
    syncopate::CapacityLimiter limiter(1);
    std::atomic<int> callers{3};
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < 3; ++i)
        threads.emplace_back([&, i] {
            RandomPause pause(seed + i);
            for (long n = 0; n < calls; ++n) {
                pause();
                try {
                    call(runner, limiter, pause.below(8));
                } catch (std::system_error const&) {
                    // The time was up, or the runner is closed.
                }
            }
            --callers;
        });
    for (int i = 0; i < 2; ++i)
        threads.emplace_back([&] {
            do
                look_at(runner);
            while (callers > 0);
        });
    if (seed % 2 == 0)
        runner.close();
    for (auto& thread : threads)
        thread.join();
    look_at(runner);
}

}  // namespace

int main(int argc, char** argv) {
    support::Audit const audit;
    long const rounds = support::iterations(argc, argv, 5000) / 250 + 1;
    for (long round = 0; round < rounds; ++round)
        one_round(static_cast<unsigned>(round), 50);
    support::require_nothing_left(audit);
}
