// Every way into the core once, with whichever Asio the library stands on. Small enough for an emulator.
#include <syncopate/asio.hpp>
#include <syncopate/syncopate.hpp>

#include SYNCOPATE_ASIO(deferred.hpp)
#include SYNCOPATE_ASIO(executor_work_guard.hpp)
#include SYNCOPATE_ASIO(io_context.hpp)
#include SYNCOPATE_ASIO(steady_timer.hpp)
#include SYNCOPATE_ASIO(use_awaitable.hpp)

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

namespace {

namespace asio = syncopate::asio;

void check(bool holds, char const* what) {
    if (holds)
        return;
    std::cerr << "FAILED: " << what << std::endl;
    std::exit(1);
}

template <class F>
std::error_code code_of(F f) {
    try {
        f();
    } catch (std::system_error const& e) {
        return e.code();
    }
    return {};
}

asio::awaitable<int> twice(int n) {
    co_return n * 2;
}

asio::awaitable<void> nap(std::chrono::milliseconds time) {
    asio::steady_timer timer(co_await asio::this_coro::executor, time);
    co_await timer.async_wait(asio::use_awaitable);
}

asio::awaitable<void> fail() {
    co_await nap(1ms);
    throw std::out_of_range("nothing there");
}

syncopate::AsyncGenerator<int> count(int n) {
    for (int i = 0; i < n; ++i)
        co_yield co_await twice(i);
}

struct Session {
    int* log;
    asio::awaitable<void> aenter() {
        *log += 1;
        co_return;
    }
    asio::awaitable<void> aexit(std::exception_ptr) {
        *log += 10;
        co_return;
    }
};

void calls() {
    syncopate::ThreadRunner runner;
    check(runner.run(twice(2)) == 4, "an awaitable");
    check(runner.run([] { return twice(3); }) == 6, "a factory");
    asio::steady_timer timer(runner.get_executor(), 1ms);
    runner.run(timer.async_wait(asio::deferred));
    check(runner.run_as_future(twice(4)).get() == 8, "a future");
    try {
        runner.run(fail());
        check(false, "an exception");
    } catch (std::out_of_range const& e) {
        check(e.what() == std::string("nothing there"), "an exception");
    }

    std::atomic<long> total = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&] {
            for (int i = 0; i < 100; ++i)
                total += runner.run(twice(i));
        });
    for (auto& thread : threads)
        thread.join();
    check(total == 4L * 99 * 100, "several threads");

    syncopate::Runner own;
    check(own.run(twice(5)) == 10, "a loop of the caller's");
    check(syncopate::run(twice(6)) == 12, "run()");
    runner.close();
    auto const closed = code_of([&] { runner.run(twice(1)); });
    check(closed == syncopate::Errc::runner_closed, "a closed runner");
}

void deadlines(syncopate::ThreadRunner& runner) {
    // Also of the processor: where the time of a wait was cut to whole seconds, the rest was spun away.
    auto const cpu = std::clock();
    auto const start = std::chrono::steady_clock::now();
    auto const late = code_of([&] { runner.run_for(1300ms, nap(60s)); });
    auto const took = std::chrono::steady_clock::now() - start;
    check(late == syncopate::Errc::timed_out, "a deadline");
    check(took >= 1290ms && took < 30s, "the time of a deadline");
    check(std::clock() - cpu < CLOCKS_PER_SEC / 4, "a wait takes no processor time");

    auto const cancelled = runner.run([]() -> asio::awaitable<bool> {
        auto const result = co_await syncopate::move_on_after(10ms, nap(60s));
        co_return !result;
    });
    check(cancelled, "a time-out inside a coroutine");
}

void contexts_and_streams(syncopate::ThreadRunner& runner) {
    int log = 0;
    {
        auto const guard = runner.wrap_context(Session{&log});
        check(log == 1, "a context is entered");
    }
    check(log == 11, "a context is left");

    int sum = 0;
    for (int i : runner.wrap_iter(count(10)))
        sum += i;
    for (int i : runner.wrap_iter(count(1000), syncopate::ReadAhead{64}))
        sum += i;
    check(sum == 90 + 999000, "streams");
}

void threads_for_coroutines(syncopate::ThreadRunner& runner) {
    auto const me = std::this_thread::get_id();
    auto const worker = runner.run(syncopate::to_thread([] { return std::this_thread::get_id(); }));
    auto const caller =
        runner.run(syncopate::to_calling_thread([] { return std::this_thread::get_id(); }));
    check(worker != me && caller == me, "functions of coroutines");

    syncopate::Channel<int> channel{2};
    std::thread sender([&] {
        for (int i = 0; i < 100; ++i)
            channel.send(i);
        channel.close();
    });
    int const received = runner.run([&]() -> asio::awaitable<int> {
        int sum = 0;
        for (;;) {
            auto const item = co_await channel.async_receive();
            if (!item)
                co_return sum;
            sum += *item;
        }
    });
    sender.join();
    check(received == 99 * 50, "a channel");
}

void groups(syncopate::ThreadRunner& runner) {
    auto const both = runner.run([]() -> asio::awaitable<int> {
        auto [a, b] = co_await syncopate::gather(twice(1), twice(2));
        co_return a + b;
    });
    check(both == 6, "gather");
    auto const failures = runner.run([]() -> asio::awaitable<std::size_t> {
        try {
            co_await syncopate::with_task_group(
                [](syncopate::TaskGroup& group) -> asio::awaitable<void> {
                    group.start_soon(nap(60s));
                    group.start_soon(fail());
                    co_return;
                });
        } catch (syncopate::TaskGroupError const& e) {
            co_return e.errors().size();
        }
        co_return 0;
    });
    check(failures == 1, "a group");
}

void a_deadlock(syncopate::ThreadRunner& runner) {
    bool is_refused = false;
    try {
        runner.call([&] { runner.run(twice(1)); });
    } catch (syncopate::DeadlockError const&) {
        is_refused = true;
    }
    check(is_refused, "a deadlock");
}

void a_portal() {
    asio::io_context context;
    auto work = asio::make_work_guard(context);
    std::thread host([&] { context.run(); });
    {
        syncopate::BlockingPortal portal(context.get_executor());
        check(portal.run(twice(7)) == 14, "a portal");
    }
    work.reset();
    host.join();
}

}  // namespace

int main() {
    calls();
    syncopate::ThreadRunner runner;
    deadlines(runner);
    contexts_and_streams(runner);
    threads_for_coroutines(runner);
    groups(runner);
    a_deadlock(runner);
    a_portal();
    std::cout << "ok\n";
}
