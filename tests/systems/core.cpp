// The core on some operating system: each way of waiting once, and what the system's file has. Says "ok" in the end.

#include <syncopate/detail/trace/this_thread.hpp>
#include <syncopate/perfetto_trace.hpp>
#include <syncopate/syncopate.hpp>

#include SYNCOPATE_ASIO(executor_work_guard.hpp)
#include SYNCOPATE_ASIO(io_context.hpp)
#include SYNCOPATE_ASIO(steady_timer.hpp)

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using syncopate::Errc;
namespace asio = syncopate::asio;

void require(bool truth, char const* what) {
    if (truth)
        return;
    std::printf("FAILED: %s\n", what);
    std::fflush(stdout);
    std::_Exit(1);
}

template <class F>
bool fails_with(Errc expected, F f) {
    try {
        f();
    } catch (std::system_error const& error) {
        return error.code() == expected;
    }
    return false;
}

asio::awaitable<int> twice(int n) {
    co_return 2 * n;
}

asio::awaitable<void> nap(std::chrono::milliseconds time) {
    asio::steady_timer timer(co_await asio::this_coro::executor, time);
    co_await timer.async_wait(asio::deferred);
}

syncopate::AsyncGenerator<int> numbers(int end) {
    for (int i = 0; i < end; ++i)
        co_yield co_await twice(i);
}

struct Session {
    std::string* log;
    asio::awaitable<void> aenter() {
        *log += "enter ";
        co_return;
    }
    asio::awaitable<void> aexit(std::exception_ptr) {
        *log += "exit";
        co_return;
    }
};

void calls_and_times() {
    syncopate::ThreadRunner runner;
    require(runner.run(twice(2)) == 4, "a call");
    require(runner.run_as_future(twice(4)).get() == 8, "a future");
    auto const begin = std::chrono::steady_clock::now();
    require(fails_with(Errc::timed_out, [&] { runner.run_for(30ms, nap(1min)); }), "a time-out");
    auto const took = std::chrono::steady_clock::now() - begin;
    require(took >= 30ms && took < 30s, "at its time");
    runner.run(nap(300ms));  // longer than anybody spins
    runner.close();
    require(fails_with(Errc::runner_closed, [&] { runner.run(twice(1)); }), "a closed runner");
}

void many_callers() {
    syncopate::ThreadRunner runner;
    std::atomic<long> sum{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 6; ++t)
        threads.emplace_back([&] {
            for (int i = 0; i < 200; ++i)
                sum += runner.run(twice(i));
        });
    for (auto& thread : threads)
        thread.join();
    require(sum == 6L * 199 * 200, "calls of many threads");
}

void contexts_and_ranges() {
    syncopate::ThreadRunner runner;
    std::string log;
    {
        auto const guard = runner.wrap_context(Session{&log});
    }
    require(log == "enter exit", "a context");
    int sum = 0;
    for (int const i : runner.wrap_iter(numbers(10)))
        sum += i;
    for (int const i : runner.wrap_iter(numbers(100), syncopate::ReadAhead{16}))
        sum += i;
    require(sum == 90 + 9900, "two ranges");
    for (int const i : runner.wrap_iter(numbers(10)))
        if (i == 4)
            break;
}

void other_threads() {
    syncopate::ThreadRunner runner;
    auto const here = std::this_thread::get_id();
    auto const id = [] { return std::this_thread::get_id(); };
    require(
        runner.run([&]() -> asio::awaitable<bool> {
            auto const worker = co_await syncopate::to_thread(id);
            auto const caller = co_await syncopate::to_calling_thread(id);
            co_return worker != here&& caller == here;
        }),
        "workers, and the calling thread");
    bool is_refused = false;
    try {
        runner.call([&] { runner.run(twice(1)); });
    } catch (syncopate::DeadlockError const&) {
        is_refused = true;
    }
    require(is_refused, "a deadlock is refused");
}

void other_loops() {
    syncopate::Runner own;
    require(own.run(twice(5)) == 10, "a Runner");
    require(syncopate::run(twice(6)) == 12, "run()");
    asio::io_context context;
    auto work = asio::make_work_guard(context);
    std::thread thread([&] { context.run(); });
    {
        syncopate::BlockingPortal portal(context.get_executor());
        require(portal.run(twice(7)) == 14, "a portal");
    }
    work.reset();
    thread.join();
}

void runner_whose_work_somebody_counts() {
    using Guard =
        decltype(asio::make_work_guard(std::declval<syncopate::ThreadRunner&>().get_executor()));
    std::vector<Guard> guards;
    {
        syncopate::ThreadRunner runner;
        for (int i = 0; i < 3; ++i)
            guards.push_back(asio::make_work_guard(runner.get_executor()));
        require(runner.run(twice(1)) == 2, "a call of a loop with work guards");
    }
    // The loop is gone; a guard must not be touched any more.
    static auto* const left = new std::vector<Guard>(std::move(guards));
    static_cast<void>(left);
}

void interruptible() {
    syncopate::ThreadRunner runner;
    require(runner.run_interruptible(twice(8)) == 16, "a call that Ctrl-C could end");
}

void limits_of_closing() {
    std::atomic<bool> goes_on{false};
    syncopate::ThreadRunner runner{
        syncopate::Options().name("a name that is longer than fifteen bytes").on_thread_stop([&] {
            while (!goes_on)
                std::this_thread::yield();
        })};
    require(runner.run(twice(1)) == 2, "a call");
    require(!runner.close_for(30ms), "closing gives up at its time");
    goes_on = true;
    runner.close();
}

void traces() {
    auto const path = std::filesystem::temp_directory_path() /
                      ("syncopate-systems-" +
                       std::to_string(std::chrono::steady_clock::now().time_since_epoch().count()));
    {
        syncopate::ThreadRunner runner{
            syncopate::Options().on_event(syncopate::PerfettoTrace(path))};
        require(runner.run(twice(1)) == 2, "a traced call");
    }
    std::ifstream file(path, std::ios::binary);
    std::string const text(std::istreambuf_iterator<char>(file), {});
    require(text.starts_with("{") && text.ends_with("]}\n"), "a whole trace");
    require(text.find("\r") == text.npos, "byte by byte");
    file.close();
    std::filesystem::remove(path);
}

}  // namespace

int main() {
    struct Step {
        char const* name;
        void (*run)();
    };
    for (auto const& step :
         {Step{"calls and times", calls_and_times}, Step{"many callers", many_callers},
          Step{"contexts and ranges", contexts_and_ranges}, Step{"other threads", other_threads},
          Step{"other loops", other_loops},
          Step{"work that somebody counts", runner_whose_work_somebody_counts},
          Step{"interruptible", interruptible}, Step{"limits of closing", limits_of_closing},
          Step{"traces", traces}}) {
        std::printf("%s\n", step.name);
        std::fflush(stdout);
        step.run();
    }
    std::puts("ok");
}
